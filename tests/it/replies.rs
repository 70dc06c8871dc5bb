//! Canned replies of third-party suites: serves each to a fetch of its own, and compares how that ends with what
//! the suite says.
//!
//! Where the two differ there must be a [`Policy`], which stands in docs/errors.md too. A difference without a
//! policy fails the test, and so does a policy that nothing needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use futures::{StreamExt as _, stream};
use gannet::fetch::{FetchError, Hop, HopPolicy, Http, HttpOptions, Request, Response, Truncated};
use gannet::url::CrawlUrl;
use serde_json::Value;

use crate::data;
use crate::raw::{Raw, fetch, quick};

/// One case of a suite.
pub(crate) struct Case {
    pub(crate) about: Value,
    pub(crate) reply: Vec<u8>,
}

impl Case {
    /// What the suite calls it, and for curl how it is asked for.
    fn id(&self) -> String {
        format!("{}{} {} {}", self.text("test"), self.text("id"), self.text("name"), self.text("command"))
    }

    /// A text of the case; empty when it has none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.about[key].as_str().unwrap_or_default()
    }
}

/// The cases of a file of the test data; `None` when it is not there.
pub(crate) fn cases(file: &str) -> Option<Vec<Case>> {
    let mut suite: Value = serde_json::from_str(&data::text(file)?).unwrap();
    let decode = |about: Value| {
        let base64 = about["raw_reply_b64"].as_str().unwrap();
        Case { reply: base64::engine::general_purpose::STANDARD.decode(base64).unwrap(), about }
    };
    let Value::Array(cases) = suite["cases"].take() else { panic!("{file} has no cases") };
    Some(cases.into_iter().map(decode).collect())
}

/// How a fetch ended.
pub(crate) type Ending = Result<Response, FetchError>;

/// `finished`, `finished, cut`, or the kind and the phase of the error.
pub(crate) fn name(ending: &Ending) -> String {
    match ending {
        Ok(response) if response.body.truncated == Some(Truncated::Length) => "finished, cut".to_owned(),
        Ok(_) => "finished".to_owned(),
        Err(error) => format!("{} in {}", error.kind, error.phase),
    }
}

/// Fetches each case from a server that reads the request, sends the reply and closes. Fails if one does not end
/// well before its deadlines: whatever the bytes are, the end of the connection ends the fetch.
pub(crate) async fn play(cases: &[Case], request: impl Fn(&Case, CrawlUrl) -> Request) -> Vec<Ending> {
    let replies: Vec<_> = cases.iter().map(|case| case.reply.clone()).collect();
    let server = Raw::serve(move |mut conn| {
        let Some(head) = conn.request() else { return };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        conn.body(length.map_or(0, |length| length.parse().unwrap())); // left unread it would reset the connection
        let case: usize = head.split('/').nth(1).unwrap().parse().unwrap();
        conn.send(&replies[case]);
    });
    let limit = Duration::from_secs(10);
    let options = HttpOptions { timeout: limit, idle_timeout: limit, ..quick() };
    let requests = cases.iter().enumerate().map(|(n, case)| request(case, server.url(&format!("/{n}/"))));
    let fetches = requests.map(|request| async {
        // Of its own, since the server closes connections without a word, in the face of whoever uses them again.
        let http = Http::new(options.clone()).unwrap();
        let (began, url) = (Instant::now(), request.url.clone());
        let ending = fetch(&http, request).await;
        assert!(began.elapsed() < limit / 2, "{url}: {}", name(&ending));
        ending
    });
    stream::iter(fetches).buffered(32).collect().await
}

/// Hands every redirect back: what a reply is, not where it leads.
pub(crate) struct Stay;

impl HopPolicy for Stay {
    fn judge(&self, _: &CrawlUrl, _: &CrawlUrl) -> Hop {
        Hop::HandBack
    }
}

/// A request for the reply itself.
pub(crate) fn stay(url: CrawlUrl) -> Request {
    Request { hops: Some(Arc::new(Stay)), ..Request::get(url) }
}

/// A reason to differ, with the cases that it covers.
pub(crate) struct Policy {
    /// As it stands in docs/errors.md.
    pub(crate) name: &'static str,
    pub(crate) covers: fn(&Case, &Ending) -> bool,
}

/// Judges a whole suite. `agrees` says whether a case ended as the suite wants it.
pub(crate) fn judge(
    suite: &str,
    cases: &[Case],
    endings: &[Ending],
    policies: &[Policy],
    agrees: impl Fn(&Case, &Ending) -> bool,
) {
    let mut uses = vec![0; policies.len()];
    let mut unexplained = Vec::new();
    for (case, ending) in cases.iter().zip(endings).filter(|(case, ending)| !agrees(case, ending)) {
        match policies.iter().position(|policy| (policy.covers)(case, ending)) {
            Some(policy) => uses[policy] += 1,
            None => {
                let reply = String::from_utf8_lossy(&case.reply[..case.reply.len().min(200)]).into_owned();
                let words =
                    ending.as_ref().map_or_else(ToString::to_string, |response| response.status.to_string());
                unexplained.push(format!("{}: {} ({words})\n  {reply:?}", case.id(), name(ending)));
            }
        }
    }
    let differ = uses.iter().sum::<usize>() + unexplained.len();
    println!("{suite}: passed {} of {}, {differ} differ", cases.len() - differ, cases.len());
    assert!(unexplained.is_empty(), "{suite}: no policy for\n{}", unexplained.join("\n"));
    for (policy, uses) in policies.iter().zip(&uses) {
        println!("  {uses:3} {}", policy.name);
        assert!(*uses > 0, "{suite}: nothing needs the policy `{}`", policy.name);
        let docs = include_str!("../../docs/errors.md");
        assert!(docs.contains(policy.name), "docs/errors.md does not have the policy `{}`", policy.name);
    }
}
