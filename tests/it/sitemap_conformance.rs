//! Sitemaps against the cases of another project: those of Scrapy.

use base64::Engine;
use gannet::extract::{LinkKind, Source, sitemap};
use gannet::robots::Rules;
use serde_json::Value;
use url::Url;

use crate::data;

/// What a case expects of each entry: its URL and date, then its alternates, each URL where it comes first.
fn expected(case: &Value) -> Vec<(String, String)> {
    let mut links: Vec<(String, String)> = Vec::new();
    for entry in case["expected"].as_array().unwrap() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alternates = entry["alternate"].as_array().into_iter().flatten();
        let found = std::iter::once((text(&entry["loc"]), text(&entry["lastmod"])))
            .chain(alternates.map(|url| (text(url), String::new())));
        for link in found {
            if links.iter().all(|(url, _)| *url != link.0) {
                links.push(link);
            }
        }
    }
    links
}

fn is_met(case: &Value) -> bool {
    if let Some(robots) = case["robots"].as_str() {
        let base = Url::parse(case["base_url"].as_str().unwrap()).unwrap();
        let rules = Rules::parse(robots.as_bytes(), "gannet");
        let found = rules.sitemaps().iter().map(|line| base.join(line).unwrap().to_string());
        let expected = case["expected"].as_array().unwrap().iter().filter_map(Value::as_str);
        return found.eq(expected.map(str::to_owned));
    }
    let body = base64::prelude::BASE64_STANDARD.decode(case["body_b64"].as_str().unwrap()).unwrap();
    let url = Url::parse("http://www.example.com/sitemap.xml").unwrap();
    let page = sitemap(&Source::new(&body, &url));
    let is_known = page.is_some();
    let links = page.unwrap_or_default().links;
    let tag = links.first().map(|link| link.via.tag());
    let found: Vec<_> = links
        .into_iter()
        .filter(|link| link.kind == LinkKind::Navigation)
        .map(|link| (link.url.to_string(), link.lastmod.as_deref().unwrap_or_default().to_owned()))
        .collect();
    let is_of_type = match case["type"].as_str().unwrap() {
        "urlset" => tag == Some("sitemap"),
        "sitemapindex" => tag == Some("sitemapindex"),
        _ => !is_known,
    };
    is_of_type && found == expected(case)
}

#[test]
fn scrapy_sitemap() {
    let Some(text) = data::text("scrapy-sitemap/cases.json") else { return };
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let failed: Vec<_> = cases.iter().filter(|case| !is_met(case)).collect();
    println!("scrapy-sitemap: passed {} of {}", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty() && cases.len() >= 12, "{failed:#?}");
}
