//! [`Validators`]: what a request is made conditional by (RFC 9110 §13.1.2, §13.1.3).

use reqwest::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};

/// What is known of the answer that the asker has already. They are of one URL: a redirect that is followed leaves them behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    /// Those that an answer was sent with; `None` if neither can be sent back: a tag is any header value, a date one of
    /// HTTP.
    pub fn new(etag: Option<&str>, last_modified: Option<&str>) -> Option<Self> {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
        let etag = etag.filter(|tag| !tag.is_empty()).and_then(value);
        let last_modified =
            last_modified.filter(|date| httpdate::parse_http_date(date).is_ok()).and_then(value);
        (etag.is_some() || last_modified.is_some()).then_some(Self { etag, last_modified })
    }

    /// Makes a request one for what has changed, in place of conditions that it has.
    pub(super) fn put(&self, headers: &mut HeaderMap) {
        for (name, value) in [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)] {
            headers.remove(&name);
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_sent_back_is_sent_back() {
        let date = "Sat, 21 Nov 2026 08:00:00 GMT";
        for (etag, last_modified, sent) in [
            (Some("W/\"a\""), Some(date), 2),
            (Some("unquoted"), None, 1),
            (None, Some(date), 1),
            (None, Some("yesterday"), 0),
            (Some("a\r\nX: y"), Some(date), 1),
            (Some(""), None, 0),
            (None, None, 0),
        ] {
            let mut headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("own"))]);
            let validators = Validators::new(etag, last_modified);
            assert_eq!(validators.is_some(), sent > 0, "{etag:?} {last_modified:?}");
            let Some(validators) = validators else { continue };
            validators.put(&mut headers);
            assert_eq!(headers.len(), sent);
            assert!(headers.get(IF_NONE_MATCH).is_none_or(|tag| tag != "own"));
        }
    }
}
