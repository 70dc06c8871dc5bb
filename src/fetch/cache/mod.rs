//! [`Cache`]: answers on disk that are used again as far as RFC 9111 lets a cache of one user (`HttpOptions::cache`).
//!
//! The exchange asks it for each hop: [`Cache::visit`] finds what is there, a [`Visit`] says what it is good for, and a [`Saving`] takes
//! what is to be kept while it is read. Only a GET is answered from it or kept; other methods go to the server, and those that are not safe
//! make it forget the URL (§4.4). Files are read and written on threads that may block. What cannot be read or written
//! is not there: a cache never makes a fetch fail.

mod directives;
mod entry;
mod policy;
mod store;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::http::Extensions;
use reqwest::header::{
    AGE, CONTENT_LOCATION, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, LOCATION, RANGE,
};
use reqwest::{Method, Version};
use tokio::sync::Semaphore;

use self::directives::Directives;
use self::entry::Entry;
use self::policy::{Policy, Use};
use self::store::Store;
use crate::url::CrawlUrl;

/// Requests with these say themselves what they have, or want a part: they pass by the cache.
const CONDITIONS: [HeaderName; 6] =
    [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];

/// Answers that are read or written at once: each takes a thread, and the memory of its allocator.
const AT_ONCE: usize = 8;

/// A directory of answers. Cheap to clone; several processes may use one.
#[derive(Clone, Debug)]
pub struct Cache {
    store: Arc<Store>,
    /// Those who are at the disk.
    turns: Arc<Semaphore>,
}

/// How the cache took part in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// It had the answer; no server was asked.
    Hit,
    /// It had the answer, which no longer holds, and the server failed.
    Stale,
    /// It had the answer, and the server said that it holds.
    Revalidated,
    /// The answer is the server's.
    Miss,
}

impl CacheUse {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hit, Self::Stale, Self::Revalidated, Self::Miss];

    /// The stable name, as it stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
        }
    }

    /// Whether the body is that of the cache.
    pub(super) fn has_body(self) -> bool {
        self != Self::Miss
    }
}

