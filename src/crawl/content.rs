//! What a page says, and whether it was said before: the step between a fetch and its record that `--extract` and
//! `--duplicates` add.
//!
//! Judged is what answered with 2xx. Small pages are read by the worker, others on a thread that may block, so many at once
//! as there are cores: a tree takes some 20 times the memory of its page, and there may be a worker for each.

use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use encoding_rs::Encoding;
use tokio::sync::Semaphore;
use url::Url;

use super::maps;
use crate::content::{self, Content, Duplicates, Mark, Wanted};
use crate::extract::{self, charset};
use crate::fetch::Response;
use crate::frontier::Entry;
use crate::outcome::file_stem;
use crate::url::CrawlUrl;

/// Bodies above this are read on a thread of their own, bytes: some 10 ms for a tree, some 2 ms without.
const INLINE: (usize, usize) = (32 * 1024, 256 * 1024);

/// Trees that are built at once.
static CORES: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))));

/// What is made of the content of pages; nothing unless asked for.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What is read of HTML pages.
    pub wanted: Wanted,
    /// Name files for it, which a sink writes, in place of the content in the record.
    pub to_files: bool,
    /// Marks pages with the content of another.
    pub duplicates: Option<Arc<Duplicates>>,
}

/// A page on its way to the thread that reads it.
struct Page {
    reading: Reading,
    asked: CrawlUrl,
    url: Url,
    body: Bytes,
    /// Of HTML.
    encoding: Option<&'static Encoding>,
    is_whole: bool,
}

impl Reading {
    /// Whether there is anything to do.
    pub(super) fn is_asked(&self) -> bool {
        self.wanted.any() || self.duplicates.is_some()
    }

    /// Reads what answered, if it is a page.
    pub(super) async fn read(
        &self,
        response: &Response,
        entry: &Entry,
        found: &extract::Page,
    ) -> Option<Box<Content>> {
        let is_page = (200..300).contains(&response.status) && !maps::is_sitemap(entry);
        if !is_page || response.body.bytes.is_empty() {
            return None;
        }
        let body = response.body.bytes.clone();
        let (content_type, _) = crate::outcome::content_type(&response.headers);
        let page = Page {
            encoding: found.charset.filter(|_| extract::is_html(content_type.as_deref(), &body)),
            reading: self.clone(),
            asked: entry.url.clone(),
            url: response.final_url.to_url(),
            is_whole: response.body.truncated.is_none(),
            body,
        };
        let most = if self.wanted.needs_tree() && page.encoding.is_some() { INLINE.0 } else { INLINE.1 };
        if page.body.len() <= most {
            return Some(Box::new(page.read()));
        }
        // Held by the thread, since this future may be dropped before it is done. It is never closed.
        let turn = Arc::clone(&CORES).acquire_owned().await;
        let read = move || {
            let content = page.read();
            drop(turn);
            content
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(content) => Some(Box::new(content)),
            Err(panic) => match panic.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => None,
            },
        }
    }
}

impl Page {
    fn read(&self) -> Content {
        let Reading { wanted, to_files, duplicates } = &self.reading;
        let utf8 = self.encoding.map(|encoding| charset::to_utf8(encoding, &self.body));
        let mut content = match &utf8 {
            // What claims to be UTF-8 need not be.
            Some(html) if wanted.any() => content::read(&String::from_utf8_lossy(html), &self.url, *wanted),
            _ => Content::default(),
        };
        content.stem = to_files.then(|| file_stem(Some(&self.asked), &self.body));
        content.mark = duplicates.as_ref().and_then(|all| self.mark(all, utf8.as_deref()));
        content
    }

    /// Of a body that was cut nobody knows what it is equal to.
    fn mark(&self, all: &Duplicates, html: Option<&[u8]>) -> Option<Mark> {
        self.is_whole.then(|| all.judge(all.print(&self.asked, &self.body, html)))
    }
}
