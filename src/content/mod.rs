//! What a page says to people: its main text, its metadata, and whether another page says the same.
//!
//! Called by the worker with HTML that has been made UTF-8, and only when asked for (`--extract`, `--duplicates`). [`read`]
//! is a function of the page; [`Duplicates`] is what a run remembers of all of them. No I/O here but for
//! [`Ledger`], which a sink thread writes.
//!
//! The tree that the main content is found in is built by a crate, and pages are hostile: `load` counts beforehand what the
//! tree would cost. Promises: no panic on any bytes; a page beyond the limits has neither text nor Markdown, and everything
//! else. Metadata and the words for [`simhash`](simhash::of) come from the scanner of `extract`, in linear time.

mod duplicates;
mod ledger;
mod load;
mod main_content;
mod meta;
pub mod simhash;

pub use self::duplicates::{Duplicates, Kind, Mark, Print};
pub use self::ledger::Ledger;
pub use self::load::MAX_BYTES;
pub use self::meta::Meta;

use url::Url;

/// What of a page is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its main content as text.
    pub text: bool,
    /// Its main content as Markdown.
    pub markdown: bool,
    /// What it says of itself.
    pub meta: bool,
}

impl Wanted {
    /// Whether there is anything to do.
    pub fn any(self) -> bool {
        self.meta || self.needs_tree()
    }

    /// Whether a tree must be built, which takes some hundred times as long as to scan.
    pub fn needs_tree(self) -> bool {
        self.text || self.markdown
    }
}

/// What was read of a page; what it does not have, and what was not wanted, is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// Main content: paragraphs with an empty line between them.
    pub text: Option<String>,
    /// Main content as Markdown, links absolute.
    pub markdown: Option<String>,
    /// What the page says of itself.
    pub meta: Option<Box<Meta>>,
    /// Where files hold these, without suffix, below the directory of `--extract-to`; the record then names the files.
    pub stem: Option<String>,
    /// How its content compares to that of other pages.
    pub mark: Option<Mark>,
}

impl Content {
    /// What there is: suffix of its file, and the content.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        let line = |text: &String| [text.as_bytes(), b"\n"].concat();
        let meta = self.meta.as_ref().and_then(|meta| serde_json::to_vec_pretty(meta).ok());
        [
            ("txt", self.text.as_ref().map(line)),
            ("md", self.markdown.as_ref().map(line)),
            ("meta.json", meta.map(|json| [&json[..], b"\n"].concat())),
        ]
        .into_iter()
        .filter_map(|(suffix, content)| Some((suffix, content?)))
    }
}

/// Reads a page that came from `url`.
pub fn read(html: &str, url: &Url, wanted: Wanted) -> Content {
    let meta = wanted.meta.then(|| Meta::read(html.as_bytes(), url)).filter(|meta| *meta != Meta::default());
    let (text, markdown) = match wanted.needs_tree() {
        true => main_content::read(html, url, wanted),
        false => (None, None),
    };
    Content { text, markdown, meta: meta.map(Box::new), ..Content::default() }
}
