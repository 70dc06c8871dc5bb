//! Which request headers are meant for one origin only, and how they are kept from others and from logs.
//!
//! [`Http`](super::Http) splits the headers that the user gave by [`is_private`]: all of them go to origins that
//! the user named, the others only elsewhere. Browsers know the first few (Fetch Standard §4.4, HTTP-redirect fetch);
//! APIs have their own, so a name that sounds like a secret is taken for one. Sent to the wrong host a secret is lost,
//! kept from the right one it is an answer with 401.

use reqwest::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

/// Headers that are meant for one origin; `Host` names it.
const PRIVATE: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST];

/// What a name has in it that sounds like a secret.
const SECRETS: [&str; 8] = ["auth", "token", "secret", "key", "session", "cookie", "password", "credential"];

/// Whether a header is meant for one origin only.
pub(super) fn is_private(name: &HeaderName) -> bool {
    PRIVATE.contains(name) || SECRETS.iter().any(|word| name.as_str().contains(word))
}

/// Whether the value of a header is a secret: what is meant for one origin, but for its name.
pub(super) fn is_secret(name: &HeaderName) -> bool {
    is_private(name) && *name != HOST
}

/// The same of a value: a secret for its name, or since the user marked it.
pub(super) fn is_secret_value(name: &HeaderName, value: &HeaderValue) -> bool {
    is_secret(name) || value.is_sensitive()
}

/// Whether a value is meant for one origin only: for its name, or since the user marked it.
fn is_private_value(name: &HeaderName, value: &HeaderValue) -> bool {
    is_private(name) || value.is_sensitive()
}

/// Marks the values of private headers, so that no log shows them and HTTP/2 keeps them out of its tables (RFC 7541
/// §7.1.3).
pub(super) fn mark(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        value.set_sensitive(is_secret_value(name, value));
    }
}

/// What of these headers any origin may see.
pub(super) fn without_private(headers: &HeaderMap) -> HeaderMap {
    let public = headers.iter().filter(|(name, value)| !is_private_value(name, value));
    public.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Puts headers over those that are there; what is private stays away from a foreign origin.
pub(super) fn put(headers: &mut HeaderMap, over: &HeaderMap, foreign: bool) {
    let wanted = || over.iter().filter(|(name, value)| !foreign || !is_private_value(name, value));
    for (name, _) in wanted() {
        headers.remove(name);
    }
    for (name, value) in wanted() {
        let mut value = value.clone();
        value.set_sensitive(is_secret_value(name, &value));
        headers.append(name.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_sound_like_a_secret_are_private() {
        let private = |name: &str| is_private(&HeaderName::from_bytes(name.as_bytes()).unwrap());
        for name in
            ["Host", "Cookie", "X-Api-Key", "X-Amz-Security-Token", "Client-Secret", "X-Session-Id", "X-Auth"]
        {
            assert!(private(name), "{name}");
        }
        for name in ["User-Agent", "Accept", "Accept-Language", "X-Requested-With", "Range", "From"] {
            assert!(!private(name), "{name}");
        }
    }

    #[test]
    fn logs_show_no_private_value() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "hush".parse().unwrap());
        headers.append("accept", "a/b".parse().unwrap());
        headers.append("accept", "c/d".parse().unwrap());
        mark(&mut headers);
        let shown = format!("{headers:?}");
        assert!(!shown.contains("hush") && shown.contains("a/b"), "{shown}");
        assert_eq!(without_private(&headers).get_all("accept").iter().count(), 2);
        assert!(!without_private(&headers).contains_key("x-api-key"));
    }

    #[test]
    fn headers_of_one_request_win_and_private_ones_stay_at_home() {
        let over = HeaderMap::from_iter(
            ["cookie", "accept"]
                .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("over"))),
        );
        for (foreign, cookie) in [(false, Some("over")), (true, None)] {
            let mut headers = HeaderMap::new();
            headers.append("accept", HeaderValue::from_static("a/b"));
            headers.append("accept", HeaderValue::from_static("c/d"));
            put(&mut headers, &over, foreign);
            assert_eq!(headers.get_all("accept").iter().collect::<Vec<_>>(), ["over"]);
            assert_eq!(headers.get("cookie").map(|value| value.to_str().unwrap()), cookie);
        }
    }
}
