//! Stands in for [`own`](super) where gannet is built without a resolver of its own.

use std::time::Duration;

use rustls::ClientConfig;

use super::names::{LookUp, Ready};
use super::order::Family;
use super::pins::Pin;
use super::server::Server;

/// What it would be made of.
#[expect(dead_code, reason = "nothing is made of it")]
pub(super) struct Setup {
    pub(super) servers: Option<Vec<Server>>,
    pub(super) family: Family,
    pub(super) timeout: Duration,
    pub(super) tls: ClientConfig,
    pub(super) ready: Ready,
    pub(super) pins: Vec<Pin>,
}

/// # Errors
/// Always.
pub(super) fn source(_: Setup) -> Result<LookUp, String> {
    Err("this gannet is built without a resolver of its own, so it knows `--resolver system` only\nhint: build it with `--features hickory`".to_owned())
}
