//! `gannet robots URL`: what robots.txt says about a URL, and why.
//!
//! The robots.txt of each authority is asked for once, with the request and the meaning that a crawl gives it
//! ([`robots_txt`]); or it is a file, so that rules can be tried before they are served. The answer is one
//! [`Finding`] per URL: lines for people, or JSON.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use futures::StreamExt as _;
use gannet::crawl::robots_txt::{self, Meaning};
use gannet::error::Error;
use gannet::fetch::{Fetch as _, Http, HttpOptions};
use gannet::frontier::MAX_CRAWL_DELAY;
use gannet::robots::{self, Explanation, MAX_BYTES};
use gannet::seeds::{self, Source};
use gannet::sink::to_json;
use gannet::url::{CrawlUrl, redacted};
use serde::Serialize;

use super::print;
use crate::args::{HostSettings, RobotsArgs, RobotsFormat};
use crate::exit::Code;
use crate::report::{row, warning};
use crate::run::runtime;
use crate::settings::connection::notices;
use crate::settings::http_options;

/// Hosts asked at once.
const AT_ONCE: usize = 8;

pub(super) fn run(args: RobotsArgs, hosts: &[HostSettings]) -> Result<Code, Error> {
    let RobotsArgs { urls, robots_token: token, robots, format, request, .. } = args;
    let urls = parse(&urls)?;
    let answers = match &robots {
        Some(path) => given(path, &urls)?,
        None => {
            notices(&request.connection).iter().for_each(|notice| warning(notice));
            ask(http_options(request, &token, hosts)?, &urls)?
        }
    };
    let findings: Vec<_> =
        urls.iter().map(|url| Finding::of(url, &answers[url.host_key().as_str()], &token)).collect();
    let is_human = match format {
        RobotsFormat::Auto => io::stdout().is_terminal(),
        RobotsFormat::Human => true,
        RobotsFormat::Json => false,
    };
    let mut text = String::new();
    for finding in &findings {
        match is_human {
            true => finding.write(&mut text),
            false => {
                let line = to_json(finding).map_err(|why| Error::Internal(why.to_string()))?;
                text += &(line + "\n");
            }
        }
    }
    print(text.as_bytes())?;
    Ok(if findings.iter().all(|finding| finding.allowed) { Code::Done } else { Code::SomeFailed })
}

fn parse(args: &[String]) -> Result<Vec<CrawlUrl>, Error> {
    let mut urls = Vec::new();
    for source in Source::from_args(args)? {
        let Source::Given(texts) = source else {
            return Err(Error::Config(format!(
                "`gannet robots` takes URLs, not a list of them in {source}\nhint: xargs gannet robots < LIST"
            )));
        };
        for text in texts {
            urls.push(
                seeds::parse(&text).map_err(|why| Error::Config(format!("`{}`: {why}", redacted(&text))))?,
            );
        }
    }
    Ok(urls)
}

/// A robots.txt, or what came in its place.
struct Answer {
    place: String,
    status: Option<u16>,
    final_url: Option<CrawlUrl>,
    meaning: Meaning,
}

/// The robots.txt in a file, for whatever host.
fn given(path: &Path, urls: &[CrawlUrl]) -> Result<HashMap<String, Answer>, Error> {
    let mut body = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    let (place, read) = match path == Path::new("-") {
        true => ("stdin".to_owned(), io::stdin().lock().take(most).read_to_end(&mut body)),
        false => {
            let read = std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut body));
            (path.display().to_string(), read)
        }
    };
    read.map_err(|why| Error::Config(format!("cannot read `{place}`: {why}")))?;
    let body = bytes::Bytes::from(body);
    let answer = |url: &CrawlUrl| {
        let meaning = Meaning::Rules(body.clone());
        (
            url.host_key().as_str().to_owned(),
            Answer { place: place.clone(), status: None, final_url: None, meaning },
        )
    };
    Ok(urls.iter().map(answer).collect())
}

/// Asks each authority once.
fn ask(options: HttpOptions, urls: &[CrawlUrl]) -> Result<HashMap<String, Answer>, Error> {
    let http = Http::new(options).map_err(|why| Error::Config(why.to_string()))?;
    let mut keys: Vec<_> = urls.iter().map(|url| url.host_key().as_str().to_owned()).collect();
    keys.sort();
    keys.dedup();
    let pairs = keys.into_iter().filter_map(|key| Some((robots::url_of(&key)?, key)));
    runtime()?.block_on(async {
        let answers = futures::stream::iter(pairs).map(async |(url, key)| (key, fetch(&http, url).await));
        Ok(answers.buffer_unordered(AT_ONCE).collect().await)
    })
}

