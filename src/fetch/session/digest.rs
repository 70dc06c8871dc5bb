//! Digest authentication (RFC 7616): the challenges of servers, kept to be answered.
//!
//! A challenge is kept by origin, so that only the first request to a host is refused and asked again. Computing is left
//! to the crate `digest_auth`; here is which of several challenges is answered, and how many are kept. What servers send
//! reaches the crate only as printable ASCII: it slices by characters.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use digest_auth::{AlgorithmType, AuthContext, WwwAuthenticateHeader};
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use url::{Origin, Url};

use super::Asking;
use super::credentials::Login;

/// Challenges that are kept: one per origin, a few hundred bytes each.
const MOST: usize = 1024;

/// A longer challenge is not answered, bytes.
const LONGEST: usize = 4096;

/// The challenges that were met.
#[derive(Default)]
pub(super) struct Challenges(Mutex<HashMap<Origin, WwwAuthenticateHeader>>);

impl Challenges {
    /// Keeps the challenge of an answer and says whether to answer it: one that comes in spite of an answer only when it
    /// says that its nonce was too old.
    pub(super) fn take(&self, url: &Url, answer: &HeaderMap, answered: bool) -> bool {
        let Some(challenge) = strongest(answer).filter(|challenge| !answered || challenge.stale) else {
            return false;
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = url.origin();
        if kept.len() >= MOST && !kept.contains_key(&origin) {
            let any = kept.keys().next().cloned();
            any.map(|any| kept.remove(&any));
        }
        kept.insert(origin, challenge);
        true
    }

    /// The `Authorization` of a request, once its origin has sent a challenge.
    pub(super) fn answer(&self, asking: Asking<'_>, login: &Login) -> Option<HeaderValue> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sign(kept.get_mut(&asking.url.origin())?, asking, login, None)
    }
}

/// Signs a request; counts it against the nonce.
fn sign(
    challenge: &mut WwwAuthenticateHeader,
    asking: Asking<'_>,
    login: &Login,
    cnonce: Option<&str>,
) -> Option<HeaderValue> {
    let Asking { url, method, body, .. } = asking;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut context =
        AuthContext::new_with_method(&*login.name, &*login.password, target, body, method.into());
    if let Some(cnonce) = cnonce {
        context.set_custom_cnonce(cnonce);
    }
    let answer = challenge.respond(&context).ok()?;
    let mut value = HeaderValue::from_bytes(answer.to_string().as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The digest challenge with the best algorithm (RFC 7616 §3.7), the first of equals; those that cannot be answered do
/// not count.
fn strongest(answer: &HeaderMap) -> Option<WwwAuthenticateHeader> {
    let fields = answer.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let all = fields.filter(|field| field.len() <= LONGEST).flat_map(challenges);
    let known = all.filter_map(|challenge| {
        let parameters = challenge.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("digest "));
        parameters.and_then(|scheme| digest_auth::parse(&challenge[scheme.len()..]).ok())
    });
    // Of equals the last is the greatest, so ask from behind.
    known.collect::<Vec<_>>().into_iter().rev().max_by_key(|challenge| match challenge.algorithm.algo {
        AlgorithmType::MD5 => 0,
        AlgorithmType::SHA2_256 => 1,
        AlgorithmType::SHA2_512_256 => 2,
    })
}

/// The challenges of a field: a list with commas both between challenges and between the parameters of one (RFC 9110
/// §11.6.1). An item that does not begin with `name=` begins a challenge.
fn challenges(field: &str) -> Vec<&str> {
    let (mut starts, mut at) = (Vec::new(), 0);
    for item in items(field) {
        let begin = at + item.len() - item.trim_start().len();
        let word = item.trim_start().split(' ').next().unwrap_or_default();
        if !word.is_empty() && !word.contains('=') {
            starts.push(begin);
        }
        at += item.len() + 1;
    }
    let ends = starts.iter().skip(1).copied().chain([field.len()]);
    starts.iter().zip(ends).map(|(start, end)| field[*start..end].trim_end_matches([',', ' '])).collect()
}

/// What commas divide outside of quotes.
fn items(field: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    field.split(move |c| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' => return !is_quoted,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: &[&str]) -> HeaderMap {
        fields.iter().map(|field| (WWW_AUTHENTICATE, HeaderValue::from_str(field).unwrap())).collect()
    }

    fn login() -> Login {
        Login { name: "Mufasa".to_owned(), password: "Circle of Life".to_owned() }
    }

    /// RFC 7616 §3.9.1: two challenges, with the responses that it gives; the better one is answered.
    #[test]
    fn the_examples_of_the_standard() {
        let [sha, md5] = ["SHA-256", "MD5"].map(|algorithm| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        });
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let url = Url::parse("http://www.example.org/dir/index.html").unwrap();
        let asking = Asking { url: &url, method: "GET", body: None, foreign: false };
        let sign = |fields: &[&str]| {
            let mut challenge = strongest(&answer(fields)).unwrap();
            sign(&mut challenge, asking, &login(), Some(cnonce)).unwrap().to_str().unwrap().to_owned()
        };
        let is_md5 = "response=\"8ca523f5e9506fed4657c9700eebdbec\"";
        let is_sha = "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"";
        assert!(sign(&[&md5]).contains(is_md5));
        for fields in [&[&*sha][..], &[&md5, &sha], &[&sha, &md5]] {
            assert!(sign(fields).contains(is_sha), "{}", sign(fields));
        }
        let all = sign(&[&format!("Basic realm=\"a, Digest b\", {md5}, Negotiate")]);
        assert!(all.contains(is_md5) && all.contains("nc=00000001") && all.contains("qop=auth,"), "{all}");
    }

    #[test]
    fn a_nonce_is_counted_and_an_old_one_is_replaced_once() {
        let all = Challenges::default();
        let url = Url::parse("http://h/a?b=c").unwrap();
        let asking = Asking { url: &url, method: "POST", body: Some(b"x"), foreign: false };
        assert!(all.answer(asking, &login()).is_none());
        let first = answer(&["dIgEsT realm=\"r\", nonce=\"1\", qop=\"auth\", algorithm=SHA-256-sess"]);
        assert!(all.take(&url, &first, false));
        for nth in 1..3 {
            let value = all.answer(asking, &login()).unwrap();
            let text = value.to_str().unwrap();
            assert!(text.contains(&format!("nc=0000000{nth}")) && text.contains("uri=\"/a?b=c\""), "{text}");
            assert!(value.is_sensitive());
        }
        assert!(!all.take(&url, &first, true), "the password is wrong");
        let stale = answer(&["Digest realm=\"r\", nonce=\"2\", qop=\"auth\", stale=TRUE"]);
        assert!(all.take(&url, &stale, true));
        assert!(all.answer(asking, &login()).unwrap().to_str().unwrap().contains("nc=00000001"));
        let other = Url::parse("http://h:81/").unwrap();
        assert!(all.answer(Asking { url: &other, ..asking }, &login()).is_none());
    }

    #[test]
    fn what_cannot_be_answered_is_not() {
        let long = format!("Digest realm=\"{}\", nonce=\"1\"", "r".repeat(LONGEST));
        for field in [
            "Basic realm=\"r\"",
            "Digest",
            "Digest ",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=\"1\", algorithm=MD6",
            "Digest realm=\"r\", nonce=\"1\", qop=\"rot13\"",
            "Digest realm=\"r, nonce=\"1",
            "Digest =,=,\"",
            &long,
        ] {
            assert!(strongest(&answer(&[field])).is_none(), "{field}");
        }
        let latin = HeaderMap::from_iter([(
            WWW_AUTHENTICATE,
            HeaderValue::from_bytes(b"Digest realm=\"\xe9\", nonce=\"1\"").unwrap(),
        )]);
        assert!(strongest(&latin).is_none());
    }

    #[test]
    fn no_more_are_kept_than_that() {
        let all = Challenges::default();
        let challenge = answer(&["Digest realm=\"r\", nonce=\"1\", qop=\"auth\""]);
        for port in 0..MOST + 9 {
            let url = Url::parse(&format!("http://h:{}/", port + 1)).unwrap();
            assert!(all.take(&url, &challenge, false));
        }
        assert_eq!(all.0.lock().unwrap().len(), MOST);
    }
}
