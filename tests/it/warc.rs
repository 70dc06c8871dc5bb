//! Archives: what a run writes is read back, record by record, and compared with its records and its index.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use gannet::fetch::decode_all;
use gannet::origin::{Faults, Site};
use gannet::sink::warc::{Checked, Digest, Reader, Record, check as check_all};
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::gannet::{call, run, text};
use crate::job::{Desk, MS, Random, assert_truth, everywhere, records, troubled};
use crate::job_faults::Small;
use crate::raw::Raw;
use crate::web::Web;
use crate::{data, job};

/// A record, and the file that it is in.
pub(crate) struct Found {
    pub(crate) file: String,
    pub(crate) record: Record,
}

impl Found {
    fn field(&self, name: &str) -> &str {
        self.record.field(name).unwrap_or_default()
    }

    fn is_answer(&self) -> bool {
        matches!(self.record.kind(), "response" | "revisit")
    }

    fn status(&self) -> u64 {
        let (head, _) = self.record.http().unwrap();
        let head = String::from_utf8_lossy(head);
        head.split(' ').nth(1).unwrap().trim().parse().unwrap()
    }
}

/// The parts of an archive, in order.
fn parts(archive: &Path) -> Vec<PathBuf> {
    let name = archive.file_name().unwrap().to_str().unwrap();
    let (stem, suffix) = name.split_at(name.find(".warc").unwrap());
    let closed = (0..).map(|n| archive.with_file_name(format!("{stem}-{n:05}{suffix}")));
    closed.take_while(|path| path.exists()).chain([archive.to_owned()]).collect()
}

fn read(path: &Path) -> std::io::Result<Vec<Found>> {
    let file = path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut found = Vec::new();
    let read = Reader::new(File::open(path)?, u64::MAX).each(|record| {
        found.push(Found { file: file.clone(), record });
        Ok(())
    });
    read.map(|()| found)
}

/// Reads a whole archive; what must hold of any is checked.
#[track_caller]
pub(crate) fn archive(path: &Path) -> Vec<Found> {
    let mut all = Vec::new();
    for part in parts(path) {
        let found = read(&part).unwrap_or_else(|why| panic!("{}: {why}", part.display()));
        assert!(found.first().is_none_or(|first| first.record.kind() == "warcinfo"), "{}", part.display());
        let ids: HashSet<_> = found.iter().map(|found| found.field("WARC-Record-ID").to_owned()).collect();
        assert_eq!(ids.len(), found.len(), "an identity is given twice");
        for found in &found {
            check(found);
            let set = found.record.field("WARC-Concurrent-To");
            assert!(set.is_none_or(|id| ids.contains(id)), "a set is torn");
        }
        all.extend(found);
    }
    let answers = all.iter().filter(|found| found.is_answer()).count();
    let requests = all.iter().filter(|found| found.record.kind() == "request").count();
    assert_eq!(answers, requests);
    all
}

#[track_caller]
fn check(found: &Found) {
    let block = &found.record.block;
    assert_eq!(Digest::matches(found.field("WARC-Block-Digest"), block), Some(true));
    assert_eq!(found.field("Content-Length"), block.len().to_string());
    assert!(found.field("WARC-Date").len() == 27 && found.field("WARC-Date").ends_with('Z'));
    if let ("response", Some((_, body))) = (found.record.kind(), found.record.http()) {
        assert_eq!(Digest::matches(found.field("WARC-Payload-Digest"), body), Some(true));
    }
    if found.is_answer() {
        assert_eq!(found.field("WARC-IP-Address"), "127.0.0.1");
    }
}

