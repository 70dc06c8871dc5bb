//! [`DnsOptions`]: how names become addresses, and the [`Names`] that are made of it.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::names::{Names, Ready};
use super::order::Family;
use super::pins::Pin;
use super::server::NameServer;
use super::setup::Setup;
use super::{own, system};

/// How names become addresses.
#[derive(Clone, Debug)]
pub struct DnsOptions {
    /// Who is asked; default the resolver of the system.
    pub resolver: NameServer,
    /// How long an answer of the system's resolver is kept, which does not say how long it holds; default 60 s. Others say
    /// it, and are believed from a second to a day. Zero keeps nothing, whoever answered.
    pub cache_time: Duration,
    /// Addresses that are given, in place of any resolver; default none.
    pub pins: Vec<Pin>,
    /// Which addresses are dialled; default all.
    pub family: Family,
}

impl Default for DnsOptions {
    fn default() -> Self {
        Self {
            resolver: NameServer::default(),
            cache_time: Duration::from_secs(60),
            pins: Vec::new(),
            family: Family::default(),
        }
    }
}

impl DnsOptions {
    /// What a run knows of names. A resolver of our own gives up within `timeout`, and is spoken to with `tls`, once `ready`.
    ///
    /// # Errors
    /// Why there can be no such resolver.
    pub(in crate::fetch) fn names(
        &self,
        timeout: Duration,
        tls: ClientConfig,
        ready: Ready,
    ) -> Result<Arc<Names>, String> {
        let servers = match &self.resolver {
            NameServer::System => return Ok(Names::new(system::source(), self)),
            NameServer::Configured => None,
            NameServer::Servers(servers) => Some(servers.clone()),
        };
        let setup = Setup { servers, family: self.family, timeout, tls, ready, pins: self.pins.clone() };
        Ok(Names::new(own::source(setup)?, self))
    }
}
