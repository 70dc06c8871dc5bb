//! What must hold for any bytes that a server may send: the targets of the fuzzer, and of `fuzz.rs`.
//!
//! A target takes bytes and panics when a promise is broken; it neither waits nor does I/O. The words of a target are
//! what its inputs are made of where nothing guides them, and the fuzzer's dictionary. This file is compiled twice: as
//! a module of the tests, and by `fuzz/`, so it uses nothing but the library's public face.

#[path = "fuzz_words.rs"]
mod words;

use std::sync::Arc;
use std::time::SystemTime;

use gannet::extract::{self, MAX_LINK_BYTES, MAX_LINK_LEN, MAX_TITLE_LEN, Page, Source};
use gannet::fetch::{Body, HeaderMap, HeaderName, HeaderValue, Response, Timings, decode_all};
use gannet::outcome::{FIELDS, Keep, Outcome, OutcomeKind, Position, ShowBody};
use gannet::robots::{self, Rules};
use gannet::scope::{Reach, Scope, Traps};
use gannet::seeds::{MAX_LINE, Seed};
use gannet::sink::{Csv, Encoder, Human, JsonLines};
use gannet::url::{CrawlUrl, Fingerprinter, redacted};

use words::{CHARSETS, CODED, HEADERS, HTML, ROBOTS, SEEDS, URLS, XML};

/// Something that must take any bytes.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]),
    /// What its inputs are likely to hold.
    pub(crate) words: &'static [&'static str],
}

/// All targets; each is a binary in `fuzz/` and a test in `fuzz.rs`.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "html", run: html, words: HTML },
    Target { name: "robots", run: robots, words: ROBOTS },
    Target { name: "url", run: url, words: URLS },
    Target { name: "sitemap", run: sitemap, words: XML },
    Target { name: "charset", run: charset, words: CHARSETS },
    Target { name: "decode", run: decode, words: CODED },
    Target { name: "headers", run: headers, words: HEADERS },
    Target { name: "seeds", run: seeds, words: SEEDS },
];

/// The target with a name.
pub(crate) fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target of this name")
}

fn base() -> url::Url {
    "http://h.example/dir/page?q#f".parse().expect("a URL")
}

fn read(content_type: &str, charset: Option<&str>, body: &[u8]) -> Page {
    let url = base();
    extract::outlinks(&Source { content_type: Some(content_type), charset, ..Source::new(body, &url) })
}

/// What holds for every page, whatever it was.
fn check_page(page: &Page, body: &[u8]) {
    let mut bytes = 0;
    let mut known = std::collections::HashSet::new();
    for link in &page.links {
        let text = link.url.as_str();
        bytes += text.len();
        assert!(text.len() <= MAX_LINK_LEN && known.insert(text), "too long, or twice: {text}");
        check_url(&link.url);
    }
    assert!(bytes <= MAX_LINK_BYTES);
    // A link takes an attribute, and a title some tags.
    assert!(page.links.len() <= body.len());
    let title = page.title.as_deref().unwrap_or_default();
    assert!(title.len() <= MAX_TITLE_LEN && title.trim_matches(' ') == title, "{title:?}");
}

/// What holds for every URL that is fetched.
fn check_url(url: &CrawlUrl) {
    let text = url.as_str();
    assert_eq!(CrawlUrl::parse(text).as_ref(), Ok(url), "it means the same when it is read again");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert!(text.starts_with("http://") || text.starts_with("https://"));
    assert_eq!(redacted(text), url.to_string(), "it is shown the same, parsed or not");
    assert!(url.path_and_query().starts_with('/') && !text.contains('#'), "{text}");
    assert!(!url.host().is_empty() && text.contains(url.host()));
    let key = url.host_key();
    assert!(!key.as_str().contains('@'), "{key:?}");
    assert!(CrawlUrl::parse(&format!("{}/", key.as_str())).is_ok_and(|front| front.host_key() == key));
    let scope = Scope::new(Reach::Domain).strip_query(&["a", "utm_*"]);
    let stripped = scope.strip(url).unwrap_or_else(|| url.clone());
    assert_eq!(CrawlUrl::parse(stripped.as_str()).as_ref(), Ok(&stripped));
    let _ = (scope.within(url).judge(&stripped, 1), Traps::default().judge(url));
}

