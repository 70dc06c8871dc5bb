//! From what was typed to what runs: checked, with files opened. Nothing is fetched yet.
//!
//! Every contradiction is found here, before the first request; the messages say what to type instead.

mod body;
pub(crate) mod connection;
mod dns;
mod hosts;
mod pacing;
mod proxy;
mod recrawl;
mod secret;
mod session;
mod sharing;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use gannet::content::{self, Duplicates, Wanted};
use gannet::crawl::{Plan, Reading, Selection};
use gannet::error::Error;
use gannet::fetch::{
    DenyPrivate, HeaderMap, HeaderName, HeaderValue, Http, HttpOptions, is_framing, user_agent,
};
use gannet::frontier::Politeness;
use gannet::outcome::{FIELDS, Keep, ShowBody};
use gannet::report::Lists;
use gannet::scope::{self, Scope, Traps};
use gannet::seeds::Source;

use crate::args::{
    self, BodyForm, CrawlArgs, Deny, Extract, FetchArgs, HostSettings, Mode, OutputArgs, Reach, RequestArgs,
    RunArgs, ScopeArgs, When,
};
use crate::cookies::CookieFiles;
use crate::fail_on::FailOn;
use crate::job::JobRun;
use crate::outputs::{self, Output, Places};
use crate::reports::About;

use self::secret::secret;

/// A run, ready to start.
pub(crate) struct Settings {
    pub(crate) plan: Plan,
    pub(crate) http: Http,
    pub(crate) sources: Vec<Source>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) job: Option<JobRun>,
    pub(crate) cookies: Option<CookieFiles>,
    pub(crate) show: Show,
    pub(crate) fail_on: FailOn,
    /// What people are told first.
    pub(crate) notices: Vec<String>,
}

/// What people are told on stderr.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    pub(crate) progress: bool,
    pub(crate) summary: bool,
    pub(crate) warnings: bool,
    pub(crate) verbose: bool,
}

impl Settings {
    pub(crate) fn crawl(
        args: CrawlArgs,
        typed: &ArgMatches,
        hosts: Vec<HostSettings>,
    ) -> Result<Self, Error> {
        let CrawlArgs { run, scope, fail_on } = args;
        let reach = match scope.scope {
            Reach::Host => scope::Reach::Host,
            Reach::Domain => scope::Reach::Domain,
            Reach::Prefix => scope::Reach::Prefix,
            Reach::Any => scope::Reach::Any,
        };
        let pattern = |flag: &'static str| {
            move |why| Error::Config(format!("`--{flag}` is no regular expression: {why}"))
        };
        let rules = Scope::new(reach)
            .max_depth(scope.depth)
            .check_outside(scope.check_external)
            .include(&scope.include)
            .map_err(pattern("include"))?
            .exclude(&scope.exclude)
            .map_err(pattern("exclude"))?
            .strip_query(&scope.strip_query);
        let mut plan = Plan::crawl(run.workers as usize, rules);
        plan.politeness.robots = !scope.ignore_robots || scope.sitemaps;
        (plan.obey_robots, plan.sitemaps) = (!scope.ignore_robots, scope.sitemaps);
        plan.politeness.traps =
            Traps { url_length: scope.max_url_length, repeats: scope.max_repeats, params: scope.max_params };
        plan.selection = selection(&scope)?;
        plan.robots_token = scope.robots_token.into();
        Self::build(plan, run, Mode::AsCompleted, fail_on, typed, hosts)
    }

    pub(crate) fn fetch(
        args: FetchArgs,
        typed: &ArgMatches,
        hosts: Vec<HostSettings>,
    ) -> Result<Self, Error> {
        let mut plan = Plan::fetch(args.run.workers as usize);
        plan.unique = args.unique;
        body::put(&mut plan, &args.body, &args.run.seeds, &headers(&args.run.request.headers)?)?;
        Self::build(plan, args.run, args.mode, args.fail_on, typed, hosts)
    }

    fn build(
        mut plan: Plan,
        run: RunArgs,
        mode: Mode,
        fail_on: FailOn,
        typed: &ArgMatches,
        hosts: Vec<HostSettings>,
    ) -> Result<Self, Error> {
        let RunArgs {
            seeds,
            threads,
            pacing,
            job,
            request,
            cookies,
            recrawl,
            answer,
            output,
            warc,
            stop,
            ..
        } = run;
        // Each has one worker at least, and an even share of the connections that are kept.
        plan.threads =
            threads.map_or_else(|| lanes_for(plan.workers), |threads| plan.workers.min(threads as usize));
        plan.politeness = Politeness {
            queue_key: sharing::queue_key(&pacing),
            retries: answer.retries,
            hosts: hosts::paces(&hosts)?,
            ..pacing.politeness(plan.politeness)
        };
        plan.retries = answer.retries;
        plan.max_redirects = answer.max_redirects;
        plan.resume = !answer.no_range;
        plan.filter = body::filter(&answer);
        plan.max_sitemap = plan.max_sitemap.max(answer.max_body.0);
        plan.fallback = answer.fallback.as_deref().map(fallback).transpose()?.map(Arc::new);
        plan.max_pages = stop.max_pages;
        plan.max_time = stop.max_time;
        plan.grace = stop.grace;
        (plan.fail_fast, plan.failing) = (stop.fail_fast, fail_on.statuses());
        let mut places = Places::of(&output, &warc, job.job.as_deref())?;
        plan.keep = keep(&output, &places)?;
        plan.reading = reading(&output);
        let cache = recrawl::cache(&recrawl, plan.keep.captures)?;
        let mut notices = recrawl::apply(recrawl, &mut plan, job.job.as_deref(), &places.files())?;
        let keep_connections = keep_connections(plan.workers, pacing.distance()).div_ceil(plan.threads);
        let (max_body, max_redirects) = (answer.max_body.0, answer.max_redirects);
        notices.extend(connection::notices(&request.connection));
        notices.extend(session::notices(&request.login, output.digest));
        let cookies = CookieFiles::open(&cookies, job.job.as_deref())?;
        let mut options = http_options(request, &plan.robots_token, &hosts)?;
        notices.extend(sharing::notice(plan.politeness.queue_key, options.proxy.as_ref()));
        options.session.cookies = cookies.as_ref().map(|files| Arc::clone(&files.jar));
        let (bandwidth, hedge) = (pacing.bandwidth, pacing.hedge);
        let options =
            HttpOptions { cache, keep_connections, max_body, max_redirects, bandwidth, hedge, ..options };
        places.archives_say(plan.politeness.robots && plan.obey_robots, &options.user_agent);
        let http = Http::new(options).map_err(|why| Error::Config(why.to_string()))?;
        let sources = Source::from_args(&seeds)?;
        if let Some(reports) = &mut places.reports {
            reports.run = About { failing: fail_on.statuses_to_report(), lists: lists(&sources) };
        }
        outputs::not_over_the_input(&sources, &places.files())?;
        plan.resumable = job.job.is_some();
        let to_terminal = places.use_terminal();
        let (outputs, mut job) = match &job.job {
            None => (places.open(mode)?, None),
            Some(directory) => (Vec::new(), Some(JobRun::open(directory, &job, places, mode, &plan, typed)?)),
        };
        plan.reading.duplicates = duplicates(&output)
            .map(|kind| match &mut job {
                Some(job) => job.duplicates(kind),
                None => Ok(Duplicates::new(kind)),
            })
            .transpose()?
            .map(Arc::new);
        let show = Show::of(&output, to_terminal);
        Ok(Self { plan, http, sources, outputs, job, cookies, show, fail_on, notices })
    }

    /// The same, with something to tell.
    pub(crate) fn with_notices(mut self, mut notices: Vec<String>) -> Self {
        self.notices.append(&mut notices);
        self
    }
}

