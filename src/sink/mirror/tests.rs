use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::*;
use crate::fetch::HopRecord;

/// A mirror that says how it ended.
fn mirror(root: &Path) -> (Box<Mirror>, Arc<Mutex<Option<Mirrored>>>) {
    let end = Arc::new(Mutex::new(None));
    let said = Arc::clone(&end);
    (Box::new(Mirror::new(root.to_owned(), move |end| *said.lock().unwrap() = Some(end)).unwrap()), end)
}

fn answer(url: &str, content_type: &str, body: &str) -> Outcome {
    let url = CrawlUrl::parse(url).unwrap();
    let response = Received {
        final_url: Some(url.clone()),
        content_type: Some(content_type.to_owned()).filter(|t| !t.is_empty()),
        status: Some(200),
        body: Some(Bytes::copy_from_slice(body.as_bytes())),
        ..Received::default()
    };
    Outcome { response: Some(Box::new(response)), ..Outcome::new(OutcomeKind::Finished, Some(url)) }
}

fn redirect(from: &str, to: &str) -> Outcome {
    let mut outcome = answer(from, "", "");
    let response = outcome.response.as_mut().unwrap();
    (response.location, response.status) = (CrawlUrl::parse(to).ok(), Some(301));
    outcome
}

/// All files of a mirror that are not its own.
fn files(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, at: &Path, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(root, root, &mut files);
    files.retain(|name, _| !name.starts_with(OWN));
    files
}

fn run(root: &Path, outcomes: &[Outcome]) -> Mirrored {
    let (mut mirror, end) = mirror(root);
    outcomes.iter().for_each(|outcome| Sink::write(&mut *mirror, outcome).unwrap());
    Sink::finish(mirror).unwrap();
    end.lock().unwrap().unwrap()
}

fn site() -> Vec<Outcome> {
    let mut hop = answer("http://h/new/", "text/html", "<a href=../?q>new</a>");
    let hops = ["http://h/old", "http://h/older"].map(|url| CrawlUrl::parse(url).unwrap());
    hop.response.as_mut().unwrap().chain = hops.map(|url| HopRecord { url, status_code: 301 }).to_vec();
    vec![
        answer(
            "http://u:secret@h/",
            "text/html",
            "<link rel=stylesheet href=s.css integrity=x><a href=/old#f>1</a><a href=/gone>2</a><a href=/far>3</a><a href='/?q'>4</a><img src=i>",
        ),
        answer("http://h/s.css", "text/css", "a{b:url('i')}"),
        answer("http://h/i", "image/png", "PNG"),
        answer("http://h/?q", "", "<!doctype html><a href=http://u:secret@h/>q</a>"),
        hop,
        redirect("http://h/far", "http://h/further"),
        redirect("http://h/further", "http://h/older"),
    ]
}

fn of_site() -> BTreeMap<String, String> {
    [
        ("h/index.html", "<link rel=stylesheet href=s.css data-integrity=x><a href=new/index.html#f>1</a><a href=http://h/gone>2</a><a href=new/index.html>3</a><a href='index@q.html'>4</a><img src=i.png>"),
        ("h/s.css", "a{b:url('i.png')}"),
        ("h/i.png", "PNG"),
        ("h/index@q.html", "<!doctype html><a href=index.html>q</a>"),
        ("h/new/index.html", "<a href=../index@q.html>new</a>"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into()
}

#[test]
fn pages_link_to_files() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &site()), Mirrored { files: 5, links: 9 });
    assert_eq!(files(directory.path()), of_site());
    let log = fs::read_to_string(directory.path().join(".gannet/log.jsonl")).unwrap();
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn however_often_and_wherever_it_was_killed() {
    let outcomes = site();
    for saved in 0..outcomes.len() {
        let directory = tempfile::tempdir().unwrap();
        // Killed before the end: nothing is rewritten, and the log ends with half a line.
        let (mut killed, _) = mirror(directory.path());
        outcomes[..saved].iter().for_each(|outcome| Sink::write(&mut *killed, outcome).unwrap());
        drop(killed);
        let log = directory.path().join(".gannet/log.jsonl");
        let mut text = fs::read_to_string(&log).unwrap();
        text += "{\"url\":\"http://h/?q\",\"pa";
        fs::write(&log, text).unwrap();
        // In the middle of rewriting: some files are there, one of them with what it was before.
        fs::create_dir_all(directory.path().join("h")).unwrap();
        fs::write(directory.path().join("h/index.html"), "<a href=old.html>").unwrap();
        run(directory.path(), &outcomes);
        assert_eq!(files(directory.path()), of_site(), "after {saved}");
        assert_eq!(run(directory.path(), &[]), Mirrored { files: 5, links: 9 });
        assert_eq!(files(directory.path()), of_site());
    }
}

