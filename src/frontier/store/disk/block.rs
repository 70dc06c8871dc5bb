//! Entries as bytes. A *block* holds entries of one group that were found together, so that what they share (the page,
//! its root, the depth) is written once, and of their URLs only what the group's name does not say.
//!
//! A block is written when its entries are admitted, is copied as it is from the journal's batch to the group's tail and
//! on to its queue on disk, and is read when a worker is about to need it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bytes::{Damaged, Reader, put, put_bytes};
use crate::extract::Via;
use crate::frontier::{Candidate, Entry, Found, Position, Root, SeedOptions, WallClock};
use crate::url::{CrawlUrl, Fingerprinter};

/// Entries of a block; a page with more links to a group has more blocks, so that a visit does not bring thousands.
const MOST: u32 = 64;

/// Bits of the header.
const LINK: u8 = 1;
const FOR_SEED: u8 = 2;
const NAMED: u8 = 4;
const ROOT_IS_SOURCE: u8 = 8;
const ROOT_IS_FRONT: u8 = 16;
const SOURCE_IN_GROUP: u8 = 32;
const ON_PUBLIC: u8 = 64;
const TAGGED: u8 = 128;

/// Bits of an entry.
const WHOLE_URL: u8 = 1;
const HAS_INPUT: u8 = 2;
const TRIED: u8 = 4;
const HAS_LASTMOD: u8 = 8;
const HAS_OPTIONS: u8 = 16;

/// Writes blocks: entries that share a header go into one.
#[derive(Default)]
pub(super) struct BlockWriter {
    bytes: Vec<u8>,
    entries: u32,
    first: u64,
    last: Option<(Found, u16, u32)>,
}

impl BlockWriter {
    /// Whether an entry with this origin can join the block that is open for this group.
    pub(super) fn fits(&self, group: u32, candidate: &Candidate) -> bool {
        self.entries < MOST
            && self.last.as_ref().is_some_and(|(found, depth, of)| {
                *of == group && *depth == candidate.depth && same_origin(found, &candidate.found)
            })
    }

    /// Opens a block; the one before must have been taken.
    pub(super) fn open(&mut self, group: u32, name: &str, candidate: &Candidate, seq: u64, admitted_ms: u64) {
        self.bytes.clear();
        self.entries = 0;
        self.first = seq;
        self.last = Some((candidate.found.clone(), candidate.depth, group));
        header(&mut self.bytes, name, &candidate.found, candidate.depth, seq, admitted_ms);
    }

    pub(super) fn push(&mut self, name: &str, url: &CrawlUrl, found: &Found, seq: u64) {
        put(&mut self.bytes, seq - self.first);
        let untried = Tries { attempts: 0, returned: 0, lost: 0, handed_out: false };
        entry(&mut self.bytes, name, url, found, untried);
        self.entries += 1;
    }

    /// The block, its number of entries, and its group; `None` when none is open.
    pub(super) fn take(&mut self) -> Option<(u32, u32, &[u8])> {
        let (_, _, group) = self.last.take()?;
        Some((group, self.entries, &self.bytes))
    }
}

/// A block of one entry, as it is now.
pub(super) fn single(out: &mut Vec<u8>, name: &str, from: &Entry, clock: &WallClock) {
    header(out, name, &from.found, from.depth, from.seq, clock.to_unix_ms(from.admitted));
    put(out, 0);
    let tries = Tries {
        attempts: from.attempts,
        returned: from.returned,
        lost: from.lost,
        handed_out: from.handed_out,
    };
    entry(out, name, &from.url, &from.found, tries);
}

/// Whether the entries are seeds.
pub(super) fn is_of_seeds(block: &[u8]) -> bool {
    block.first().is_some_and(|flags| flags & LINK == 0)
}

/// Appends the entries of a block that `keep` wants, asked in order, as a block again; returns their number.
pub(super) fn filter(
    block: &[u8],
    out: &mut Vec<u8>,
    mut keep: impl FnMut() -> bool,
) -> Result<u32, Damaged> {
    let (shape, mut reader) = Shape::read(block)?;
    let header = block.len() - reader.0.len();
    let start = out.len();
    out.extend_from_slice(&block[..header]);
    let mut kept = 0;
    while !reader.is_empty() {
        let before = reader.0;
        RawEntry::read(&mut reader, shape.is_link())?;
        if keep() {
            out.extend_from_slice(&before[..before.len() - reader.0.len()]);
            kept += 1;
        }
    }
    if kept == 0 {
        out.truncate(start);
    }
    Ok(kept)
}

