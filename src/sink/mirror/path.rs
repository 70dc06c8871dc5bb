//! Where in a mirror a URL has its file: `host[_port]/path/stem[@query].suffix`.
//!
//! A name is what the URL says, as long as every file system takes it: letters, digits and `-_.=+,@`, all else as `%XX`; no
//! name begins or ends with a dot, is a device of Windows, or is longer than 200 bytes; a path has at most 800.
//! A suffix that does not go with the content type gets one that does behind it, since a browser has nothing else to tell.
//!
//! Two URLs may come to one name, on some file systems at least: `/a` and `/A`, `/a` and `/a.html`. [`Name::tagged`] is
//! then for the second, and [`Name::aside`] for one below a directory that is a file already; `~`, which no URL can put into a name, sets
//! these apart. Pure functions.

use sha2::{Digest as _, Sha256};
use url::Url;

/// The longest name of a file or directory, bytes: all file systems take 255, and a temporary name may need some.
const MAX_NAME: usize = 200;
/// The longest path below the mirror, bytes, but for a tag.
const MAX_PATH: usize = 800;
/// The longest query that is put into a name as it is, bytes.
const MAX_QUERY: usize = 80;
/// Hexadecimal digits of a hash that stands for what does not fit, or tells two apart.
const DIGITS: usize = 16;
/// What a tag takes.
const TAG: usize = 1 + DIGITS;

/// Content types with the suffixes that browsers take for them; the first is given to what has none of them.
const SUFFIXES: &[(&str, &[&str])] = &[
    ("text/html", &["html", "htm"]),
    ("application/xhtml+xml", &["xhtml", "xht", "html", "htm"]),
    ("text/css", &["css"]),
    ("text/javascript", &["js", "mjs"]),
    ("application/javascript", &["js", "mjs"]),
    ("application/x-javascript", &["js", "mjs"]),
    ("image/png", &["png", "apng"]),
    ("image/jpeg", &["jpg", "jpeg", "jpe"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/avif", &["avif"]),
    ("image/svg+xml", &["svg"]),
    ("image/x-icon", &["ico"]),
    ("image/vnd.microsoft.icon", &["ico"]),
    ("text/plain", &["txt"]),
    ("text/csv", &["csv"]),
    ("text/xml", &["xml"]),
    ("application/xml", &["xml"]),
    ("application/rss+xml", &["xml", "rss"]),
    ("application/atom+xml", &["xml", "atom"]),
    ("application/json", &["json"]),
    ("application/pdf", &["pdf"]),
    ("font/woff", &["woff"]),
    ("font/woff2", &["woff2"]),
    ("font/ttf", &["ttf"]),
    ("font/otf", &["otf"]),
    ("audio/mpeg", &["mp3"]),
    ("video/mp4", &["mp4"]),
    ("video/webm", &["webm"]),
];

/// Types whose suffix must be right for a page to be shown. For others, what a URL has says more: half of all files come as
/// `text/plain` or `application/octet-stream`.
const STRICT: &[&str] = &["text/html", "application/xhtml+xml", "text/css"];

/// Suffixes of what a browser or a server would run, which only the type may give.
const ACTIVE: &[&str] = &[
    "html", "htm", "xhtml", "xht", "shtml", "svg", "mht", "mhtml", "hta", "php", "phtml", "phar", "asp",
    "aspx", "jsp", "cgi", "exe", "bat", "cmd", "com", "scr", "lnk", "url", "desktop",
];

/// What Windows takes for a device, whatever suffix it has.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];

/// The parts of the path of a file.
#[derive(Debug)]
pub(super) struct Name {
    /// With `/` at its end.
    directory: String,
    stem: String,
    /// With its dot.
    suffix: String,
}

impl Name {
    /// The name of a URL whose content is of this type, which has no parameters.
    pub(super) fn of(url: &Url, content_type: &str) -> Self {
        let mut segments: Vec<_> = url.path_segments().map(Iterator::collect).unwrap_or_default();
        let last = segments.pop().filter(|last| !last.is_empty()).unwrap_or("index");
        let host = host(url);
        let mut directory = format!("{host}/");
        for segment in segments {
            directory += &safe(segment);
            directory.push('/');
        }
        if directory.len() > MAX_PATH - MAX_NAME {
            directory = format!("{host}/~{}/", digits(&directory));
        }
        let file = safe(last);
        let (stem, suffix) = split(&file, content_type);
        let mut stem = stem.to_owned();
        if let Some(query) = url.query() {
            let query = safe_bytes(query);
            let fits = query.len() <= MAX_QUERY;
            stem += "@";
            stem += &if fits { query } else { format!("~{}", digits(&query)) };
        }
        let stem = short(stem, MAX_NAME - TAG - suffix.len());
        Self { directory, stem, suffix }
    }

    /// The path, relative to the mirror, with `/`.
    pub(super) fn plain(&self) -> String {
        let Self { directory, stem, suffix } = self;
        format!("{directory}{stem}{suffix}")
    }

    /// Another path beside it, which is that of this URL alone.
    pub(super) fn tagged(&self, url: &str) -> String {
        let Self { directory, stem, suffix } = self;
        format!("{directory}{stem}~{}{suffix}", digits(url))
    }

    /// Another one, in a directory that no URL names.
    pub(super) fn aside(&self, url: &str) -> String {
        let Self { directory, stem, suffix } = self;
        let host = directory.split('/').next().unwrap_or_default();
        format!("{host}/~/{stem}~{}{suffix}", digits(url))
    }
}

/// The link from the file `from` to the file `to`, both paths in the mirror: relative, as a URL.
pub(super) fn relative(from: &str, to: &str) -> String {
    let common = from.bytes().zip(to.bytes()).take_while(|(a, b)| a == b).count();
    let common = from[..common].rfind('/').map_or(0, |slash| slash + 1);
    let up = from[common..].matches('/').count();
    format!("{}{}", "../".repeat(up), to[common..].replace('%', "%25"))
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => safe(&format!("{host}_{port}")),
        None => safe(host),
    }
}

/// Stem and suffix of a file.
fn split<'a>(file: &'a str, content_type: &str) -> (&'a str, String) {
    let own = suffix_of(file);
    let accepted =
        SUFFIXES.iter().find(|(essence, _)| *essence == content_type).map(|(_, accepted)| *accepted);
    let is_one_of =
        |list: &[&str]| own.is_some_and(|own| list.iter().any(|one| own.eq_ignore_ascii_case(one)));
    let keeps = accepted.is_some_and(is_one_of)
        || (own.is_some() && !STRICT.contains(&content_type) && !is_one_of(ACTIVE));
    match own.filter(|_| keeps) {
        Some(own) => (&file[..file.len() - own.len() - 1], format!(".{own}")),
        None => (file, format!(".{}", accepted.map_or("bin", |accepted| accepted[0]))),
    }
}

