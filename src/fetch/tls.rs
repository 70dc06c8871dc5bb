//! TLS: who is believed to be who they say they are, and what all handshakes of a run share.
//!
//! The certificates of the system are read when the first `https` URL is met, not before: a run over
//! plain `http` neither pays for them (some 10 ms) nor needs them, which matters on a fresh machine or
//! in a container without a certificate bundle. There, `https` fails with a message that says so.

pub(super) mod error;
pub(super) mod options;
mod sessions;
mod signatures;

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, ResolvesClientCert, Resumption, WebPkiServerVerifier, verify_server_name,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CipherSuite, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use self::error::refine;
use self::options::{Introduction, TlsOptions};
use self::sessions::Sessions;

/// Verifies servers against the certificates of the system, those given in their place, or not at all (`--insecure`).
#[derive(Debug)]
pub(super) struct LazyVerifier {
    provider: Arc<CryptoProvider>,
    options: TlsOptions,
    trusted: OnceLock<Result<Arc<dyn ServerCertVerifier>, Error>>,
    sessions: Arc<Sessions>,
    /// One for all: a session is resumed only for whom it was made.
    introduction: Arc<Introduction>,
}

impl LazyVerifier {
    pub(super) fn new(options: &TlsOptions) -> Arc<Self> {
        Arc::new(Self {
            provider: Arc::new(provider()),
            introduction: Arc::new(Introduction(options.client.clone())),
            options: options.clone(),
            trusted: OnceLock::new(),
            sessions: Arc::new(Sessions::new()),
        })
    }

    /// Whether [`prepare`](Self::prepare) has nothing to do any more.
    pub(super) fn is_loaded(&self) -> bool {
        self.options.insecure || self.trusted.get().is_some()
    }

    /// Reads the certificates of the system, if they are asked for, off the runtime's threads.
    pub(super) async fn prepare(self: &Arc<Self>) {
        if self.is_loaded() {
            return;
        }
        let verifier = Arc::clone(self);
        // Should the thread pool be shutting down, the handshake reads them. So it is with what went wrong.
        let _ = tokio::task::spawn_blocking(move || verifier.trusted().is_ok()).await;
    }

    /// A client configuration that asks this verifier. The caller adds the protocols.
    ///
    /// # Errors
    /// When the crypto provider knows no TLS version, which it does.
    pub(super) fn config(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.options.versions())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(self) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(Arc::clone(&self.introduction) as Arc<dyn ResolvesClientCert>);
        config.resumption = Resumption::store(Arc::clone(&self.sessions) as Arc<dyn ClientSessionStore>);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    fn trusted(&self) -> Result<&Arc<dyn ServerCertVerifier>, Error> {
        let make = || {
            let mut provider = CryptoProvider::clone(&self.provider);
            provider.signature_verification_algorithms.all = signatures::all();
            match &self.options.roots {
                None => system(provider),
                Some(given) => given_ones(Arc::clone(&given.store), provider),
            }
        };
        self.trusted.get_or_init(make).as_ref().map_err(Error::clone)
    }
}

fn system(provider: CryptoProvider) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    match Verifier::new(Arc::new(provider)) {
        Ok(verifier) => Ok(Arc::new(verifier)),
        Err(Error::General(_)) => Err(Error::General(NO_CERTIFICATES.to_owned())),
        Err(other) => Err(other),
    }
}

fn given_ones(
    roots: Arc<RootCertStore>,
    provider: CryptoProvider,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::new(provider)).build();
    let verifier = verifier.map_err(|why| Error::General(why.to_string()))?;
    Ok(verifier)
}

/// AES-128 comes first, as with browsers: the key schedule of its suites takes SHA-256, which processors have instructions
/// for, and it costs less a byte.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        use CipherSuite::*;
        !matches!(
            suite.suite(),
            TLS13_AES_128_GCM_SHA256
                | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

const NO_CERTIFICATES: &str = "no CA certificates were found on this system \
    (install its ca-certificates package, or point SSL_CERT_FILE to a bundle)";

impl ServerCertVerifier for LazyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.options.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            self.trusted()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.or_else(|error| match &self.options.roots {
            // What `openssl req -x509` makes is a CA and the server in one. It is checked for its dates before that is found.
            Some(roots) if error::is_of_ca(&error) && roots.has(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            _ => Err(refine(error, end_entity, intermediates)),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.options.insecure {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.options.insecure {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::super::{DnsOptions, ErrorKind, Fetch as _, Http, HttpOptions, Request};
    use super::*;
    use crate::url::CrawlUrl;

    #[test]
    fn every_version_and_kind_of_certificate_begins_with_aes_128() {
        let provider = provider();
        assert_eq!(
            provider.cipher_suites.len(),
            rustls::crypto::ring::ALL_CIPHER_SUITES.len(),
            "all are offered"
        );
        for kind in ["TLS13_", "TLS_ECDHE_ECDSA_", "TLS_ECDHE_RSA_"] {
            let names = provider.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite()));
            let first = names.into_iter().find(|name| name.starts_with(kind)).unwrap();
            assert!(first.contains("AES_128"), "{first}");
        }
    }

    /// The name is in the clear in the first message (RFC 6066 §3).
    #[tokio::test]
    async fn a_server_is_asked_for_by_the_name_of_the_url_wherever_that_leads() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let pins = vec![format!("*:{port}:127.0.0.1").parse().unwrap()];
        let dns = DnsOptions { pins, ..DnsOptions::default() };
        let http = Http::new(HttpOptions { dns, ..HttpOptions::default() }).unwrap();
        for name in ["one.test", "two.test"] {
            let url = CrawlUrl::parse(&format!("https://{name}:{port}/")).unwrap();
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut hello = vec![0; 4096];
                let length = stream.read(&mut hello).await.unwrap();
                hello.truncate(length);
                hello
            };
            let (fetched, hello) = tokio::join!(http.fetch(Request::get(url)), server);
            assert_eq!(fetched.unwrap_err().kind, ErrorKind::Tls);
            assert!(hello.windows(name.len()).any(|word| word == name.as_bytes()), "{name}");
        }
    }
}
