//! Seeds: what the user named, read as a stream from arguments, files and stdin.
//!
//! Each line is a URL, or a JSON object with a URL and how to ask for it (`seeds/json.rs`). Each [`Source`] is an independent producer with a task (arguments) or a thread (files and stdin,
//! which block) of its own, all feeding one bounded channel; a list is never held in memory. A line
//! that is no URL is a [`Seed`] too: it becomes a record, not an abort.

mod json;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::frontier::SeedOptions;
use crate::outcome::Position;
use crate::url::{CrawlUrl, Near, UrlError, redacted};

/// The longest line of a list that is read as a URL, in bytes. What is longer is a bad seed.
pub const MAX_LINE: usize = 64 * 1024;

/// Seeds sent at once; a smaller batch goes out when the input pauses.
const BATCH: usize = 128;

/// Where seeds come from.
pub enum Source {
    /// URLs or host names given one by one.
    Given(Vec<String>),
    /// A list, one per line; gzip is recognised by its first bytes.
    File(PathBuf),
    /// A list on standard input.
    Stdin,
    /// A list from any reader.
    Reader(Box<dyn Read + Send>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(urls) => write!(f, "{} seeds given", urls.len()),
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Stdin => f.write_str("stdin"),
            Self::Reader(_) => f.write_str("the seed list"),
        }
    }
}

/// One URL given by the user, or the line that was meant as one.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Where it stood.
    pub position: Position,
    /// What was written there; at most a few hundred bytes of a line that is no URL.
    pub text: String,
    /// What it means.
    pub url: Result<CrawlUrl, UrlError>,
    /// What it asks for beyond its URL.
    pub options: Option<Arc<SeedOptions>>,
}

/// A [`Seed`] as it is kept: its position, its text, what it means, and its options in base64.
#[derive(Serialize, Deserialize)]
struct Kept<'a>(u32, u64, Cow<'a, str>, Meaning<'a>, #[serde(default)] Option<String>);

#[derive(Serialize, Deserialize)]
enum Meaning<'a> {
    #[serde(rename = "url")]
    Url(Cow<'a, str>),
    #[serde(rename = "invalid")]
    Invalid(Cow<'a, str>),
    #[serde(rename = "scheme")]
    Scheme(Cow<'a, str>),
    #[serde(rename = "line")]
    Line(Cow<'a, str>),
}

impl Seed {
    /// Reads a line of a list; `None` for a blank one and a comment.
    pub fn read(line: &[u8], position: Position) -> Option<Self> {
        let line = match line.len() {
            ..=MAX_LINE => Line::Whole(line),
            bytes => Line::TooLong { start: line, bytes },
        };
        read_line(line, position, &mut Near::default())
    }

    /// One that is no URL.
    fn bad(position: Position, text: String, why: UrlError) -> Self {
        Self { position, text, url: Err(why), options: None }
    }

    /// A form that can be kept and [read back](Self::from_bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let meaning = match &self.url {
            Ok(url) => Meaning::Url(url.as_str().into()),
            Err(UrlError::Invalid(why)) => Meaning::Invalid(why.into()),
            Err(UrlError::Scheme(scheme)) => Meaning::Scheme(scheme.into()),
            Err(UrlError::Line(why)) => Meaning::Line(why.into()),
        };
        let options = self.options.as_ref().map(|options| BASE64_STANDARD.encode(options.to_bytes()));
        let Position { source, line } = self.position;
        // Nothing in it can fail to be written.
        serde_json::to_vec(&Kept(source, line, self.text.as_str().into(), meaning, options))
            .unwrap_or_default()
    }

    /// What [`to_bytes`](Self::to_bytes) was made of; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Kept(source, line, text, meaning, options) = serde_json::from_slice(bytes).ok()?;
        let url = match meaning {
            Meaning::Url(url) => Ok(CrawlUrl::parse(&url).ok()?),
            Meaning::Invalid(why) => Err(UrlError::Invalid(why.into_owned())),
            Meaning::Scheme(scheme) => Err(UrlError::Scheme(scheme.into_owned())),
            Meaning::Line(why) => Err(UrlError::Line(why.into_owned())),
        };
        let options = match options {
            Some(text) => Some(Arc::new(SeedOptions::from_bytes(&BASE64_STANDARD.decode(text).ok()?).ok()?)),
            None => None,
        };
        Some(Self { position: Position { source, line }, text: text.into_owned(), url, options })
    }
}

/// How far a source was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// To its end: so many lines.
    Exhausted(u64),
    /// Nobody wanted more.
    Stopped,
}