impl Cache {
    /// Opens a directory, or makes it; at most `most` bytes of answers are kept. Blocks.
    ///
    /// # Errors
    /// When it cannot be made or read, or holds something else.
    pub fn open(directory: &Path, most: u64) -> io::Result<Self> {
        let store = Arc::new(Store::open(directory, most)?);
        Ok(Self { store, turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Looks for the answer to a request. `is_guarded`: one that did not come from a public address will not do.
    pub(super) async fn visit(&self, url: &CrawlUrl, request: &reqwest::Request, is_guarded: bool) -> Visit {
        let headers = request.headers().clone();
        let asked = Directives::of(&headers);
        let passes = request.method() != Method::GET
            || request.body().is_some()
            || CONDITIONS.iter().any(|name| headers.contains_key(name))
            || asked.has("no-store")
            || asked.has("only-if-cached");
        let mut visit = Visit {
            cache: self.clone(),
            url: key(url),
            method: request.method().clone(),
            request: headers,
            entry: None,
            passes,
            sent: SystemTime::now(),
        };
        if !passes {
            let url = visit.url.clone();
            let found = self.on_disk(move |store| store.get(&url)).await.flatten();
            visit.entry = found.filter(|entry| entry.is_public || !is_guarded);
            visit.sent = SystemTime::now();
        }
        visit
    }

    async fn put(&self, entry: Entry) {
        // See the module: an answer that cannot be kept is an answer all the same.
        self.on_disk(move |store| store.put(&entry)).await;
    }

    async fn remove(&self, urls: Vec<String>) {
        self.on_disk(move |store| urls.iter().try_for_each(|url| store.remove(url))).await;
    }

    /// Does this off the runtime's threads; `None` where that cannot be.
    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce(&Store) -> T + Send + 'static) -> Option<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let store = Arc::clone(&self.store);
        let work = move || {
            let _turn = turn;
            work(&store)
        };
        tokio::task::spawn_blocking(work).await.ok()
    }
}

/// By what a URL is known: user and password are no part of it, and must not be on disk.
fn key(url: &CrawlUrl) -> String {
    format!("{}{}", url.host_key().as_str(), url.path_and_query())
}

/// One request before the cache.
pub(super) struct Visit {
    cache: Cache,
    url: String,
    method: Method,
    request: HeaderMap,
    entry: Option<Entry>,
    /// It has nothing to do with the cache, but for what it changes.
    passes: bool,
    sent: SystemTime,
}

impl Visit {
    fn judge(&self) -> Use {
        let judge = |entry| Policy::of(entry, self.sent).judge(&self.request);
        self.entry.as_ref().map_or(Use::None, judge)
    }

    /// The stored answer, if it holds.
    pub(super) fn fresh(&self) -> Option<Recalled> {
        (self.judge() == Use::Fresh).then(|| self.recall(Extensions::new())).flatten()
    }

    /// What the request has to say for the server to confirm the stored answer; nothing if there is none.
    pub(super) fn conditions(&self) -> HeaderMap {
        let stored = self.entry.as_ref().filter(|_| self.judge() == Use::Validate);
        stored.map(|entry| policy::conditions(&entry.headers)).unwrap_or_default()
    }

    /// The stored answer, if it may stand in for a server that fails.
    pub(super) fn stand_in(&self) -> Option<Recalled> {
        let entry = self.entry.as_ref().filter(|_| self.judge() != Use::None)?;
        let policy = Policy::of(entry, SystemTime::now());
        policy.may_stand_in(&self.request).then(|| self.recall(Extensions::new())).flatten()
    }

    /// The stored answer after a 304; `None` if that is about another. `is_public`: the 304 came from a public address.
    pub(super) async fn confirmed(
        &mut self,
        answer: &mut reqwest::Response,
        is_public: bool,
    ) -> Option<Recalled> {
        let entry = self.entry.as_mut()?;
        if !policy::is_about(&entry.headers, answer.headers()) {
            self.cache.remove(vec![self.url.clone()]).await;
            self.entry = None;
            return None;
        }
        entry.headers = policy::merged(&entry.headers, answer.headers());
        entry.is_public &= is_public;
        (entry.sent, entry.received) = (self.sent, SystemTime::now());
        self.cache.put(entry.clone()).await;
        // Among them is the address that answered.
        self.recall(std::mem::take(answer.extensions_mut()))
    }

    /// The stored answer as one that has come.
    fn recall(&self, extensions: Extensions) -> Option<Recalled> {
        let entry = self.entry.as_ref()?;
        let age = Policy::of(entry, SystemTime::now()).age.as_secs();
        let mut answer = hyper::Response::new(reqwest::Body::from(entry.body.clone()));
        *answer.status_mut() = hyper::StatusCode::from_u16(entry.status).ok()?;
        *answer.version_mut() = if entry.is_http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        *answer.headers_mut() = entry.headers.clone();
        answer.headers_mut().insert(AGE, HeaderValue::from(age));
        *answer.extensions_mut() = extensions;
        Some(Recalled { answer: answer.into(), is_public: entry.is_public })
    }

    /// Takes notice of the answer of a server: what is to be kept of it, while its body is read.
    pub(super) async fn take(self, answer: &reqwest::Response, is_public: bool) -> Option<Box<Saving>> {
        let (status, headers) = (answer.status(), answer.headers());
        if !self.method.is_safe() && (status.is_success() || status.is_redirection()) {
            self.cache.remove(self.concerned(headers)).await;
        }
        if self.passes || !policy::may_store(&self.request, status.as_u16(), headers, SystemTime::now()) {
            return None;
        }
        let vary = policy::vary(headers).into_iter();
        let entry = Entry {
            status: status.as_u16(),
            is_http2: answer.version() == Version::HTTP_2,
            is_public,
            sent: self.sent,
            received: SystemTime::now(),
            vary: vary
                .map(|name| {
                    let value = policy::value_of(&self.request, &name);
                    (name, value)
                })
                .collect(),
            headers: policy::to_keep(headers),
            body: Bytes::new(),
            url: self.url,
        };
        Some(Box::new(Saving { cache: self.cache, entry, chunks: Vec::new(), is_whole: false }))
    }

    /// The URLs that an unsafe request may have changed (§4.4).
    fn concerned(&self, headers: &HeaderMap) -> Vec<String> {
        let mut urls = vec![self.url.clone()];
        let Ok(here) = CrawlUrl::parse(&self.url) else { return urls };
        for name in [LOCATION, CONTENT_LOCATION] {
            let said = headers.get(name).and_then(|value| value.to_str().ok());
            let other = said.and_then(|text| CrawlUrl::from_url(here.to_url().join(text).ok()?).ok());
            urls.extend(other.filter(|other| other.host_key() == here.host_key()).map(|other| key(&other)));
        }
        urls
    }
}

/// A stored answer as one that has come.
pub(super) struct Recalled {
    pub(super) answer: reqwest::Response,
    /// It came from a public address.
    pub(super) is_public: bool,
}

/// An answer that is to be kept, while it is read.
pub(super) struct Saving {
    cache: Cache,
    entry: Entry,
    chunks: Vec<Bytes>,
    is_whole: bool,
}

impl Saving {
    /// A piece of its body, as it came over the wire.
    pub(super) fn push(&mut self, chunk: &Bytes) {
        self.chunks.push(chunk.clone());
    }

    /// Its body has come to its end.
    pub(super) fn end(&mut self) {
        self.is_whole = true;
    }

    /// Keeps it, if it is whole.
    pub(super) async fn keep(mut self) {
        if self.is_whole {
            self.entry.body = match &self.chunks[..] {
                [one] => one.clone(),
                chunks => chunks.concat().into(),
            };
            self.cache.put(self.entry).await;
        }
    }
}
