//! [`TlsOptions`]: whom TLS trusts, as whom it introduces itself, and how old it may be.
//!
//! What was read of files is checked here, before the first request: each fault says what was expected in its place. The
//! [verifier](super) is made of it. Nothing here does I/O.

use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::super::http::BuildError;
use super::provider;

/// How TLS is spoken. The default trusts whom the system trusts, has no certificate of its own, and speaks TLS 1.2 and 1.3.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Accept any certificate; default `false`.
    pub insecure: bool,
    /// The CAs that are trusted, in place of those of the system; default `None`.
    pub roots: Option<Roots>,
    /// What is shown to a server that asks for a certificate; default `None`.
    pub client: Option<ClientCertificate>,
    /// The oldest version that is spoken; default TLS 1.2.
    pub min_version: TlsVersion,
}

impl TlsOptions {
    pub(in crate::fetch) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        match self.min_version {
            TlsVersion::V1_2 => rustls::ALL_VERSIONS,
            TlsVersion::V1_3 => TLS13_ONLY,
        }
    }
}

const TLS13_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// A version of TLS. Older ones are not safe (RFC 8996), and not spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// CAs that are trusted.
#[derive(Clone, Debug)]
pub struct Roots {
    pub(in crate::fetch) store: Arc<RootCertStore>,
    /// The same as they came.
    given: Arc<[CertificateDer<'static>]>,
}

impl Roots {
    /// Those of a bundle in PEM (RFC 7468). Certificates of it that make no sense are passed over, as bundles have some.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BuildError> {
        let mut store = RootCertStore::empty();
        let given = certificates(pem)?;
        let (taken, _) = store.add_parsable_certificates(given.iter().cloned());
        if taken == 0 {
            return Err(BuildError("holds no certificate that can be read".to_owned()));
        }
        Ok(Self { store: Arc::new(store), given: given.into() })
    }

    /// Whether this very certificate is one of them.
    pub(in crate::fetch) fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        self.given.iter().any(|given| given == certificate)
    }
}

/// A certificate of ours, with its key. It is shown to each server that asks for one.
#[derive(Clone)]
pub struct ClientCertificate(Arc<CertifiedKey>);

impl ClientCertificate {
    /// That of a chain in PEM, its own certificate first, and its key in PEM: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// Of which of the two, and what is wrong with it: there is none, it cannot be read, the key is encrypted, or it is
    /// that of another certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = certificates(chain).map_err(CertificateError::Certificate)?;
        let key = private_key(key).map_err(CertificateError::Key)?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::Key(BuildError("is not the key of this certificate".to_owned()))
            }
            Error::InvalidCertificate(why) => CertificateError::Certificate(BuildError(format!(
                "holds a certificate that cannot be read ({why})"
            ))),
            other => CertificateError::Key(BuildError(format!("holds a key that cannot be used ({other})"))),
        })?;
        Ok(Self(Arc::new(certified)))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

/// What is wrong with a [`ClientCertificate`], and in which of its two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// The certificate.
    Certificate(BuildError),
    /// The key.
    Key(BuildError),
}

/// Shows the certificate to whoever asks, if there is one.
#[derive(Debug)]
pub(in crate::fetch) struct Introduction(pub(in crate::fetch) Option<ClientCertificate>);

impl ResolvesClientCert for Introduction {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.as_ref().map(|certificate| Arc::clone(&certificate.0))
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|why| BuildError(damaged(&why)))?;
    if certificates.is_empty() {
        return Err(BuildError("holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)".to_owned()));
    }
    Ok(certificates)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, BuildError> {
    // PKCS #8 says it in its label, the older forms in a header (RFC 1421 §4.6).
    let is_encrypted = || pem.windows(9).any(|word| word == b"ENCRYPTED");
    PrivateKeyDer::from_pem_slice(pem).map_err(|why| {
        BuildError(match why {
            _ if is_encrypted() => "holds a key that is encrypted, and nobody is asked for a passphrase\n\
                 hint: openssl pkey -in KEY -out PLAIN"
                .to_owned(),
            PemError::NoItemsFound => {
                "holds no private key in PEM (`-----BEGIN PRIVATE KEY-----`)".to_owned()
            }
            why => damaged(&why),
        })
    })
}

/// Without what it quotes of the file, which may be a part of a key.
fn damaged(why: &PemError) -> String {
    let why = match why {
        PemError::MissingSectionEnd { .. } => "a section has no end",
        PemError::Base64Decode(_) => "a section is no base64",
        _ => "a section cannot be read",
    };
    format!("is damaged PEM: {why}")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        let base64 = base64::prelude::BASE64_STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    }

    fn words(result: Result<ClientCertificate, CertificateError>) -> String {
        match result.unwrap_err() {
            CertificateError::Certificate(why) => format!("certificate {why}"),
            CertificateError::Key(why) => format!("key {why}"),
        }
    }

    #[test]
    fn each_fault_of_a_file_is_named() {
        let own = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
        let (cert, key) =
            (pem("CERTIFICATE", own.cert.der()), pem("PRIVATE KEY", &own.signing_key.serialize_der()));
        assert!(ClientCertificate::from_pem(cert.as_bytes(), key.as_bytes()).is_ok());
        let other = pem("PRIVATE KEY", &rcgen::KeyPair::generate().unwrap().serialize_der());
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let cut = &key[..key.len() / 2];
        for (cert, key, why) in [
            ("", &*key, "certificate holds no certificate in PEM"),
            (&*key, &key, "certificate holds no certificate in PEM"),
            (&cert, &cert, "key holds no private key in PEM"),
            (&cert, &other, "key is not the key of this certificate"),
            (&cert, &encrypted, "key holds a key that is encrypted"),
            (&cert, old, "key holds a key that is encrypted"),
            (&cert, cut, "key is damaged PEM: a section has no end"),
        ] {
            let said = words(ClientCertificate::from_pem(cert.as_bytes(), key.as_bytes()));
            assert!(said.starts_with(why), "{said}");
        }
        let shown = format!("{:?}", ClientCertificate::from_pem(cert.as_bytes(), key.as_bytes()));
        assert_eq!(shown, "Ok(ClientCertificate { .. })");
    }

    #[test]
    fn a_bundle_has_one_good_certificate_at_least() {
        let own = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
        let own = pem("CERTIFICATE", own.cert.der());
        let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(Roots::from_pem(format!("# a comment\n{bad}{own}").as_bytes()).is_ok());
        assert!(
            Roots::from_pem(bad.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("no certificate that can be read")
        );
    }
}
