//! Input and output that must not hurt: each gives a clear message or a typed record, and nothing hangs.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::time::Duration;

use serde_json::Value;

use crate::gannet::{Ran, call, run, shell, text, with};
use crate::raw::{Conn, Raw};
use crate::web::Web;

/// The record of one URL of a server that misbehaves, with short limits.
fn fetch_from(handler: impl Fn(Conn) + Send + Sync + 'static) -> (Ran, Value) {
    let server = Raw::serve(handler);
    let url = server.url("/").to_string();
    let limits = ["--timeout", "4s", "--idle-timeout", "1s", "--retries", "0", "--max-body", "1MiB"];
    let ran = call(["fetch", &url].into_iter().chain(limits)).run();
    let record = ran.record();
    assert_eq!(ran.balance(), 1);
    (ran, record)
}

#[track_caller]
fn assert_fails(handler: impl Fn(Conn) + Send + Sync + 'static, kind: &str, phase: &str) -> Value {
    let (ran, record) = fetch_from(handler);
    let got = (text(&record, "outcome"), text(&record, "error_kind"), text(&record, "phase"));
    assert_eq!(got, ("failed", kind, phase), "{record}");
    ran.exits(4).says(&[kind]);
    record
}

#[test]
fn seeds_that_cannot_be_read_are_usage_errors() {
    for name in ["missing", "missing.txt", "./missing", "lists/missing.csv", "missing.txt.gz", ""] {
        let first = format!("error: `{name}` is not a URL (no `://`), not a file (no such file)");
        run(["fetch", name]).exits(2).says(&[&first, "hint: "]);
    }
    run(["crawl", "/"]).exits(2).says(&["`/` is a directory, not a list of URLs", "hint: "]);
    run(["fetch", "-", "-"]).exits(2).says(&["`-` (stdin) can be given only once"]);
    run(["fetch"]).exits(2).says(&["<SEED>..."]);
}

#[test]
fn no_url_at_all_is_said_but_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("empty.txt");
    File::create(&file).unwrap();
    for command in ["fetch", "crawl"] {
        let ran = run([command, file.to_str().unwrap()]).exits(0).says(&["warning: the input holds no URL"]);
        assert!(ran.stdout.is_empty() && ran.balance() == 0);
        run([command, "-"]).exits(0).says(&["the input holds no URL"]);
    }
}

#[test]
fn bad_lines_are_records_and_good_ones_are_fetched() {
    let web = Web::plain();
    let mut list = web.list(1).into_bytes();
    list.extend(b"ftp://127.0.0.1/file\r\njavascript:alert(1)\n\xff\xfe/latin-\xe9\n  \n# comment\r\nhttp://\nhttp://[::1\n");
    list.extend(vec![b'x'; 1 << 20]);
    list.push(b'\n');
    list.extend(web.url("/p/2 with space\r\n").bytes());
    list.extend(web.url("/p/3").bytes());
    for command in ["fetch", "crawl"] {
        let args = [command, "-", "--fail-on", "error"];
        let args = args
            .into_iter()
            .chain(if command == "crawl" { &["--depth", "0"][..] } else { &[] }.iter().copied());
        let ran = call(args).stdin(list.clone()).run().exits(3);
        let records = ran.records();
        let kinds = ["invalid_url", "unsupported_scheme"].map(|kind| with(&records, "error_kind", kind));
        assert_eq!((records.len(), kinds, ran.balance()), (9, [4, 2], 9), "{}", ran.stderr);
        assert!(records.iter().filter(|r| r.get("error").is_some()).all(|r| text(r, "phase") == "seed"));
        let space = records.iter().find(|r| text(r, "input").contains("with space")).unwrap();
        assert_eq!(
            (text(space, "url"), &space["status_code"]),
            (&*web.url("/p/2%20with%20space"), &404.into())
        );
        let long = records.iter().find(|r| text(r, "error").contains("1048577 bytes")).unwrap();
        assert!(text(long, "input").len() < 600, "{long}");
        assert_eq!(with(&records, "url", &web.url("/p/3")), 1, "the last line has no newline");
    }
}

