//! [`Credentials`]: who a run is to a server. They are made once, and print no secret.
//!
//! Basic (RFC 7617) and bearer (RFC 6750) are a header that stays the same, sent without being asked for. Digest
//! (RFC 7616) sends no password, so its first request to a host goes unsigned, and the challenge is answered.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderValue;

use crate::fetch::BuildError;

/// How a user and a password are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// With each request, for everybody on the way to read unless it is `https` (RFC 7617).
    #[default]
    Basic,
    /// As the answer to a challenge, which tells nobody the password (RFC 7616).
    Digest,
}

/// Who a run is to a server.
#[derive(Clone)]
pub struct Credentials(Kind);

#[derive(Clone)]
pub(super) enum Kind {
    /// Sent as it is.
    Header(HeaderValue),
    Digest(Arc<Login>),
}

/// A user and a password.
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: String,
}

impl Credentials {
    /// A user and a password.
    ///
    /// # Errors
    /// When the name has a colon or either has a control character, which no header can carry. The message holds neither.
    pub fn new(scheme: Scheme, name: &str, password: &str) -> Result<Self, BuildError> {
        if name.contains(':') {
            return Err(BuildError("a user name has no colon in it".to_owned()));
        }
        if name.chars().chain(password.chars()).any(char::is_control) {
            return Err(BuildError("a user name or password has a control character in it".to_owned()));
        }
        Ok(match scheme {
            Scheme::Basic => {
                let value = format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")));
                Self(Kind::Header(secret(&value)?))
            }
            Scheme::Digest => {
                let (name, password) = (name.to_owned(), password.to_owned());
                Self(Kind::Digest(Arc::new(Login { name, password })))
            }
        })
    }

    /// A bearer token, as OAuth 2.0 and most APIs have them.
    ///
    /// # Errors
    /// When it is empty or no header can carry it. The message does not hold it.
    pub fn bearer(token: &str) -> Result<Self, BuildError> {
        if token.is_empty() {
            return Err(BuildError("the token is empty".to_owned()));
        }
        Ok(Self(Kind::Header(secret(&format!("Bearer {token}"))?)))
    }

    /// What a URL says of itself, made a header already.
    pub(super) fn from_basic(value: &HeaderValue, scheme: Scheme) -> Self {
        let login = || {
            let text = value.to_str().ok()?.strip_prefix("Basic ")?;
            let text = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
            let (name, password) = text.split_once(':')?;
            Self::new(scheme, name, password).ok()
        };
        let digest = (scheme == Scheme::Digest).then(login).flatten();
        digest.unwrap_or_else(|| Self(Kind::Header(value.clone())))
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }

    /// Whether they wait for a challenge.
    pub(super) fn is_digest(&self) -> bool {
        matches!(self.0, Kind::Digest(_))
    }
}

/// A header that no log shows.
fn secret(value: &str) -> Result<HeaderValue, BuildError> {
    let value = HeaderValue::from_bytes(value.as_bytes());
    let mut value = value.map_err(|_| BuildError("the token is no header value".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_digest() { "Credentials(digest)" } else { "Credentials(header)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(credentials: &Credentials) -> &str {
        match credentials.kind() {
            Kind::Header(value) => value.to_str().unwrap(),
            Kind::Digest(_) => "",
        }
    }

    #[test]
    fn are_headers_that_print_nothing() {
        // RFC 7617 §2 and §2.1.
        let basic = Credentials::new(Scheme::Basic, "Aladdin", "open sesame").unwrap();
        assert_eq!(header(&basic), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let basic = Credentials::new(Scheme::Basic, "test", "123\u{a3}").unwrap();
        assert_eq!(header(&basic), "Basic dGVzdDoxMjPCow==");
        let bearer = Credentials::bearer("hush").unwrap();
        assert_eq!(header(&bearer), "Bearer hush");
        let digest = Credentials::new(Scheme::Digest, "u", "hush").unwrap();
        let Kind::Header(value) = bearer.kind() else { panic!("not a header") };
        let shown = format!("{bearer:?} {digest:?} {value:?}");
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn what_no_header_can_carry_is_refused_and_not_said() {
        for (name, password) in [("a:b", "hush"), ("a\nb", "hush"), ("a", "hush\r\nX: y")] {
            let why = Credentials::new(Scheme::Digest, name, password).map(drop).unwrap_err();
            assert!(!why.to_string().contains("hush"), "{why}");
        }
        assert!(Credentials::bearer("hush\n").is_err() && Credentials::bearer("").is_err());
    }

    #[test]
    fn a_url_can_say_who_answers_a_challenge() {
        let basic = Credentials::new(Scheme::Basic, "me", "a:b").unwrap();
        let Kind::Header(value) = basic.kind() else { panic!("not a header") };
        let digest = Credentials::from_basic(value, Scheme::Digest);
        let Kind::Digest(login) = digest.kind() else { panic!("not digest") };
        assert_eq!((&*login.name, &*login.password), ("me", "a:b"));
        assert_eq!(header(&Credentials::from_basic(value, Scheme::Basic)), value.to_str().unwrap());
    }
}
