//! TLS for the servers of tests: the handshake below a handler.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ConfigBuilder, RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    WantsVerifier,
};

use crate::pki::{self, Identity};
use crate::raw::{Conn, Raw};

/// A connection after its handshake has begun.
pub(crate) type TlsStream = StreamOwned<ServerConnection, std::net::TcpStream>;

/// The settings of a server that presents this, in all versions that there are.
pub(crate) fn config(identity: Identity) -> ServerConfig {
    config_for(identity, rustls::ALL_VERSIONS)
}

/// As [`config`], in these versions only.
pub(crate) fn config_for(identity: Identity, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let builder = builder(versions).with_no_client_auth();
    builder.with_cert_resolver(certified(identity))
}

/// As [`config_for`], for a server that talks to clients with a certificate only.
pub(crate) fn config_with_clients(
    identity: Identity,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(pki::ca("Clients").cert.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
    builder(versions).with_client_cert_verifier(clients).with_cert_resolver(certified(identity))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder(versions: &[&'static SupportedProtocolVersion]) -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap()
}

/// Not by way of `with_single_cert`: that looks at the certificate, and some are bad.
fn certified(Identity { chain, key }: Identity) -> Arc<SingleCertAndKey> {
    let key = provider().key_provider.load_private_key(key).unwrap();
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))
}

/// A server that gives each connection, encrypted, to the handler.
pub(crate) fn serve(config: ServerConfig, handler: impl Fn(TlsStream) + Send + Sync + 'static) -> Raw {
    let config = Arc::new(config);
    Raw::serve(move |conn: Conn| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        handler(StreamOwned::new(session, conn.stream.try_clone().unwrap()));
    })
}
