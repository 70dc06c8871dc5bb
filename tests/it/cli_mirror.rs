//! `--mirror`: a copy that leads nowhere but to its own files and to the web, whatever was fetched and whatever ended the run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use encoding_rs::SHIFT_JIS;
use gannet::extract::{Source, outlinks};
use gannet::origin::{Faults, Site};
use rustix::process::Signal;
use url::Url;

use crate::gannet::{call, run, text};
use crate::job::{Desk, Random, everywhere, records, troubled};
use crate::raw::{Conn, Raw};
use crate::web::Web;

/// All files of a mirror but its own, by their path in it.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, at: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(root, root, &mut files);
    files.retain(|name, _| !name.starts_with(".gannet/"));
    files
}

/// Each link of each page and sheet leads to a file that is there, or is absolute. Gives how many lead to files.
#[track_caller]
fn assert_closed(files: &BTreeMap<String, Vec<u8>>) -> usize {
    let mut local = 0;
    for (name, body) in files {
        let url = Url::parse(&format!("http://mirror.test/{}", name.replace('%', "%25"))).unwrap();
        let content_type = match name.rsplit_once('.').unwrap().1 {
            "html" => "text/html",
            "css" => "text/css",
            _ => continue,
        };
        let page = outlinks(&Source { content_type: Some(content_type), ..Source::new(body, &url) });
        assert_eq!(page.base, None, "{name}");
        for link in page.links {
            let Some(path) = link.url.as_str().strip_prefix("http://mirror.test/") else { continue };
            let path = path.replace("%25", "%");
            assert!(files.contains_key(&path), "`{name}` links to `{path}`");
            local += 1;
        }
    }
    local
}

fn site() -> Site {
    let faults = Faults { errors: 0.1, redirects: 0.2, ..Faults::default() };
    Site { pages: 60, hosts: 2, cross_links: 0.3, faults, ..Site::default() }
}

#[test]
fn every_link_leads_to_a_file_or_to_the_web() {
    let (web, desk) = (Web::start(site()), Desk::new());
    let mirror = desk.name("mirror");
    let mut args = everywhere(&web);
    args.extend(["--assets", "--mirror", &mirror].map(str::to_owned));
    let ran = run(&args).exits(0);
    let files = files(Path::new(&mirror));
    assert!(assert_closed(&files) > 300);
    let saved = |record: &&serde_json::Value| record["status_code"] == 200;
    let mut pages: Vec<_> =
        ran.records().iter().filter(saved).map(|r| text(r, "final_url").to_owned()).collect();
    pages.sort();
    pages.dedup();
    assert_eq!(files.len(), pages.len());
    assert!(
        ran.stderr.contains(&format!("mirror: {} files below `{mirror}`, ", files.len())),
        "{}",
        ran.stderr
    );
    let home = format!("{}/index.html", web.addresses()[0].to_string().replace(':', "_"));
    assert!(String::from_utf8_lossy(&files[&home]).contains("href=\"p/1.html\""));
    // Again, and by another command: the same files.
    let again = run(["fetch", &web.url("/"), "--mirror", &mirror, "-q"]).exits(0);
    assert_eq!(again.stderr, "");
    assert_eq!(self::files(Path::new(&mirror)), files);
}

#[test]
fn a_run_that_is_killed_leaves_the_same_mirror() {
    let (web, desk, mut random) = (Web::start(troubled(80)), Desk::new(), Random::new("mirror"));
    let (mirror, whole, out) = (desk.name("mirror"), desk.name("whole"), desk.name("out.jsonl"));
    let args = everywhere(&web);
    let mut args: Vec<_> = args.iter().map(String::as_str).collect();
    args.push("--mirror");
    run(args.iter().copied().chain([&*whole]));
    args.extend([&*mirror, "-o", &out]);
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 500));
    desk.assert_over();
    let (mirror, whole) = (files(Path::new(&mirror)), files(Path::new(&whole)));
    assert_closed(&mirror);
    assert!(mirror.keys().eq(whole.keys()), "{:?}\n{:?}", mirror.keys(), whole.keys());
    assert!(mirror == whole);
    assert!(records(&desk.path("out.jsonl")).len() >= mirror.len());
}

/// Answers each path with what the list has for it.
fn serve(answers: Vec<(&'static str, &'static str, Vec<u8>)>) -> Raw {
    Raw::serve(move |mut conn: Conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let found = answers.iter().find(|(known, ..)| *known == path);
            let (status, content_type, body) =
                found.map_or(("404 No", "text/plain", &[][..]), |(_, t, b)| ("200 OK", t, b));
            let length = body.len();
            conn.send(format!(
                "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
            ));
            conn.send(body);
        }
    })
}

