//! URLs against other people's suites, when the test data is there: links as browsers resolve them (web platform tests), and
//! what w3lib takes for the same page.

use gannet::url::CrawlUrl;
use serde_json::Value;
use url::Url;

use crate::data;
use crate::html5ever_links::ours;

/// Runs a suite; `check` is `None` for a case that does not apply. The bound is what has been reached.
fn run(suite: &str, cases: &[Value], reached: usize, check: impl Fn(&Value) -> Option<bool>) {
    let (mut passed, mut total) = (0, 0);
    for case in cases {
        let Some(ok) = check(case) else { continue };
        (passed, total) = (passed + usize::from(ok), total + 1);
        if !ok {
            println!("{suite}: failed {case}");
        }
    }
    println!("{suite}: passed {passed} of {total}");
    assert!(passed >= reached, "{suite}: passed {passed}, but {reached} had been reached");
}

/// What a crawl makes of an expected `href`: none of another scheme, and no fragment.
fn fetched(case: &Value) -> Option<String> {
    let href = case["href"].as_str()?;
    let href = &href[..href.find('#').unwrap_or(href.len())];
    (href.starts_with("http:") || href.starts_with("https:")).then(|| href.to_owned())
}

fn wpt(file: &str, links: usize, absolute: usize) {
    let Some(text) = data::text(&format!("wpt-url/{file}")) else { return };
    // Half a surrogate pair is no text, and no page can hold one.
    let text = text.replace("\\uD800\\uD801\\uDFFE\\uDFFF", "").replace("\\uDFFE\\uDFFF", "");
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    run(&format!("{file}, links"), &cases, links, |case| {
        let base = Url::parse(case["base"].as_str()?).ok()?;
        let input = case["input"].as_str()?;
        let is_page = matches!(base.scheme(), "http" | "https");
        let applies = is_page && !input.trim_start().starts_with('#') && !input.contains('\0');
        let quoted = input.replace('&', "&amp;").replace('"', "&quot;").replace('\r', "&#13;");
        let found = ours(&format!("<a href=\"{quoted}\">"), &base).into_iter().collect::<Vec<_>>();
        applies.then(|| found == fetched(case).into_iter().collect::<Vec<_>>())
    });
    run(&format!("{file}, absolute"), &cases, absolute, |case| {
        let input = case["input"].as_str().filter(|_| case["base"].is_null())?;
        Some(CrawlUrl::parse(input).ok().map(|url| url.as_str().to_owned()) == fetched(case))
    });
}

#[test]
fn wpt_url() {
    wpt("urltestdata.json", 193, 541);
}

#[test]
fn wpt_url_newer() {
    // Not reached: seven host names with `xn--` and no Punycode behind it, which browsers came to accept.
    wpt("urltestdata-newer.json", 196, 545);
}

#[test]
fn w3lib_canonical_forms() {
    let Some(text) = data::text("w3lib-url/canonicalize_url.json") else { return };
    let suite: Value = serde_json::from_str(&text).unwrap();
    // The rest is not wanted. Two URLs are one only if any server must answer them alike: neither the order of parameters
    // nor an empty one, nor `+` for a space, nor how a byte of path or query is escaped is sure to mean nothing to it.
    // Others are no `http` URLs, or are told of another charset than UTF-8, which is known of pages only.
    run("w3lib, canonical", suite["cases"].as_array().unwrap(), 47, |case| {
        let url = |name: &str| CrawlUrl::parse(case[name].as_str()?).ok();
        Some(url("input").is_some() && url("input") == url("expected"))
    });
}
