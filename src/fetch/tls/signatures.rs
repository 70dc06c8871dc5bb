//! Signatures of certificates that were found good, so that none is verified twice.
//!
//! Nearly all hosts of the web are below a few hundred intermediate certificates, and each handshake brings one along. To
//! verify what its root signed can cost more than all else of a handshake (docs/performance.md). Whether a signature is
//! good depends on nothing but the key, the text and the signature, so the answer holds for ever. What may change is asked
//! for each connection: names, dates, purposes, constraints, and which roots are trusted.
//!
//! [`all`] is for the verifier of certificates; the signature of a handshake is never the same twice. What is kept is a digest of
//! all that goes in, and only of what was good. There is room for [`SLOTS`] of them, and a newcomer takes the place of
//! another: a flood of certificates costs no memory, and at worst the time that it would have cost without.

use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sha2::{Digest as _, Sha256};

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// How many signatures are remembered, in 128 KiB: at one new certificate a host, one of an intermediate that every tenth
/// host sends is forgotten once in some 400 times that it is needed.
const SLOTS: usize = 4096;

/// The algorithms of the crypto provider, each of which remembers what it found good. Shared by the process, as the
/// answers are.
pub(in crate::fetch) fn all() -> &'static [Algorithm] {
    static GOOD: Good = Good::new();
    static ALL: LazyLock<&'static [Algorithm]> = LazyLock::new(|| {
        let plain = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
        remembering(plain, &GOOD)
    });
    *ALL
}