#[test]
fn no_two_urls_have_one_file_on_any_file_system() {
    let directory = tempfile::tempdir().unwrap();
    let urls = [
        "http://h/a",
        "http://h/A",
        "http://h/a.html",
        "http://h/a/",
        "http://h/a/index",
        "http://h/a/index.html",
        "http://h/a.html/b",
        "http://h/a.html/b/c",
        "http://h/x.js/y",
        "http://h/x.js",
        "http://h/A.HTML/b",
        "http://h/a?b",
        "http://h/a@b",
        "https://h/a",
        "http://h_80/a",
        "http://h:81/x",
        "http://h_81/x",
        "http://h/a./",
        "http://h/a_/",
        "http://h/%61",
        "http://h/%C3%A9",
        "http://h/%c3%a9",
        "http://h/é?é",
    ];
    let outcomes: Vec<_> =
        urls.iter().map(|url| answer(url, "text/html", &format!("{url} <a href='{url}'>"))).collect();
    let count = |files: &BTreeMap<String, String>| {
        let lower: std::collections::BTreeSet<_> =
            files.keys().map(|name| name.to_ascii_lowercase()).collect();
        lower.len()
    };
    run(directory.path(), &outcomes);
    let first = files(directory.path());
    let saved: std::collections::BTreeSet<_> =
        urls.iter().map(|url| CrawlUrl::parse(url).unwrap().as_str().to_owned()).collect();
    assert_eq!((first.len(), count(&first)), (saved.len(), saved.len()), "{:#?}", first.keys());
    for (name, text) in &first {
        let own = name.rsplit('/').next().unwrap().replace('%', "%25");
        assert!(text.contains(&format!("href='{own}'")), "{name}: {text}");
    }
    // In another order, each keeps what it has.
    let backwards: Vec<_> = outcomes.into_iter().rev().collect();
    run(directory.path(), &backwards);
    assert_eq!(files(directory.path()), first);
}

#[test]
fn what_is_no_whole_answer_is_not_saved() {
    let directory = tempfile::tempdir().unwrap();
    let mut gone = answer("http://h/gone", "text/html", "404");
    gone.response.as_mut().unwrap().status = Some(404);
    let mut cut = answer("http://h/cut", "text/html", "half");
    cut.response.as_mut().unwrap().truncated = Some(crate::fetch::Truncated::Length);
    let mut posted = answer("http://h/post", "text/html", "posted");
    posted.method = crate::fetch::Method::POST;
    let mut failed = answer("http://h/failed", "text/html", "failed");
    failed.kind = OutcomeKind::Failed;
    let circle = [redirect("http://h/1", "http://h/2"), redirect("http://h/2", "http://h/1")];
    let page =
        answer("http://h/", "text/html", "<a href=gone><a href=cut><a href=post><a href=failed><a href=1>");
    let [one, two] = circle;
    run(directory.path(), &[gone, cut, posted, failed, one, two, page]);
    let files = files(directory.path());
    assert_eq!(files.len(), 1);
    assert_eq!(
        files["h/index.html"],
        "<a href=http://h/gone><a href=http://h/cut><a href=http://h/post><a href=http://h/failed><a href=http://h/1>"
    );
}

#[test]
fn one_run_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let (first, _) = mirror(directory.path());
    let second = Mirror::new(directory.path().to_owned(), |_| {});
    assert!(second.is_err_and(|why| why.to_string().contains("another run")));
    drop(first);
    mirror(directory.path());
}

#[cfg(unix)]
#[test]
fn no_symbolic_link_leads_out() {
    use std::os::unix::fs::symlink;
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    symlink(elsewhere.path(), directory.path().join("h")).unwrap();
    let (mut sink, _) = mirror(directory.path());
    let error = Sink::write(&mut *sink, &answer("http://h/victim.png", "image/png", "x")).unwrap_err();
    assert!(error.to_string().contains('h'), "{error}");
    // A file that is one is replaced.
    fs::create_dir(directory.path().join("g")).unwrap();
    symlink(&victim, directory.path().join("g/x.png")).unwrap();
    Sink::write(&mut *sink, &answer("http://g/x.png", "image/png", "x")).unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("g/x.png")).unwrap(), "x");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}
