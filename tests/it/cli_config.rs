//! Settings from files and variables, as a user meets them: which one counts, and what a wrong one is told.

use std::path::Path;

use serde_json::Value;

use crate::answering::{moved, page, serve};
use crate::gannet::{Call, call};
use crate::raw::Raw;

/// A place with a file of the project and one of the user.
struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    fn new(project: &str, user: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("xdg/gannet")).unwrap();
        for (name, text) in [("gannet.toml", project), ("xdg/gannet/gannet.toml", user)] {
            if !text.is_empty() {
                std::fs::write(directory.path().join(name), text).unwrap();
            }
        }
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn call(&self, args: &[&str]) -> Call {
        let user = self.path().join("xdg");
        call(args).directory(self.path()).env("XDG_CONFIG_HOME", user.to_str().unwrap())
    }

    /// What holds, with these flags: value and place of a setting.
    fn setting(&self, flags: &[&str], name: &str) -> (Value, String) {
        self.setting_with(flags, name, |call| call)
    }

    fn setting_with(&self, flags: &[&str], name: &str, with: impl Fn(Call) -> Call) -> (Value, String) {
        let ran = with(self.call(&[&["config", "--json", "crawl"], flags].concat())).run().exits(0);
        let all: Value = serde_json::from_str(&ran.text()).unwrap();
        let setting = &all["settings"][name];
        (setting["value"].clone(), setting["from"].as_str().unwrap().to_owned())
    }
}

#[test]
fn the_nearest_place_counts() {
    let desk = Desk::new(
        "timeout = \"3s\"\n[crawl]\nretries = 5\n[fetch]\nretries = 6",
        "timeout = \"4s\"\nretries = 7\nworkers = 8",
    );
    let is = |(value, from): (Value, String), expected: Value, place: &str| {
        assert_eq!(value, expected);
        assert!(from.ends_with(place), "{from}");
    };
    is(desk.setting(&[], "timeout"), "3s".into(), "gannet.toml:1");
    is(desk.setting(&[], "retries"), 5.into(), "gannet.toml:3");
    is(desk.setting(&[], "workers"), 8.into(), "xdg/gannet/gannet.toml:3");
    is(desk.setting(&[], "depth"), Value::Null, "default");
    is(desk.setting(&["--timeout", "1s"], "timeout"), "1s".into(), "command line");
    let variable = |call: Call| call.env("GANNET_TIMEOUT", "2s").env("GANNET_WORKERS", "");
    is(desk.setting_with(&[], "timeout", variable), "2s".into(), "GANNET_TIMEOUT");
    is(desk.setting_with(&["--timeout", "1s"], "timeout", variable), "1s".into(), "command line");
    is(desk.setting_with(&[], "workers", variable), 50.into(), "GANNET_WORKERS");
    is(desk.setting(&["--no-config"], "timeout"), "30s".into(), "default");
    std::fs::write(desk.path().join("other.toml"), "retries = 9").unwrap();
    is(desk.setting(&["--config", "other.toml"], "retries"), 9.into(), "other.toml:1");
    is(desk.setting(&["--config", "other.toml"], "timeout"), "30s".into(), "default");
    let named = |call: Call| call.env("GANNET_CONFIG", "other.toml");
    is(desk.setting_with(&[], "retries", named), 9.into(), "other.toml:1");
}

