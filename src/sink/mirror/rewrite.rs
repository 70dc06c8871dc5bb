//! The end of a mirror: pages and style sheets, made of their originals with links to files.
//!
//! One at a time and in the order of the log; memory is that of one page. What is made replaces what an earlier run made, file
//! by file, so at any time each page is one that can be read.

use std::collections::HashMap;
use std::fs;
use std::io;

use url::Url;

use super::log::{Entry, Log};
use super::{MAX_REDIRECTS, Mirror, Mirrored, ORIGINALS, path, without_secrets};
use crate::extract::{Kind, Source, relink};

/// URLs of which is remembered where they lead: the pages of a site link to each other.
const REMEMBERED: usize = 8 * 1024;
/// The longest of them, bytes: what a server chose must not fill the memory.
const MAX_REMEMBERED: usize = 512;

impl Mirror {
    /// Rewrites all links.
    pub(super) fn rewrite(&mut self) -> io::Result<Mirrored> {
        let (mut mirrored, mut known) = (Mirrored::default(), HashMap::new());
        let mut lines = self.log.read()?;
        while let Some((at, entry)) = lines.next_line()? {
            let Some(path) = entry.path.as_deref().filter(|_| self.log.counts(at, &entry)) else { continue };
            mirrored.files += 1;
            if let Some(content_type) = &entry.links {
                mirrored.links += self.page(&entry, path, content_type, &mut known)?;
            }
        }
        Ok(mirrored)
    }

    /// Makes a page of its original; how many of its links are other ones.
    fn page(
        &mut self,
        entry: &Entry,
        path: &str,
        content_type: &str,
        known: &mut HashMap<String, Option<String>>,
    ) -> io::Result<u64> {
        let original = self.root.join(ORIGINALS).join(path);
        let body = match fs::read(&original) {
            Ok(body) => body,
            // The run was killed before it was there, or somebody took it away.
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(why) => return Err(super::whole::named(&original)(why)),
        };
        let Ok(url) = Url::parse(&entry.url) else { return Ok(0) };
        let source = Source {
            content_type: Some(content_type),
            charset: entry.charset.as_deref(),
            ..Source::new(&body, &url)
        };
        let kind = if content_type == "text/css" { Kind::Css } else { Kind::Html };
        let (log, mut failed) = (&self.log, None);
        let mut local = |url: &str| {
            let to = match known.get(url) {
                Some(to) => to.clone(),
                None => {
                    if known.len() >= REMEMBERED {
                        known.clear();
                    }
                    let to = file_of(log, url).unwrap_or_else(|why| {
                        failed = Some(why);
                        None
                    });
                    if url.len() <= MAX_REMEMBERED {
                        known.insert(url.to_owned(), to.clone());
                    }
                    to
                }
            };
            to.map(|to| path::relative(path, &to))
        };
        let relinked = relink(&source, kind, &mut local);
        if let Some(why) = failed {
            return Err(why);
        }
        self.write(path, &relinked.body)?;
        Ok(relinked.links)
    }
}

/// The file that a link leads to, redirects followed.
fn file_of(log: &Log, url: &str) -> io::Result<Option<String>> {
    // A page may know a password that the log does not.
    let mut url = match url.contains('@').then(|| Url::parse(url)) {
        Some(Ok(url)) => String::from(without_secrets(url)),
        _ => url.to_owned(),
    };
    for _ in 0..=MAX_REDIRECTS {
        match log.get(&url)? {
            Some(Entry { path: Some(path), .. }) => return Ok(Some(path)),
            Some(Entry { to: Some(to), .. }) => url = to,
            _ => break,
        }
    }
    Ok(None)
}
