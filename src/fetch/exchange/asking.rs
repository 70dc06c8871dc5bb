//! How the current hop gets the head of an answer: from the cache or from the server, and again where the answer is a
//! challenge.
//!
//! [`Exchange::ask_until_known`] is what the loop over hops calls. Where neither a cache nor a session is wanted it is
//! [`Exchange::ask_server`] and nothing more.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::super::cache::{Recalled, Saving};
use super::super::classify::Cause;
use super::super::guard::DenyPrivate;
use super::super::session::Asking;
use super::super::{Body, Cache, CacheUse, FetchError, Phase};
use super::Exchange;

impl Exchange<'_> {
    /// Sends the request of the current hop, takes the cookies of its answer, and sends it again as the answer to a challenge
    /// (RFC 7616): once, and once more if it came with a nonce that is too old. That is no redirect, and no attempt.
    pub(super) async fn ask_until_known(&mut self) -> Result<reqwest::Response, FetchError> {
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
        let is_strict = self.guarded && self.http.guard.mode != DenyPrivate::Never;
        let mut visit = cache.visit(&self.url, &request, is_strict).await;
        let may_ask = self.http.guard.way(&self.url, self.guarded).is_ok();
        if let Some(recalled) = visit.fresh().filter(|_| may_ask) {
            return Ok(self.recalled(recalled, CacheUse::Hit));
        }
        self.recall.conditions = Some(visit.conditions()).filter(|all| !all.is_empty()).map(Box::new);
        let mut answer = self.ask_server().await;
        let is_asked = self.recall.conditions.take().is_some();
        if let Some(said) = answer.as_mut().ok().filter(|said| is_asked && said.status() == 304) {
            if let Some(recalled) = visit.confirmed(said, self.recall.is_public).await {
                return Ok(self.recalled(recalled, CacheUse::Revalidated));
            }
            answer = self.ask_server().await; // it was about an answer that is not there
        }
        let has_failed = match &answer {
            Ok(answer) => matches!(answer.status().as_u16(), 500 | 502..=504),
            Err(cause) => !cause.is_blocked() && cause.phase != Phase::Total && !cause.exhausted,
        };
        if let Some(recalled) = visit.stand_in().filter(|_| has_failed) {
            return Ok(self.recalled(recalled, CacheUse::Stale));
        }
        let answer = answer?;
        self.recall.saving = visit.take(&answer, self.recall.is_public).await;
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
    pub(super) async fn save(&mut self) {
        if let Some(saving) = self.recall.saving.take() {
            Box::pin(saving.keep()).await;
        }
    }
}

/// What the cache has to do with the current hop.
#[derive(Default)]
pub(super) struct Recall {
    pub(super) used: Option<CacheUse>,
    /// Conditions of the request under which the stored answer holds.
    pub(super) conditions: Option<Box<HeaderMap>>,
    pub(super) saving: Option<Box<Saving>>,
    /// The last answer of a server came from a public address.
    pub(super) is_public: bool,
}

impl Recall {
    /// A body, of which nothing came over the wire if it is the cache's.
    pub(super) fn counted(&self, body: Body) -> Body {
        let is_kept = self.used.is_some_and(CacheUse::has_body);
        if is_kept { Body { wire_bytes: 0, ..body } } else { body }
    }
}