/// Each line of the index leads to its answer, each answer has a line, and they are sorted.
#[track_caller]
fn check_index(path: &Path, found: &[Found]) {
    let name = path.to_str().unwrap();
    let text = fs::read_to_string(format!("{}.cdxj", &name[..name.find(".warc").unwrap()])).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.is_sorted());
    let of_line = |line: &&str| {
        let json: Value = serde_json::from_str(line.splitn(3, ' ').nth(2).unwrap()).unwrap();
        ["filename", "offset", "length", "url", "status", "digest"].map(|name| text_of(&json, name))
    };
    let of_record = |found: &Found| {
        let [offset, length] = [found.record.offset, found.record.length].map(|n| n.to_string());
        let [url, digest] =
            ["WARC-Target-URI", "WARC-Payload-Digest"].map(|name| found.field(name).to_owned());
        [found.file.clone(), offset, length, url, found.status().to_string(), digest]
    };
    let listed: BTreeSet<_> = lines.iter().map(of_line).collect();
    let there: BTreeSet<_> = found.iter().filter(|found| found.is_answer()).map(of_record).collect();
    assert_eq!(listed.len(), lines.len());
    job::assert_same(listed, there);
}

fn text_of(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap().to_owned()
}

/// The decoded body of each whole answer, by URL and status.
fn bodies(found: &[Found]) -> BTreeMap<(String, u64), Vec<String>> {
    let mut bodies: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut payloads: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for found in found.iter().filter(|found| found.is_answer()) {
        let (head, body) = found.record.http().unwrap();
        let (digest, head) = (found.field("WARC-Payload-Digest").to_owned(), String::from_utf8_lossy(head));
        let body = match found.record.kind() {
            "revisit" => payloads[&digest].clone(),
            _ => body.to_vec(),
        };
        payloads.insert(digest, body.clone());
        let coding =
            head.lines().find_map(|line| line.strip_prefix("content-encoding: ")).unwrap_or_default();
        let body = decode_all(coding, &Bytes::from(body), u64::MAX).unwrap_or_else(|(body, _)| body);
        let sum = Sha256::digest(&body.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        bodies.entry((found.field("WARC-Target-URI").to_owned(), found.status())).or_default().push(sum);
    }
    bodies
}

/// Each answer that has a record in JSON is in the archive, with the same body, cut for the same reason.
#[track_caller]
fn assert_has(found: &[Found], records: &[Value]) {
    let bodies = bodies(found);
    for record in records.iter().filter(|record| record["status_code"].is_u64()) {
        let key = (text(record, "final_url").to_owned(), record["status_code"].as_u64().unwrap());
        let sums = bodies.get(&key).unwrap_or_else(|| panic!("{key:?} is not in the archive"));
        if text(record, "outcome") == "finished" {
            assert!(sums.iter().any(|sum| sum == text(record, "sha256")), "{key:?} has another body");
        }
        let cut = |found: &&Found| found.field("WARC-Target-URI") == key.0 && found.is_answer();
        let cuts: Vec<_> = found.iter().filter(cut).map(|found| found.field("WARC-Truncated")).collect();
        let why = record["truncated"].as_str().unwrap_or_default();
        assert!(cuts.contains(&why), "{key:?}: {cuts:?}, not {why:?}");
    }
}

fn faulty() -> Site {
    let faults = Faults {
        truncated: 0.1,
        encoded: 0.3,
        flaky: 0.02,
        resets: 0.1,
        redirects: 0.2,
        ..Faults::default()
    };
    Site { pages: 40, faults, ..Site::default() }
}

#[test]
fn an_archive_has_what_the_records_say() {
    let (web, desk) = (Web::start(faulty()), Desk::new());
    let (lines, seed) = (desk.name("a.jsonl"), web.url("/"));
    for suffix in [".warc", ".warc.gz", ".warc.zst"] {
        let path = desk.name(&format!("a{suffix}"));
        let info = "operator: Jo Doe";
        run(["crawl", &seed, "-o", &path, "-o", &lines, "--digest", "--links", "--warc-info", info]).exits(0);
        let (found, records) = (archive(path.as_ref()), records(lines.as_ref()));
        assert_has(&found, &records);
        check_index(path.as_ref(), &found);
        let info = String::from_utf8_lossy(&found[0].record.block);
        for line in
            ["software: gannet/", "robots: obey", "operator: Jo Doe", "http-header-user-agent: gannet/"]
        {
            assert!(info.contains(line), "{info}");
        }
        let url = web.url("/robots.txt");
        assert!(found.iter().any(|found| found.field("WARC-Target-URI") == url && found.status() == 200));
        let tried: u64 = records.iter().map(|record| record["attempts"].as_u64().unwrap()).sum();
        let answers = found.iter().filter(|found| found.is_answer()).count() as u64;
        let chains: usize = records.iter().filter_map(|r| Some(r["chain"].as_array()?.len())).sum();
        let resets =
            records.iter().filter(|r| r["error_kind"] == "connection_lost" && r["status_code"].is_null());
        let unanswered: u64 = resets.map(|r| r["attempts"].as_u64().unwrap()).sum();
        assert_eq!(answers, tried + chains as u64 + 1 - unanswered, "an exchange each, and robots.txt");
        let has = |text: &str| found.iter().any(|f| String::from_utf8_lossy(&f.record.block).contains(text));
        assert!(has("outlink: ") && has("fetchTimeMs: ") && has("via: ") && has("charset: utf-8"));
        assert!(found.iter().any(|found| found.field("WARC-Target-URI").contains("/caf%C3%A9/")));
    }
}

#[test]
fn an_archive_goes_on_in_parts() {
    let (web, desk) = (Web::start(faulty()), Desk::new());
    let (path, seed, lines) = (desk.path("a.warc.gz"), web.url("/"), desk.name("a.jsonl"));
    let args =
        ["crawl", &seed, "-o", path.to_str().unwrap(), "--warc-size", "20KB", "-q", "-o", &lines, "--digest"];
    run(args).exits(0);
    let (found, parts) = (archive(&path), parts(&path));
    assert!(parts.len() > 3);
    assert!(parts.iter().all(|part| part.metadata().unwrap().len() <= 20_000));
    check_index(&path, &found);
    assert_has(&found, &records(lines.as_ref()));
    // Its parts would pass for those of the next archive.
    run(args).exits(2).says(&["a-00000.warc.gz", "move the files"]);
    assert_eq!(archive(&path).len(), found.len());
}

#[test]
fn the_same_payload_is_written_once() {
    let body = "the same for all";
    let server = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let body = if path == "/empty" { "" } else { body };
            let length = body.len();
            conn.send(format!("HTTP/1.1 200 OK\r\nX-Path: {path}\r\nContent-Length: {length}\r\n\r\n{body}"));
        }
    });
    let (desk, urls) = (Desk::new(), ["/a", "/b", "/c", "/empty", "/empty"].map(|path| server.url(path)));
    let path = desk.path("a.warc");
    let urls = urls.iter().map(|url| url.as_str());
    let args = ["fetch", "-w", "1", "--warc-digest", "sha256", "-o", path.to_str().unwrap()];
    call(args.into_iter().chain(urls)).run().exits(0);
    let found = archive(&path);
    let kinds: Vec<_> = found.iter().filter(|f| f.is_answer()).map(|f| f.record.kind().to_owned()).collect();
    assert_eq!(kinds, ["response", "revisit", "revisit", "response", "response"]);
    let again = found.iter().rfind(|found| found.record.kind() == "revisit").unwrap();
    assert_eq!(again.field("WARC-Refers-To-Target-URI"), server.url("/a").as_str());
    let first = found.iter().find(|found| found.record.kind() == "response").unwrap();
    assert_eq!(again.field("WARC-Refers-To-Date"), first.field("WARC-Date"));
    assert_eq!(again.field("WARC-Payload-Digest"), first.field("WARC-Payload-Digest"));
    assert!(again.field("WARC-Payload-Digest").starts_with("sha256:"));
    let (head, body) = again.record.http().unwrap();
    assert!(body.is_empty() && String::from_utf8_lossy(head).contains("x-path: /c"));
    check_index(&path, &found);
}