/// Reads the entries of a block.
pub(super) fn read(
    block: &[u8],
    name: &str,
    clock: &WallClock,
    into: &mut VecDeque<Entry>,
) -> Result<(), Damaged> {
    let (shape, mut reader) = Shape::read(block)?;
    let admitted = clock.to_instant(shape.admitted_ms);
    let link = shape.link(name)?;
    let mut text = String::new();
    while !reader.is_empty() {
        let raw = RawEntry::read(&mut reader, shape.is_link())?;
        raw.url_into(name, &mut text);
        let found = match &link {
            Some((root, source)) => Found::Link {
                root: Arc::clone(root),
                source: source.clone(),
                via: raw.via,
                redirects: shape.redirects,
                for_seed: shape.flags & FOR_SEED != 0,
                on_public: shape.flags & ON_PUBLIC != 0,
                lastmod: raw.lastmod.map(Arc::from),
            },
            None => Found::Seed {
                position: raw.position,
                input: raw.input.map(Arc::from),
                options: raw.options()?.map(Arc::new),
            },
        };
        into.push_back(Entry {
            url: CrawlUrl::from_serialised(&text),
            seq: shape.first + raw.offset,
            depth: shape.depth,
            attempts: raw.tries.attempts,
            returned: raw.tries.returned,
            lost: raw.tries.lost,
            handed_out: raw.tries.handed_out,
            admitted,
            found,
        });
    }
    Ok(())
}

/// Calls `each` with number and URL of every entry of a block.
pub(super) fn urls(block: &[u8], name: &str, mut each: impl FnMut(u64, &str)) -> Result<(), Damaged> {
    let (shape, mut reader) = Shape::read(block)?;
    let mut text = String::new();
    while !reader.is_empty() {
        let raw = RawEntry::read(&mut reader, shape.is_link())?;
        raw.url_into(name, &mut text);
        each(shape.first + raw.offset, &text);
    }
    Ok(())
}

/// Calls `each` with the fingerprint of every entry of a block.
pub(super) fn prints(
    block: &[u8],
    name: &str,
    fingerprinter: &Fingerprinter,
    mut each: impl FnMut(u64),
) -> Result<(), Damaged> {
    let (shape, mut reader) = Shape::read(block)?;
    let mut text = String::new();
    while !reader.is_empty() {
        let raw = RawEntry::read(&mut reader, shape.is_link())?;
        raw.url_into(name, &mut text);
        each(match raw.options()? {
            Some(options) => options.fingerprint(&CrawlUrl::from_serialised(&text), fingerprinter),
            None => fingerprinter.fingerprint_str(&text),
        });
    }
    Ok(())
}

fn same_origin(a: &Found, b: &Found) -> bool {
    match (a, b) {
        (Found::Seed { .. }, Found::Seed { .. }) => true,
        (
            Found::Link { root, source, redirects, for_seed, on_public, .. },
            Found::Link {
                root: root_b,
                source: source_b,
                redirects: redirects_b,
                for_seed: for_seed_b,
                on_public: on_public_b,
                ..
            },
        ) => {
            redirects == redirects_b
                && for_seed == for_seed_b
                && on_public == on_public_b
                && root.named == root_b.named
                && source == source_b
                && root.url == root_b.url
                && root.tag == root_b.tag
        }
        _ => false,
    }
}

fn header(out: &mut Vec<u8>, name: &str, found: &Found, depth: u16, first: u64, admitted_ms: u64) {
    let mut flags = 0;
    let mut texts: [Option<&str>; 3] = [None, None, None];
    let mut redirects_of = 0;
    if let Found::Link { root, source, redirects, for_seed, on_public, .. } = found {
        flags |= LINK;
        flags |= if *for_seed { FOR_SEED } else { 0 };
        flags |= if *on_public { ON_PUBLIC } else { 0 };
        flags |= if root.named { NAMED } else { 0 };
        flags |= if root.tag.is_some() { TAGGED } else { 0 };
        texts[2] = root.tag.as_deref();
        redirects_of = *redirects;
        let path = source.as_str().strip_prefix(name).filter(|path| path.starts_with('/'));
        flags |= if path.is_some() { SOURCE_IN_GROUP } else { 0 };
        texts[0] = Some(path.unwrap_or(source.as_str()));
        match root.url.as_str() {
            root if root == source.as_str() => flags |= ROOT_IS_SOURCE,
            root if root.strip_prefix(name) == Some("/") => flags |= ROOT_IS_FRONT,
            root => texts[1] = Some(root),
        }
    }
    out.push(flags);
    put(out, first);
    put(out, admitted_ms);
    put(out, u64::from(depth));
    if flags & LINK != 0 {
        put(out, u64::from(redirects_of));
    }
    texts.into_iter().flatten().for_each(|text| put_bytes(out, text.as_bytes()));
}

/// How often an entry went out.
#[derive(Clone, Copy)]
struct Tries {
    attempts: u32,
    returned: u32,
    lost: u32,
    handed_out: bool,
}

