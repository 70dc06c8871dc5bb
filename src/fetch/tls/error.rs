//! Names the trouble with a certificate or a handshake as people do.
//!
//! [`refine`] is called by the verifier, which alone sees the certificate, [`message`] by
//! [`classify`](super::super::classify). `tests/it/badssl.rs` holds both to servers that are bad in each way.

use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};

const OLD: &str = "the server speaks no version of TLS that is still safe (all are older than TLS 1.2, or than `--min-tls`)";

/// Says more of an unknown issuer than the verifier of the system does.
pub(in crate::fetch) fn refine(
    error: Error,
    own: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> Error {
    let Error::InvalidCertificate(why) = &error else { return error };
    let unknown = matches!(why, CertificateError::UnknownIssuer);
    let message = match why {
        _ if (unknown || is_ca(why)) && is_self_signed(own) => "certificate is self-signed",
        _ if unknown && others.is_empty() => {
            "certificate of an unknown issuer (its CA is not trusted, or the server does not send the \
             intermediate certificate)"
        }
        _ => return error,
    };
    Error::General(message.to_owned())
}

/// Whether a server is refused since it shows the certificate of a CA.
pub(in crate::fetch) fn is_of_ca(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(why) if is_ca(why))
}

/// What an error of the TLS library comes down to, in words.
pub(in crate::fetch) fn message(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => certificate(why),
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge
            | InvalidMessage::MessageTooLarge,
        ) => "the server's certificate, or another message of its handshake, is too large".to_owned(),
        Error::InvalidMessage(_) => format!("the server does not speak TLS here ({error})"),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => OLD.to_owned(),
        Error::PeerMisbehaved(
            PeerMisbehaved::SelectedUnofferedCipherSuite
            | PeerMisbehaved::SelectedUnusableCipherSuiteForVersion,
        ) => {
            "the server picked a cipher that the client did not offer, such as an old and weak one".to_owned()
        }
        Error::AlertReceived(alert) => alerted(*alert),
        Error::General(why) => why.clone(),
        other => other.to_string(),
    }
}

fn certificate(why: &CertificateError) -> String {
    use CertificateError as C;
    let text = match why {
        C::Expired | C::ExpiredContext { .. } => "certificate expired",
        C::NotValidYet | C::NotValidYetContext { .. } => "certificate is not valid yet",
        C::UnknownIssuer => "certificate of an unknown issuer (its CA is not trusted)",
        C::NotValidForName => "certificate is not valid for this name",
        C::NotValidForNameContext { expected, .. } => {
            return format!("certificate is not valid for name `{}`", expected.to_str());
        }
        C::Revoked => "certificate was revoked",
        C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "certificate with a signature algorithm that is not safe, such as SHA-1, or not known"
        }
        C::BadSignature => "certificate or handshake with a signature that is wrong, or made with a weak key",
        C::BadEncoding => "certificate is damaged",
        C::UnhandledCriticalExtension => "certificate with a critical extension that is not known",
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => "certificate is not for servers",
        // What the verifier of the system makes of a purpose other than that of a server.
        C::Other(other) if other.to_string() == "certificate had invalid extensions" => {
            "certificate is not for servers"
        }
        C::Other(_) if is_ca(why) => "certificate is that of a CA, not of a server",
        C::Other(other) => return format!("certificate refused: {other}"),
        _ => return format!("certificate refused: {why:?}"),
    };
    text.to_owned()
}

fn alerted(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::ProtocolVersion => OLD.to_owned(),
        AlertDescription::HandshakeFailure => {
            "the server refused the TLS handshake: it shares no cipher with the client, or misses something"
                .to_owned()
        }
        AlertDescription::CertificateRequired => "the server asks for a client certificate".to_owned(),
        AlertDescription::NoApplicationProtocol => {
            "the server speaks none of the versions of HTTP that it is offered (with `--http2` that is HTTP/2 alone)"
                .to_owned()
        }
        AlertDescription::UnrecognisedName => "the server does not know the host by this name".to_owned(),
        other => format!("the server refused the TLS handshake: {other:?}"),
    }
}

fn is_ca(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity")
}

/// Whether a certificate names itself as its issuer (RFC 5280 §4.1).
fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    names(certificate).is_some_and(|(issuer, subject)| issuer == subject)
}

/// The encoded issuer and subject of a certificate.
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(certificate)?;
    let (_, fields, _) = element(certificate)?;
    let (first, _, after) = element(fields)?;
    let after_serial = if first == VERSION { element(after)?.2 } else { after };
    let (_, _, after_algorithm) = element(after_serial)?;
    let (_, issuer, after_issuer) = element(after_algorithm)?;
    let (_, _, after_validity) = element(after_issuer)?;
    let (_, subject, _) = element(after_validity)?;
    Some((issuer, subject))
}

/// The first element of DER (X.690 §8.1): its tag, its content, and what follows it.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = input.split_first_chunk()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        if long.len() > 4 {
            return None;
        }
        (long.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_certificates_name_nobody() {
        let own = rcgen::generate_simple_self_signed(["host.test".to_owned()]).unwrap();
        let der = own.cert.der();
        assert!(is_self_signed(der));
        for end in 0..der.len() {
            assert_eq!(names(&der[..end]), None, "{end}");
        }
        for bytes in [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x85, 0, 0, 0, 0, 0], &[0x30, 0x80]]
        {
            assert_eq!(names(bytes), None);
        }
    }
}
