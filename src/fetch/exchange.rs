//! One fetch: request, head, redirects, body, and what to report when it breaks off.
//!
//! [`Exchange`] owns everything that belongs to a single call of [`Http`]'s `fetch`. It ends in one of
//! three ways only: with the answer of a server (a redirect that was handed back included), with an
//! error, or by being dropped. Each step that waits runs under the [`Deadline`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode, Version};
use tokio::time::timeout;

use super::address::HostForm;
use super::body::Collector;
use super::cache::{Recalled, Saving};
use super::capture::Captures;
use super::classify::{Cause, classify};
use super::connections::Protocol;
use super::deadline::{Deadline, Expired};
use super::error::MAX_MESSAGE;
use super::framing;
use super::guard::{DenyPrivate, Way};
use super::hedge::Shot;
use super::http::Http;
use super::proxy::{self, Blame, Passage};
use super::redirect;
use super::resolve::DnsFault;
use super::resume::{Answer, Rest};
use super::session::Asking;
use super::trace::{Stage, Trace};
use super::{
    Body, Cache, CacheUse, Capture, ErrorKind, FetchError, Filter, Hop, HopPolicy, HopRecord, Phase, Refused,
    Request, Response, Timings, Truncated, Validators,
};
use crate::url::CrawlUrl;

/// What is read of a redirect's own body so that its connection can be used again, bytes.
const DRAIN: usize = 16 * 1024;

/// How long that may take before a new connection is the better deal.
const DRAIN_TIME: Duration = Duration::from_millis(100);

/// A fetch under way.
pub(super) struct Exchange<'a> {
    http: &'a Http,
    trace: Arc<Trace>,
    deadline: Deadline,
    hops: Option<Arc<dyn HopPolicy>>,
    method: Method,
    body: Option<Bytes>,
    /// Headers of this request alone.
    headers: Option<Arc<HeaderMap>>,
    /// Of the URL of the first hop.
    validators: Option<Box<Validators>>,
    /// The URL of the current hop.
    url: CrawlUrl,
    chain: Vec<HopRecord>,
    /// The hops of the chain from this one on were asked by the same method, with the same cookies.
    same_request: usize,
    /// The last answer set cookies that are new.
    new_cookies: bool,
    /// A redirect has left the origin of the first URL.
    foreign: bool,
    /// From here on only public addresses will do.
    guarded: bool,
    max_body: u64,
    max_redirects: usize,
    filter: Option<Arc<Filter>>,
    /// How often the rest of a body may be asked for.
    resume: u32,
    /// It may be sent twice; it was.
    may_hedge: bool,
    hedged: bool,
    /// A redirect has turned the request into one without a body.
    rewritten: bool,
    first_byte: Option<Duration>,
    /// The last answer came over a connection that another fetch, or an earlier hop, had opened.
    reused: bool,
    /// The proxies on the way.
    passage: Passage,
    /// What goes over the wire, if that is asked for.
    captures: Option<Box<Captures>>,
    /// What the cache has to do with the current hop, if there is one.
    recall: Recall,
}

/// See [`Exchange`].
#[derive(Default)]
struct Recall {
    used: Option<CacheUse>,
    /// Conditions of the request under which the stored answer holds.
    conditions: Option<Box<HeaderMap>>,
    saving: Option<Box<Saving>>,
}

impl Recall {
    /// A body, of which nothing came over the wire if it is the cache's.
    fn counted(&self, body: Body) -> Body {
        let is_kept = self.used.is_some_and(CacheUse::has_body);
        if is_kept { Body { wire_bytes: 0, ..body } } else { body }
    }
}

impl<'a> Exchange<'a> {
    pub(super) fn new(http: &'a Http, request: Request, trace: Arc<Trace>) -> Self {
        let Request { url, method, body, headers, validators, hops, home, .. } = request;
        let Request { from_public, max_body, max_redirects, filter, resume, capture, hedge, .. } = request;
        let timeout = http.shared.session.as_ref().and_then(|session| session.timeout(|| url.to_url()));
        let timeout = timeout.unwrap_or(http.options.timeout);
        let deadline = Deadline::new(Arc::clone(&trace), timeout, http.options.idle_timeout);
        Self {
            http,
            trace,
            deadline,
            hops,
            method,
            body,
            headers,
            validators,
            url,
            chain: Vec::new(),
            same_request: 0,
            new_cookies: false,
            foreign: !home,
            guarded: from_public || http.guard.mode == DenyPrivate::Always,
            max_body: max_body.unwrap_or(http.options.max_body),
            max_redirects: max_redirects.unwrap_or(http.options.max_redirects),
            filter,
            resume,
            may_hedge: hedge,
            hedged: false,
            rewritten: false,
            first_byte: None,
            reused: false,
            passage: Passage::default(),
            captures: capture.then(Box::default),
            recall: Recall::default(),
        }
    }