#[test]
fn pages_of_all_kinds() {
    let page = "<!doctype html><html><head><title>表紙</title><base href=/sub/><link rel=stylesheet href='../s.css?v=1' integrity=x crossorigin>\
        </head><body>表<img srcset='/i 1x, /j 2x' src=/i><a title=表 href='page?q=表#表'>n</a><a href=/gone>g</a>\
        <p style='background:url(&quot;/i&quot;)'>ソ</p></body></html>";
    let server = serve(vec![
        ("/", "text/html; charset=shift_jis", SHIFT_JIS.encode(page).0.into_owned()),
        ("/sub/page?q=%95\\", "text/html", b"<a href=/>home</a>".to_vec()),
        ("/s.css?v=1", "text/css", b"@import 'two.css'; a{b:url(/i)} c{d:url(/none)}".to_vec()),
        ("/two.css", "text/css", b"a{b:url('j')}".to_vec()),
        ("/i", "image/png", b"I".to_vec()),
        ("/j", "image/png", b"J".to_vec()),
    ]);
    let desk = Desk::new();
    run(["crawl", server.url("/").as_str(), "--assets", "--mirror", &desk.name("m")]).exits(0);
    let files = files(&desk.path("m"));
    let host = format!("127.0.0.1_{}", server.port());
    let gone = server.url("/gone");
    let made = format!(
        "<!doctype html><html><head><meta charset=\"Shift_JIS\"><title>表紙</title><base data-href=/sub/><link rel=stylesheet href='s@v=1.css' data-integrity=x data-crossorigin>\
        </head><body>表<img srcset='i.png 1x, j.png 2x' src=i.png><a title=表 href='sub/page@q=%2595%255C.html#%E8%A1%A8'>n</a><a href={gone}>g</a>\
        <p style='background:url(&#34;i.png&#34;)'>ソ</p></body></html>"
    );
    let file = |name: &str| files[&format!("{host}/{name}")].clone();
    assert_eq!(SHIFT_JIS.decode_without_bom_handling(&file("index.html")).0, made);
    assert_eq!(file("sub/page@q=%95%5C.html"), b"<a href=../index.html>home</a>");
    let none = server.url("/none");
    assert_eq!(
        file("s@v=1.css"),
        format!("@import 'two.css'; a{{b:url(i.png)}} c{{d:url({none})}}").as_bytes()
    );
    assert_eq!((file("two.css"), files.len()), (b"a{b:url('j.png')}".to_vec(), 6));
    assert_closed(&files);
}

#[test]
fn hostile_names_stay_inside() {
    const NAMES: [&str; 12] = [
        "/..%2f..%2f..%2fout",
        "/%2e%2e/%2e%2e/out",
        "/..%5c..%5cout",
        "/.gannet/log.jsonl",
        "/a/.htaccess",
        "/con",
        "/AUX.html",
        "/x%00.html",
        "/a/b/c.html/d",
        "/a/b/c.html",
        "/A/B/C.html",
        "/p?%3Cscript%3E=../../x",
    ];
    let long: &'static str = String::leak(format!("/{}/{}", "d".repeat(900), "é".repeat(300)));
    let long = Url::parse("http://h/").unwrap().join(long).unwrap().path().to_owned().leak();
    let mut links: String = NAMES.iter().map(|name| format!("<a href='{name}'>x</a>")).collect();
    links += &format!("<a href='{long}'>x</a>");
    let body = |name: &str| format!("<title>{name}</title><a href=/>home</a>").into_bytes();
    let mut answers = vec![("/", "text/html", links.into_bytes())];
    for name in NAMES.into_iter().chain([&*long]) {
        let asked = Url::parse("http://h/").unwrap().join(name).unwrap();
        let asked: &'static str = String::leak(asked[url::Position::BeforePath..].to_owned());
        answers.push((asked, "text/html", body(asked)));
    }
    let server = serve(answers);
    let desk = Desk::new();
    let mirror = desk.path("deep/in/mirror");
    run(["crawl", server.url("/").as_str(), "--mirror", mirror.to_str().unwrap(), "--max-url-length", "0"])
        .exits(0);
    let files = files(&mirror);
    let host = format!("127.0.0.1_{}/", server.port());
    assert!(files.keys().all(|name| name.starts_with(&host)), "{:?}", files.keys());
    assert_eq!(files.len(), 1 + NAMES.len() + 1, "{:#?}", files.keys());
    assert_eq!(assert_closed(&files), 2 * (files.len() - 1));
    let only = |path: PathBuf| fs::read_dir(path).unwrap().count();
    assert_eq!((only(desk.path("")), only(desk.path("deep")), only(desk.path("deep/in"))), (1, 1, 1));
}

#[test]
fn a_mirror_is_written_by_one_run_at_a_time() {
    let (web, desk) = (Web::plain(), Desk::new());
    let mirror = desk.name("m");
    let mut first = call(["fetch", "-", &web.url("/p/1"), "--mirror", &mirror]).open_stdin().start();
    first.record();
    run(["fetch", &web.url("/p/2"), "--mirror", &mirror])
        .exits(1)
        .says(&["cannot make", "another run has it"]);
    first.signal(Signal::KILL);
    first.finish();
    // The lock is gone with its process.
    run(["fetch", &web.url("/p/2"), "--mirror", &mirror]).exits(0).says(&["mirror: "]);
    assert!(files(Path::new(&mirror)).keys().any(|name| name.ends_with("/p/2.html")));
}
