//! The sessions of TLS that a later connection to the same server may resume, and when a handshake begins.
//!
//! One cache serves all clients of a run, whichever thread they belong to, so that coming back to a host costs neither a
//! round trip (TLS 1.2) nor the check of a certificate. It is bounded: of the [`SERVERS`] met last, up to eight tickets each
//! (TLS 1.3 uses each once), or one session (TLS 1.2). Nothing is sent before the handshake is over (no early data).
//!
//! rustls asks it for what it knows of a server as the first thing of each handshake, within the dial: so this is also
//! where [`Trace`](super::super::trace::Trace) learns that TCP is done and TLS begins.

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

use super::super::trace::TRACE;

/// Servers whose sessions are kept; a session holds the server's certificates as well, so some kilobytes.
const SERVERS: usize = 128;

/// See the module.
#[derive(Debug)]
pub(in crate::fetch) struct Sessions(ClientSessionMemoryCache);

impl Sessions {
    pub(in crate::fetch) fn new() -> Self {
        // It counts tickets, and gives each server room for eight.
        Self(ClientSessionMemoryCache::new(8 * SERVERS))
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        let _ = TRACE.try_with(|trace| trace.begin_tls());
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server_name)
    }
}