fn entry(out: &mut Vec<u8>, name: &str, url: &CrawlUrl, found: &Found, tries: Tries) {
    let path = url.as_str().strip_prefix(name).filter(|path| path.starts_with('/'));
    let (input, lastmod) = match found {
        Found::Seed { input, .. } => (input.as_deref(), None),
        Found::Link { lastmod, .. } => (None, lastmod.as_deref()),
    };
    let options = found.options().map(SeedOptions::to_bytes);
    let tried = tries.handed_out || tries.attempts + tries.returned + tries.lost > 0;
    let mut flags = if path.is_none() { WHOLE_URL } else { 0 };
    flags |= if input.is_some() { HAS_INPUT } else { 0 };
    flags |= if lastmod.is_some() { HAS_LASTMOD } else { 0 };
    flags |= if options.is_some() { HAS_OPTIONS } else { 0 };
    flags |= if tried { TRIED } else { 0 };
    out.push(flags);
    put_bytes(out, path.unwrap_or(url.as_str()).as_bytes());
    match found {
        Found::Seed { position, .. } => {
            put(out, u64::from(position.source));
            put(out, position.line);
        }
        Found::Link { via, .. } => out.push(via.number()),
    }
    if let Some(text) = input.or(lastmod) {
        put_bytes(out, text.as_bytes());
    }
    if let Some(options) = options {
        put_bytes(out, &options);
    }
    if tried {
        put(out, u64::from(tries.attempts));
        put(out, u64::from(tries.returned));
        put(out, u64::from(tries.lost));
        out.push(u8::from(tries.handed_out));
    }
}

/// What the entries of a block share.
struct Shape<'a> {
    flags: u8,
    first: u64,
    admitted_ms: u64,
    depth: u16,
    redirects: u16,
    source: &'a str,
    root: &'a str,
    tag: Option<&'a str>,
}

impl<'a> Shape<'a> {
    fn read(block: &'a [u8]) -> Result<(Self, Reader<'a>), Damaged> {
        let mut reader = Reader(block);
        let flags = reader.byte()?;
        let (first, admitted_ms) = (reader.number()?, reader.number()?);
        let depth = reader.number()?.try_into().map_err(|_| Damaged)?;
        let is_link = flags & LINK != 0;
        let redirects = if is_link { reader.number()?.try_into().map_err(|_| Damaged)? } else { 0 };
        let source = if is_link { reader.text()? } else { "" };
        let own_root = is_link && flags & (ROOT_IS_SOURCE | ROOT_IS_FRONT) == 0;
        let root = if own_root { reader.text()? } else { "" };
        let tag = if is_link && flags & TAGGED != 0 { Some(reader.text()?) } else { None };
        Ok((Self { flags, first, admitted_ms, depth, redirects, source, root, tag }, reader))
    }

    fn is_link(&self) -> bool {
        self.flags & LINK != 0
    }

    /// Root and source, for links.
    fn link(&self, name: &str) -> Result<Option<(Arc<Root>, CrawlUrl)>, Damaged> {
        if !self.is_link() {
            return Ok(None);
        }
        let source = match self.flags & SOURCE_IN_GROUP != 0 {
            true => CrawlUrl::from_serialised(&format!("{name}{}", self.source)),
            false => CrawlUrl::from_serialised(self.source),
        };
        let url = match self.flags {
            flags if flags & ROOT_IS_SOURCE != 0 => source.clone(),
            flags if flags & ROOT_IS_FRONT != 0 => CrawlUrl::from_serialised(&format!("{name}/")),
            _ => CrawlUrl::from_serialised(self.root),
        };
        let root = Root { url, named: self.flags & NAMED != 0, tag: self.tag.map(Arc::from) };
        Ok(Some((Arc::new(root), source)))
    }
}

/// One entry, not yet made whole.
struct RawEntry<'a> {
    offset: u64,
    whole: bool,
    url: &'a str,
    via: Via,
    position: Position,
    input: Option<&'a str>,
    lastmod: Option<&'a str>,
    options: Option<&'a [u8]>,
    tries: Tries,
}

impl<'a> RawEntry<'a> {
    fn read(reader: &mut Reader<'a>, is_link: bool) -> Result<Self, Damaged> {
        let offset = reader.number()?;
        let flags = reader.byte()?;
        let url = reader.text()?;
        let (mut via, mut position) = (Via::REDIRECT, Position::NONE);
        match is_link {
            true => via = Via::with_number(reader.byte()?).ok_or(Damaged)?,
            false => position = Position { source: reader.small()?, line: reader.number()? },
        }
        let input = if flags & HAS_INPUT != 0 { Some(reader.text()?) } else { None };
        let lastmod = if flags & HAS_LASTMOD != 0 { Some(reader.text()?) } else { None };
        let options = if flags & HAS_OPTIONS != 0 { Some(reader.bytes()?) } else { None };
        let mut tries = Tries { attempts: 0, returned: 0, lost: 0, handed_out: false };
        if flags & TRIED != 0 {
            let (attempts, returned, lost) = (reader.small()?, reader.small()?, reader.small()?);
            tries = Tries { attempts, returned, lost, handed_out: reader.byte()? != 0 };
        }
        let whole = flags & WHOLE_URL != 0;
        Ok(Self { offset, whole, url, via, position, input, lastmod, options, tries })
    }