async fn fetch(http: &Http, url: CrawlUrl) -> Answer {
    let result = http.fetch(robots_txt::request(url.clone())).await;
    let answered = match &result {
        Ok(response) => Some(response),
        Err(error) => error.partial.as_deref(),
    };
    let status = answered.map(|response| response.status).filter(|status| *status > 0);
    let final_url = answered.map(|response| response.final_url.clone()).filter(|last| *last != url);
    Answer { place: url.to_string(), status, final_url, meaning: robots_txt::meaning(result, 1) }
}

/// What is found out about one URL. As JSON, what does not apply is absent.
#[derive(Serialize)]
struct Finding<'a> {
    url: &'a CrawlUrl,
    allowed: bool,
    token: &'a str,
    /// Why, in words.
    reason: String,
    /// The URL of the robots.txt, or the name of the file.
    robots: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_url: Option<&'a CrawlUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    /// `rules`, `missing` or `unavailable`.
    meaning: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_kind: Option<&'static str>,
    /// The line that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Line>,
    /// The user-agent lines of the group that applies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    agents: Vec<Line>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    crawl_delay: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sitemaps: Vec<String>,
}

/// A line of the file.
#[derive(Serialize)]
struct Line {
    line: u32,
    text: String,
}

impl<'a> Finding<'a> {
    fn of(url: &'a CrawlUrl, answer: &'a Answer, token: &'a str) -> Self {
        let mut finding = Self {
            url,
            allowed: false,
            token,
            reason: String::new(),
            robots: &answer.place,
            final_url: answer.final_url.as_ref(),
            status_code: answer.status,
            meaning: "rules",
            error_kind: None,
            rule: None,
            agents: Vec::new(),
            crawl_delay: None,
            sitemaps: Vec::new(),
        };
        match &answer.meaning {
            Meaning::Rules(body) => finding.explain(&robots::explain(body, token)),
            Meaning::Missing(why) => {
                (finding.allowed, finding.meaning) = (true, "missing");
                finding.reason = format!("there is no robots.txt ({why}), so everything is allowed");
            }
            Meaning::Unavailable(down) => {
                (finding.meaning, finding.error_kind) = ("unavailable", Some(down.kind.as_str()));
                finding.reason =
                    format!("robots.txt cannot be had ({}), so nothing is allowed for now", down.message);
            }
        }
        finding
    }

    fn explain(&mut self, why: &Explanation<'_>) {
        let line = |number: u32| Line { line: number, text: why.line(number).unwrap_or_default() };
        let verdict = why.rules.verdict(self.url.path_and_query());
        self.allowed = verdict.allowed;
        self.rule = verdict.rule.map(|rule| line(rule.line));
        self.agents = why.agents.iter().copied().map(line).collect();
        self.crawl_delay = why.rules.crawl_delay().map(|delay| delay.as_secs_f64());
        self.sitemaps = why.rules.sitemaps().to_vec();
        self.reason = match &self.rule {
            Some(Line { line, text }) => format!("line {line}: {text}"),
            None if self.url.path_and_query() == "/robots.txt" => {
                "robots.txt itself may always be fetched".into()
            }
            None if self.agents.is_empty() => format!("no group is for `{}` or for `*`", self.token),
            None => "no line of the group matches".into(),
        };
    }

    /// Lines for people.
    fn write(&self, text: &mut String) {
        let allowed = if self.allowed { "allowed" } else { "not allowed" };
        let _ = writeln!(text, "{}", self.url);
        row(text, "verdict", &format!("{allowed}: {}", self.reason));
        for (nth, Line { line, text: agent }) in self.agents.iter().enumerate() {
            row(text, if nth == 0 { "group" } else { "" }, &format!("line {line}: {agent}"));
        }
        let mut source = self.robots.to_owned();
        if let Some(last) = self.final_url {
            let _ = write!(source, ", redirected to {last}");
        }
        if let Some(status) = self.status_code {
            let _ = write!(source, ", status {status}");
        }
        row(text, "robots.txt", &source);
        if let Some(seconds) = self.crawl_delay {
            let most = MAX_CRAWL_DELAY.as_secs_f64();
            let beyond = if seconds > most { ", so long that a crawl skips the host" } else { "" };
            row(text, "delay", &format!("{seconds} s between requests{beyond}"));
        }
        for (nth, sitemap) in self.sitemaps.iter().enumerate() {
            row(text, if nth == 0 { "sitemaps" } else { "" }, sitemap);
        }
    }
}