    /// Runs the fetch to its end.
    pub(super) async fn run(mut self) -> Result<Response, FetchError> {
        loop {
            let mut answer = self.ask_until_known().await?;
            if let Some(why) = framing::fault(&self.method, answer.status(), answer.headers()) {
                let head = self.head(&mut answer);
                return Err(self.fail(cause(ErrorKind::Protocol, Phase::FirstByte, why), Some(head)));
            }
            let Some(location) = redirect::location(answer.status(), answer.headers()) else {
                return self.receive(answer).await;
            };
            let target = redirect::target(&self.url, location);
            match self.judge(target, redirect::becomes_get(answer.status().as_u16(), &self.method)) {
                Ok((target, Hop::Follow)) => {
                    self.drain(&mut answer).await;
                    self.follow(target, &answer);
                }
                Ok((target, _)) => return Ok(self.hand_back(answer, target).await),
                Err((cause, target)) => {
                    let mut head = self.head(&mut answer);
                    head.redirect = target;
                    self.drain(&mut answer).await;
                    return Err(self.fail(cause, Some(head)));
                }
            }
        }
    }

    /// Sends the request of the current hop, takes the cookies of its answer, and sends it again as the answer to a challenge
    /// (RFC 7616): once, and once more if it came with a nonce that is too old. That is no redirect, and no attempt.
    async fn ask_until_known(&mut self) -> Result<reqwest::Response, FetchError> {
        let mut answered = 0;
        loop {
            let mut answer = self.ask().await?;
            let Some(session) = &self.http.shared.session else { return Ok(answer) };
            self.new_cookies = session.take_cookies(|| self.url.to_url(), answer.headers());
            if answer.status() != StatusCode::UNAUTHORIZED || answered == 2 {
                return Ok(answer);
            }
            let (url, method, body) = (self.url.to_url(), self.method.as_str(), self.body.as_deref());
            let asking = Asking { url: &url, method, body, foreign: self.foreign };
            if !session.take_challenge(asking, answer.headers(), answered > 0) {
                return Ok(answer);
            }
            self.drain(&mut answer).await;
            answered += 1;
        }
    }

    /// The head of the answer to the current hop, from the cache or from the server.
    async fn ask(&mut self) -> Result<reqwest::Response, FetchError> {
        let answer = match self.http.options.cache.as_ref().filter(|_| self.validators.is_none()) {
            None => self.ask_server().await,
            // Boxed, so that its state is no part of every fetch.
            Some(cache) => Box::pin(self.ask_cache(cache)).await,
        };
        answer.map_err(|cause| self.blocked(cause))
    }

    /// The same where there is a cache.
    async fn ask_cache(&mut self, cache: &Cache) -> Result<reqwest::Response, Cause> {
        self.recall = Recall { used: Some(CacheUse::Miss), ..Recall::default() };
        let Ok(request) = self.request() else { return self.ask_server().await };
        let mut visit = cache.visit(&self.url, &request, self.guarded).await;
        let may_ask = self.http.guard.way(&self.url, self.guarded).is_ok();
        if let Some(recalled) = visit.fresh().filter(|_| may_ask) {
            return Ok(self.recalled(recalled, CacheUse::Hit));
        }
        self.recall.conditions = Some(visit.conditions()).filter(|all| !all.is_empty()).map(Box::new);
        let mut answer = self.ask_server().await;
        let is_asked = self.recall.conditions.take().is_some();
        if let Some(said) = answer.as_mut().ok().filter(|said| is_asked && said.status() == 304) {
            if let Some(recalled) = visit.confirmed(said).await {
                return Ok(self.recalled(recalled, CacheUse::Revalidated));
            }
            answer = self.ask_server().await; // it was about an answer that is not there
        }
        let has_failed = match &answer {
            Ok(answer) => matches!(answer.status().as_u16(), 500 | 502..=504),
            Err(cause) => !is_blocked(cause) && cause.phase != Phase::Total && !cause.exhausted,
        };
        if let Some(recalled) = visit.stand_in().filter(|_| has_failed) {
            return Ok(self.recalled(recalled, CacheUse::Stale));
        }
        let answer = answer?;
        self.recall.saving = visit.take(&answer, self.guarded).await;
        Ok(answer)
    }

