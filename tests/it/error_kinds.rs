//! Each kind of error, in each phase in which it can come, is made by a server, or by whatever else makes it.
//!
//! [`MADE_BY`] says by which test. It must be what docs/errors.md says, and the test must name both, so that no kind
//! and no phase can be added, or promised, without something that makes it.

use std::collections::BTreeSet;
use std::net::TcpListener;

use gannet::fetch::ErrorKind::{self, *};
use gannet::fetch::Phase::{self, *};

use crate::gannet::{call, text};
use crate::raw::Raw;

const MADE_BY: &[(ErrorKind, Phase, &str)] = &[
    (InvalidUrl, Seed, "cli_input::bad_lines_are_records_and_good_ones_are_fetched"),
    (InvalidUrl, FirstByte, "fetch::a_url_that_no_request_line_can_hold"),
    (UnsupportedScheme, Seed, "cli_input::bad_lines_are_records_and_good_ones_are_fetched"),
    (BlockedAddress, Resolve, "fetch::private_addresses_are_denied_if_asked"),
    (BlockedAddress, Redirect, "safety::a_redirect_from_a_public_address_to_a_private_one_is_not_followed"),
    (BlockedAddress, Robots, "error_kinds::private_hosts_are_not_even_asked_for_robots_txt"),
    (RobotsDenied, Redirect, "fetch::the_policy_decides_about_hops"),
    (RobotsUnavailable, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (Dns, Resolve, "misbehaving::is_not_there"),
    (Dns, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (ErrorKind::Connect, Phase::Connect, "misbehaving::is_not_there"),
    (ErrorKind::Connect, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (ErrorKind::Proxy, Phase::Connect, "proxy_faults::one_that_cannot_be_reached_is_at_fault"),
    (ErrorKind::Proxy, Robots, "error_kinds::a_proxy_that_is_not_there"),
    (Tls, Phase::Connect, "misbehaving::confuses_http_and_https"),
    (Tls, FirstByte, "misbehaving::asks_for_a_client_certificate"),
    (Tls, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (Timeout, Resolve, "misbehaving::has_a_name_server_that_stalls"),
    (Timeout, Phase::Connect, "misbehaving::stalls_in_the_handshake"),
    (Timeout, FirstByte, "misbehaving::never_answers"),
    (Timeout, Body, "misbehaving::stalls_in_the_body"),
    (Timeout, Total, "misbehaving::drips"),
    (Timeout, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (ConnectionLost, Phase::Connect, "misbehaving::resets_in_the_handshake"),
    (ConnectionLost, FirstByte, "misbehaving::closes_early"),
    (ConnectionLost, Body, "misbehaving::closes_early"),
    (ConnectionLost, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (Protocol, FirstByte, "misbehaving::is_not_http"),
    (Protocol, Body, "misbehaving::breaks_the_framing"),
    (Protocol, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (Decode, Body, "decoding::a_body_that_is_not_what_it_says"),
    (Decode, Robots, "error_kinds::robots_txt_that_cannot_be_had"),
    (TooManyRedirects, Redirect, "fetch::redirects_that_go_nowhere"),
    (RedirectLoop, Redirect, "fetch::redirects_that_go_nowhere"),
    (BadRedirect, Redirect, "fetch::redirects_that_go_nowhere"),
    (Cancelled, Total, "cli_fetch::fail_fast_cancels_the_siblings_and_groups_the_errors"),
    (Internal, Total, "engine_limits::a_panic_is_one_failed_url_and_an_error_of_the_run"),
    (Internal, Robots, "engine_limits::a_panic_over_robots_txt_fails_its_host_and_no_other"),
];

#[test]
fn each_has_something_that_makes_it() {
    let made: BTreeSet<_> = MADE_BY.iter().map(|(kind, phase, _)| (kind.as_str(), phase.as_str())).collect();
    let docs = include_str!("../../docs/errors.md");
    let (_, table) = docs.split_once("## Kinds").unwrap();
    let (table, _) = table.split_once("## Phases").unwrap();
    let mut promised = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let name = |cell: &'static str| cell.trim_matches('`');
        promised.extend(cells[2].split(", ").map(|phase| (name(cells[0]), name(phase))));
    }
    assert_eq!(made, promised);
    assert_eq!(made.iter().map(|(kind, _)| kind).collect::<BTreeSet<_>>().len(), ErrorKind::ALL.len());
    for (kind, phase, test) in MADE_BY {
        let source = source_of(test);
        let names = |word: &str, variant: String| source.contains(word) || source.contains(&variant);
        assert!(names(kind.as_str(), format!("{kind:?}")), "{test} does not name {kind}");
        assert!(names(phase.as_str(), format!("{phase:?}")), "{test} does not name {phase}");
    }
}

/// The text of a test function.
fn source_of(test: &str) -> String {
    let (module, function) = test.split_once("::").unwrap();
    let path = format!("{}/tests/it/{module}.rs", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (_, from) = text.split_once(&format!("fn {function}()")).unwrap_or_else(|| panic!("no test {test}"));
    from.split_once("\n}\n").unwrap().0.to_owned()
}

/// Crawls one page, and says what became of it.
fn crawl(seed: &str, options: &[&str]) -> (String, String) {
    let limits = ["--depth", "0", "--retries", "0", "--idle-timeout", "300ms"];
    let ran = call(["crawl", seed].iter().chain(&limits).chain(options)).run();
    let record = ran.record();
    (text(&record, "error_kind").to_owned(), text(&record, "phase").to_owned())
}

#[test]
fn robots_txt_that_cannot_be_had() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = Raw::serve(|mut conn| conn.hold());
    let down = Raw::answer("HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n");
    let lost = Raw::answer("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nUser-agent: *");
    let nonsense = Raw::answer("nonsense\r\n\r\n");
    let plain = Raw::serve(|mut conn| {
        conn.leave_unread();
        conn.send("nonsense\r\n\r\n");
        conn.hold();
    });
    let damaged = Raw::answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\n<html>");
    for (kind, seed) in [
        (RobotsUnavailable, down.url("/").to_string()),
        (ErrorKind::Connect, format!("http://{gone}/")),
        (Timeout, silent.url("/").to_string()),
        (ConnectionLost, lost.url("/").to_string()),
        (Protocol, nonsense.url("/").to_string()),
        (Tls, plain.https_url("/").to_string()),
        (Decode, damaged.url("/").to_string()),
        (Dns, "http://nonexistent.invalid/".to_owned()),
    ] {
        let (is, phase) = crawl(&seed, &[]);
        // Without a network it may take the resolver long to say so.
        let slow = kind == Dns && is == "timeout";
        assert!(slow || is == kind.as_str(), "{seed}: {is}, not {kind}");
        assert_eq!(phase, Robots.as_str(), "{seed}");
    }
}

#[test]
fn a_proxy_that_is_not_there() {
    let became = crawl("http://example.invalid/", &["-x", "127.0.0.1:1"]);
    assert_eq!(became, (ErrorKind::Proxy.as_str().to_owned(), Robots.as_str().to_owned()));
}

#[test]
fn private_hosts_are_not_even_asked_for_robots_txt() {
    let server = Raw::serve(|_| panic!("it was asked"));
    let became = crawl(server.url("/").as_str(), &["--deny-private"]);
    assert_eq!(became, ("blocked_address".to_owned(), "robots".to_owned()));
}
