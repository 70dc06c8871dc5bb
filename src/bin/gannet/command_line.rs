//! The command line as a report may show it: without what is secret, and so that a shell takes it back.
//!
//! Values of options that may hold secrets are left out, as the record of a job leaves them out; of URLs the password.
//! Queries are shown, as everywhere.

use gannet::url::redacted;

/// Options whose values may be secret, long and short.
const SECRET: &[(&str, Option<&str>)] =
    &[("--header", Some("-H")), ("--proxy", Some("-x")), ("--data", None)];

/// What stands for a value.
const STARS: &str = "***";

/// The words as they may be shown.
pub(crate) fn shown(words: impl Iterator<Item = String>) -> String {
    let mut line = vec!["gannet".to_owned()];
    let mut is_secret = false;
    for word in words.skip(1) {
        let shown = match is_secret {
            true => STARS.to_owned(),
            false => without_value(&word).unwrap_or_else(|| redacted(&word).into_owned()),
        };
        is_secret = !is_secret && takes_secret(&word);
        line.push(quoted(&shown));
    }
    line.join(" ")
}

/// Whether the next word is a secret: `--header`, or `-qH`.
fn takes_secret(word: &str) -> bool {
    let is_short = |short: &Option<&str>| {
        let letter = short.and_then(|short| short.strip_prefix('-'));
        is_cluster(word) && letter.is_some_and(|letter| word.find(letter) == Some(word.len() - 1))
    };
    SECRET.iter().any(|(long, short)| word == *long || is_short(short))
}

/// An option with its secret in one word: `--header=A: b`, `-HA: b`.
fn without_value(word: &str) -> Option<String> {
    for (long, short) in SECRET {
        if word.strip_prefix(long).is_some_and(|rest| rest.starts_with('=')) {
            return Some(format!("{long}={STARS}"));
        }
        let letter = short.and_then(|short| short.strip_prefix('-'));
        let at = letter.filter(|_| is_cluster(word)).and_then(|letter| word.find(letter));
        if let Some(at) = at.filter(|at| at + 1 < word.len()) {
            return Some(format!("{}{STARS}", &word[..=at]));
        }
    }
    None
}

/// Short options in one word. One that takes a value ends them; then what follows may be hidden for nothing.
fn is_cluster(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+~*".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out() {
        for (words, line) in [
            ("crawl|https://u:pw@h/|-o|r.html", "gannet crawl https://u:***@h/ -o r.html"),
            ("fetch|-H|Authorization: x|u", "gannet fetch -H *** u"),
            (
                "fetch|--header|Authorization: x|--proxy|http://u:p@h|u",
                "gannet fetch --header *** --proxy *** u",
            ),
            (
                "fetch|--header=A: x|--data=secret|-HA: x|-qHA: x",
                "gannet fetch --header=*** --data=*** -H*** -qH***",
            ),
            ("fetch|-qH|A: x|-xhttp://p|-k", "gannet fetch -qH *** -x*** -k"),
            ("fetch|-H|-H|u", "gannet fetch -H *** u"),
            ("fetch|it's|a b|", "gannet fetch 'it'\\''s' 'a b' ''"),
        ] {
            let words = ["target/gannet"].into_iter().chain(words.split('|')).map(str::to_owned);
            assert_eq!(shown(words), line);
        }
    }
}