/// What is behind the last dot, if that is what people call a suffix: a version number is none.
fn suffix_of(name: &str) -> Option<&str> {
    let (stem, suffix) = name.rsplit_once('.')?;
    let is_one = (1..=10).contains(&suffix.len())
        && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && suffix.bytes().any(|byte| byte.is_ascii_alphabetic());
    (is_one && !stem.is_empty()).then_some(suffix)
}

/// A segment of a path as a name.
fn safe(segment: &str) -> String {
    let mut name = safe_bytes(segment);
    if name.is_empty() {
        name.push('_');
    }
    if name.starts_with('.') {
        name.replace_range(..1, "_"); // hidden here, and to a server maybe settings
    }
    if name.ends_with('.') {
        name.pop();
        name.push('_');
    }
    let stem = name.split('.').next().unwrap_or_default();
    let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase();
    if DEVICES.contains(&&*bare) {
        name.insert(0, '_');
    }
    short(name, MAX_NAME - 1)
}

/// A text in letters that mean nothing to any file system or shell. What is percent-encoded stays so.
fn safe_bytes(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        let is_encoded = || matches!(text.as_bytes()[at + 1..], [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'=' | b'+' | b',' | b'@' => {
                name.push(char::from(byte));
            }
            b'%' if is_encoded() => name.push('%'),
            _ => name += &format!("%{byte:02X}"),
        }
    }
    name
}

/// A name of at most so many bytes.
fn short(mut name: String, most: usize) -> String {
    if name.len() > most {
        let digits = digits(&name);
        name.truncate(most - TAG);
        name += &format!("~{digits}");
    }
    name
}