    /// Goes on with an answer of the cache.
    fn recalled(&mut self, recalled: Recalled, used: CacheUse) -> reqwest::Response {
        self.recall.used = Some(used);
        self.guarded |= recalled.is_public;
        self.first_byte = Some(self.trace.started().elapsed());
        self.reused &= used == CacheUse::Revalidated;
        if let Some(captures) = &mut self.captures {
            captures.receive(Bytes::new(), None); // what did go over the wire has no body
        }
        recalled.answer
    }

    /// Keeps what was read, if it is to be kept and is whole.
    async fn save(&mut self) {
        if let Some(saving) = self.recall.saving.take() {
            Box::pin(saving.keep()).await;
        }
    }

    /// Sends the request of the current hop and waits for the head of its answer.
    async fn ask_server(&mut self) -> Result<reqwest::Response, Cause> {
        let guard = &self.http.guard;
        self.trace.aim(self.url.host(), self.url.port(), self.guarded);
        let mut way = match guard.way(&self.url, self.guarded) {
            Ok(way) => way,
            Err(why) => return Err(cause(ErrorKind::BlockedAddress, Phase::Resolve, why)),
        };
        if self.url.is_https() || self.http.proxies.as_ref().is_some_and(|(proxies, _)| proxies.use_tls()) {
            self.http.prepare_tls().await;
        }
        if let Some((proxies, _)) = &self.http.proxies
            && let Some(fleet) = self.passage.set_out(proxies, &self.url)
        {
            Box::pin(self.board(fleet)).await?;
        }
        if let Some(cause) = self.wrong_family() {
            return Err(cause);
        }
        let mut sent = self.send_by_proxies(way).await;
        if !self.guarded && sent.as_ref().is_err_and(is_blocked) {
            guard.remember(self.url.host());
            way = Way::Open;
            sent = self.send_by_proxies(way).await;
        }
        let answer = sent?;
        // A proxy's address says nothing about where the answer came from.
        let direct = remote(&answer).filter(|_| self.passage.proxy().is_none());
        let public = direct.is_some_and(|address| (guard.is_public)(address.ip()));
        self.guarded |= way == Way::Judged || public;
        Ok(answer)
    }

    /// Gets a proxy of the list, when all of them rest as late as the deadline allows.
    async fn board(&mut self, fleet: &Arc<proxy::Fleet>) -> Result<(), Cause> {
        self.trace.enter(Stage::Connecting); // silence is no fault while it waits
        let taken = self.deadline.run(Phase::Connect, fleet.take(self.url.host())).await;
        self.trace.enter(Stage::Idle);
        let count = fleet.len();
        let why = match taken {
            Ok(Some(ticket)) => {
                self.passage.board(ticket);
                return Ok(());
            }
            Ok(None) => format!("none of the {count} proxies is left: all failed too often in a row"),
            Err(Expired { limit, .. }) => {
                format!("all of the {count} proxies rest, for longer than {limit:?}")
            }
        };
        Err(cause(ErrorKind::Proxy, Phase::Connect, why))
    }

    /// Sends the request, by one proxy of a list after the other while that helps.
    async fn send_by_proxies(&mut self, way: Way) -> Result<reqwest::Response, Cause> {
        loop {
            let sent = self.send_again(way).await;
            let Some((proxies, _)) = &self.http.proxies else { return sent };
            let Some(blame) = sent.as_ref().err().map(|cause| cause.blame) else {
                self.passage.arrived();
                return sent;
            };
            let may_go_on = blame.is_some_and(|blame| self.passage.leave(blame, proxies.retries()));
            let fleet = self.passage.set_out(proxies, &self.url);
            let other = fleet
                .filter(|_| may_go_on)
                .map(|fleet| (fleet, fleet.take_other(self.url.host(), self.passage.tried())));
            match other {
                Some((_, Some(ticket))) => self.passage.board(ticket),
                Some((fleet, None)) if blame == Some(Blame::Own) => {
                    self.passage.give_up(self.url.host());
                    Box::pin(self.board(fleet)).await?;
                }
                _ => {
                    self.passage.give_up(self.url.host());
                    return sent;
                }
            }
        }
    }