impl Show {
    fn of(output: &OutputArgs, to_terminal: bool) -> Self {
        let progress = match output.progress {
            When::Always => true,
            When::Never => false,
            // Lines of records and a bar would overwrite each other.
            When::Auto => io::stderr().is_terminal() && !to_terminal,
        };
        let quiet = output.quiet;
        Self {
            progress: progress && (quiet == 0 || output.progress == When::Always),
            summary: quiet == 0,
            warnings: quiet < 2,
            verbose: output.verbose > 0,
        }
    }
}

/// The names of the lists of seeds, for reports.
fn lists(sources: &[Source]) -> Lists {
    let name = |source: &Source| match source {
        Source::File(path) => Some(path.display().to_string()),
        _ => None,
    };
    sources.iter().map(name).collect()
}

/// Which links are followed.
fn selection(args: &ScopeArgs) -> Result<Selection, Error> {
    let mut selection = Selection::named(&args.follow).map_err(|name| {
        let tags: Vec<_> = Selection::tags().collect();
        Error::Config(format!(
            "`--follow`: there are no links named `{name}`\nhint: navigation, assets, all, or one of {}",
            tags.join(",")
        ))
    })?;
    if args.assets {
        selection = selection.with_assets();
    }
    (selection.heed_pages, selection.heed_links) = (!args.ignore_robots, args.respect_nofollow);
    Ok(selection)
}

/// `@FILE` is the file's content, anything else itself.
fn at_file(text: &str) -> Result<Vec<u8>, Error> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_vec()),
        Some(path) => {
            std::fs::read(path).map_err(|why| Error::Config(format!("cannot read `{path}`: {why}")))
        }
    }
}

fn fallback(text: &str) -> Result<serde_json::Value, Error> {
    serde_json::from_slice(&at_file(text)?).map_err(|why| {
        Error::Config(format!(
            "`--fallback` is no JSON: {why}\nhint: quote it for the shell, e.g. --fallback '{{\"price\":null}}'"
        ))
    })
}