#[test]
fn an_archive_on_stdout_is_plain_and_holds_no_secret() {
    let (web, desk) = (Web::plain(), Desk::new());
    let url = web.url("/p/1").replace("http://", "http://me:secret@");
    let ran = run(["fetch", &url, "-o", "-", "--format", "warc", "-H", "Cookie: hush"]).exits(0);
    let path = desk.path("a.warc");
    fs::write(&path, &ran.stdout).unwrap();
    assert_eq!(archive(&path).len(), 4);
    let text = ran.text();
    assert!(!text.contains("secret") && !text.contains("hush") && !text.contains("bWU6c2VjcmV0"), "{text}");
    assert!(text.contains("cookie: ***\r\n") && text.contains("robots: ignore\r\n"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_archive_goes_into_a_pipe_or_a_device() {
    let (web, desk) = (Web::plain(), Desk::new());
    let url = web.url("/p/1");
    let ran = call(["fetch", &url, "--format", "warc", "-o", "/dev/stdout"]).run().exits(0);
    assert!(ran.stdout.starts_with(b"WARC/1.1\r\n"));
    call(["fetch", &url, "--format", "warc", "-o", "/dev/null"]).run().exits(0);
    let job = desk.name("job");
    let args = ["fetch", &url, "--format", "warc", "-o", "/dev/null", "--mode", "gather", "--job", &job];
    call(args).run().exits(2).says(&["no ordinary file"]);
}

#[test]
fn two_archives_do_not_share_an_index() {
    let desk = Desk::new();
    let [one, other] = ["a.warc", "a.warc.gz"].map(|name| desk.name(name));
    let ran = run(["fetch", "http://127.0.0.1:1/", "-o", &one, "-o", &other]).exits(2);
    ran.says(&["a.cdxj", "differ before the suffix"]);
    assert!(!desk.path("a.warc").exists());
}

#[test]
fn a_run_without_answers_leaves_an_archive_that_says_so() {
    let desk = Desk::new();
    let path = desk.path("a.warc.gz");
    run(["fetch", "http://127.0.0.1:1/", "--retries", "0", "-o", path.to_str().unwrap()]).exits(4);
    assert_eq!(archive(&path).len(), 1);
    assert_eq!(fs::read_to_string(desk.path("a.cdxj")).unwrap(), "");
}

#[test]
fn a_killed_run_leaves_whole_members() {
    let (web, desk) = (Web::start(Site { pages: 10_000, ..Site::default() }), Desk::new());
    let path = desk.path("a.warc.gz");
    let live = call(["crawl", &web.url("/"), "-o", path.to_str().unwrap(), "-q"]).start();
    while path.metadata().map_or(0, |metadata| metadata.len()) < 500_000 {
        std::thread::park_timeout(MS);
    }
    live.signal(Signal::KILL);
    live.finish();
    let mut count = 0;
    let end = Reader::new(File::open(&path).unwrap(), u64::MAX).each(|record| {
        check(&Found { file: String::new(), record });
        count += 1;
        Ok(())
    });
    println!("{count} whole records, then {end:?}");
    assert!(count > 300);
}

/// A job that is over has all that is there in its records, all of that in its archive, and the archive in its index.
fn assert_archived(web: &Web, desk: &Desk, path: &Path, lines: &Path) {
    let (found, records) = (archive(path), records(lines));
    assert_truth(&records, web.graph());
    assert_has(&found, &records);
    check_index(path, &found);
    desk.assert_over();
}

/// A crawl of a job that is killed again and again, and what it leaves.
fn killed(name: &str, options: &[&str]) {
    let (web, desk, mut random) = (Web::start(troubled(100)), Desk::new(), Random::new(name));
    let (path, lines) = (desk.path("out.warc.gz"), desk.path("out.jsonl"));
    let args = everywhere(&web);
    let mut args: Vec<_> = args.iter().map(String::as_str).collect();
    args.extend(["-o", path.to_str().unwrap(), "-o", lines.to_str().unwrap(), "--digest"]);
    args.extend(options);
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 400)).exits(0);
    assert_archived(&web, &desk, &path, &lines);
}

#[test]
fn a_job_that_is_killed_has_each_answer_in_its_archive() {
    killed("archive", &[]);
}

#[test]
fn so_it_does_in_parts() {
    killed("parts of an archive", &["--warc-size", "30KB"]);
}

#[test]
fn a_full_disk_ends_the_run_and_not_the_archive() {
    let (web, desk) = (Web::start(troubled(150)), Desk::new());
    let Some(small) = Small::mount(desk.path("small"), "200k") else { return };
    let (path, lines) = (desk.path("small/out.warc.gz"), desk.path("out.jsonl"));
    let mut args = everywhere(&web);
    args.extend(["-o", path.to_str().unwrap(), "-o", lines.to_str().unwrap(), "--digest"].map(str::to_owned));
    args.extend(["--warc-size", "60KB"].map(str::to_owned));
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    for _ in 0..2 {
        desk.run(&args).exits(1).says(&["No space left on device", "out.warc.gz"]);
    }
    small.grow("64m");
    desk.run(&args).exits(0);
    assert_archived(&web, &desk, &path, &lines);
}

#[test]
fn a_gathered_list_has_an_archive_too() {
    let (web, desk) = (Web::plain(), Desk::new());
    let list = desk.name("list.txt");
    fs::write(&list, web.list(30)).unwrap();
    let (path, lines) = (desk.path("a.warc.gz"), desk.name("a.jsonl"));
    let args = ["fetch", &list, "--mode", "gather", "-o", path.to_str().unwrap(), "-o", &lines, "--digest"];
    desk.run(&args).exits(0);
    let found = archive(&path);
    assert_has(&found, &records(lines.as_ref()));
    assert_eq!(found.iter().filter(|found| found.is_answer()).count(), 30);
    desk.assert_over();
}

#[test]
fn verify_reads_archives() {
    let (web, desk) = (Web::plain(), Desk::new());
    let path = desk.path("a.warc");
    desk.run(&["fetch", &web.url("/p/1"), &web.url("/p/2"), "-o", path.to_str().unwrap()]).exits(0);
    let text = desk.show(&["--verify"]).exits(0).text();
    assert!(text.contains("has the digests that it says: 7 records"), "{text}");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    let text = bytes[at..].windows(3).position(|window| window == b"<p>").unwrap();
    bytes[at + text + 1] = b'q';
    fs::write(&path, bytes).unwrap();
    assert_eq!(check_all(&path, u64::MAX).unwrap(), Checked { records: 7, broken: 1 });
    assert!(check_all(&path, at as u64).is_err(), "a record is cut there");
}

#[test]
fn what_was_exchanged_stays_when_failed_urls_go_back() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (path, lines) = (desk.path("a.warc.gz"), desk.name("a.jsonl"));
    let (good, bad) = (web.url("/p/1"), web.url("/x/truncated/1"));
    let out = ["--retries", "0", "-o", path.to_str().unwrap(), "-o", &lines];
    desk.run(&[&["fetch", &good, &bad], &out[..]].concat()).exits(3);
    desk.show(&["--retry-failed"]).exits(0);
    desk.run(&[&["fetch", &good, &bad], &out[..]].concat()).exits(3);
    let found = archive(&path);
    let urls: Vec<_> =
        found.iter().filter(|f| f.is_answer()).map(|f| f.field("WARC-Target-URI").to_owned()).collect();
    assert_eq!(urls.iter().filter(|url| **url == bad).count(), 2);
    assert_eq!(urls.iter().filter(|url| **url == good).count(), 1);
    check_index(&path, &found);
    desk.assert_over();
}

#[test]
fn archives_of_others_are_read() {
    let Some(expected) = data::text("warc/expected.json") else { return };
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let files = expected["files"].as_object().unwrap();
    let (mut passed, mut whole) = (0, 0);
    for (name, counts) in files {
        let path = data::file(&format!("warc/{name}")).unwrap();
        let (count, is_right) = (counts[0].as_u64().unwrap(), counts[1] == 0);
        let found = read(&path);
        let right = |found: &Found| {
            Digest::matches(found.field("WARC-Block-Digest"), &found.record.block) != Some(false)
        };
        let fine = found.as_ref().is_ok_and(|found| found.len() as u64 == count && found.iter().all(right));
        println!(
            "{name}: {} records of {count}, passed: {}",
            found.map_or_else(|why| why.to_string(), |f| f.len().to_string()),
            fine
        );
        whole += u64::from(is_right);
        passed += u64::from(is_right && fine);
    }
    println!("passed {passed} of {whole} that are right");
    assert_eq!(passed, whole);
}