    /// Sends the request, and once more if it met a connection that was just being closed.
    async fn send_again(&mut self, way: Way) -> Result<reqwest::Response, Cause> {
        let dialled = self.trace.dialled_at();
        let sent = self.send(way).await;
        // A server may close a kept connection just when a request comes. That says nothing about the URL,
        // so it is asked again, once and only if asking twice is harmless (RFC 9110 §9.2.2).
        let kept = self.trace.dialled_at() == dialled;
        if let (false, Some(used)) = (kept, sent.as_ref().ok().and_then(remote)) {
            self.http.shared.names.connected(&self.trace.take_offered(), used.ip());
        }
        if kept && matches!(self.method, Method::GET | Method::HEAD) && sent.as_ref().is_err_and(is_lost) {
            return self.send(way).await;
        }
        sent
    }

    /// Why an address in a URL may not be dialled. Through a proxy it is the proxy that dials it.
    fn wrong_family(&self) -> Option<Cause> {
        let family = self.http.options.dns.family;
        match HostForm::of(&self.url) {
            HostForm::Address(address) if !family.has(address) && self.passage.proxy().is_none() => {
                let message = format!("`{}` is no {} address", self.url.host(), family.as_str());
                let dns = Some(DnsFault::NoAddress);
                Some(Cause { dns, ..cause(ErrorKind::Dns, Phase::Resolve, message) })
            }
            _ => None,
        }
    }

    /// Sends the request once.
    async fn send(&mut self, way: Way) -> Result<reqwest::Response, Cause> {
        self.trace.enter(Stage::Idle);
        let (dials, mut sharing) = (self.trace.dials(), None);
        let http = self.http;
        let answer = match self.request() {
            Ok(mut request) => {
                if let Some(conditions) = &self.recall.conditions {
                    request.headers_mut().extend((**conditions).clone());
                }
                if let Some(validators) = &self.validators {
                    validators.put(request.headers_mut());
                }
                if let Some(captures) = &mut self.captures {
                    captures.send(&self.url, &request);
                }
                http.shared.traffic.sent();
                let client = http.client(way, &self.url, &self.passage);
                let (client, shared) =
                    client.map_err(|why| cause(ErrorKind::Internal, Phase::Connect, why.to_string()))?;
                self.trace.may_share(shared.as_ref());
                sharing = shared;
                self.execute(client, way, request).await
            }
            Err(error) => Ok(Err(error)),
        };
        let answer = answer.map_err(|expired| self.expired(expired))?.map_err(|error| {
            // Its own words would name the URL, userinfo and all.
            let error = error.without_url();
            let mut cause = classify(&error, Phase::FirstByte, self.trace.stage());
            match cause.kind {
                ErrorKind::Timeout => {
                    let what =
                        if cause.phase == Phase::Resolve { "name not resolved" } else { "no connection" };
                    cause.message = format!("{what} within {:?}", http.options.connect_timeout);
                }
                // What HTTP/1 answers to the preface of HTTP/2 looks like a frame that is far too long.
                ErrorKind::Protocol if http.options.connections.protocol == Protocol::Http2 => {
                    cause.message = format!("no HTTP/2 came, which `--http2` asks for: {}", cause.message);
                }
                _ => {}
            }
            match self.passage.proxy() {
                Some((_, proxy)) => self.blame(proxy::judge(&error, proxy, self.url.is_https(), cause)),
                None => cause,
            }
        })?;
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some((_, proxy)) = self.passage.proxy()
            && proxy.answers(&self.url)
        {
            return Err(proxy::wants_login(proxy));
        }
        if let Some(captures) = &mut self.captures {
            captures.answer(&answer);
        }
        self.trace.enter(Stage::Idle);
        self.first_byte = Some(self.trace.started().elapsed());
        self.reused = self.trace.dials() == dials;
        if let Some(sharing) = sharing.filter(|_| !self.reused && answer.version() != Version::HTTP_2) {
            sharing.is_in_vain();
        }
        Ok(answer)
    }

    /// A connection through a proxy that ends may be the proxy's end.
    fn blame(&self, cause: Cause) -> Cause {
        let blame = (is_lost(&cause) && self.method.is_idempotent()).then_some(Blame::Unclear);
        Cause { blame: cause.blame.or(blame), ..cause }
    }