/// Some digits that stand for a text.
fn digits(text: &str) -> String {
    Sha256::digest(text).iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(url: &str, content_type: &str) -> String {
        Name::of(&Url::parse(url).unwrap(), content_type).plain()
    }

    #[test]
    fn names_are_what_urls_say() {
        for (url, content_type, path) in [
            ("http://h/", "text/html", "h/index.html"),
            ("https://h:8443/", "text/html", "h_8443/index.html"),
            ("http://h/a/b/", "text/html", "h/a/b/index.html"),
            ("http://h/p/7", "text/html", "h/p/7.html"),
            ("http://h/a.HTM", "text/html", "h/a.HTM"),
            ("http://h/a.php?x=1&y=2", "text/html", "h/a.php@x=1%26y=2.html"),
            ("http://h/s.css?v=3", "text/css", "h/s@v=3.css"),
            ("http://h/v1.2/x", "image/png", "h/v1.2/x.png"),
            ("http://h/a.html/b", "", "h/a.html/b.bin"),
            ("http://h/x.tar.gz", "application/octet-stream", "h/x.tar.gz"),
            ("http://h/x.html", "text/plain", "h/x.html.txt"),
            ("http://h/x.php", "application/octet-stream", "h/x.php.bin"),
            ("http://h/README.md", "text/plain", "h/README.md"),
            ("http://h/caf%C3%A9 a", "text/html", "h/caf%C3%A9%20a.html"),
            ("http://h/~u//x", "text/plain", "h/%7Eu/_/x.txt"),
            ("http://h/.htaccess", "text/plain", "h/_htaccess.txt"),
            ("http://h/%2e%2e%2Fx/%5C..%5Cx", "text/plain", "h/%2e%2e%2Fx/%5C..%5Cx.txt"),
            ("http://h/aux/com1.x.html/nul.html", "text/html", "h/_aux/_com1.x.html/_nul.html"),
            ("http://h/a./b..", "text/html", "h/a_/b._.html"),
            ("http://[::1]:80/", "text/html", "%5B%3A%3A1%5D/index.html"),
            ("http://a.example.org/", "text/html", "a.example.org/index.html"),
        ] {
            assert_eq!(plain(url, content_type), path, "{url}");
        }
    }

    #[test]
    fn links_are_relative() {
        for (from, to, link) in [
            ("h/a/b.html", "h/a/c.html", "c.html"),
            ("h/a/b.html", "h/index.html", "../index.html"),
            ("h/index.html", "g/a%20b.html", "../g/a%2520b.html"),
            ("h/a.html", "h/a.html", "a.html"),
            ("h/a/b.html", "h/ab/b.html", "../ab/b.html"),
        ] {
            assert_eq!(relative(from, to), link);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Whatever a server chose: relative, below the mirror, and a name on every file system.
        #[test]
        fn paths_are_safe(
            host in "[a-z0-9._~-]{1,60}",
            path in "([\\PC.\\\\:*?~%]{0,300}|aux|COM[0-9]|\\.{1,4}|%2e|[a-z.]{0,12}){0,1}(/([\\PC.\\\\:*?~%]{0,40}|aux|\\.{1,4}|[a-z.]{0,12})){0,30}",
            query in "(\\?\\PC{0,200})?",
            content_type in "(text/html|text/css|image/png|text/plain|\\PC{0,20})",
        ) {
            let Ok(url) = Url::parse(&format!("http://{host}/{path}{query}")) else { return Ok(()) };
            let name = Name::of(&url, &content_type);
            for path in [name.plain(), name.tagged(url.as_str()), name.aside(url.as_str())] {
                prop_assert!(path.len() <= MAX_PATH + TAG, "{path}");
                let names: Vec<_> = path.split('/').collect();
                prop_assert!(names.len() >= 2);
                prop_assert!(suffix_of(names[names.len() - 1]).is_some(), "{path}");
                for name in names {
                    prop_assert!((1..=MAX_NAME).contains(&name.len()), "{path}");
                    prop_assert!(!name.starts_with('.') && !name.ends_with('.'), "{path}");
                    prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=+,@%~".contains(&b)), "{path}");
                    let stem = name.split('.').next().unwrap().trim_end_matches(|c: char| c.is_ascii_digit());
                    prop_assert!(!DEVICES.contains(&&*stem.to_ascii_lowercase()), "{path}");
                }
            }
            prop_assert_eq!(name.plain(), Name::of(&url, &content_type).plain());
        }

        #[test]
        fn links_lead_where_they_say(from in "[a-c%]{1,2}(/[a-c%]{1,2}){1,3}", to in "[a-c%]{1,2}(/[a-c%]{1,2}){1,3}") {
            let base = Url::parse("http://m/").unwrap();
            let whole = |path: &str| base.join(&path.replace('%', "%25")).unwrap();
            prop_assert_eq!(whole(&from).join(&relative(&from, &to)).unwrap(), whole(&to));
        }
    }
}