impl Source {
    /// Sorts out the command line: what holds `://` is a URL, `-` is stdin, an existing file is a file,
    /// anything else is read as a host. Neighbouring URLs become one source.
    ///
    /// # Errors
    /// [`Error::Config`] for what is none of these, a directory, or a file that cannot be read.
    pub fn from_args<S: AsRef<str>>(args: &[S]) -> Result<Vec<Self>, Error> {
        let mut sources = Vec::new();
        for arg in args {
            match Self::from_arg(arg.as_ref())? {
                Self::Given(mut urls) => match sources.last_mut() {
                    Some(Self::Given(before)) => before.append(&mut urls),
                    _ => sources.push(Self::Given(urls)),
                },
                source => sources.push(source),
            }
        }
        if sources.iter().filter(|s| matches!(s, Self::Stdin)).count() > 1 {
            return Err(Error::Config("`-` (stdin) can be given only once".into()));
        }
        Ok(sources)
    }

    fn from_arg(arg: &str) -> Result<Self, Error> {
        if arg == "-" {
            return Ok(Self::Stdin);
        }
        if arg.contains("://") {
            return Ok(Self::Given(vec![arg.to_owned()]));
        }
        let path = Path::new(arg);
        match path.metadata() {
            Ok(meta) if meta.is_dir() => Err(Error::Config(format!(
                "`{arg}` is a directory, not a list of URLs\nhint: name a file with one URL per line, or write `https://{arg}` if it is a host"
            ))),
            // A pipe can be opened only once: its writer would take the second time for the end.
            Ok(meta) if !meta.is_file() => Ok(Self::File(path.to_owned())),
            Ok(_) => match File::open(path) {
                Ok(_) => Ok(Self::File(path.to_owned())),
                Err(why) => Err(Error::Config(format!("cannot read `{arg}`: {why}"))),
            },
            Err(why)
                if why.kind() != io::ErrorKind::NotFound && why.kind() != io::ErrorKind::NotADirectory =>
            {
                Err(Error::Config(format!("cannot read `{arg}`: {why}")))
            }
            Err(_) => match parse(arg) {
                Ok(url) if looks_like_host(arg, &url) => Ok(Self::Given(vec![arg.to_owned()])),
                _ => Err(Error::Config(format!(
                    "`{}` is not a URL (no `://`), not a file (no such file), and not a host name\nhint: give a URL, a file with one URL per line, or `-` for stdin",
                    redacted(arg)
                ))),
            },
        }
    }

    /// Whether it may have more lines the next time: a list in a file, as opposed to a pipe that is read once.
    pub(crate) fn may_grow(&self) -> bool {
        matches!(self, Self::File(path) if path.is_file())
    }

    /// Sends the seeds from line `from` on (0 is all) into `seeds` until the end, the receiver's end, or `stop`. Blocks:
    /// call it on a thread that may.
    ///
    /// # Errors
    /// When reading fails half-way; what was read before has been sent.
    pub fn produce(
        self,
        index: u32,
        from: u64,
        seeds: &mpsc::Sender<Vec<Seed>>,
        stop: &CancellationToken,
    ) -> io::Result<End> {
        let mut out = Batch {
            index,
            from,
            seeds,
            stop,
            lines: 0,
            near: Near::default(),
            ready: Vec::with_capacity(BATCH),
        };
        match self {
            Self::Given(urls) => {
                for url in urls {
                    if !out.push(Line::Whole(url.as_bytes())) {
                        return Ok(End::Stopped);
                    }
                }
                Ok(out.end())
            }
            Self::File(path) => read_list(File::open(path)?, &mut out),
            Self::Stdin => read_list(io::stdin(), &mut out),
            Self::Reader(reader) => read_list(reader, &mut out),
        }
    }
}

/// Reads a line of a list, or an argument, as a URL: as it is when it has a scheme, else as a host
/// with `https://`, or `http://` when the host is a loopback literal or `localhost`.
///
/// # Errors
/// As [`CrawlUrl::parse`].
pub fn parse(text: &str) -> Result<CrawlUrl, UrlError> {
    parse_after(&mut Near::default(), text)
}

fn parse_after(near: &mut Near, text: &str) -> Result<CrawlUrl, UrlError> {
    if has_scheme(text) {
        return CrawlUrl::parse_after(near, text);
    }
    let host = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    let name = host.rfind(':').filter(|at| !host[*at..].contains(']')).map_or(host, |at| &host[..at]);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = name.eq_ignore_ascii_case("localhost")
        || bare.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback());
    CrawlUrl::parse(&format!("{}://{text}", if loopback { "http" } else { "https" }))
}

/// `scheme:` at the start (RFC 3986 §3.1), unless what follows the colon is a port.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let port = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    is_scheme && (port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()))
}

/// A mistyped file name should be called that, not looked up in the DNS. None of these endings is a domain.
fn looks_like_host(arg: &str, url: &CrawlUrl) -> bool {
    const LISTS: [&str; 11] =
        ["txt", "csv", "tsv", "gz", "json", "jsonl", "ndjson", "lst", "list", "log", "xml"];
    let host = url.host();
    match host.rsplit_once('.') {
        _ if arg.starts_with('.') => false,
        Some((_, ending)) => !LISTS.contains(&ending),
        None => host.contains(':') || host == "localhost",
    }
}

