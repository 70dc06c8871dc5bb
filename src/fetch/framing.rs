//! Answers, and requests, whose end could be understood in two ways.
//!
//! The HTTP client reads heads and finds the end of bodies; it already refuses lengths that contradict each other.
//! [`fault`] judges, before the body is read, what it lets through and RFC 9112 asks a client to refuse:
//! somebody may be trying to pass off a part of one answer as another (response splitting, §11.1).

use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use reqwest::{Method, StatusCode};

/// Whether a header says where the body of a request ends. That is the HTTP client's to say: a length that is not the body's
/// makes the server take the next request on the connection for a part of this one (RFC 9112 §11.2).
pub fn is_framing(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}

/// What is wrong with the framing of an answer, in words; `None` for nothing.
pub(super) fn fault(method: &Method, status: StatusCode, headers: &HeaderMap) -> Option<String> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        // Only an answer to `Upgrade` (RFC 9110 §15.2.2), which is never sent.
        return Some("the server switched protocols, which it was not asked to".to_owned());
    }
    // These have no body, whatever their head says (RFC 9112 §6.3, rule 1).
    if method == Method::HEAD || matches!(status.as_u16(), 204 | 304) {
        return None;
    }
    let mut codings = headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty());
    // §7.4: others than `chunked` are for those who ask for them with `TE`. Named twice it is still applied once (§7.1).
    // A Content-Length beside it is overridden (§6.3, rule 3), as browsers and curl have it.
    (!codings.all(|coding| coding.eq_ignore_ascii_case(b"chunked")))
        .then(|| format!("transfer encoding `{}` was not asked for", shown(headers)))
}

/// The transfer encodings as they were sent, the beginning of them.
fn shown(headers: &HeaderMap) -> String {
    let values =
        headers.get_all(TRANSFER_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(", ").chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{CONTENT_LENGTH, HeaderName, HeaderValue};

    fn judge(method: Method, status: u16, lines: &[(HeaderName, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        fault(&method, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn one_way_to_end_is_enough() {
        let (te, cl) = (TRANSFER_ENCODING, CONTENT_LENGTH);
        let get = |lines: &[_]| judge(Method::GET, 200, lines);
        assert_eq!(get(&[]), None);
        assert_eq!(get(&[(cl.clone(), "5")]), None);
        assert_eq!(get(&[(te.clone(), "Chunked ,")]), None);
        assert_eq!(get(&[(te.clone(), "chunked"), (cl.clone(), "5")]), None);
        for odd in ["gzip, chunked", "chunked, gzip", "identity", "x"] {
            assert!(get(&[(te.clone(), odd)]).unwrap().contains(odd), "{odd}");
        }
        assert_eq!(judge(Method::HEAD, 200, &[(te.clone(), "gzip"), (cl.clone(), "5")]), None);
        assert_eq!(judge(Method::GET, 304, &[(te, "chunked"), (cl, "5")]), None);
        assert!(judge(Method::GET, 101, &[]).unwrap().contains("switched"));
    }
}