#[test]
fn a_list_of_one_line_may_end_without_a_newline_or_be_compressed() {
    use std::io::Write as _;
    let web = Web::plain();
    let ran = call(["fetch", "-"]).stdin(web.url("/p/1")).run().exits(0);
    assert_eq!(ran.record()["status_code"], 200);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(web.list(20).as_bytes()).unwrap();
    let whole = gz.finish().unwrap();
    assert_eq!(call(["fetch", "-"]).stdin(&*whole).run().exits(0).records().len(), 20);
    let cut = &whole[..whole.len() - 12];
    let ran = call(["fetch", "-"]).stdin(cut).run().exits(1).says(&["error: cannot read stdin: "]);
    assert!(!ran.stderr.contains("stopped"), "nobody stopped it: {}", ran.stderr);
}

#[test]
fn a_named_pipe_is_a_list_too() {
    let web = Web::plain();
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let script = "mkfifo \"$1\" && { cat >\"$1\" & } && exec \"$0\" fetch \"$1\" <&-";
    let script = script.replace("cat >", "cat <&3 >");
    let ran =
        shell(&format!("exec 3<&0; {script}"), [pipe.to_str().unwrap()]).stdin(web.list(30)).run().exits(0);
    assert_eq!(ran.records().len(), 30);
    let ran = call(["fetch", "/dev/stdin"]).stdin(web.list(30)).run().exits(0);
    assert_eq!(ran.records().len(), 30);
}

