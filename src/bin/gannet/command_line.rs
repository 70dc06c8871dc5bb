//! The command line as a report may show it: without what is secret, and so that a shell takes it back.
//!
//! Values of options that may hold secrets are left out, as the record of a job leaves them out; of URLs the password.
//! Queries are shown, as everywhere.

use clap::CommandFactory as _;
use gannet::url::redacted;

use crate::args::Args;
use crate::job::SECRET;

/// What stands for a value.
const STARS: &str = "***";

/// The words as they may be shown.
pub(crate) fn shown(words: impl Iterator<Item = String>) -> String {
    let options = Options::known();
    let mut line = vec!["gannet".to_owned()];
    let mut is_secret = false;
    for word in words.skip(1) {
        let value = options.secret_of(&word).filter(|_| !is_secret);
        let shown = match value {
            _ if is_secret => STARS.to_owned(),
            Some(at) if at < word.len() => format!("{}{STARS}", &word[..at]),
            _ => redacted(&word).into_owned(),
        };
        // Where the value is to begin and the word ends, the next word is it.
        is_secret = value == Some(word.len());
        line.push(quoted(&shown));
    }
    line.join(" ")
}

/// The options of all commands, as far as they matter here.
struct Options {
    /// Long ones whose values may be secret, dashes included.
    secret: Vec<String>,
    /// Short ones whose values may be secret.
    secret_letters: Vec<char>,
    /// Short ones that take a value.
    letters: Vec<char>,
}

impl Options {
    fn known() -> Self {
        let command = Args::command();
        let options = || {
            let options = command.get_subcommands().flat_map(clap::Command::get_arguments);
            options.filter(|option| option.get_action().takes_values())
        };
        let secret = || options().filter(|option| SECRET.contains(&option.get_id().as_str()));
        Self {
            secret: secret().filter_map(|option| Some(format!("--{}", option.get_long()?))).collect(),
            secret_letters: secret().filter_map(clap::Arg::get_short).collect(),
            letters: options().filter_map(clap::Arg::get_short).collect(),
        }
    }

    /// Where in this word the value of a secret option begins: behind `--header=`, `-H` or `-qH`; at the end of `--header`.
    fn secret_of(&self, word: &str) -> Option<usize> {
        for long in &self.secret {
            match word.strip_prefix(&**long) {
                Some("") => return Some(long.len()),
                Some(rest) if rest.starts_with('=') => return Some(long.len() + 1),
                _ => {}
            }
        }
        let cluster = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
        // The first that takes a value takes all that follows: `-ox` is the file `x`, and `-HA: x` has no `-x`.
        let at = cluster.find(&*self.letters)?;
        cluster[at..].starts_with(&*self.secret_letters).then_some(at + 2)
    }
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
            ("fetch|-u|me:pw|--user=me:pw|--bearer|t|u", "gannet fetch -u *** --user=*** --bearer *** u"),
            ("fetch|-H|-H|u", "gannet fetch -H *** u"),
            ("fetch|-HX: x|-H|A: secret|u", "gannet fetch -H*** -H *** u"),
            ("fetch|-oH|-H|A: secret|-ox|u", "gannet fetch -oH -H *** -ox u"),
            ("fetch|it's|a b|", "gannet fetch 'it'\\''s' 'a b' ''"),
        ] {
            let words = ["target/gannet"].into_iter().chain(words.split('|')).map(str::to_owned);
            assert_eq!(shown(words), line);
        }
    }
}
