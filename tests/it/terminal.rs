//! What hostile servers and lists send, as it arrives at a terminal: nothing of it moves the cursor.

use std::io::Write as _;

use crate::gannet::call;
use crate::raw::Raw;

/// ESC, a bell, DEL, CSI as one character, a right-to-left override, a line separator.
const POISON: &str = "\u{1b}[2J\u{7}\u{7f}\u{9b}31m\u{202e}\u{2028}\u{8}";

/// As it may stand in a header, which holds no controls of ASCII.
const HEADER_POISON: &str = "\u{9b}31m\u{202e}\u{2028}";

/// What a terminal obeys.
fn is_bad(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || matches!(c, '\u{202e}' | '\u{2028}')
}

fn hostile() -> Raw {
    Raw::serve(|mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = format!(
                "<title>{POISON}</title><a href='/{POISON}'>{POISON}</a><a href='ftp'><a href='loop'><a href='type'>"
            );
            let length = body.len();
            conn.send(match path.as_str() {
                "/robots.txt" => format!("HTTP/1.1 404 {HEADER_POISON}\r\nContent-Length: 0\r\n\r\n"),
                "/ftp" => format!("HTTP/1.1 302 {HEADER_POISON}\r\nLocation: ftp://{HEADER_POISON}/\r\nContent-Length: 0\r\n\r\n"),
                "/loop" => format!("HTTP/1.1 302 F\r\nLocation: http://h{HEADER_POISON}:x/\r\nContent-Length: 0\r\n\r\n"),
                "/type" => format!("HTTP/1.1 200 OK\r\nContent-Type: {HEADER_POISON}; charset={HEADER_POISON}\r\nX-{HEADER_POISON}: {HEADER_POISON}\r\nX: {HEADER_POISON}\r\nContent-Length: {length}\r\n\r\n{body}"),
                _ => format!("HTTP/1.1 200 {HEADER_POISON}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}"),
            });
        }
    })
}

#[test]
fn nothing_hostile_reaches_a_terminal() {
    let server = hostile();
    let seed = server.url("/").to_string();
    let desk = tempfile::tempdir().unwrap();
    let list = desk.path().join("list.txt");
    let mut file = std::fs::File::create(&list).unwrap();
    writeln!(file, "http://{POISON}/\n{POISON}\n{}?{POISON}\n{POISON}://h/", seed).unwrap();
    let list = list.display().to_string();
    for format in ["human", "jsonl", "json", "csv"] {
        let fields = "input,url,title,content_type,charset,headers,body,body_b64,links,location,error,chain";
        let fields = if format == "human" { None } else { Some(["--fields", fields]) };
        let args = ["crawl", &seed, &list, "--format", format, "-v", "--progress", "never", "--retries", "0"];
        let screen =
            call(args.into_iter().chain(fields.into_iter().flatten())).env("NO_COLOR", "1").run_at_terminal();
        assert!(
            !screen.contains(is_bad),
            "{format}: {:?}",
            screen.lines().find(|line| line.contains(is_bad))
        );
        assert!(screen.contains("bad_redirect"), "{screen}");
    }
}

#[test]
fn nor_does_a_hostile_robots_txt() {
    let rules = format!(
        "User-agent: {POISON}\nUser-agent: *\nDisallow: /{POISON}\nDisallow: /a # {POISON}\nSitemap: {POISON}\n"
    );
    let length = rules.len();
    let server = Raw::answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{rules}"));
    for format in ["human", "json"] {
        let args = ["robots", server.url("/a").as_str(), "--format", format].map(str::to_owned);
        let screen = call(args).run_at_terminal();
        assert!(
            !screen.contains(is_bad) && screen.contains("not allowed") | screen.contains("false"),
            "{screen:?}"
        );
    }
}

#[test]
fn colours_stay_on_the_terminal() {
    let server = Raw::answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("out.txt");
    let url = server.url("/").to_string();
    call(["fetch", &url, "-o", file.to_str().unwrap()]).run_at_terminal();
    let lines = std::fs::read_to_string(file).unwrap();
    assert!(lines.contains("200") && !lines.contains('\u{1b}'), "{lines:?}");
}
