//! A line of a list as a JSON object: a URL, and how to ask for it.
//!
//! Such lists are called JSON Lines. `url` must be there; `method`, `headers`, one of `body`, `json` and `body_b64`, and
//! `tag` may be. What cannot be meant is a bad seed with a message, as a line is that is no URL. No message and no record
//! quotes a value other than the URL: headers and bodies hold secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Seed, excerpt, parse_after};
use crate::fetch::{BodyType, HeaderMap, HeaderName, HeaderValue, Method, is_framing};
use crate::frontier::SeedOptions;
use crate::outcome::Position;
use crate::url::{Near, UrlError};

/// The longest tag, bytes: each record that descends from the seed has it.
pub(super) const MAX_TAG: usize = 256;

const KEYS: [&str; 7] = ["url", "method", "headers", "body", "json", "body_b64", "tag"];

/// What is shown of a line that says no URL.
pub(super) const NO_URL: &str = "{…}";

/// The members of an object, as written.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The values of a header.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

/// Reads a line that begins with `{`.
pub(super) fn read(line: &str, position: Position, near: &mut Near) -> Seed {
    let bad = |url: Option<String>, why: String| {
        let text = url.map_or_else(|| NO_URL.to_owned(), |url| excerpt(url.as_bytes()));
        Seed::bad(position, text, UrlError::Line(format!("line {}: {why}", position.line.saturating_add(1))))
    };
    let members: Members<'_> = match serde_json::from_str(line) {
        Ok(members) => members,
        // Of the library's words only the place: others may quote the line.
        Err(why) => return bad(None, format!("no JSON object, at column {}", why.column())),
    };
    let text = match members.get("url").map(|url| serde_json::from_str::<String>(url.get())) {
        Some(Ok(text)) => text,
        Some(Err(_)) => return bad(None, "`url` is no string".into()),
        None => return bad(None, "there is no `url`".into()),
    };
    match (options(&members), parse_after(near, text.trim())) {
        (Err(why), _) => bad(Some(text), why),
        (Ok(options), Ok(url)) => Seed { position, text, url: Ok(url), options: options.map(Arc::new) },
        (Ok(_), Err(why)) => Seed::bad(position, excerpt(text.as_bytes()), why),
    }
}

/// What the members ask for; `None` for a URL alone.
fn options(members: &Members<'_>) -> Result<Option<SeedOptions>, String> {
    if let Some(unknown) = members.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let shown: String = unknown.escape_debug().take(64).collect();
        return Err(format!("there is no key `{shown}`; known are {}", KEYS.join(", ")));
    }
    // Null is how many programs write that there is none. As `json` it is a body.
    let given = |key: &str| members.get(key).map(|value| value.get()).filter(|value| *value != "null");
    let text = |key: &str| match given(key).map(serde_json::from_str::<String>) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(format!("`{key}` is no string")),
    };
    let mut headers = given("headers").map_or_else(|| Ok(HeaderMap::new()), read_headers)?;
    let json = members.get("json").map(|value| Bytes::copy_from_slice(value.get().as_bytes()));
    let form = text("body")?.map(Bytes::from);
    let coded = text("body_b64")?.map(|text| BASE64_STANDARD.decode(text)).transpose();
    let coded = coded.map_err(|_| "`body_b64` is no base64")?.map(Bytes::from);
    if [&json, &form, &coded].into_iter().flatten().count() > 1 {
        return Err("only one of `body`, `json` and `body_b64` can be the body".into());
    }
    match () {
        () if json.is_some() => BodyType::Json.put(&mut headers),
        () if form.is_some() => BodyType::Form.put(&mut headers),
        () => {}
    }
    let options = SeedOptions {
        method: text("method")?.map(|name| method(&name)).transpose()?,
        headers: (!headers.is_empty()).then(|| Arc::new(headers)),
        body: json.or(form).or(coded),
        tag: text("tag")?.map(tag).transpose()?,
    };
    Ok((options != SeedOptions::default()).then_some(options))
}