#[test]
fn a_huge_list_is_not_read_ahead() {
    let web = Web::plain();
    let mut list = String::new();
    for n in 0..200_000 {
        writeln!(list, "{}", web.url(&format!("/p/{}", n % 99 + 1))).unwrap();
    }
    let ran = call(["fetch", "-", "--max-pages", "10"]).stdin(list).run().exits(5);
    assert_eq!((ran.records().len(), web.log().len()), (10, 10));
    assert!(ran.balance() < 40_000, "{}", ran.stderr);
    let (size, unit) = ran.row("memory").split_once(' ').unwrap();
    assert!(unit.starts_with("MiB") && size.parse::<f64>().unwrap() < 80.0, "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let web = Web::plain();
    let list: String = (0..20_000).map(|n| web.url(&format!("/p/{}\n", n % 99 + 1))).collect();
    for mode in ["as-completed", "gather"] {
        let script = format!("\"$0\" fetch - --mode {mode} --max-pages 3000 | head -1");
        let ran = shell(&script, [""; 0]).stdin(&*list).run();
        assert_eq!((ran.records().len(), ran.stderr.as_str()), (1, ""), "{mode}");
    }
    let mut live = call(["fetch", "-"]).stdin(&*list).start();
    live.record();
    live.close_stdout();
    assert_eq!(live.finish().exits(0).stderr, "");
    for args in ["man", "completions bash", "--help", "origin --truth --proxy --pages 5000"] {
        let ran = shell(&format!("\"$0\" {args} | head -1"), [""; 0]).run();
        assert_eq!(ran.stderr, "", "{args}");
    }
}

#[test]
fn nobody_has_to_read_stderr() {
    let web = Web::plain();
    let script = "\"$0\" fetch \"$1\" \"$2\" 2>&- ; echo \"{\\\"code\\\":$?}\"";
    let ran = shell(script, [web.url("/p/1"), web.url("/p/2")]).run().exits(0);
    assert_eq!((ran.records().len(), &ran.records()[2]["code"]), (3, &0.into()));
    let script = "\"$0\" fetch \"$1\" 2>/dev/full ; echo \"{\\\"code\\\":$?}\"";
    let ran = shell(script, [web.url("/p/1")]).run().exits(0);
    assert_eq!((ran.records().len(), &ran.records()[1]["code"]), (2, &0.into()));
}

#[test]
fn a_full_disk_is_an_error_and_no_hang() {
    let web = Web::plain();
    let list: String = (0..5000).map(|n| web.url(&format!("/p/{}\n", n % 99 + 1))).collect();
    for mode in ["as-completed", "gather"] {
        for format in ["jsonl", "csv", "json", "human"] {
            let args =
                ["fetch", "-", "-o", "/dev/full", "--mode", mode, "--format", format, "--max-pages", "500"];
            let ran = call(args).stdin(&*list).run().exits(1);
            ran.says(&["error: cannot write `/dev/full`: ", "No space left on device"]);
        }
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    call(["fetch", "-"])
        .stdin(&*list)
        .stdout(full)
        .run()
        .exits(1)
        .says(&["cannot write stdout: No space left"]);
}

#[test]
fn an_output_that_cannot_be_opened_is_said_before_anything_is_fetched() {
    let web = Web::plain();
    let url = web.url("/p/1");
    run(["fetch", &url, "-o", "/missing/out.jsonl"])
        .exits(1)
        .says(&["cannot write `/missing/out.jsonl`: No such file"]);
    run(["fetch", &url, "-o", "/"]).exits(1).says(&["cannot write `/`: Is a directory"]);
    run(["fetch", &url, "-o", "out.pdf"]).exits(2).says(&["no format is known for `.pdf`", "hint: "]);
    run(["fetch", &url, "-o", "/dev/null", "-o", "/dev/null"]).exits(2).says(&["given twice"]);
    run(["fetch", &url, "--save-bodies", "/dev/null/x"]).exits(1).says(&["cannot make `/dev/null/x`"]);
    assert_eq!(web.stats().connections, 0);
}

#[test]
fn an_output_does_not_overwrite_the_input() {
    let web = Web::plain();
    let directory = tempfile::tempdir().unwrap();
    let (list, link) = (directory.path().join("urls.txt"), directory.path().join("link.txt"));
    fs::write(&list, web.list(3)).unwrap();
    std::os::unix::fs::symlink(&list, &link).unwrap();
    for output in [&list, &link] {
        let args = ["fetch", list.to_str().unwrap(), "-o", output.to_str().unwrap()];
        run(args).exits(2).says(&["is both a list to read and an output"]);
        assert_eq!(fs::read_to_string(&list).unwrap(), web.list(3));
    }
}

#[test]
fn flags_that_make_no_sense_are_usage_errors() {
    let cases: &[(&[&str], &str)] = &[
        (&["--workers", "0"], "--workers"),
        (&["--workers", "-1"], "-1"),
        (&["--workers", "many"], "many"),
        (&["--per-host", "0"], "--per-host"),
        (&["--timeout", "30"], "write a time with its unit, e.g. 500ms"),
        (&["--timeout", "0s"], "must be more than zero"),
        (&["--rate", "0/s"], "write a number and a time"),
        (&["--max-body", "lots"], "--max-body"),
        (&["--max-pages", "0"], "--max-pages"),
        (&["--mode", "random"], "gather, as-completed"),
        (&["-x", "no proxy"], "no proxy"),
        (&["--wrokers", "1"], "--workers"),
    ];
    for (args, part) in cases {
        let ran = call(["fetch", "http://127.0.0.1:1/"].iter().chain(*args))
            .run()
            .exits(2)
            .says(&["error: ", part]);
        assert!(ran.stdout.is_empty());
    }
    run(["fly"]).exits(2).says(&["fly"]);
}

#[test]
fn more_workers_than_descriptors_lose_no_url() {
    let web = Web::plain();
    let list: String = (0..600).map(|n| web.url(&format!("/p/{}\n", n % 99 + 1))).collect();
    let script = "ulimit -n 64; exec \"$0\" fetch - --workers 100000";
    let ran = shell(script, [""; 0]).stdin(list).run().exits(0);
    assert_eq!((ran.records().len(), ran.count("finished"), ran.balance()), (600, 600, 600));
    ran.says(&["warning: --workers 100000 is more than the open files allowed here; going on with "]);
}

#[test]
fn more_threads_than_descriptors_lose_no_url() {
    let web = Web::plain();
    for (files, workers) in [(32, 100), (64, 100), (64, 30)] {
        let script = format!("ulimit -n {files}; exec \"$0\" fetch - --workers {workers} --threads 1024");
        let ran = shell(&script, [""; 0]).stdin(web.list(99)).run().exits(0);
        assert_eq!((ran.count("finished"), ran.balance()), (99, 99), "{script}");
    }
}

#[test]
fn a_hundred_thousand_workers_are_only_many() {
    let web = Web::plain();
    let ran = call(["fetch", "-", "--workers", "100000"]).stdin(web.list(99)).run().exits(0);
    assert_eq!(ran.records().len(), 99);
}

#[test]
fn nobody_at_home() {
    let record = run(["fetch", "http://127.0.0.1:1/", "--retries", "0"]).exits(4).record();
    assert_eq!((text(&record, "error_kind"), text(&record, "phase")), ("connect", "connect"));
    let record = run(["fetch", "http://no-such-host.invalid/", "--retries", "0"]).exits(4).record();
    assert!(matches!(text(&record, "error_kind"), "dns" | "timeout"), "{record}");
}

#[test]
fn never_answers() {
    assert_fails(|mut conn| conn.hold(), "timeout", "first_byte");
}

#[test]
fn drips_a_byte_at_a_time() {
    let record = assert_fails(
        |mut conn| {
            conn.request();
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
            while conn.send("x") && conn.pause(100) {}
        },
        "timeout",
        "total",
    );
    assert_eq!(text(&record, "truncated"), "time");
}

#[test]
fn resets() {
    assert_fails(|mut conn| conn.leave_unread(), "connection_lost", "first_byte");
}

#[test]
fn sends_garbage() {
    let garbage = |mut conn: Conn| {
        conn.request();
        conn.send((0..5000u32).map(|n| ((n * 7919) >> 3) as u8).collect::<Vec<_>>());
    };
    assert_fails(garbage, "protocol", "first_byte");
}

#[test]
fn lies_about_the_length() {
    let short = |mut conn: Conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    };
    assert_fails(short, "connection_lost", "body");
    let (ran, record) = fetch_from(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more");
    });
    assert_eq!((ran.code, &record["body_bytes"]), (Some(0), &5.into()));
}

