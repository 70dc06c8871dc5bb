//! One fetch: from hop to hop, until an answer leads nowhere else.
//!
//! [`Exchange`] owns everything that belongs to a single call of [`Http`]'s `fetch`. It ends in one of
//! three ways only: with the answer of a server (a redirect that was handed back included), with an
//! error, or by being dropped. Each step that waits runs under the [`Deadline`]. The steps of a hop in their order:
//! `asking` (cache, challenge), `sending` (guard, proxies, connection), `reading` (the body), `ending` (what is told).

mod asking;
mod ending;
mod reading;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;

use self::asking::Recall;
use super::capture::Captures;
use super::classify::Cause;
use super::deadline::Deadline;
use super::guard::DenyPrivate;
use super::http::Http;
use super::proxy::Passage;
use super::trace::Trace;
use super::{
    ErrorKind, FetchError, Filter, Hop, HopPolicy, HopRecord, Phase, Request, Response, Validators, framing,
    redirect,
};
use crate::url::CrawlUrl;

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
                return Err(self.fail(Cause::new(ErrorKind::Protocol, Phase::FirstByte, why), Some(head)));
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

    /// Decides about a redirect: the target with `Follow` or `HandBack`, or why not. One that changes the
    /// method (`becomes_get`) may well lead back to the same URL: that is how forms are answered. So may one that sets a
    /// cookie: that is how logins are.
    fn judge(
        &self,
        target: Result<CrawlUrl, String>,
        becomes_get: bool,
    ) -> Result<(CrawlUrl, Hop), (Cause, Option<CrawlUrl>)> {
        let refuse = |kind, message, target| Err((Cause::new(kind, Phase::Redirect, message), target));
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
}