/// Leaked, since TLS wants algorithms that live for ever.
fn remembering(plain: &[Algorithm], good: &'static Good) -> &'static [Algorithm] {
    let leak = |&plain| &*Box::leak(Box::new(Remembering { plain, good })) as Algorithm;
    Box::leak(plain.iter().map(leak).collect())
}

struct Remembering {
    plain: Algorithm,
    good: &'static Good,
}

impl Remembering {
    /// Of all that the answer depends on. With the lengths, so that nothing can pass from one part to the next.
    fn digest(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> [u8; 32] {
        let (key_kind, kind) = (self.public_key_alg_id(), self.signature_alg_id());
        let mut digest = Sha256::new();
        for part in [key_kind.as_ref(), kind.as_ref(), public_key, message, signature] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

impl SignatureVerificationAlgorithm for Remembering {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let digest = self.digest(public_key, message, signature);
        if !self.good.holds(&digest) {
            self.plain.verify_signature(public_key, message, signature)?;
            self.good.keep(digest);
        }
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.plain.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.plain.signature_alg_id()
    }
}

impl fmt::Debug for Remembering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remembering").field(&self.plain).finish()
    }
}

/// Digests, each in the one slot that is its own. All zeros is a digest that nobody can find a text for.
struct Good(Mutex<[[u8; 32]; SLOTS]>);

impl Good {
    const fn new() -> Self {
        Self(Mutex::new([[0; 32]; SLOTS]))
    }

    fn holds(&self, digest: &[u8; 32]) -> bool {
        self.slots()[slot(digest)] == *digest
    }

    fn keep(&self, digest: [u8; 32]) {
        self.slots()[slot(&digest)] = digest;
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, [[u8; 32]; SLOTS]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot(digest: &[u8; 32]) -> usize {
    usize::from(u16::from_le_bytes([digest[0], digest[1]])) % SLOTS
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime, alg_id};
    use rustls::{CertificateError, Error, RootCertStore};

    use super::*;

    /// Counts how often it is asked, and takes for good what ends in `!`.
    #[derive(Debug)]
    struct Counting(AtomicUsize, AlgorithmIdentifier);

    impl SignatureVerificationAlgorithm for Counting {
        fn verify_signature(&self, _: &[u8], _: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
            self.0.fetch_add(1, Relaxed);
            signature.ends_with(b"!").then_some(()).ok_or(InvalidSignature)
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            self.1
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            self.1
        }
    }

    fn counting(kind: AlgorithmIdentifier) -> &'static Counting {
        Box::leak(Box::new(Counting(AtomicUsize::new(0), kind)))
    }

    fn good() -> &'static Good {
        Box::leak(Box::new(Good::new()))
    }

    #[test]
    fn what_was_good_is_not_verified_again_but_anything_else_is() {
        let (plain, other) = (counting(alg_id::ECDSA_P256), counting(alg_id::ECDSA_P384));
        let [algorithm, another] = remembering(&[plain, other], good()) else { panic!() };
        let asked = || plain.0.load(Relaxed);
        for _ in 0..3 {
            assert!(algorithm.verify_signature(b"key", b"text", b"sign!").is_ok());
            assert_eq!(asked(), 1);
        }
        // A byte that moves from one part to the next makes another question of the same bytes.
        let others: [[&[u8]; 3]; 4] = [
            [b"key2", b"text", b"sign!"],
            [b"key", b"text2", b"sign!"],
            [b"key", b"tex", b"tsign!"],
            [b"ke", b"ytext", b"sign!"],
        ];
        for (n, [key, text, signature]) in others.into_iter().enumerate() {
            assert!(algorithm.verify_signature(key, text, signature).is_ok());
            assert_eq!(asked(), n + 2);
        }
        assert!(another.verify_signature(b"key", b"text", b"sign!").is_ok());
        assert_eq!(other.0.load(Relaxed), 1, "another algorithm is another question");
    }

    #[test]
    fn what_was_bad_is_verified_again() {
        let plain = counting(alg_id::ECDSA_P256);
        let [algorithm] = remembering(&[plain], good()) else { panic!() };
        for asked in 1..4 {
            assert!(algorithm.verify_signature(b"key", b"text", b"forged").is_err());
            assert_eq!(plain.0.load(Relaxed), asked);
        }
    }

    #[test]
    fn a_flood_makes_it_verify_again_and_no_more() {
        let plain = counting(alg_id::ECDSA_P256);
        let [algorithm] = remembering(&[plain], good()) else { panic!() };
        let ask = |n: u32| algorithm.verify_signature(b"key", &n.to_le_bytes(), b"!").is_ok();
        let many = 4 * SLOTS as u32;
        assert!((0..many).all(ask) && (0..many).all(ask));
        assert!(plain.0.load(Relaxed) > many as usize);
    }

    /// A server's certificate and the intermediate above it, and a verifier that remembers and trusts their root.
    struct Chain {
        leaf: CertificateDer<'static>,
        intermediate: CertificateDer<'static>,
        verifier: Arc<WebPkiServerVerifier>,
    }

    impl Chain {
        fn new() -> Self {
            let params = |names: &[&str], ca| {
                let mut params =
                    CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
                let params = params.as_mut().unwrap();
                params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
                params.not_after = rcgen::date_time_ymd(2030, 1, 1);
                params.clone()
            };
            let key = || KeyPair::generate().unwrap();
            let (root_key, middle_key) = (key(), key());
            let root = params(&[], true).self_signed(&root_key).unwrap();
            let middle = params(&["middle.test"], true);
            let intermediate =
                middle.signed_by(&middle_key, &Issuer::new(params(&[], true), root_key)).unwrap();
            let leaf =
                params(&["site.test"], false).signed_by(&key(), &Issuer::new(middle, middle_key)).unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(root.der().clone()).unwrap();
            let mut provider = rustls::crypto::ring::default_provider();
            provider.signature_verification_algorithms.all = all();
            let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.into());
            Self {
                leaf: leaf.der().clone(),
                intermediate: intermediate.der().clone(),
                verifier: verifier.build().unwrap(),
            }
        }

        fn verify(&self, name: &'static str, year: u64) -> Result<(), Error> {
            let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600));
            let name = ServerName::try_from(name).unwrap();
            let intermediates = std::slice::from_ref(&self.intermediate);
            self.verifier.verify_server_cert(&self.leaf, intermediates, &name, &[], now).map(drop)
        }
    }

    #[test]
    fn a_chain_that_was_good_is_still_held_to_its_name_its_dates_and_its_root() {
        let mut chain = Chain::new();
        for _ in 0..2 {
            chain.verify("site.test", 2027).unwrap();
        }
        let refused = |chain: &Chain, name, year| match chain.verify(name, year) {
            Err(Error::InvalidCertificate(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(matches!(
            refused(&chain, "other.test", 2027),
            CertificateError::NotValidForNameContext { .. }
        ));
        assert!(matches!(refused(&chain, "site.test", 2031), CertificateError::ExpiredContext { .. }));
        let mut forged = chain.leaf.to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let leaf = std::mem::replace(&mut chain.leaf, forged.into());
        assert!(matches!(refused(&chain, "site.test", 2027), CertificateError::BadSignature));
        // Another root's verifier has the same memory, and does not believe it.
        let other = Chain { leaf, intermediate: chain.intermediate.clone(), ..Chain::new() };
        assert!(matches!(
            refused(&other, "site.test", 2027),
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        ));
    }
}
