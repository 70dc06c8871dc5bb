//! `--extract` and `--extract-to`: text, Markdown and metadata of pages, of hostile ones too.

use serde_json::Value;

use crate::answering::{missing, moved, page, serve};
use crate::gannet::{run, text};

/// A page with an article among what surrounds it.
fn article() -> String {
    let words = "They hunt fish by plunging into the sea, from a height of thirty metres. ".repeat(6);
    format!(
        "<html lang=en><title>Gannets</title><meta name=description content='Birds &amp; fish'>\
         <nav class=menu><a href=/a>Menu</a></nav><article><h2>Diving</h2><p>{words}</p><p>{words}<a href=more>More</a></p></article>\
         <footer class=footer>Imprint</footer>"
    )
}

#[test]
fn what_a_page_says_is_in_its_record() {
    let (server, _) = serve(|path| match path {
        "/p" => page(&article()),
        "/moved" => moved("/p"),
        // Decoded as it says, once.
        "/latin" => {
            page(&"<p>Un café, merci. ".repeat(9)).replace("text/html", "text/html; charset=iso-8859-1")
        }
        "/json" => page("{\"a\":1}").replace("text/html", "application/json"),
        "/empty" => page(""),
        _ => page(&article()).replace("200 OK", "404 Not Found"),
    });
    let urls = ["/moved", "/latin", "/json", "/empty", "/missing"].map(|path| server.url(path).to_string());
    let args = ["fetch", "--mode", "gather", "--extract", "text,markdown,meta"].map(str::to_owned);
    let records = run(args.iter().chain(&urls)).exits(0).records();
    let first = &records[0];
    assert!(text(first, "text").starts_with("Diving\n\nThey hunt"), "{first}");
    assert!(text(first, "markdown").starts_with("## Diving\n\nThey hunt"), "{first}");
    assert!(text(first, "markdown").ends_with(&format!("[More]({})", server.url("/more"))), "{first}");
    assert!(!first["text"].to_string().contains("Imprint") && !first["text"].to_string().contains("Menu"));
    let meta = serde_json::json!({"title": "Gannets", "description": "Birds & fish", "language": "en"});
    assert_eq!(first["meta"], meta);
    assert!(text(&records[1], "text").starts_with("Un cafÃ©, merci."), "{}", records[1]);
    for other in &records[2..] {
        let fields = ["text", "markdown", "meta", "text_path"];
        assert!(fields.iter().all(|field| other.get(field).is_none()), "{other}");
    }
}

#[test]
fn to_name_a_field_is_to_ask_for_it() {
    let (server, _) = serve(|_| page(&article()));
    let url = server.url("/").to_string();
    let record = run(["fetch", &url, "--fields", "url,text"]).exits(0).record();
    assert!(text(&record, "text").starts_with("Diving"), "{record}");
    let record = run(["fetch", &url]).exits(0).record();
    assert!(record.get("text").is_none() && record.get("simhash").is_none(), "{record}");
    let record = run(["fetch", &url, "--fields", "simhash"]).exits(0).record();
    assert_eq!(text(&record, "simhash").len(), 16, "{record}");
    run(["fetch", &url, "--extract-to", "x"]).exits(2).says(&["--extract"]);
}

#[test]
fn files_stand_beside_the_records() {
    let (server, _) = serve(|path| match path {
        "/thin" => page("<meta name=author content=Ann>"),
        _ => page(&article()),
    });
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("contents");
    let args = ["--extract", "text,markdown,meta", "--extract-to", to.to_str().unwrap()];
    let url = server.url("/p").to_string().replace("http://", "http://user:secret@");
    let urls = [url, server.url("/thin").to_string()];
    let ran = run(["fetch", "--mode", "gather", &urls[0], &urls[1]].into_iter().chain(args)).exits(0);
    let records = ran.records();
    let read = |record: &Value, field: &str| std::fs::read_to_string(to.join(text(record, field))).unwrap();
    assert!(read(&records[0], "text_path").starts_with("Diving\n\n"));
    assert!(read(&records[0], "markdown_path").starts_with("## Diving\n\n"));
    assert!(!read(&records[0], "markdown_path").contains("secret"));
    let meta: Value = serde_json::from_str(&read(&records[1], "meta_path")).unwrap();
    assert_eq!(meta, serde_json::json!({"author": "Ann"}));
    assert!(records[0].get("text").is_none() && records[1].get("text_path").is_none(), "{records:?}");
    assert!(text(&records[0], "meta_path").ends_with(".meta.json"));
}

#[test]
fn hostile_pages_end_no_run() {
    let (server, _) = serve(|path| match path {
        "/deep" => page(&"<div>".repeat(100_000)),
        "/bold" => page(&"<b>".repeat(100_000)),
        "/tags" => page(&"<a<a<a".repeat(1_000_000)),
        "/attrs" => page(&format!("<p {}>x", (0..100_000).map(|n| format!("a{n}=1 ")).collect::<String>())),
        "/table" => page(&format!("<table>{}", "<tr><td>x".repeat(300_000))),
        "/base" => page(&format!("<base href='/{}'>{}", "x".repeat(7000), "<a href=y>x</a>".repeat(50_000))),
        "/ld" => page(&format!("<script type=application/ld+json>{}</script>", "[".repeat(200_000))),
        "/fine" => page(&article()),
        _ => missing(),
    });
    let paths = ["/deep", "/bold", "/tags", "/attrs", "/table", "/base", "/ld", "/fine"];
    let urls = paths.map(|path| server.url(path).to_string());
    let args = ["fetch", "--extract", "text,markdown,meta", "--duplicates", "near"].map(str::to_owned);
    let ran = run(args.iter().chain(&urls)).exits(0);
    assert_eq!(ran.count("finished"), paths.len() as u64);
    let told: Vec<_> = ran.records().into_iter().filter(|record| record.get("text").is_some()).collect();
    assert_eq!(
        told.iter().map(|record| text(record, "url")).collect::<Vec<_>>(),
        [&*server.url("/fine").to_string()]
    );
}