fn html(data: &[u8]) {
    let page = read("text/html", None, data);
    check_page(&page, data);
    let url = base();
    let head =
        extract::head(&Source { content_type: Some("text/html"), charset: None, ..Source::new(data, &url) });
    assert!(head.links.is_empty());
    let css = read("text/css", None, data);
    check_page(&css, data);
}

fn robots(data: &[u8]) {
    // The first line is the URL's path, and the token.
    let (line, body) = split_line(data);
    let line = String::from_utf8_lossy(line);
    let (token, path) = line.split_once(' ').unwrap_or(("gannet", &line));
    let rules = Rules::parse(body, token);
    let verdict = rules.verdict(path);
    assert_eq!(rules.allows(path), verdict.allowed);
    assert!(verdict.allowed || verdict.rule.is_some_and(|rule| !rule.allow), "{verdict:?}");
    let explained = robots::explain(body, token);
    assert_eq!(explained.rules.verdict(path), verdict);
    for line in verdict.rule.iter().map(|rule| rule.line).chain(explained.agents.iter().copied()) {
        assert!(explained.line(line).is_some(), "line {line} is not there");
    }
    assert!(rules.crawl_delay().is_none_or(|delay| delay <= robots::MAX_CRAWL_DELAY));
    if let Some(text) = rules.to_text() {
        // `robots.txt` as a job keeps it means the same.
        let again = Rules::parse(text.as_bytes(), "whoever");
        assert_eq!((again.allows(path), again.crawl_delay()), (verdict.allowed, rules.crawl_delay()));
    }
}

fn url(data: &[u8]) {
    let (first, second) = split_line(data);
    let (first, second) = (String::from_utf8_lossy(first), String::from_utf8_lossy(second));
    if let Ok(url) = CrawlUrl::parse(&first).or_else(|_| CrawlUrl::parse(&format!("http://h/{first}"))) {
        check_url(&url);
        let with_fragment = format!("{}#{}", url.as_str(), second.replace(['\t', '\n', '\r'], ""));
        let print = Fingerprinter::with_key(1, 2);
        if let Ok(again) = CrawlUrl::parse(&with_fragment) {
            assert_eq!((&again, print.fingerprint(&again)), (&url, print.fingerprint(&url)));
        }
        // A link means to us what it means to the URL parser.
        let href = second.replace('&', "&amp;").replace('"', "&quot;").replace('\0', "");
        let page = format!("<a href=\"{href}\">");
        let target = url.to_url();
        let source = Source {
            with_text: true,
            content_type: Some("text/html"),
            charset: Some("utf-8"),
            ..Source::new(page.as_bytes(), &target)
        };
        let page = extract::outlinks(&source);
        check_page(&page, source.body);
        let slashes = second.trim_start_matches(|c| c <= ' ').replace(['\t', '\n', '\r'], "");
        let slashes = slashes.len() - slashes.trim_start_matches(['/', '\\']).len();
        // `url` refuses what begins with three slashes, and lets no `..` pass `c:`, which only `file:` URLs should mind;
        // `&` and CR mean something else in HTML.
        if let Some(link) = page.links.first()
            && slashes < 3
            && !second.contains(['\r', '\0'])
            && !has_drive_letter(target.path())
            && !has_drive_letter(&second)
            && let Ok(joined) = target.join(&second)
        {
            assert_eq!(Ok(&link.url), CrawlUrl::from_url(joined).as_ref(), "{second:?} on {url}");
        }
    }
}

/// Lines of a list: what they ask for survives being kept, and an object shows nothing but its URL.
fn seeds(data: &[u8]) {
    for (line, number) in data.split(|byte| *byte == b'\n').zip(0..) {
        let Some(seed) = Seed::read(line, Position { source: 0, line: number }) else { continue };
        let kept = Seed::from_bytes(&seed.to_bytes()).expect("what was kept");
        assert_eq!((&kept.text, &kept.url, &kept.options), (&seed.text, &seed.url, &seed.options));
        assert!(seed.text.len() <= MAX_LINE);
        if seed.url.is_err() {
            assert!(seed.options.is_none() && seed.text.len() < 2048, "{}", seed.text.len());
        }
        if let Some(options) = &seed.options {
            assert!(
                options.tag.as_ref().is_none_or(|tag| tag.len() <= 256 && !tag.contains(char::is_control))
            );
        }
        let shown = format!("{seed:?}");
        assert!(!line.trim_ascii_start().starts_with(b"{") || !shown.contains("hunter2"), "{shown}");
    }
}