    fn options(&self) -> Result<Option<SeedOptions>, Damaged> {
        self.options.map(SeedOptions::from_bytes).transpose()
    }

    fn url_into(&self, name: &str, text: &mut String) {
        text.clear();
        if !self.whole {
            text.push_str(name);
        }
        text.push_str(self.url);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn url(text: &str) -> CrawlUrl {
        CrawlUrl::parse(text).unwrap()
    }

    fn link(to: &str, source: &str, root: &str, lastmod: Option<&str>) -> Candidate {
        let found = Found::Link {
            root: Arc::new(Root { url: url(root), named: true, tag: lastmod.map(Arc::from) }),
            source: url(source),
            via: Via::named("img", "srcset"),
            redirects: 0,
            for_seed: false,
            on_public: lastmod.is_some(),
            lastmod: lastmod.map(Arc::from),
        };
        Candidate { url: url(to), fingerprint: 0, depth: 3, found }
    }

    fn seed(to: &str, input: Option<&str>) -> Candidate {
        let options =
            SeedOptions { body: Some("x=1".into()), tag: input.map(Arc::from), ..SeedOptions::default() };
        let found = Found::Seed {
            position: Position { source: 2, line: 1 << 40 },
            input: input.map(Arc::from),
            options: input.map(|_| Arc::new(options)),
        };
        Candidate { url: url(to), fingerprint: 0, depth: 0, found }
    }

    #[test]
    fn entries_come_back_as_they_were() {
        let clock = WallClock::now();
        let now = clock.to_instant(clock.to_unix_ms(Instant::now()) + 5000);
        let cases = [
            ("http://h", link("http://h/a?b", "http://h/", "http://h/", None)),
            ("http://h", link("http://h/a", "http://x/p", "http://h/", Some("2026-11-21"))),
            ("http://h", link("http://u@h/a", "http://h/p", "http://r/dir/x", Some(""))),
            ("https://h:8", seed("https://h:8/ü", Some("h:8/ü"))),
            ("https://h", seed("https://h/", None)),
        ];
        for (name, candidate) in cases {
            let entry = Entry {
                url: candidate.url.clone(),
                seq: 77,
                depth: candidate.depth,
                attempts: 2,
                returned: 1,
                lost: 3,
                handed_out: true,
                admitted: now,
                found: candidate.found.clone(),
            };
            let mut bytes = Vec::new();
            single(&mut bytes, name, &entry, &clock);
            let mut back = VecDeque::new();
            read(&bytes, name, &clock, &mut back).unwrap();
            assert_eq!(format!("{:?}", back[0]), format!("{entry:?}"));
            for cut in 0..bytes.len() {
                // A prefix is damaged, or a block without the entry; never a panic or another entry.
                back.clear();
                if read(&bytes[..cut], name, &clock, &mut back).is_ok() {
                    assert!(back.is_empty());
                }
            }
        }
    }

    #[test]
    fn links_of_a_page_share_a_block_and_can_be_filtered() {
        let clock = WallClock::now();
        let mut writer = BlockWriter::default();
        let page = |n: u32| link(&format!("http://h/{n}"), "http://h/p", "http://h/", None);
        writer.open(4, "http://h", &page(0), 100, clock.to_unix_ms(Instant::now()));
        let mut pushed = 0;
        while writer.fits(4, &page(pushed)) {
            let candidate = page(pushed);
            writer.push("http://h", &candidate.url, &candidate.found, 100 + 2 * u64::from(pushed));
            pushed += 1;
        }
        assert!(!writer.fits(5, &page(0)));
        let (group, entries, block) = writer.take().unwrap();
        assert_eq!((group, entries), (4, MOST));
        let (mut odd, mut asked) = (Vec::new(), 0);
        let mut every_tenth = || {
            asked += 1;
            asked % 10 == 8
        };
        assert_eq!(filter(block, &mut odd, &mut every_tenth).unwrap(), 6);
        let mut entries = VecDeque::new();
        read(&odd, "http://h", &clock, &mut entries).unwrap();
        let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, [114, 134, 154, 174, 194, 214]);
        assert_eq!(entries[1].url.as_str(), "http://h/17");
        let age = entries[0].admitted.elapsed();
        assert!(age < Duration::from_secs(60), "{age:?}");
        assert!(writer.take().is_none());
    }
}
