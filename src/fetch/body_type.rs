//! What a request says of its body where nobody says it: [`BodyType`], as curl does.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyType {
    /// A form, or what is sent like one.
    Form,
    /// JSON, to which JSON is the answer.
    Json,
}

impl BodyType {
    /// Adds the headers that say so to those that are there.
    pub fn put(self, headers: &mut HeaderMap) {
        let (kind, accept) = match self {
            Self::Form => ("application/x-www-form-urlencoded", None),
            Self::Json => ("application/json", Some(HeaderValue::from_static("application/json"))),
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        if let Some(accept) = accept {
            headers.entry(ACCEPT).or_insert(accept);
        }
    }
}