/// `c:` or `c|`, as a segment of a path.
fn has_drive_letter(path: &str) -> bool {
    let is_drive = |segment: &str| matches!(segment.replace("%7C", "|").as_bytes(), [letter, b':' | b'|'] if letter.is_ascii_alphabetic());
    path.split(['/', '\\', '?', '#']).any(|segment| is_drive(segment.trim_matches(|c| c <= ' ')))
}

fn sitemap(data: &[u8]) {
    for content_type in ["application/xml", "text/xml", "application/rss+xml", "text/plain", ""] {
        check_page(&read(content_type, None, data), data);
    }
}

fn charset(data: &[u8]) {
    let (label, body) = split_line(data);
    let label = String::from_utf8_lossy(label);
    for label in [None, Some(&*label)] {
        for content_type in ["text/html", "text/css", "application/xml"] {
            let page = read(content_type, label, body);
            // What one byte stands for may take four, and a link of them three each.
            check_page(&page, &vec![0; 12 * body.len()]);
        }
    }
}

fn decode(data: &[u8]) {
    const CAP: u64 = 64 * 1024;
    let (codings, wire) = split_line(data);
    let wire = bytes::Bytes::copy_from_slice(wire);
    let (Ok(body) | Err((body, _))) = decode_all(&String::from_utf8_lossy(codings), &wire, CAP);
    assert!(body.bytes.len() as u64 <= CAP && body.wire_bytes == wire.len() as u64);
}

fn headers(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let status = lines.next().map_or(200, |line| 100 + (line.len() * 37 % 500) as u16);
    let mut headers = HeaderMap::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()).take(100) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let body = bytes::Bytes::from(lines.collect::<Vec<_>>().join(&b'\n'));
    let (content_type, charset) = gannet::outcome::content_type(&headers);
    let url = base();
    let source = Source {
        content_type: content_type.as_deref(),
        charset: charset.as_deref(),
        ..Source::new(&body, &url)
    };
    let page = extract::outlinks(&source);
    let response = Response {
        final_url: CrawlUrl::from_url(url.clone()).expect("a URL"),
        chain: Vec::new(),
        redirect: None,
        status,
        http_version: "HTTP/1.1",
        headers,
        body: Body { wire_bytes: body.len() as u64, bytes: body, ..Body::default() },
        remote: None,
        reused: false,
        proxy: None,
        is_public: false,
        timings: Timings::default(),
        cache: None,
        hedged: false,
        captures: Vec::new(),
    };
    let keep = Keep {
        headers: true,
        body: true,
        show_body: ShowBody::Text,
        digest: true,
        links: true,
        show_links: true,
        body_path: true,
        captures: false,
    };
    let mut outcome = Outcome::new(OutcomeKind::Finished, Some(response.final_url.clone()));
    outcome.timestamp = SystemTime::UNIX_EPOCH;
    outcome.input = Some(Arc::from(&*String::from_utf8_lossy(data)));
    let mut outcome = outcome.settle(Ok(response), keep);
    let received = outcome.response.as_mut().expect("a response");
    received.title = page.title;
    received.charset = page.charset.map(|encoding| encoding.name().to_ascii_lowercase());
    let path = received.body_path.clone().unwrap_or_default();
    assert!(
        path.len() < 100 && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/.-_".contains(&b)),
        "{path}"
    );
    assert!(!path.starts_with('/') && !path.contains(".."), "{path}");
    written(&outcome);
}

/// A record is one line in each form, and nothing in it moves a cursor.
fn written(outcome: &Outcome) {
    let mut line = Vec::new();
    JsonLines::default().encode(outcome, &mut line).expect("JSON");
    assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
    let text = str::from_utf8(&line).expect("UTF-8");
    assert!(!text.trim_end_matches('\n').chars().any(char::is_control), "{text:?}");
    serde_json::from_slice::<serde_json::Value>(&line).expect("JSON");
    line.clear();
    Human::new(false).encode(outcome, &mut line).expect("text");
    let text = String::from_utf8(line).expect("UTF-8");
    assert!(text.ends_with('\n'));
    assert!(!text[..text.len() - 1].chars().any(char::is_control), "{text:?}");
    Csv::new(Some(FIELDS.iter().map(ToString::to_string).collect()))
        .encode(outcome, &mut Vec::new())
        .expect("CSV");
}

/// The first line, and what comes after it.
fn split_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|&byte| byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}
