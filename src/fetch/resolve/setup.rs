//! What a resolver of gannet's own is made of, whether this build has one or not.

use std::time::Duration;

use rustls::ClientConfig;

use super::names::Ready;
use super::order::Family;
use super::pins::Pin;
use super::server::Server;

/// See the module.
#[cfg_attr(not(feature = "hickory"), expect(dead_code, reason = "nothing is made of it"))]
pub(super) struct Setup {
    /// `None`: those of `/etc/resolv.conf`.
    pub(super) servers: Option<Vec<Server>>,
    pub(super) family: Family,
    pub(super) timeout: Duration,
    pub(super) tls: ClientConfig,
    pub(super) ready: Ready,
    /// They hold for the name of a server, too.
    pub(super) pins: Vec<Pin>,
}