    /// The request of the current hop, without conditions.
    fn request(&self) -> reqwest::Result<reqwest::Request> {
        let (method, body) = (self.method.clone(), self.body.clone());
        let headers = self.headers.as_deref();
        self.http.request(&self.url, method, body, headers, self.foreign, self.rewritten)
    }

    /// Gets the head of an answer, from a second request if the first is not answered in time and that is wanted.
    async fn execute(
        &mut self,
        client: Client,
        way: Way,
        request: reqwest::Request,
    ) -> Result<reqwest::Result<reqwest::Response>, Expired> {
        let (http, url) = (self.http, &self.url);
        let is_direct = self.passage.proxy().is_none();
        let is_safe = matches!(self.method, Method::GET | Method::HEAD);
        let may_hedge = self.may_hedge && !self.hedged && is_safe && is_direct;
        let hedges = http.hedges.as_deref().filter(|_| may_hedge);
        let Some((hedges, twin)) = hedges.and_then(|hedges| Some((hedges, request.try_clone()?))) else {
            return self.deadline.run(Phase::FirstByte, client.execute(request)).await;
        };
        let shot = Shot { http, client, way, url, trace: &self.trace, guarded: self.guarded };
        // Boxed, so that its state is no part of every fetch.
        let race = Box::pin(hedges.run(shot, (request, twin), &mut self.hedged));
        let answer = self.deadline.run(Phase::FirstByte, race).await;
        if let Ok(Ok(answer)) = &answer {
            hedges.heed(&self.url, answer.status());
        }
        answer
    }

    /// Decides about a redirect: the target with `Follow` or `HandBack`, or why not. One that changes the
    /// method (`becomes_get`) may well lead back to the same URL: that is how forms are answered. So may one that sets a
    /// cookie: that is how logins are.
    fn judge(
        &self,
        target: Result<CrawlUrl, String>,
        becomes_get: bool,
    ) -> Result<(CrawlUrl, Hop), (Cause, Option<CrawlUrl>)> {
        let refuse = |kind, message, target| Err((cause(kind, Phase::Redirect, message), target));
        let target = match target {
            Ok(target) => target,
            Err(why) => return refuse(ErrorKind::BadRedirect, why, None),
        };
        match self.hops.as_ref().map_or(Hop::Follow, |hops| hops.judge(&self.url, &target)) {
            Hop::Follow => {}
            Hop::HandBack => return Ok((target, Hop::HandBack)),
            Hop::Refuse(kind, message) => return refuse(kind, message, Some(target)),
        }
        let before = self.chain.get(self.same_request..).unwrap_or_default();
        let is_another = becomes_get || self.new_cookies;
        if !is_another && (target == self.url || before.iter().any(|hop| hop.url == target)) {
            return refuse(ErrorKind::RedirectLoop, format!("redirect back to `{target}`"), Some(target));
        }
        let limit = self.max_redirects;
        if self.chain.len() >= limit {
            return refuse(ErrorKind::TooManyRedirects, format!("more than {limit} redirects"), Some(target));
        }
        Ok((target, Hop::Follow))
    }

    /// Makes `target` the current hop.
    fn follow(&mut self, target: CrawlUrl, answer: &reqwest::Response) {
        // As in the Fetch Standard: once abroad, private headers stay away for the rest of the chain.
        self.foreign |= self.url.host_key() != target.host_key();
        self.validators = None;
        let from = std::mem::replace(&mut self.url, target);
        self.chain.push(HopRecord { url: from, status_code: answer.status().as_u16() });
        if redirect::becomes_get(answer.status().as_u16(), &self.method) {
            self.method = Method::GET;
            self.body = None;
            self.rewritten = true;
            self.same_request = self.chain.len();
        }
        if self.new_cookies {
            self.same_request = self.chain.len();
        }
    }

    /// Reads the body of the last answer.
    async fn receive(mut self, mut answer: reqwest::Response) -> Result<Response, FetchError> {
        let (status, length) = (answer.status(), answer.content_length());
        let mut head = self.head(&mut answer);
        let mut reading =
            Reading { collector: self.collector(&head.headers, length), length, resumed: 0, lost: 0 };
        let mut end = match self.refused(status, &head.headers, length) {
            Some(why) => {
                self.drain(&mut answer).await;
                End::Refused(why)
            }
            None => self.pull(&mut answer, &mut reading.collector, None).await,
        };
        if self.resume > 0 && end.may_go_on() {
            // Boxed, so that its state is no part of every fetch.
            end = Box::pin(self.go_on(&mut head, &mut reading, end)).await;
        }
        match reading.settle(end) {
            Ok(body) => {
                head.body = self.recall.counted(body);
                self.save().await;
                head.timings = self.timings();
                head.captures = self.captured();
                Ok(head)
            }
            Err((body, cause)) => {
                head.body = body;
                Err(self.fail(cause, Some(head)))
            }
        }
    }

