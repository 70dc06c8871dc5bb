//! Simhash: 64 bits of which texts that are nearly the same share nearly all (Charikar, "Similarity estimation techniques
//! from rounding algorithms", STOC 2002; Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007).
//!
//! The features are runs of three words of the visible text: what stands between tags, without scripts, style sheets and
//! title, in lower case. That is not the main content: a tree for each page would cost a hundred times as much. The hash has no key, so that
//! values of different runs can be compared; who wants to can write a page that is near another.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use crate::extract::entity;
use crate::extract::scan::{Scanner, Token};

/// Texts that differ in at most so many bits are nearly the same; the paper finds it right for 8 billion pages.
pub const NEAR: u32 = 3;

/// A page with fewer words is not judged: what it shares with others is their template.
pub const MIN_WORDS: usize = 50;

/// Words that make a feature.
const SHINGLE: usize = 3;

/// How many bits two hashes differ in.
pub fn distance(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

/// The simhash of a page in UTF-8; `None` when it has fewer than [`MIN_WORDS`] words.
pub fn of(html: &[u8]) -> Option<u64> {
    let mut sketch = Sketch::default();
    let mut scanner = Scanner::new(html);
    while let Some(token) = scanner.next_token() {
        match token {
            Token::Text(text) => sketch.text(&entity::text(text)),
            Token::Start(tag) if matches!(tag.name.as_bytes(), b"textarea" | b"xmp" | b"plaintext") => {
                sketch.text(&entity::text(tag.text));
            }
            Token::Start(_) | Token::End(_) => {}
        }
    }
    sketch.finish()
}

/// A vote for each bit by each feature.
struct Sketch {
    votes: [i32; 64],
    /// Hashes of the last words.
    last: [u64; SHINGLE],
    words: usize,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { votes: [0; 64], last: [0; SHINGLE], words: 0 }
    }
}

impl Sketch {
    fn text(&mut self, text: &str) {
        for run in text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
            // A script without spaces: each sign is a word.
            match run.chars().any(is_sign) {
                true => run.char_indices().for_each(|(at, c)| self.word(&run[at..at + c.len_utf8()])),
                false => self.word(run),
            }
        }
    }

    fn word(&mut self, word: &str) {
        let mut hasher = SipHasher13::new();
        match word.is_ascii() {
            true => word.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase())),
            false => word.chars().flat_map(char::to_lowercase).for_each(|c| hasher.write_u32(c.into())),
        }
        self.last.rotate_left(1);
        self.last[SHINGLE - 1] = hasher.finish();
        self.words += 1;
        if self.words >= SHINGLE {
            let mut hasher = SipHasher13::new();
            self.last.iter().for_each(|word| hasher.write_u64(*word));
            let feature = hasher.finish();
            for (bit, vote) in self.votes.iter_mut().enumerate() {
                *vote += ((feature >> bit & 1) as i32) * 2 - 1;
            }
        }
    }

    fn finish(self) -> Option<u64> {
        let bits = self.votes.iter().enumerate().filter(|(_, vote)| **vote > 0);
        let hash = bits.fold(0, |hash, (bit, _)| hash | 1 << bit);
        (self.words >= MIN_WORDS).then_some(hash)
    }
}

/// Han, Hiragana and Katakana, which are written without spaces.
fn is_sign(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text of pseudo-random words, with the frequencies of a language in which few words are most of it.
    fn words(seed: u64, count: usize) -> Vec<String> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| format!("w{}", (random.f64().powi(3) * 5000.0) as u32)).collect()
    }

    fn hash(words: &[String]) -> u64 {
        of(format!("<title>x</title><p>{}", words.join(" ")).as_bytes()).unwrap()
    }

    #[test]
    fn markup_does_not_count() {
        let text = words(1, 100).join(" ");
        let plain = of(format!("<p>{text}</p>").as_bytes());
        let html = format!(
            "<title>t</title><script>var a = 1</script><style>b</style><DIV class=x>{}<!-- c -->",
            text.to_uppercase().replace(' ', " <i></i>\n&nbsp;")
        );
        assert_eq!(of(html.as_bytes()), plain);
        assert!(plain.is_some() && of(b"<p>too few words").is_none());
    }

    #[test]
    fn signs_are_words() {
        let text: String = (0..60).filter_map(|n| char::from_u32(0x4e00 + n * 7)).collect();
        assert!(of(text.as_bytes()).is_some());
    }

    #[test]
    fn an_edit_stays_near_and_another_text_is_far() {
        let (mut near, mut far) = (0, 64);
        for seed in 0..200 {
            let text = words(seed, 1500);
            let mut edited = text.clone();
            edited[700] = "another".into();
            near += usize::from(distance(hash(&text), hash(&edited)) <= NEAR);
            far = far.min(distance(hash(&text), hash(&words(seed + 1000, 1500))));
        }
        assert!(near > 190, "of 200 edits {near} are near");
        assert!(far > 2 * NEAR, "two texts are {far} bits apart");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(html: Vec<u8>) {
            of(&html);
        }
    }
}
