//! Links of pages that other people made, against html5ever's parser: the inputs of html5lib-tests, and Scrapy's pages.
//!
//! html5lib-tests come with a dev-dependency and are read where cargo keeps its source. The scanner builds no tree, and
//! there is one thing that it leaves out on purpose: after `<frameset>` a parser drops every other tag, and a crawler is
//! better off with the links. On such pages it must find what the tokenizer does.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use gannet::extract::charset;
use serde_json::Value;
use url::Url;

use crate::data;
use crate::html5ever_links::{of_tokens, of_tree, ours};

/// Where cargo keeps the source of a dev-dependency.
fn html5lib() -> Option<PathBuf> {
    const TESTS: &str = "markup5ever_rcdom-0.2.0/html5lib-tests/tree-construction";
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = std::fs::read_dir(cargo.join("registry/src")).into_iter().flatten().flatten();
    let found = registries.map(|registry| registry.path().join(TESTS)).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("skipped: no `{TESTS}` in the registry's source");
    }
    found
}

/// The inputs of a file: whole documents, parsed without scripts.
fn inputs(text: &str) -> impl Iterator<Item = &str> {
    let tests = text.split("#data\n").skip(1);
    tests.filter_map(|test| {
        let (input, rest) = test.split_once("\n#errors")?;
        (!rest.contains("\n#document-fragment") && !rest.contains("\n#script-on")).then_some(input)
    })
}

/// The input with a link behind each `>`, wherever that is: most inputs have none of their own.
fn with_links(input: &str) -> String {
    let parts = input.split_inclusive('>').enumerate();
    parts
        .map(|(nth, part)| if part.ends_with('>') { format!("{part}<img src=l{nth}>") } else { part.into() })
        .collect()
}

#[test]
fn html5lib_inputs() {
    let Some(directory) = html5lib() else { return };
    let page_url = Url::parse("http://h/d/").unwrap();
    let (mut as_tree, mut as_tokens) = (0, 0);
    for file in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|suffix| suffix != "dat") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        for page in inputs(&text).flat_map(|input| [input.to_owned(), with_links(input)]) {
            let (found, tree) = (ours(&page, &page_url), of_tree(&page, &page_url));
            if found != tree && page.contains("<frameset") {
                assert_eq!(found, of_tokens(&page, &page_url), "{}: {page}", file.display());
                as_tokens += 1;
            } else {
                assert_eq!(found, tree, "{}: {page}", file.display());
                as_tree += 1;
            }
        }
    }
    println!("html5lib: {as_tree} pages as the parser, {as_tokens} with a frameset as the tokenizer");
    assert!(as_tree > 2900 && as_tokens < 20, "{as_tree}, {as_tokens}");
}

#[test]
fn scrapy_pages() {
    let Some(text) = data::text("scrapy-linkextractor/cases.json") else { return };
    let suite: Value = serde_json::from_str(&text).unwrap();
    let cases = suite["cases"].as_array().unwrap();
    let (mut pages, mut links) = (0, 0);
    for case in cases {
        let body = base64::prelude::BASE64_STANDARD.decode(case["body_b64"].as_str().unwrap()).unwrap();
        let page_url = Url::parse(case["page_url"].as_str().unwrap()).unwrap();
        // Both are given the same text, so that this compares parsers and nothing else.
        let page = charset::to_utf8(charset::sniff(None, &body, None), &body);
        let page = String::from_utf8_lossy(&page);
        let found = ours(&page, &page_url);
        assert_eq!(found, of_tree(&page, &page_url), "{page}");
        (pages, links) = (pages + 1, links + found.len());
    }
    println!("scrapy-linkextractor: {links} links on {pages} pages as the parser");
}