    /// Asks for the rest of a body that broke off, as often as it may; gives how it ended at last.
    async fn go_on(&mut self, head: &mut Response, reading: &mut Reading, mut end: End) -> End {
        let (over, first_byte) = (self.headers.clone(), self.first_byte);
        // It has a condition of its own, and is not kept: a cache has whole answers only.
        self.validators = None;
        self.recall.saving = None;
        for _ in 0..self.resume {
            let from = reading.collector.received();
            let rest = Rest::of(&self.method, head.status, &head.headers, from, reading.length);
            let Some(rest) = rest.filter(|_| end.may_go_on()) else { break };
            self.headers = Some(Arc::new(rest.request(over.as_deref())));
            let Ok(mut answer) = self.ask_server().await else { break };
            self.first_byte = first_byte;
            let (status, length) = (answer.status(), answer.content_length());
            if framing::fault(&self.method, status, answer.headers()).is_some() {
                break;
            }
            match rest.judge(status, answer.headers()) {
                Answer::Rest(left) => {
                    reading.resumed += 1;
                    end = self.pull(&mut answer, &mut reading.collector, Some(left)).await;
                }
                Answer::Anew => {
                    reading.lost += from;
                    reading.length = length;
                    head.remote = remote(&answer);
                    head.http_version = version_name(answer.version());
                    head.headers = std::mem::take(answer.headers_mut());
                    reading.collector = self.collector(&head.headers, length);
                    if let Some(why) = self.refused(status, &head.headers, length) {
                        self.drain(&mut answer).await;
                        return End::Refused(why);
                    }
                    end = self.pull(&mut answer, &mut reading.collector, None).await;
                }
                Answer::Useless => {
                    self.drain(&mut answer).await;
                    break;
                }
            }
        }
        end
    }