#[test]
fn what_is_shown_can_be_kept_as_a_file() {
    let desk = Desk::new(
        "workers = 3\nfollow = [\"a\", \"area\"]\nquiet = 1\ndeny-private = true\n[crawl]\ninclude = ['a\\d', 'b\"']",
        "",
    );
    let slow = Desk::new("[host.\"127.0.0.1\"]\ntimeout = \"200ms\"", "");
    let silent = Raw::serve(|mut conn| while conn.request().is_some() {});
    let ran = slow.call(&["fetch", silent.url("/").as_str(), "--retries", "0"]).run();
    assert_eq!(ran.record()["error"], "not done within 200ms");
    let shown = desk.call(&["config", "crawl"]).run().exits(0).text();
    assert!(shown.contains("follow = [\"a\",\"area\"]  # gannet.toml:2"), "{shown}");
    std::fs::write(desk.path().join("kept.toml"), &shown).unwrap();
    let again = desk.call(&["config", "crawl", "--config", "kept.toml"]).run().exits(0).text();
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("# ") || line.ends_with("is not set"));
        lines.map(|line| line.split("  # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(values(&shown), values(&again));
}

#[test]
fn of_two_that_exclude_each_other_the_nearer_holds() {
    for (file, flags, dropped) in [
        ("http1 = true", &["--http2"][..], "http1"),
        ("http2 = true", &["--http1"], "http2"),
        ("proxy = [\"http://127.0.0.1:1\"]", &["--proxy-list", "list"], "proxy"),
        ("proxy-list = \"list\"", &["-x", ""], "proxy-list"),
        ("insecure = true", &["--cacert", "ca.pem"], "insecure"),
        ("cacert = \"ca.pem\"", &["-k"], "cacert"),
        ("hedge = \"3s\"", &["--delay", "1s"], "hedge"),
        ("rate = \"5/s\"", &["--hedge", "3s"], "rate"),
        ("bearer = \"b\"", &["-u", "a:b"], "bearer"),
        ("queue-key = \"domain\"", &["--per-ip"], "queue-key"),
    ] {
        let desk = Desk::new(file, "");
        let (_, from) = desk.setting(flags, dropped);
        assert_eq!(from, "default", "{file} {flags:?}");
        let words = [&["config", "crawl"], flags].concat();
        desk.call(&words).run().exits(0).says(&[&format!("`{dropped}` (gannet.toml:1) does not hold: ")]);
    }
}

#[test]
fn what_is_off_or_by_default_excludes_nothing() {
    let desk = Desk::new("ipv6 = true\nhedge = \"3s\"\nper-ip = true\n[fetch]\nheader = [\"A: b\"]", "");
    let with =
        |call: Call| call.env("GANNET_IPV4", "false").env("GANNET_DELAY", "0s").env("GANNET_QUEUE_KEY", "");
    for (name, value) in [("ipv6", Value::from(true)), ("hedge", "3s".into()), ("per-ip", true.into())] {
        assert_eq!(desk.setting_with(&[], name, with).0, value, "{name}");
    }
    let shown = desk.call(&["config", "fetch"]).run().exits(0).text();
    assert!(shown.contains("# header = [\"***\"]"), "{shown}");
    let kept = Desk::new(&shown, "");
    assert_eq!(kept.setting(&[], "per-ip").0, Value::from(true));
    kept.call(&["fetch", "http://127.0.0.1:1/", "--retries=0"]).run().exits(4);
}

#[test]
fn a_file_without_an_end_is_refused() {
    let desk = Desk::new("", "");
    desk.call(&["config", "crawl", "--config", "/dev/zero"]).run().exits(2).says(&["longer than 1 MiB"]);
}

#[test]
fn settings_of_files_and_variables_are_obeyed() {
    let (server, heads) = serve(|path| page(if path == "/" { "<a href=/a>" } else { "" }));
    let desk = Desk::new("header = [\"X-Api-Key: hunter2\"]\n[crawl]\ndepth = 0", "");
    let url = server.url("/").to_string();
    let ran = desk.call(&["crawl", &url]).run().exits(0);
    assert_eq!(ran.records().len(), 1);
    assert!(heads.lock().unwrap().iter().any(|head| head.to_lowercase().contains("x-api-key: hunter2")));
    let ran = desk
        .call(&["crawl", &url])
        .env("GANNET_DEPTH", "1")
        .env("GANNET_IGNORE_ROBOTS", "true")
        .run()
        .exits(0);
    assert_eq!(ran.records().len(), 2);
    let shown = desk.call(&["config"]).run().exits(0);
    assert!(!(shown.text() + &shown.stderr).contains("hunter2"), "{}", shown.text());
    // A job is made with them, and is another one without.
    desk.call(&["crawl", &url, "--job", "job"]).run().exits(0);
    desk.call(&["crawl", "--job", "job"]).run().exits(0);
    desk.call(&["crawl", &url, "--job", "job", "--no-config"])
        .run()
        .exits(2)
        .says(&["--depth was `0`", "not given"]);
}

#[test]
fn a_host_may_have_a_pace_of_its_own() {
    let (server, _) = serve(|_| page(""));
    let desk = Desk::new("[host.\"127.0.0.1\"]\ndelay = \"200ms\"", "delay = \"1h\"");
    let list: String = (0..3).map(|n| format!("{}\n", server.url(&format!("/{n}")))).collect();
    let ran = desk.call(&["fetch", "-"]).stdin(list).run().exits(0);
    assert!(ran.records().len() == 3 && ran.took.as_millis() >= 400, "{:?}", ran.took);
}

#[test]
fn a_host_may_have_credentials_and_headers_of_its_own() {
    let (server, heads) = serve(|path| match path {
        "/" => moved("/next"),
        _ => page(""),
    });
    let section = "[host.\"127.0.0.1\"]\nheader = [\"X-Team: env:TEAM\"]\nuser = \"me:env:TEAM\"\nuser-agent = \"mine/1\"\n";
    let desk = Desk::new(section, "");
    let call = |args: &[&str]| desk.call(args).env("TEAM", "hush").run();
    call(&["fetch", server.url("/").as_str(), "--bearer", "other", "-A", "other/1"]).exits(0);
    call(&["robots", server.url("/").as_str()]).exits(0);
    for head in heads.lock().unwrap().iter().map(|head| head.to_lowercase()) {
        for line in ["x-team: hush", "authorization: basic bwu6ahvzaa==", "user-agent: mine/1"] {
            assert!(head.contains(line), "{head}");
        }
    }
    assert_eq!(heads.lock().unwrap().len(), 3);
    let shown = desk.call(&["config", "crawl"]).run().exits(0).text();
    assert!(shown.contains("user = \"***\"") && !shown.contains("env:TEAM"), "{shown}");
    let ran = desk.call(&["fetch", server.url("/").as_str()]).run().exits(2);
    assert!(
        ran.stderr.contains("gannet.toml:1: `--header` x-team: the variable `TEAM` is not set"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (project, parts) in [
        ("workers = 1\nwrokers = 7", &["gannet.toml:2", "no setting `wrokers`"][..]),
        ("[fetch]\ndepth = 1", &["gannet.toml:2", "no setting `depth`", "`gannet fetch --help`"]),
        ("[crwal]\ndepth = 1", &["gannet.toml:1", "no section `crwal`"]),
        ("workers = \"many\"", &["`workers` in gannet.toml:1", "invalid value 'many'"]),
        ("workers = true", &["`workers` in gannet.toml:1", "takes a value"]),
        ("insecure = 1", &["`insecure` in gannet.toml:1", "`true` or `false`"]),
        ("\njob = \"x\"", &["gannet.toml:2", "`job` can only be typed"]),
        ("workers = ", &["gannet.toml:1"]),
        ("[host.\"h\"]\ndepth = 1", &["gannet.toml:2", "cannot be set for a host", "delay"]),
        ("[host.\"h\"]\ndelay = \"soon\"", &["gannet.toml:2", "--delay"]),
        ("[host.\"http://h/\"]\ndelay = \"1s\"", &["gannet.toml:1", "no host"]),
        ("host = 1", &["gannet.toml:1", "is a section"]),
    ] {
        for command in ["crawl", "config"] {
            let args: &[&str] =
                if command == "crawl" { &["crawl", "http://127.0.0.1:1/"] } else { &["config"] };
            let ran = Desk::new(project, "").call(args).run().exits(2).says(parts);
            assert!(ran.stdout.is_empty());
        }
    }
    let desk = Desk::new("", "");
    desk.call(&["config"])
        .env("GANNET_WORKERS", "0")
        .run()
        .exits(2)
        .says(&["the variable `GANNET_WORKERS`", "'0'"]);
    desk.call(&["config"])
        .env("GANNET_INSECURE", "maybe")
        .run()
        .exits(2)
        .says(&["GANNET_INSECURE", "neither"]);
    desk.call(&["config"])
        .env("GANNET_WROKERS", "1")
        .run()
        .exits(0)
        .says(&["`GANNET_WROKERS` is no setting"]);
    #[cfg(unix)]
    desk.call(&["config", "crawl", "--config", "/dev/zero"]).run().exits(2).says(&["longer than 1 MiB"]);
    desk.call(&["config", "crawl", "--config", "none.toml"])
        .run()
        .exits(2)
        .says(&["there is no file `none.toml`"]);
    desk.call(&["config", "crawl", "--config", "x", "--no-config"]).run().exits(2);
}
