//! Certificates for tests, made on the spot, and the authorities that sign them.

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

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

/// An authority.
pub(crate) struct Ca {
    pub(crate) cert: rcgen::Certificate,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = organization(name);
    params
}

/// An authority that vouches for itself.
pub(crate) fn ca(name: &str) -> Ca {
    let (params, key) = (ca_params(name), KeyPair::generate().unwrap());
    Ca { cert: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key) }
}

/// A name without a common name.
pub(crate) fn organization(name: &str) -> rcgen::DistinguishedName {
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(DnType::OrganizationName, name);
    subject
}

/// Subject alternative names.
pub(crate) fn sans(names: impl IntoIterator<Item = String>) -> Vec<rcgen::SanType> {
    CertificateParams::new(names.into_iter().collect::<Vec<_>>()).unwrap().subject_alt_names
}

/// An RSA key: made beforehand, since that takes seconds.
pub(crate) fn rsa(pem: &str) -> KeyPair {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).unwrap()
}

impl Ca {
    /// An authority that this one vouches for.
    pub(crate) fn sub(&self, name: &str, key: KeyPair) -> Ca {
        let params = ca_params(name);
        Ca { cert: params.signed_by(&key, &self.issuer).unwrap(), issuer: Issuer::new(params, key) }
    }

    /// A certificate for 127.0.0.1, changed so.
    pub(crate) fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        self.leaf_of(KeyPair::generate().unwrap(), change)
    }

    /// As [`leaf`](Self::leaf), for this key.
    pub(crate) fn leaf_of(&self, key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        Identity::new(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }

    /// The authority itself as a server.
    pub(crate) fn identity(&self) -> Identity {
        Identity::new(&self.cert, self.issuer.key())
    }
}

/// PEM (RFC 7468) of these bytes.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