    /// Why the body of an answer is not to be read.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, length: Option<u64>) -> Option<Refused> {
        self.filter.as_ref()?.refuses(&self.method, status, headers, length)
    }

    /// Ends with a redirect. Its own body hardly matters, so that a bad one fails nothing.
    async fn hand_back(mut self, mut answer: reqwest::Response, target: CrawlUrl) -> Response {
        let length = answer.content_length();
        let mut head = self.head(&mut answer);
        let mut collector = self.collector(&head.headers, length);
        let end = self.pull(&mut answer, &mut collector, None).await;
        head.body = match collector.finish(end.truncated()) {
            Ok(body) | Err((body, _)) => self.recall.counted(body),
        };
        self.save().await;
        head.redirect = Some(target);
        head.timings = self.timings();
        head.captures = self.captured();
        head
    }

    /// What collects the body of an answer with these headers.
    fn collector(&self, headers: &HeaderMap, length: Option<u64>) -> Collector {
        let collector = Collector::new(headers, length, self.max_body);
        if self.captures.is_some() { collector.keeping_wire() } else { collector }
    }

    /// What went over the wire, all hops.
    fn captured(&mut self) -> Vec<Capture> {
        self.captures.as_mut().map(|captures| captures.take()).unwrap_or_default()
    }

    /// Ends the answer of a hop that leads elsewhere.
    async fn drain(&mut self, answer: &mut reqwest::Response) {
        let keeps = self.captures.is_some() || self.recall.saving.is_some();
        let (mut bytes, mut body) = (0, Vec::new());
        let truncated = drain(answer, |chunk| {
            bytes += chunk.len();
            body.extend_from_slice(if keeps { chunk } else { &[] });
        });
        let truncated = truncated.await;
        let body = Bytes::from(body);
        if let Some(saving) = self.recall.saving.as_mut().filter(|_| truncated.is_none()) {
            saving.push(&body);
            saving.end();
        }
        self.save().await;
        if let Some(captures) = &mut self.captures {
            captures.receive(body, truncated);
        }
        // Should the time be over, the next step finds out.
        let _ = self.pay(bytes).await;
    }

    /// Waits until the bandwidth that bodies may take allows for what was received. That is not the server's silence.
    async fn pay(&mut self, bytes: usize) -> Result<(), Expired> {
        let is_received = !self.recall.used.is_some_and(CacheUse::has_body);
        match self.http.shared.bandwidth.as_ref().filter(|_| is_received) {
            Some(bucket) => self.deadline.run(Phase::Total, bucket.pay(bytes)).await,
            None => Ok(()),
        }
    }

    /// Reads a body into the collector, as far as it comes; `left` bytes, if that is known.
    async fn pull(
        &mut self,
        answer: &mut reqwest::Response,
        collector: &mut Collector,
        mut left: Option<u64>,
    ) -> End {
        let from = collector.received();
        let most = self.filter.as_ref().map_or(u64::MAX, |filter| filter.most(answer.status()));
        let end = loop {
            match self.deadline.run(Phase::Body, answer.chunk()).await {
                Ok(Ok(Some(mut chunk))) => {
                    let bytes = chunk.len();
                    if let Some(left) = &mut left {
                        chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= chunk.len() as u64;
                    }
                    if let Some(saving) = &mut self.recall.saving {
                        saving.push(&chunk);
                    }
                    let wants_more = collector.push(chunk);
                    let paid = self.pay(bytes).await;
                    if collector.received() > most {
                        break End::Refused(Refused::TooLarge);
                    }
                    if !wants_more || left == Some(0) {
                        break End::Whole;
                    }
                    if let Err(expired) = paid {
                        break End::Cut(Truncated::Time, self.expired(expired));
                    }
                }
                Ok(Ok(None)) if left.is_some() => {
                    let why = "the rest of the body ends before its end".to_owned();
                    let lost = cause(ErrorKind::ConnectionLost, Phase::Body, why);
                    break End::Cut(Truncated::Disconnect, lost);
                }
                Ok(Ok(None)) => {
                    if let Some(saving) = &mut self.recall.saving {
                        saving.end();
                    }
                    break End::Whole;
                }
                Ok(Err(error)) => {
                    break End::Cut(Truncated::Disconnect, classify(&error, Phase::Body, Stage::Idle));
                }
                Err(expired) => break End::Cut(Truncated::Time, self.expired(expired)),
            }
        };
        if let Some(captures) = &mut self.captures {
            let (wire, truncated) = collector.wire(from, end.truncated());
            captures.receive(wire, truncated);
        }
        end
    }

    /// Moves what the head of an answer says into a response without a body.
    fn head(&mut self, answer: &mut reqwest::Response) -> Response {
        Response {
            status: answer.status().as_u16(),
            http_version: version_name(answer.version()),
            cache: self.recall.used,
            remote: remote(answer),
            reused: self.reused,
            headers: std::mem::take(answer.headers_mut()),
            ..self.unanswered()
        }
    }

    /// A response of which nothing but the chain is known.
    fn unanswered(&mut self) -> Response {
        Response {
            final_url: self.url.clone(),
            chain: std::mem::take(&mut self.chain),
            redirect: None,
            status: 0,
            http_version: "",
            cache: None,
            headers: HeaderMap::new(),
            body: Body::default(),
            remote: None,
            reused: false,
            proxy: self.passage.shown(),
            is_public: self.guarded,
            timings: Timings::default(),
            hedged: self.hedged,
            captures: Vec::new(),
        }
    }

    fn timings(&self) -> Timings {
        Timings {
            dns: self.trace.dns(),
            connect: self.trace.connect(),
            tls: self.trace.tls(),
            first_byte: self.first_byte,
            total: self.trace.started().elapsed(),
        }
    }

    fn expired(&self, Expired { phase, limit }: Expired) -> Cause {
        let message = match (phase, self.trace.stage()) {
            (Phase::Total, Stage::Resolving) => format!("not done within {limit:?}, still resolving"),
            (Phase::Total, Stage::Connecting) => format!("not done within {limit:?}, still connecting"),
            (Phase::Total, Stage::Idle) => format!("not done within {limit:?}"),
            (Phase::Body, _) => format!("nothing of the body came for {limit:?}"),
            _ => format!("no answer within {limit:?}"),
        };
        cause(ErrorKind::Timeout, phase, message)
    }

    /// No answer: if a redirect led to an address that may not be asked, that is the redirect's fault.
    fn blocked(&mut self, mut cause: Cause) -> FetchError {
        if is_blocked(&cause) && !self.chain.is_empty() {
            cause.phase = Phase::Redirect;
        }
        self.fail(cause, None)
    }

    fn fail(&mut self, cause: Cause, head: Option<Response>) -> FetchError {
        let Cause { kind, phase, mut message, exhausted, blame: _, dns } = cause;
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
        }
        let timings = self.timings();
        let captures = self.captured();
        let tells = !self.chain.is_empty() || self.passage.shown().is_some();
        let partial = head.or_else(|| tells.then(|| self.unanswered()));
        let partial = partial.map(|response| Box::new(Response { timings, captures, ..response }));
        FetchError { kind, phase, message, partial, timings, exhausted, dns, hedged: self.hedged }
    }
}

