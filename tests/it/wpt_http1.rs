//! Malformed HTTP/1 of the web platform tests: a stray byte in a head, odd lengths, odd statuses.

use gannet::fetch::ErrorKind;

use crate::replies::{Case, Ending, Policy, cases, judge, play, stay};

fn refused(ending: &Ending) -> bool {
    ending.as_ref().is_err_and(|error| error.kind == ErrorKind::Protocol)
}

/// A stray byte in one of these places of a head.
fn stray(case: &Case, symbols: &[&str], positions: &[&str]) -> bool {
    symbols.contains(&case.text("symbol")) && positions.contains(&case.text("position"))
}

const HEADS: [Policy; 4] = [
    Policy {
        name: "A line of a head may end with LF alone",
        covers: |case, got| {
            let within = ["first", "after-num", "before-reason", "after-reason", "leading"];
            let header = ["in-name", "before-colon", "after-colon", "in-value", "after-value"];
            got.is_ok() && (stray(case, &["LF"], &within) || stray(case, &["LF"], &header))
        },
    },
    Policy {
        name: "Spaces, tabs and colons are part of a reason or a value",
        covers: |case, got| {
            let places =
                ["after-num", "before-reason", "after-reason", "after-colon", "in-value", "after-value"];
            got.is_ok() && stray(case, &["SP", "HTAB", "COLON"], &places)
        },
    },
    Policy {
        name: "A colon ends the name of a header",
        covers: |case, got| got.is_ok() && stray(case, &["COLON"], &["in-name", "before-colon"]),
    },
    Policy {
        name: "A line that is no header is left out",
        covers: |case, got| {
            got.is_ok() && stray(case, &["SP", "HTAB", "COLON"], &["leading", "in-name", "before-colon"])
        },
    },
];

#[tokio::test]
async fn a_stray_byte_in_a_head() {
    let Some(cases) = cases("wpt-http1/h1_parsing.json") else { return };
    let endings = play(&cases, |_, url| stay(url)).await;
    judge("wpt h1-parsing", &cases, &endings, &HEADS, |_, ending| refused(ending));
    // Whatever was accepted, nothing is a header that does not stand on a line of its own.
    for (case, response) in
        cases.iter().zip(&endings).filter_map(|(case, got)| Some((case, got.as_ref().ok()?)))
    {
        let text = String::from_utf8_lossy(&case.reply).to_lowercase();
        for header in response.headers.keys() {
            let own = text.split('\n').any(|line| line.starts_with(header.as_str()));
            assert!(own, "{header} in {text:?}");
        }
    }
}

const LENGTHS: [Policy; 2] = [
    Policy {
        name: "A length that is no number is refused",
        covers: |case, got| case.about["expected_body_len"] == 42 && refused(got),
    },
    Policy {
        name: "Lengths are compared as numbers",
        covers: |case, got| case.text("headers").contains("030") && body_length(got) == Some(30),
    },
];

fn body_length(ending: &Ending) -> Option<usize> {
    ending.as_ref().ok().map(|response| response.body.bytes.len())
}

#[tokio::test]
async fn lengths() {
    let Some(cases) = cases("wpt-http1/content_length.json") else { return };
    let endings = play(&cases, |_, url| stay(url)).await;
    judge("wpt content-length", &cases, &endings, &LENGTHS, |case, ending| {
        let wanted = case.about["expected_body_len"].as_u64().and_then(|length| usize::try_from(length).ok());
        wanted == body_length(ending) && (wanted.is_some() || refused(ending))
    });
}

const STATUSES: [Policy; 1] = [Policy {
    name: "A status has three digits and is at least 100",
    covers: |case, got| {
        case.about["expected_status"].as_u64().is_some_and(|status| status < 100) && refused(got)
    },
}];

#[tokio::test]
async fn statuses() {
    let Some(cases) = cases("wpt-http1/status_code.json") else { return };
    let endings = play(&cases, |_, url| stay(url)).await;
    judge("wpt status-code", &cases, &endings, &STATUSES, |case, ending| match case.about["expected_status"]
        .as_u64()
    {
        None => refused(ending),
        Some(status) => ending.as_ref().is_ok_and(|response| u64::from(response.status) == status),
    });
}
