//! The replies of curl's own tests: each ends, and in the way in which it does for curl.
//!
//! 565 raw replies with the exit code of curl. Some codes are not about the reply (a file that is not there, a
//! server that the test stops), and some are about options of curl that gannet has not: the policies say which.

use gannet::fetch::{ErrorKind, Method, Phase, Request};

use crate::replies::{Case, Ending, Policy, cases, judge, name, play, stay};

/// What curl's exit code says about the reply, in our words.
const EXITS: [(u64, &[&str]); 9] = [
    (0, &["finished"]),
    (22, &["finished"]), // --fail: a status that is an error
    (63, &["finished, cut"]),
    (8, &["protocol in first_byte"]),
    (16, &["protocol in first_byte"]),
    (61, &["protocol in first_byte"]),
    (18, &["connection_lost in body"]),
    (52, &["connection_lost in first_byte"]),
    (47, &["too_many_redirects in redirect"]),
];

/// Exit codes that the reply has no part in: options, files, other protocols, resuming, a slow server.
const NOT_THE_REPLY: [u64; 10] = [1, 2, 7, 23, 25, 26, 28, 33, 43, 100];

const POLICIES: [Policy; 9] = [
    Policy {
        name: "HTTP/0.9 is not spoken",
        covers: |case, got| {
            !case.reply.starts_with(b"HTTP/") && is(got, ErrorKind::Protocol, Phase::FirstByte)
        },
    },
    Policy { name: "No transfer encoding but `chunked`", covers: |_, got| says(got, "was not asked for") },
    Policy {
        name: "Lines of the chunked framing end with CR LF",
        covers: |case, got| bare_chunk_lines(&case.reply) && is(got, ErrorKind::Protocol, Phase::Body),
    },
    Policy { name: "A length beyond 2^64 is none", covers: |_, got| says(got, "content-length") },
    Policy {
        name: "An announced length is believed",
        covers: |case, got| {
            option(case, "--ignore-content-length") && is(got, ErrorKind::ConnectionLost, Phase::Body)
        },
    },
    Policy {
        name: "One answer is one answer",
        covers: |case, got| {
            // curl's verdict is that of a later reply, to a retry or to a second request.
            let (cut, silent) = (case.about["curl_exit"] == 0, case.about["curl_exit"] == 52);
            (cut && is(got, ErrorKind::ConnectionLost, Phase::Body)) || (silent && got.is_ok())
        },
    },
    Policy {
        name: "A redirect must lead somewhere",
        covers: |case, got| !option(case, "-L") && is(got, ErrorKind::BadRedirect, Phase::Redirect),
    },
    Policy {
        name: "A `Location` is read as browsers do",
        covers: |case, got| {
            case.about["curl_exit"] == 3 && got.as_ref().is_ok_and(|got| got.redirect.is_some())
        },
    },
    Policy {
        name: "Not about the reply",
        covers: |case, _| case.about["curl_exit"].as_u64().is_some_and(|exit| NOT_THE_REPLY.contains(&exit)),
    },
];

fn is(ending: &Ending, kind: ErrorKind, phase: Phase) -> bool {
    ending.as_ref().is_err_and(|error| (error.kind, error.phase) == (kind, phase))
}

fn says(ending: &Ending, words: &str) -> bool {
    ending.as_ref().is_err_and(|error| error.kind == ErrorKind::Protocol && error.message.contains(words))
}

fn option(case: &Case, name: &str) -> bool {
    case.text("command").split([' ', '=', '\n']).any(|word| word == name)
}

/// The word after an option.
fn value<'a>(case: &'a Case, option: &str) -> Option<&'a str> {
    let (_, after) = case.text("command").split_once(option)?;
    after.trim_start_matches([' ', '=']).split_whitespace().next()
}

fn bare_chunk_lines(reply: &[u8]) -> bool {
    let head = reply.windows(4).position(|w| w == b"\r\n\r\n").map_or(reply, |end| &reply[end + 4..]);
    head.split_inclusive(|&b| b == b'\n').any(|line| !line.ends_with(b"\r\n"))
}

fn method(case: &Case) -> Method {
    let any = |names: &[&str]| names.iter().any(|name| option(case, name));
    if let Some(method) = value(case, " -X ").or_else(|| value(case, "--request ")) {
        return Method::from_bytes(method.trim_matches('"').as_bytes()).unwrap();
    }
    match () {
        () if any(&["-I", "--head"]) => Method::HEAD,
        () if any(&["-T", "--upload-file"]) => Method::PUT,
        () if any(&["-d", "-F", "--data", "--data-binary", "--json"]) => Method::POST,
        () => Method::GET,
    }
}

fn request(case: &Case, url: gannet::url::CrawlUrl) -> Request {
    let method = method(case);
    let body = (method == Method::POST || method == Method::PUT).then(|| "data".into());
    let exit = |code: u64| case.about["curl_exit"] == code;
    let max_body = value(case, "--max-filesize").filter(|_| exit(63)).map(|size| size.parse().unwrap());
    let follows = exit(47);
    let base = if follows { Request::get(url) } else { stay(url) };
    Request { method, body, max_body, ..base }
}

#[tokio::test]
async fn each_reply_ends_as_for_curl_or_as_a_policy_says() {
    let Some(cases) = cases("curl-replies/cases.json") else { return };
    let endings = play(&cases, request).await;
    judge("curl-replies", &cases, &endings, &POLICIES, |case, ending| {
        let exit = case.about["curl_exit"].as_u64().unwrap();
        EXITS.iter().any(|(code, names)| *code == exit && names.contains(&name(ending).as_str()))
    });
}
