//! TLS for the servers of tests: certificates that are made on the spot, and the handshake below a handler.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::raw::{Conn, Raw};

/// A connection after its handshake has begun.
pub(crate) type TlsStream = StreamOwned<ServerConnection, std::net::TcpStream>;

/// What a server presents: its certificates, its own first, and the key of that.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A certificate for 127.0.0.1 that nobody signed.
    pub(crate) fn own() -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        Self::new(&own.cert, &own.signing_key)
    }

    pub(crate) fn new(cert: &rcgen::Certificate, key: &rcgen::KeyPair) -> Self {
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Self { chain: vec![cert.der().clone()], key }
    }
}

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
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    builder.with_no_client_auth().with_single_cert(chain, key).unwrap()
}

/// A server that gives each connection, encrypted, to the handler.
pub(crate) fn serve(config: ServerConfig, handler: impl Fn(TlsStream) + Send + Sync + 'static) -> Raw {
    let config = Arc::new(config);
    Raw::serve(move |conn: Conn| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        handler(StreamOwned::new(session, conn.stream.try_clone().unwrap()));
    })
}
