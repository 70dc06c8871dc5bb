//! Link extraction against the cases of other projects: Scrapy's link extractor, web-platform-tests.
//!
//! Each test prints `passed N of M` and fails below the number that has been reached.

use std::collections::BTreeSet;

use base64::Engine;
use gannet::extract::{LinkKind, Page, Source, outlinks};
use serde_json::Value;
use url::Url;

use crate::data;

fn cases(suite: &str) -> Option<Vec<Value>> {
    let text = data::text(&format!("{suite}/cases.json"))?;
    let file: Value = serde_json::from_str(&text).unwrap();
    Some(file["cases"].as_array().unwrap().clone())
}

/// Runs the cases of a suite that `check` can judge.
fn run(suite: &str, reached: usize, check: impl Fn(&Value) -> Option<bool>) {
    let Some(cases) = cases(suite) else { return };
    let (mut passed, mut total) = (0, 0);
    for case in &cases {
        let Some(ok) = check(case) else { continue };
        total += 1;
        passed += usize::from(ok);
        if !ok {
            println!("{suite}: failed {case}");
        }
    }
    println!("{suite}: passed {passed} of {total}");
    assert!(passed >= reached, "{suite}: passed {passed}, but {reached} had been reached");
}

/// Reads an HTML page that came with this charset.
fn page(charset: &str, body: &[u8], url: &Url) -> Page {
    outlinks(&Source { content_type: Some("text/html"), charset: Some(charset), ..Source::new(body, url) })
}

/// Whether the options of a case only leave links out, so that all that it expects must be found. `None`
/// when they do something else, which gannet has not.
fn leaves_out(options: &Value) -> Option<bool> {
    const NARROW: [&str; 8] = [
        "allow",
        "deny",
        "allow_domains",
        "deny_domains",
        "deny_extensions",
        "restrict_xpaths",
        "restrict_css",
        "restrict_text",
    ];
    let names: Vec<_> = options.as_object()?.keys().filter(|name| *name != "unique").collect();
    let narrow = names.iter().all(|name| NARROW.contains(&name.as_str()));
    narrow.then_some(!names.is_empty())
}

#[test]
fn scrapy_linkextractor() {
    // Not reached: a file suffix that Scrapy leaves out, an `ftp:` link.
    run("scrapy-linkextractor", 32, |case| {
        let leaves_out = leaves_out(&case["options"])?;
        let body = base64::prelude::BASE64_STANDARD.decode(case["body_b64"].as_str()?).unwrap();
        let page_url = Url::parse(case["page_url"].as_str()?).unwrap();
        let page = page(case["encoding"].as_str()?, &body, &page_url);
        let found: BTreeSet<_> = page
            .links
            .iter()
            .filter(|link| link.kind == LinkKind::Navigation)
            .map(|link| (link.url.as_str().to_owned(), link.nofollow))
            .collect();
        let expected: BTreeSet<_> = case["expected"]
            .as_array()?
            .iter()
            .map(|link| {
                let mut url = Url::parse(link["url"].as_str().unwrap()).unwrap();
                url.set_fragment(None); // gannet's identity of a URL has none
                (url.to_string(), link["nofollow"].as_bool().unwrap())
            })
            .collect();
        Some(if leaves_out { expected.is_subset(&found) } else { found == expected })
    });
}

/// An attribute in double quotes.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('&', "&amp;").replace('"', "&quot;"))
}

fn links_of(body: &str) -> Vec<String> {
    let page = page("utf-8", body.as_bytes(), &Url::parse("http://h/d/").unwrap());
    page.links.iter().map(|link| link.url.as_str().to_owned()).collect()
}

fn join(link: &str) -> String {
    Url::parse("http://h/d/").unwrap().join(link).unwrap().to_string()
}

#[test]
fn wpt_srcset() {
    run("wpt-srcset", 98, |case| {
        // gannet takes no `data:` URLs, so the cases are told of a scheme that it takes.
        let fetched = |text: &str| text.replace("data:", "http://h/");
        let found = links_of(&format!("<img srcset={}>", quoted(&fetched(case["srcset"].as_str()?))));
        Some(match case["expected_selected"].as_str()? {
            "" => found.is_empty(),
            selected => found.contains(&join(&fetched(selected))),
        })
    });
}

#[test]
fn wpt_meta_refresh() {
    run("wpt-meta-refresh", 69, |case| {
        let content = quoted(case["content"].as_str()?);
        let found = links_of(&format!("<meta http-equiv=refresh content={content}>"));
        Some(match case["expected"]["url"].as_str() {
            None => found.is_empty(),
            Some(url) => found == [join(url)],
        })
    });
}
