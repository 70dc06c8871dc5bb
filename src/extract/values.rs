//! Attribute values that hold more than a URL: `srcset` and the content of a meta refresh.
//!
//! Called by `html` with decoded values. Both follow the parsing rules of the WHATWG HTML Standard, and
//! both forgive: a candidate or a refresh that is broken gives nothing and disturbs nothing else.
//! Linear time.

use super::scan::is_space;

/// The URLs of a `srcset` or `imagesrcset` attribute (§4.8.4.2.2, "parse a srcset attribute").
///
/// A candidate whose descriptors contradict each other is dropped, as browsers do. Descriptors that
/// nobody knows are passed over: the URL is likely to be meant.
pub(super) fn srcset(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c| c == ',' || space(c));
            if rest.is_empty() {
                return None;
            }
            let (url, after) = rest.split_at(rest.find(space).unwrap_or(rest.len()));
            rest = after;
            let bare = url.trim_end_matches(',');
            if bare.len() < url.len() {
                return Some(bare);
            }
            let mut descriptors = Descriptors::default();
            rest = descriptors.read(rest);
            if descriptors.agree() {
                return Some(url);
            }
        }
    })
}

/// What the descriptors of one candidate say, as far as it matters.
#[derive(Default)]
struct Descriptors {
    width: bool,
    density: bool,
    height: bool,
    wrong: bool,
}

impl Descriptors {
    /// Reads up to the comma that ends the candidate and returns what is behind it. A comma or a space
    /// within parentheses ends nothing.
    fn read<'a>(&mut self, text: &'a str) -> &'a str {
        let bytes = text.as_bytes();
        let mut in_parentheses = false;
        let mut start = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b')' => in_parentheses = false,
                _ if in_parentheses => {}
                b'(' => in_parentheses = true,
                b',' => {
                    self.add(&text[start..at]);
                    return &text[at + 1..];
                }
                _ if is_space(byte) => {
                    self.add(&text[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        self.add(&text[start..]);
        ""
    }

    fn add(&mut self, descriptor: &str) {
        let Some((unit_at, unit)) = descriptor.char_indices().next_back() else { return };
        let number = &descriptor[..unit_at];
        match unit {
            'w' if is_integer(number) => {
                self.wrong |= self.width || self.density || is_zero(number);
                self.width = true;
            }
            'h' if is_integer(number) => {
                self.wrong |= self.height || self.density || is_zero(number);
                self.height = true;
            }
            'x' if is_density(number) => {
                self.wrong |= self.width || self.density || self.height;
                self.density = true;
            }
            _ => {}
        }
    }

    fn agree(&self) -> bool {
        !self.wrong && (self.width || !self.height)
    }
}

/// A valid non-negative integer (§2.3.4.2).
fn is_integer(number: &str) -> bool {
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_zero(integer: &str) -> bool {
    integer.bytes().all(|byte| byte == b'0')
}

/// A valid floating-point number (§2.3.4.3) that is not negative.
fn is_density(number: &str) -> bool {
    let of_digits = number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    of_digits && !number.starts_with('+') && number.parse::<f64>().is_ok_and(|density| density >= 0.0)
}

/// The URL of `<meta http-equiv=refresh content=…>` (§4.2.5.3, "shared declarative refresh steps"), if it
/// is a refresh and has one.
pub(super) fn refresh(content: &str) -> Option<&str> {
    let text = content.trim_start_matches(space);
    if !text.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
        return None;
    }
    let text = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let text = text.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if !text.starts_with(|c| c == ';' || c == ',' || space(c)) {
        return None;
    }
    let text = text.trim_start_matches(space);
    let text = text.strip_prefix([';', ',']).unwrap_or(text).trim_start_matches(space);
    let url = match text.get(..3) {
        Some(word) if word.eq_ignore_ascii_case("url") => {
            match text[3..].trim_start_matches(space).strip_prefix('=') {
                Some(url) => unquote(url.trim_start_matches(space)),
                None => text,
            }
        }
        _ => unquote(text),
    };
    (!url.is_empty()).then_some(url)
}

/// What stands between a quote and the next one of its kind; without a quote, everything.
fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split(quote).next().unwrap_or(quoted);
        }
    }
    text
}

fn space(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(value: &str) -> Vec<&str> {
        srcset(value).collect()
    }

    #[test]
    fn candidates() {
        assert_eq!(urls("a.jpg 1x, b.jpg 2x"), ["a.jpg", "b.jpg"]);
        assert_eq!(urls(",,a.jpg,, b.jpg 100w ,c,d.jpg"), ["a.jpg", "b.jpg", "c,d.jpg"]);
        assert_eq!(urls("\ta\n1x\r,\x0cb"), ["a", "b"]);
        assert_eq!(urls(" , "), [""; 0]);
    }

    #[test]
    fn a_bad_candidate_leaves_its_neighbours_alone() {
        assert_eq!(urls("a 1w, b 1w 2w, c 3w"), ["a", "c"]);
        assert_eq!(urls("a 1x (, b 1x, ), c"), ["a", "c"]);
        assert_eq!(urls("a 0w, b 1h, c -1x, d foo"), ["c", "d"]);
        assert_eq!(urls("a é"), ["a"]);
    }

    #[test]
    fn refreshes() {
        assert_eq!(refresh("5; url=/next"), Some("/next"));
        assert_eq!(refresh("0;URL = '/next' x"), Some("/next"));
        assert_eq!(refresh("0, /next"), Some("/next"));
        assert_eq!(refresh(".5 url /next"), Some("url /next"));
        assert_eq!(refresh("5"), None);
        assert_eq!(refresh("5;"), None);
        assert_eq!(refresh("url=/next"), None);
        assert_eq!(refresh("5x; url=/next"), None);
        assert_eq!(refresh("5; éé"), Some("éé"));
    }
}