/// A line of a list: whole, or cut because it is too long.
enum Line<'a> {
    Whole(&'a [u8]),
    TooLong { start: &'a [u8], bytes: usize },
}

/// Collects seeds and sends them on.
struct Batch<'a> {
    index: u32,
    /// Lines before this one were sent by an earlier run.
    from: u64,
    seeds: &'a mpsc::Sender<Vec<Seed>>,
    stop: &'a CancellationToken,
    lines: u64,
    near: Near,
    ready: Vec<Seed>,
}

impl Batch<'_> {
    /// Takes a line; `false` when nobody wants more.
    fn push(&mut self, line: Line<'_>) -> bool {
        let position = Position { source: self.index, line: self.lines };
        self.lines += 1;
        if position.line < self.from {
            return true;
        }
        if let Some(seed) = read_line(line, position, &mut self.near) {
            self.ready.push(seed);
        }
        self.ready.len() < BATCH || self.flush()
    }

    /// Sends what is there; `false` when nobody wants more.
    fn flush(&mut self) -> bool {
        if self.stop.is_cancelled() {
            return false;
        }
        if self.ready.is_empty() {
            return true;
        }
        let batch = std::mem::replace(&mut self.ready, Vec::with_capacity(BATCH));
        self.seeds.blocking_send(batch).is_ok()
    }

    /// Sends the last of a source that was read to its end.
    fn end(&mut self) -> End {
        if self.ready.is_empty() || self.flush() { End::Exhausted(self.lines) } else { End::Stopped }
    }
}

/// A seed, or nothing for a blank line or a comment.
fn read_line(line: Line<'_>, position: Position, near: &mut Near) -> Option<Seed> {
    let bytes = match line {
        Line::Whole(bytes) => bytes.trim_ascii(),
        Line::TooLong { start, bytes } => {
            let why = format!("a line of {bytes} bytes; at most {MAX_LINE} are read");
            return Some(Seed::bad(position, shown(start), UrlError::Invalid(why)));
        }
    };
    if bytes.is_empty() || bytes.starts_with(b"#") {
        return None;
    }
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => {
            if bytes.starts_with(b"{") {
                return Some(json::read(text, position, near));
            }
            let url = parse_after(near, text);
            let text = if url.is_ok() { text.to_owned() } else { excerpt(bytes) };
            Seed { position, text, url, options: None }
        }
        Err(why) => {
            let why = format!("not UTF-8 at byte {}", why.valid_up_to());
            Seed::bad(position, shown(bytes), UrlError::Invalid(why))
        }
    })
}

/// What is shown of a line that cannot be read. An object has secrets in it.
fn shown(line: &[u8]) -> String {
    if line.trim_ascii_start().starts_with(b"{") { json::NO_URL.to_owned() } else { excerpt(line) }
}

/// The beginning of something that may be long or binary.
fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 512;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    if bytes.len() > SHOWN { text + "…" } else { text }
}

fn read_list(input: impl Read, out: &mut Batch<'_>) -> io::Result<End> {
    let mut reader = BufReader::with_capacity(128 * 1024, input);
    let start = reader.fill_buf()?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return read_lines(BufReader::new(flate2::bufread::MultiGzDecoder::new(reader)), out);
    }
    if start.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    read_lines(reader, out)
}

fn read_lines<R: Read>(mut reader: BufReader<R>, out: &mut Batch<'_>) -> io::Result<End> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = match read_capped(&mut reader, &mut line) {
            Ok(read) => read,
            Err(why) => {
                out.flush();
                return Err(why);
            }
        };
        if read == 0 {
            return Ok(out.end());
        }
        let next =
            if read > MAX_LINE { Line::TooLong { start: &line, bytes: read } } else { Line::Whole(&line) };
        // Nothing buffered means that the next read may wait: do not sit on what is there.
        if !out.push(next) || (reader.buffer().is_empty() && !out.flush()) {
            return Ok(End::Stopped);
        }
    }
}

/// Reads up to and including the next newline, keeping at most [`MAX_LINE`] bytes; returns the bytes read.
fn read_capped<R: BufRead>(reader: &mut R, line: &mut Vec<u8>) -> io::Result<usize> {
    let mut total = 0;
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        let newline = memchr::memchr(b'\n', buffer);
        let used = newline.map_or(buffer.len(), |at| at + 1);
        line.extend_from_slice(&buffer[..used.min(MAX_LINE - line.len().min(MAX_LINE))]);
        reader.consume(used);
        total += used;
        if newline.is_some() || used == 0 {
            return Ok(total);
        }
    }
}