#[test]
fn sends_ten_gigabytes() {
    for head in ["Content-Length: 10737418240\r\n", ""] {
        let (ran, record) = fetch_from(move |mut conn| {
            conn.request();
            conn.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n"));
            while conn.send([b'x'; 65536]) {}
        });
        assert_eq!(
            (ran.code, text(&record, "truncated"), &record["body_bytes"]),
            (Some(0), "length", &(1 << 20).into())
        );
    }
}

#[test]
fn redirects_for_ever() {
    let kind = |handler: fn(Conn)| {
        let (ran, record) = fetch_from(handler);
        ran.exits(4);
        text(&record, "error_kind").to_owned()
    };
    let endless = |mut conn: Conn| {
        while let Some(head) = conn.request() {
            let longer = head.split(' ').nth(1).unwrap().to_owned() + "x";
            conn.send(format!("HTTP/1.1 302 Found\r\nLocation: {longer}\r\nContent-Length: 0\r\n\r\n"));
        }
    };
    assert_eq!(kind(endless), "too_many_redirects");
    let itself = |mut conn: Conn| {
        while conn.request().is_some() {
            conn.send("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
        }
    };
    assert_eq!(kind(itself), "redirect_loop");
    let nowhere = |mut conn: Conn| {
        while conn.request().is_some() {
            conn.send("HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\nContent-Length: 0\r\n\r\n");
        }
    };
    assert!(matches!(&*kind(nowhere), "bad_redirect" | "unsupported_scheme"), "{}", kind(nowhere));
}

#[test]
fn sends_a_megabyte_of_headers() {
    let headers = |mut conn: Conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\n");
        let _ = (0..1024).all(|n| conn.send(format!("X-{n}: {}\r\n", "y".repeat(1024))));
        conn.send("\r\n");
        conn.hold();
    };
    let (ran, record) = fetch_from(headers);
    assert!(matches!(text(&record, "error_kind"), "protocol" | "connection_lost"), "{record}");
    ran.exits(4);
}

#[test]
fn a_page_cannot_write_to_the_terminal() {
    let evil = Raw::answer(
        "HTTP/1.1 302 \u{1b}[31m\r\nLocation: http://\u{1b}]0;owned\u{7}/\r\nContent-Length: 0\r\n\r\n",
    );
    let url = evil.url("/").to_string();
    let ran = run(["fetch", &url, "--format", "human", "--retries", "0"]);
    assert!(
        !ran.text().contains('\u{1b}') && !ran.stderr.contains('\u{1b}'),
        "{} {}",
        ran.text(),
        ran.stderr
    );
    assert_eq!(ran.text().lines().count(), 1);
}

#[test]
fn all_the_stalls_together_take_as_long_as_one() {
    let web = Web::plain();
    let list: String = (0..50).map(|n| web.url(&format!("/x/stall/{n}\n"))).collect();
    let ran = call(["fetch", "-", "--timeout", "1s"]).stdin(list).run().exits(4);
    assert_eq!((with(&ran.records(), "error_kind", "timeout"), ran.count("failed")), (50, 50));
    assert!(ran.took < Duration::from_secs(8), "{:?}", ran.took);
}