/// How the reading of a body ended.
enum End {
    /// With all that is wanted of it.
    Whole,
    /// It is not to be read.
    Refused(Refused),
    /// It broke off.
    Cut(Truncated, Cause),
}

impl End {
    fn truncated(&self) -> Option<Truncated> {
        match self {
            Self::Whole => None,
            Self::Refused(_) => Some(Truncated::Length),
            Self::Cut(why, _) => Some(*why),
        }
    }

    /// Whether the connection is at fault, and time is left.
    fn may_go_on(&self) -> bool {
        let Self::Cut(_, cause) = self else { return false };
        matches!(
            (cause.kind, cause.phase),
            (ErrorKind::ConnectionLost, _) | (ErrorKind::Timeout, Phase::Body)
        )
    }
}

/// The body of an answer while it is read, from one request or more.
struct Reading {
    collector: Collector,
    /// Its announced length.
    length: Option<u64>,
    resumed: u32,
    /// Bytes that came of bodies that were another one when their rest was asked for.
    lost: u64,
}

impl Reading {
    /// The body as it is now, and why it is no whole answer.
    fn settle(self, end: End) -> Result<Body, (Body, Cause)> {
        let Self { collector, resumed, lost, .. } = self;
        let counted = |body: Body| Body { resumed, wire_bytes: body.wire_bytes + lost, ..body };
        let cause = match (end, collector.received()) {
            (End::Refused(why), wire_bytes) => {
                let refused = Body { wire_bytes, refused: Some(why), ..Body::default() };
                return Ok(counted(refused));
            }
            (End::Cut(why, cause), _) => Some((why, cause)),
            (End::Whole, _) => None,
        };
        match (collector.finish(cause.as_ref().map(|(why, _)| *why)), cause) {
            (Ok(body) | Err((body, _)), Some((_, cause))) => Err((counted(body), cause)),
            (Ok(body), None) => Ok(counted(body)),
            (Err((body, why)), None) => {
                Err((counted(body), self::cause(ErrorKind::Decode, Phase::Body, why)))
            }
        }
    }
}

fn cause(kind: ErrorKind, phase: Phase, message: String) -> Cause {
    Cause { kind, phase, message, exhausted: false, blame: None, dns: None }
}

/// The address that answered; one of IPv4 as such, whichever way it was [dialled](super::resolve).
fn remote(answer: &reqwest::Response) -> Option<SocketAddr> {
    answer.remote_addr().map(|at| SocketAddr::new(at.ip().to_canonical(), at.port()))
}

fn is_lost(cause: &Cause) -> bool {
    cause.kind == ErrorKind::ConnectionLost && cause.phase == Phase::FirstByte
}

fn is_blocked(cause: &Cause) -> bool {
    cause.kind == ErrorKind::BlockedAddress
}

/// Reads off a short body that nobody wants, so that its connection can be used again; gives it to `keep`, and why it is
/// not whole.
async fn drain(answer: &mut reqwest::Response, mut keep: impl FnMut(&[u8])) -> Option<Truncated> {
    if answer.content_length().is_some_and(|length| length > DRAIN as u64) {
        return Some(Truncated::Length);
    }
    let read = async {
        let mut left = DRAIN;
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    keep(&chunk);
                    left = left.saturating_sub(chunk.len());
                    if left == 0 {
                        return Some(Truncated::Length);
                    }
                }
                Ok(None) => return None,
                Err(_) => return Some(Truncated::Disconnect),
            }
        }
    };
    timeout(DRAIN_TIME, read).await.unwrap_or(Some(Truncated::Time))
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
