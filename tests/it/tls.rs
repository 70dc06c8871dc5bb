//! TLS for the servers of tests: the handshake below a handler.

use std::sync::Arc;

use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::pki::Identity;
use crate::raw::{Conn, Raw};

/// A connection after its handshake has begun.
pub(crate) type TlsStream = StreamOwned<ServerConnection, std::net::TcpStream>;

/// The settings of a server that presents this, in all versions that there are.
pub(crate) fn config(identity: Identity) -> ServerConfig {
    config_for(identity, rustls::ALL_VERSIONS)
}

/// As [`config`], in these versions only.
pub(crate) fn config_for(
    Identity { chain, key }: Identity,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Not `with_single_cert`: it looks at the certificate, and some are bad.
    let certified = CertifiedKey::new(chain, provider.key_provider.load_private_key(key).unwrap());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    builder.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
}

/// A server that gives each connection, encrypted, to the handler.
pub(crate) fn serve(config: ServerConfig, handler: impl Fn(TlsStream) + Send + Sync + 'static) -> Raw {
    let config = Arc::new(config);
    Raw::serve(move |conn: Conn| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        handler(StreamOwned::new(session, conn.stream.try_clone().unwrap()));
    })
}
