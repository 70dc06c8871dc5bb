//! How a request reaches the server: the guard, the proxies, the names, the connection, the wait for a head.
//!
//! [`Exchange::ask_server`] is called for the head of a hop, and for the rest of a body that broke off. What is asked again
//! here, by another proxy, over another connection, by a twin, is no attempt of the URL.

use std::sync::Arc;

use reqwest::{Client, Method, StatusCode, Version};

use super::super::address::HostForm;
use super::super::classify::{Cause, classify};
use super::super::connections::Protocol;
use super::super::deadline::Expired;
use super::super::guard::Way;
use super::super::hedge::Shot;
use super::super::proxy::{self, Blame, Fleet};
use super::super::resolve::DnsFault;
use super::super::trace::Stage;
use super::super::{ErrorKind, Phase};
use super::Exchange;
use super::ending::remote;

impl Exchange<'_> {
    /// Sends the request of the current hop and waits for the head of its answer.
    pub(super) async fn ask_server(&mut self) -> Result<reqwest::Response, Cause> {
        let guard = &self.http.guard;
        self.trace.aim(self.url.host(), self.url.port(), self.guarded);
        let mut way = match guard.way(&self.url, self.guarded) {
            Ok(way) => way,
            Err(why) => return Err(Cause::new(ErrorKind::BlockedAddress, Phase::Resolve, why)),
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
        if !self.guarded && sent.as_ref().is_err_and(Cause::is_blocked) {
            guard.remember(self.url.host());
            way = Way::Open;
            sent = self.send_by_proxies(way).await;
        }
        let answer = sent?;
        // A proxy's address says nothing about where the answer came from.
        let direct = remote(&answer).filter(|_| self.passage.proxy().is_none());
        let public = direct.is_some_and(|address| (guard.is_public)(address.ip()));
        self.recall.is_public = way == Way::Judged || public;
        self.guarded |= self.recall.is_public;
        Ok(answer)
    }

    /// Gets a proxy of the list, when all of them rest as late as the deadline allows.
    async fn board(&mut self, fleet: &Arc<Fleet>) -> Result<(), Cause> {
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
        Err(Cause::new(ErrorKind::Proxy, Phase::Connect, why))
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
        if kept
            && matches!(self.method, Method::GET | Method::HEAD)
            && sent.as_ref().is_err_and(Cause::is_lost)
        {
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
                Some(Cause { dns, ..Cause::new(ErrorKind::Dns, Phase::Resolve, message) })
            }
            _ => None,
        }
    }

    /// Sends the request once.
    async fn send(&mut self, way: Way) -> Result<reqwest::Response, Cause> {
        self.trace.enter(Stage::Idle);
        let dials = self.trace.dials();
        let request = match self.request() {
            Ok(request) => self.completed(request),
            Err(error) => return Err(self.explained(error)),
        };
        self.http.shared.traffic.sent();
        let client = self.http.client(way, &self.url, &self.passage);
        let (client, sharing) =
            client.map_err(|why| Cause::new(ErrorKind::Internal, Phase::Connect, why.to_string()))?;
        self.trace.may_share(sharing.as_ref());
        let answer = self.execute(client, way, request).await;
        let answer =
            answer.map_err(|expired| self.expired(expired))?.map_err(|error| self.explained(error))?;
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

    /// With the conditions of the cache or of an earlier run; noted for the archive.
    fn completed(&mut self, mut request: reqwest::Request) -> reqwest::Request {
        if let Some(conditions) = &self.recall.conditions {
            request.headers_mut().extend((**conditions).clone());
        }
        if let Some(validators) = &self.validators {
            validators.put(request.headers_mut());
        }
        if let Some(captures) = &mut self.captures {
            captures.send(&self.url, &request);
        }
        request
    }

    /// What an error of the client comes down to, as users know it.
    fn explained(&self, error: reqwest::Error) -> Cause {
        // Its own words would name the URL, userinfo and all.
        let error = error.without_url();
        let options = &self.http.options;
        let mut cause = classify(&error, Phase::FirstByte, self.trace.stage());
        match cause.kind {
            ErrorKind::Timeout => {
                let what = if cause.phase == Phase::Resolve { "name not resolved" } else { "no connection" };
                cause.message = format!("{what} within {:?}", options.connect_timeout);
            }
            // What HTTP/1 answers to the preface of HTTP/2 looks like a frame that is far too long.
            ErrorKind::Protocol if options.connections.protocol == Protocol::Http2 => {
                cause.message = format!("no HTTP/2 came, which `--http2` asks for: {}", cause.message);
            }
            _ => {}
        }
        match self.passage.proxy() {
            Some((_, proxy)) => self.blame(proxy::judge(&error, proxy, self.url.is_https(), cause)),
            None => cause,
        }
    }

    /// A connection through a proxy that ends may be the proxy's end.
    fn blame(&self, cause: Cause) -> Cause {
        let blame = (cause.is_lost() && self.method.is_idempotent()).then_some(Blame::Unclear);
        Cause { blame: cause.blame.or(blame), ..cause }
    }

    /// The request of the current hop, without conditions.
    pub(super) fn request(&self) -> reqwest::Result<reqwest::Request> {
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
}
