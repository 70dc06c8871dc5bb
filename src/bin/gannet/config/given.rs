//! What a place says of a flag, as the words that would have been typed.

use clap::{Arg, ArgAction};
use toml::de::DeValue;

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Type these.
    Words(Vec<String>),
    /// As if nobody had said anything farther away.
    Default,
}

impl Given {
    /// Of a variable: a list has a value per line, a switch is `true` or `false`, and empty is the default.
    pub(super) fn of_text(text: &str, key: &str, arg: &Arg) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Default);
        }
        let is_on = match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        };
        match (arg.get_action(), is_on) {
            (_, Some(on)) if may_stand_alone(arg) => Ok(Self::switch(on, key)),
            (ArgAction::SetTrue, _) => match text {
                "1" => Ok(Self::switch(true, key)),
                "0" => Ok(Self::switch(false, key)),
                _ => Err(format!("`{text}` is neither `true` nor `false`")),
            },
            (ArgAction::Count, _) => Self::times(text, key),
            (ArgAction::Append, _) => Ok(Self::values(text.lines().map(str::to_owned), key)),
            _ => Ok(Self::values([text.to_owned()], key)),
        }
    }

    /// Of a value in a file.
    pub(super) fn of_value(value: &DeValue<'_>, key: &str, arg: &Arg) -> Result<Self, String> {
        match (arg.get_action(), value) {
            (ArgAction::SetTrue, DeValue::Boolean(on)) => Ok(Self::switch(*on, key)),
            (ArgAction::SetTrue, _) => Err("is `true` or `false`".into()),
            (ArgAction::Count, DeValue::Integer(times)) => Self::times(times.as_str(), key),
            (ArgAction::Count, DeValue::Boolean(on)) => Ok(Self::switch(*on, key)),
            (ArgAction::Count, _) => Err("is a number, or `true` or `false`".into()),
            (_, DeValue::Boolean(on)) if may_stand_alone(arg) => Ok(Self::switch(*on, key)),
            (ArgAction::Append, DeValue::Array(values)) => {
                let texts: Result<Vec<_>, _> = values.iter().map(|value| scalar(value.get_ref())).collect();
                Ok(Self::values(texts?, key))
            }
            (_, DeValue::Array(_)) => Err("takes one value, not a list".into()),
            (_, value) => Ok(Self::values([scalar(value)?], key)),
        }
    }

    fn switch(on: bool, key: &str) -> Self {
        if on { Self::Words(vec![format!("--{key}")]) } else { Self::Default }
    }

    fn times(text: &str, key: &str) -> Result<Self, String> {
        match text.parse::<u8>() {
            Ok(0) => Ok(Self::Default),
            Ok(times) if times < 10 => Ok(Self::Words(vec![format!("--{key}"); times.into()])),
            _ => Err(format!("`{text}` is no number below 10")),
        }
    }

    fn values(values: impl IntoIterator<Item = String>, key: &str) -> Self {
        let words: Vec<_> = values.into_iter().map(|value| format!("--{key}={value}")).collect();
        if words.is_empty() { Self::Default } else { Self::Words(words) }
    }
}

/// Whether the flag may have no value: a switch, `--deny-private`, `--body`.
fn may_stand_alone(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|most| most.min_values() == 0)
}

/// A value that could be typed.
pub(super) fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(_) => Err("takes a value, not `true` or `false`".into()),
        _ => Err("is a text or a number".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use toml::de::DeTable;

    use super::*;
    use crate::args::Args;

    fn with_arg<T>(key: &str, ask: impl FnOnce(&Arg) -> T) -> T {
        let mut root = Args::command();
        root.build();
        let crawl = root.find_subcommand("crawl").unwrap();
        ask(crawl.get_arguments().find(|arg| arg.get_long() == Some(key)).unwrap())
    }

    fn words(words: &[&str]) -> Result<Given, String> {
        Ok(Given::Words(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    #[test]
    fn values_of_files() {
        for (line, expected) in [
            ("workers = 7", words(&["--workers=7"])),
            ("timeout = \"3s\"", words(&["--timeout=3s"])),
            ("insecure = true", words(&["--insecure"])),
            ("insecure = false", Ok(Given::Default)),
            ("quiet = 2", words(&["--quiet", "--quiet"])),
            ("header = [\"A: b\", \"C: d\"]", words(&["--header=A: b", "--header=C: d"])),
            ("header = \"A: b\"", words(&["--header=A: b"])),
            ("header = []", Ok(Given::Default)),
            ("deny-private = true", words(&["--deny-private"])),
            ("deny-private = \"never\"", words(&["--deny-private=never"])),
        ] {
            let table = DeTable::parse(line).unwrap().into_inner();
            let (key, value) = table.iter().next().unwrap();
            assert_eq!(
                with_arg(key.get_ref(), |arg| Given::of_value(value.get_ref(), key.get_ref(), arg)),
                expected
            );
        }
        for line in [
            "insecure = 1",
            "workers = [1]",
            "workers = true",
            "quiet = 99",
            "header = [true]",
            "timeout = 1979-05-27",
        ] {
            let table = DeTable::parse(line).unwrap().into_inner();
            let (key, value) = table.iter().next().unwrap();
            let given = with_arg(key.get_ref(), |arg| Given::of_value(value.get_ref(), key.get_ref(), arg));
            assert!(given.is_err(), "{line}: {given:?}");
        }
    }

    #[test]
    fn values_of_variables() {
        for (key, text, expected) in [
            ("workers", "7", words(&["--workers=7"])),
            ("workers", "", Ok(Given::Default)),
            ("insecure", "Yes", words(&["--insecure"])),
            ("insecure", "0", Ok(Given::Default)),
            ("verbose", "1", words(&["--verbose"])),
            ("quiet", "true", words(&["--quiet"])),
            ("deny-private", "true", words(&["--deny-private"])),
            ("deny-private", "never", words(&["--deny-private=never"])),
            ("user-agent", "on", words(&["--user-agent=on"])),
            ("header", "A: b\nC: d", words(&["--header=A: b", "--header=C: d"])),
        ] {
            assert_eq!(with_arg(key, |arg| Given::of_text(text, key, arg)), expected, "{key}={text}");
        }
        assert!(with_arg("insecure", |arg| Given::of_text("maybe", "insecure", arg)).is_err());
    }
}