/// How requests are made by the crawler that robots.txt knows as `robots_token`.
pub(crate) fn http_options(
    request: RequestArgs,
    robots_token: &str,
    hosts: &[HostSettings],
) -> Result<HttpOptions, Error> {
    let (dns, interface) = dns::options(request.dns)?;
    Ok(HttpOptions {
        dns,
        interface,
        session: session::options(&request.login)?,
        hosts: hosts::options(hosts, request.login.auth_type)?,
        user_agent: request.user_agent.unwrap_or_else(|| user_agent(robots_token)),
        headers: headers(&request.headers)?,
        timeout: request.timeout,
        connect_timeout: request.connect_timeout,
        idle_timeout: request.idle_timeout,
        proxy: Some(proxy::options(&request.proxy)?),
        connections: connection::connections(&request.connection),
        tls: connection::tls(&request.connection)?,
        deny_private: match request.deny_private {
            Deny::Never => DenyPrivate::Never,
            Deny::Public => DenyPrivate::Public,
            Deny::Always => DenyPrivate::Always,
        },
        ..HttpOptions::default()
    })
}

fn headers(given: &[String]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (nth, header) in given.iter().enumerate() {
        let (name, given) = header.split_once(':').unzip();
        let name = name.and_then(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
        let given = given.map(str::trim).unwrap_or_default();
        let value = match &name {
            Some(name) if is_framing(name) => {
                let what = format!("`--header` {name} is sent as the body is, and cannot be set");
                return Err(Error::Config(format!("{what}\nhint: leave it out")));
            }
            Some(name) => secret(given, &format!("`--header` {name}"))?,
            None => String::new(),
        };
        let (Some(name), Ok(mut value)) = (&name, HeaderValue::from_str(&value)) else {
            // Nothing is quoted that may be a value: that may be a secret.
            let what = name.map_or_else(|| format!("number {}", nth + 1), |name| name.to_string());
            return Err(Error::Config(format!(
                "`--header` {what} is no header\nhint: write it as 'Name: value'"
            )));
        };
        // What comes from the environment is a secret, whatever its name sounds like.
        value.set_sensitive(given.starts_with("env:"));
        headers.append(name, value);
    }
    Ok(headers)
}

/// How many threads pay: each core is worth one, if it has workers enough to be busy.
fn lanes_for(workers: usize) -> usize {
    const WORKERS: usize = 16;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (workers / WORKERS).clamp(1, cores)
}

fn keep(output: &OutputArgs, places: &Places) -> Result<Keep, Error> {
    let fields = output.fields.as_deref().unwrap_or_default();
    if let Some(unknown) = fields.iter().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(Error::Config(format!(
            "`--fields`: there is no field `{unknown}`\nhint: {}",
            FIELDS.join(",")
        )));
    }
    if let Some(again) = fields.iter().enumerate().find_map(|(nth, f)| fields[..nth].contains(f).then_some(f))
    {
        return Err(Error::Config(format!("`--fields`: `{again}` is given twice")));
    }
    let named = |names: &[&str]| fields.iter().any(|field| names.contains(&field.as_str()));
    let show_body = match output.body {
        Some(BodyForm::Raw) => ShowBody::Raw,
        Some(BodyForm::Text) => ShowBody::Text,
        None if named(&["body", "body_b64"]) => ShowBody::Text,
        None => ShowBody::No,
    };
    let show_links = output.links || named(&["links"]);
    Ok(Keep {
        headers: output.response_headers || named(&["headers"]),
        body: show_body != ShowBody::No || output.save_bodies.is_some() || output.mirror.is_some(),
        show_body,
        digest: output.digest || named(&["sha256"]),
        links: show_links || places.need_links(),
        show_links,
        body_path: output.save_bodies.is_some(),
        captures: places.need_captures(),
    })
}

/// Whether a field is asked for by name.
fn names(output: &OutputArgs, field: &str) -> bool {
    output.fields.as_ref().is_some_and(|fields| fields.iter().any(|name| name == field))
}

/// What is read of the content of pages.
fn reading(output: &OutputArgs) -> Reading {
    let asked = |what, field| output.extract.contains(&what) || names(output, field);
    let wanted = Wanted {
        text: asked(Extract::Text, "text"),
        markdown: asked(Extract::Markdown, "markdown"),
        meta: asked(Extract::Meta, "meta"),
    };
    Reading { wanted, to_files: output.extract_to.is_some(), duplicates: None }
}

/// Which duplicates are looked for.
fn duplicates(output: &OutputArgs) -> Option<content::Kind> {
    match output.duplicates {
        Some(args::Duplicates::Exact) => Some(content::Kind::Exact),
        Some(args::Duplicates::Near) => Some(content::Kind::Near),
        None if names(output, "simhash") => Some(content::Kind::Near),
        None => names(output, "duplicate_of").then_some(content::Kind::Exact),
    }
}

/// On a terminal, unless `NO_COLOR` is set and not empty (no-color.org).
pub(crate) fn use_colour(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// How many idle connections are worth their memory. A crawl with a delay comes back to a host when it is over, and asks
/// others meanwhile: as many as all workers do when an answer takes a tenth of a second.
fn keep_connections(workers: usize, delay: Duration) -> usize {
    const ANSWER: Duration = Duration::from_millis(100);
    const MOST: usize = 4096;
    let others = (delay.as_millis() / ANSWER.as_millis()).min(MOST as u128) as usize;
    let kept = workers.saturating_mul(others).min(MOST);
    (2 * workers).saturating_add(kept).max(HttpOptions::default().keep_connections)
}