fn read_headers(text: &str) -> Result<HeaderMap, String> {
    let given: BTreeMap<String, Values> = serde_json::from_str(text)
        .map_err(|_| "`headers` is no object of names with a string or a list of strings")?;
    let mut headers = HeaderMap::new();
    for (name, values) in given {
        let shown: String = name.escape_debug().take(64).collect();
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{shown}` is no name of a header"))?;
        if is_framing(&name) {
            return Err(format!("header `{shown}` is sent as the body is, and cannot be set"));
        }
        let values = match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        };
        for value in values {
            let value = HeaderValue::from_str(&value);
            headers.append(
                name.clone(),
                value.map_err(|_| format!("the value of header `{shown}` cannot be sent"))?,
            );
        }
    }
    Ok(headers)
}

/// Methods are case-sensitive; the usual ones are meant in any case, as in browsers (Fetch Standard §2.2.1).
fn method(name: &str) -> Result<Method, String> {
    const USUAL: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
    ];
    if let Some(usual) = USUAL.into_iter().find(|usual| name.eq_ignore_ascii_case(usual.as_str())) {
        return Ok(usual);
    }
    Method::from_bytes(name.as_bytes()).map_err(|_| "`method` is no HTTP method".into())
}

fn tag(text: String) -> Result<Arc<str>, String> {
    match text {
        text if text.len() > MAX_TAG => Err(format!("`tag` has {} bytes; at most {MAX_TAG}", text.len())),
        text if text.chars().any(char::is_control) => Err("`tag` has control characters".into()),
        text => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Seed {
        read(line, Position { source: 0, line: 6 }, &mut Near::default())
    }

    fn why(line: &str) -> (String, String) {
        let seed = of(line);
        (seed.url.unwrap_err().to_string(), seed.text)
    }

    #[test]
    fn everything_can_be_said() {
        let seed = of(
            r#"{"url": "h.example/a", "method": "put", "headers": {"A": "1", "B": ["2", "3"]}, "json": {"z": 1.0, "a": [null]}, "tag": "t"}"#,
        );
        assert_eq!((seed.url.unwrap().as_str(), &seed.text[..]), ("https://h.example/a", "h.example/a"));
        let options = seed.options.unwrap();
        assert_eq!(options.method, Some(Method::PUT));
        assert_eq!(options.body.as_deref(), Some(&br#"{"z": 1.0, "a": [null]}"#[..]));
        assert_eq!(options.tag.as_deref(), Some("t"));
        let headers = options.headers.as_ref().unwrap();
        let all = |name: &str| headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!((all("a"), all("b")), (vec!["1"], vec!["2", "3"]));
        assert_eq!([all("content-type"), all("accept")], [["application/json"]; 2]);
        let body = |line: &str| {
            let options = of(line).options.unwrap();
            let kind = options
                .headers
                .as_ref()
                .and_then(|h| Some(h.get("content-type")?.to_str().unwrap().to_owned()));
            (String::from_utf8_lossy(options.body.as_ref().unwrap()).into_owned(), kind, options.own_method())
        };
        let post = Some(Method::POST);
        let form = Some("application/x-www-form-urlencoded".to_owned());
        assert_eq!(body(r#"{"url":"http://h/","body":"a=ä"}"#), ("a=ä".into(), form, post.clone()));
        assert_eq!(
            body(r#"{"url":"http://h/","body_b64":"AP8="}"#),
            ("\0\u{fffd}".into(), None, post.clone())
        );
        assert_eq!(
            body(r#"{"url":"http://h/","json":null,"headers":{"Content-Type":"x/y"}}"#),
            ("null".into(), Some("x/y".into()), post)
        );
    }

    #[test]
    fn a_url_alone_has_no_options() {
        for line in
            [r#"{"url":"http://h/"}"#, r#"{"url":" http://h/ ","tag":null,"headers":{},"method":null}"#]
        {
            let seed = of(line);
            assert_eq!((seed.url.unwrap().as_str(), seed.options), ("http://h/", None));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_bad_seed_that_tells_no_secret() {
        let secret = "hunter2";
        for (line, said, shown) in [
            (format!("{{\"url\": \"http://h/\", \"{secret}"), "no JSON object, at column", NO_URL),
            (format!("{{\"uri\": \"{secret}\"}}"), "there is no `url`", NO_URL),
            (format!("{{\"url\": [\"{secret}\"]}}"), "`url` is no string", NO_URL),
            (
                format!("{{\"url\":\"http://h/\",\"cookies\":\"{secret}\"}}"),
                "there is no key `cookies`; known are url,",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"headers\":\"{secret}\"}}"),
                "`headers` is no object",
                "http://h/",
            ),
            (
                r#"{"url":"http://h/","headers":{"Content-Length":"5"}}"#.to_owned(),
                "header `Content-Length` is sent as",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"headers\":{{\"A\":\"{secret}\\n\"}}}}"),
                "the value of header `A` cannot",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"headers\":{{\"a b\":\"{secret}\"}}}}"),
                "`a b` is no name",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"body\":{{\"a\":\"{secret}\"}}}}"),
                "`body` is no string",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"body_b64\":\"{secret}!\"}}"),
                "`body_b64` is no base64",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"body\":\"\",\"json\":\"{secret}\"}}"),
                "only one of",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"method\":\"a {secret}\"}}"),
                "`method` is no HTTP method",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"tag\":\"{secret}\\u0000\"}}"),
                "`tag` has control",
                "http://h/",
            ),
            (
                format!("{{\"url\":\"http://h/\",\"tag\":\"{}\"}}", secret.repeat(40)),
                "`tag` has 280 bytes",
                "http://h/",
            ),
        ] {
            let (message, text) = why(&line);
            assert!(message.starts_with("line 7: ") && message.contains(said), "{message}");
            assert!(text == shown && !message.contains(secret), "{text} {message}");
        }
        assert_eq!(why(r#"{"url":"ftp://h/","tag":"t"}"#).1, "ftp://h/");
        // No depth of nesting is too much: a body is not looked into.
        let deep = format!("{{\"url\":\"http://h/\",\"json\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(of(&deep).url.is_ok());
    }
}
