//! Asking whether a page has changed since an earlier run, and going on from its record when it has not (`Plan::since`).
//!
//! A worker calls [`Before::of`] in front of a fetch. What the run needs of a page that is not sent again must be in the
//! record: links above all, since a crawl goes on through pages that have not changed. Where they are not, or cannot be
//! understood, the page is asked for as if it were new.

use std::sync::Arc;

use super::Plan;
use super::outlinks::is_checked_only;
use crate::extract::{self, Link, LinkKind, Via};
use crate::fetch::{FetchError, Method, Request, Response, Validators};
use crate::frontier::Entry;
use crate::outcome::{Keep, Received, Unchanged};
use crate::recrawl::{Earlier, EarlierLink, EarlierPage};
use crate::url::{CrawlUrl, Fingerprinter, Near};

/// A page as it was.
pub(super) struct Before {
    page: EarlierPage,
    links: Vec<Link>,
}

impl Before {
    /// What is known of the page that a request asks for; the request is then one for what has changed.
    pub(super) async fn of(
        earlier: &Arc<Earlier>,
        entry: &Entry,
        plan: &Plan,
        fingerprinter: Fingerprinter,
        request: &mut Request,
    ) -> Option<Box<Self>> {
        // Elsewhere a condition that fails is an error (RFC 9110 §13.1.2), and another body is another request.
        if !matches!(request.method, Method::GET | Method::HEAD) || request.body.is_some() {
            return None;
        }
        let needs_links = plan.keep.links || (plan.follow.is_some() && !is_checked_only(entry, plan));
        let (earlier, url) = (Arc::clone(earlier), request.url.clone());
        let read = move || {
            // A page that cannot be looked up is one that nobody knows.
            let page = earlier.page(&url).ok().flatten()?;
            Self::read(page, needs_links, fingerprinter)
        };
        let (before, validators) = tokio::task::spawn_blocking(read).await.ok().flatten()?;
        request.validators = Some(Box::new(validators));
        Some(before)
    }

    fn read(
        mut page: EarlierPage,
        needs_links: bool,
        fingerprinter: Fingerprinter,
    ) -> Option<(Box<Self>, Validators)> {
        let validators = Validators::new(page.etag.as_deref(), page.last_modified.as_deref())?;
        let mut links = Vec::new();
        if needs_links {
            let mut near = Near::default();
            let said = page.links.take()?.into_iter();
            links = said.map(|said| link(said, fingerprinter, &mut near)).collect::<Option<_>>()?;
        }
        Some((Box::new(Self { page, links }), validators))
    }

    /// Whether this is the answer that it is as it was.
    pub(super) fn is_meant_by(&self, result: &Result<Response, FetchError>) -> bool {
        result.as_ref().is_ok_and(|answer| answer.status == 304 && answer.chain.is_empty())
    }

    /// What a reader of its body would find.
    pub(super) fn found(&mut self) -> extract::Page {
        let robots = std::mem::take(&mut self.page.robots);
        extract::Page {
            title: self.page.title.take(),
            links: std::mem::take(&mut self.links),
            nofollow: robots.iter().any(|word| word == "nofollow"),
            robots,
            ..extract::Page::default()
        }
    }

    /// Puts what a 304 does not say into its record.
    pub(super) fn complete(self, answer: &mut Received, keep: Keep) {
        let EarlierPage { timestamp, etag, last_modified, content_type, charset, sha256, .. } = self.page;
        let or = |said: &mut Option<Box<str>>, was: Option<String>| {
            *said = said.take().or(was.map(Into::into));
        };
        or(&mut answer.etag, etag);
        or(&mut answer.last_modified, last_modified);
        answer.content_type = answer.content_type.take().or(content_type);
        answer.charset = answer.charset.take().or(charset);
        answer.sha256 = sha256.filter(|_| keep.digest);
        answer.unchanged = Some(Unchanged { since: timestamp.into() });
    }
}

/// A link of a record as one that was found; `None` if it is written as none is, or hides a password.
fn link(said: EarlierLink, fingerprinter: Fingerprinter, near: &mut Near) -> Option<Link> {
    let url = CrawlUrl::parse_after(near, &said.url).ok()?;
    if url.as_str() != url.to_string() || url.as_str().contains("***@") {
        return None;
    }
    Some(Link {
        fingerprint: fingerprinter.fingerprint(&url),
        url,
        via: Via::find(&said.tag, &said.attr)?,
        kind: LinkKind::find(&said.kind)?,
        nofollow: said.nofollow,
        shown_via: None,
        lastmod: None,
        text: said.text.map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(more: &str) -> EarlierPage {
        serde_json::from_str(&format!("{{\"etag\":\"\\\"a\\\"\"{more}}}")).unwrap()
    }

    fn read(more: &str, needs_links: bool) -> Option<(Box<Before>, Validators)> {
        Before::read(page(more), needs_links, Fingerprinter::random())
    }

    #[test]
    fn a_page_without_what_the_run_needs_is_as_good_as_unknown() {
        let link = |url: &str, tag: &str| {
            format!(
                ",\"links\":[{{\"url\":\"{url}\",\"tag\":\"{tag}\",\"attr\":\"href\",\"kind\":\"navigation\"}}]"
            )
        };
        assert!(read("", false).is_some() && read("", true).is_none());
        let (mut before, _) = read(&link("http://h/x", "a"), true).unwrap();
        assert_eq!(before.found().links[0].url.as_str(), "http://h/x");
        for (url, tag) in [("no url", "a"), ("http://u:***@h/", "a"), ("http://h/x", "b")] {
            assert!(read(&link(url, tag), true).is_none(), "{url} {tag}");
            assert!(read(&link(url, tag), false).is_some(), "{url} {tag}");
        }
    }

    #[test]
    fn robots_are_heeded_as_they_were() {
        let (mut before, _) = read(",\"robots\":[\"noindex\",\"nofollow\"],\"title\":\"t\"", false).unwrap();
        let found = before.found();
        assert!(found.nofollow && found.title.as_deref() == Some("t") && found.robots.len() == 2);
    }
}
