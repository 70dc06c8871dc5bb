//! [`Netrc`]: the file in which ftp, curl and git find passwords by host.
//!
//! Read strictly: a word that is out of place is an error that names its line and shows nothing, since it may be a
//! piece of a password. `macdef` is skipped, `account` has no meaning in HTTP. The first entry of a machine holds.

use std::collections::HashMap;

use super::{Credentials, Scheme};

/// The passwords of a `.netrc`. Prints none of them.
#[derive(Debug, Default)]
pub struct Netrc {
    machines: HashMap<String, Credentials>,
    default: Option<Credentials>,
}

/// An entry being read.
#[derive(Default)]
struct Entry {
    /// Where it begins.
    line: usize,
    /// `None`: the default.
    machine: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

impl Netrc {
    /// Reads the text of such a file; its passwords will be sent by this scheme.
    ///
    /// # Errors
    /// Which line is not understood, and why, without anything of what stands there.
    pub fn parse(text: &str, scheme: Scheme) -> Result<Self, String> {
        let (mut netrc, mut entry) = (Self::default(), None::<Entry>);
        let mut words = words(text)?.into_iter();
        while let Some((line, word)) = words.next() {
            let mut value = || {
                let next = words.next().map(|(_, value)| value);
                next.ok_or_else(|| format!("line {line}: nothing follows `{word}`"))
            };
            match (&*word, &mut entry) {
                ("machine", _) => {
                    let next =
                        Entry { line, machine: Some(value()?.to_ascii_lowercase()), ..Entry::default() };
                    netrc.add(entry.replace(next), scheme)?;
                }
                ("default", _) => {
                    netrc.add(entry.replace(Entry { line, ..Entry::default() }), scheme)?;
                }
                ("login", Some(entry)) => entry.login = Some(value()?),
                ("password", Some(entry)) => entry.password = Some(value()?),
                ("account", Some(_)) => drop(value()?),
                _ => return Err(format!("line {line}: a word is out of place")),
            }
        }
        netrc.add(entry, scheme)?;
        Ok(netrc)
    }

    /// What is sent to a host; to one that the user did not name only what is there for it.
    pub(super) fn get(&self, host: &str, foreign: bool) -> Option<&Credentials> {
        let default = || self.default.as_ref().filter(|_| !foreign);
        self.machines.get(host).or_else(default)
    }

    fn add(&mut self, entry: Option<Entry>, scheme: Scheme) -> Result<(), String> {
        let Some(Entry { line, machine, login, password }) = entry else { return Ok(()) };
        if login.is_none() && password.is_none() {
            return Ok(());
        }
        let [login, password] = [login, password].map(Option::unwrap_or_default);
        let credentials = Credentials::new(scheme, &login, &password);
        let credentials = credentials.map_err(|why| format!("line {line}: {why}"))?;
        match machine {
            Some(machine) => drop(self.machines.entry(machine).or_insert(credentials)),
            None => drop(self.default.get_or_insert(credentials)),
        }
        Ok(())
    }
}

/// All words with the numbers of their lines, without comments and macros.
fn words(text: &str) -> Result<Vec<(usize, String)>, String> {
    let mut all = Vec::new();
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let mut rest = line.trim_start();
        while !rest.is_empty() && !line.trim_start().starts_with('#') {
            let (word, behind) = word(rest).ok_or_else(|| format!("line {number}: a quote is not closed"))?;
            rest = behind.trim_start();
            if word == "macdef" {
                // A macro goes on to an empty line.
                let _ = lines.find(|(line, _)| line.trim().is_empty());
                break;
            }
            all.push((number, word));
        }
    }
    Ok(all)
}

/// The first word of a text and what is behind it; `None` when a quote is not closed. Quotes are taken as curl takes them.
fn word(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut word = String::new();
    let mut chars = quoted.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((word, &quoted[at + 1..])),
            (_, '\\') => word.push(match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                c => c,
            }),
            (_, c) => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::session::credentials::Kind;

    /// The user and the password for a host.
    fn ask(netrc: &Netrc, host: &str, foreign: bool) -> Option<String> {
        match netrc.get(host, foreign)?.kind() {
            Kind::Digest(login) => Some(format!("{} {}", login.name, login.password)),
            Kind::Header(_) => None,
        }
    }

    #[test]
    fn finds_what_the_file_says() {
        let netrc = Netrc::parse(
            "# machine no login no password no\n\
             machine Example.org login me password #1\n\
             machine b.org\n  login you account x\n  password \"two \\\"words\\\\\"\n\
             machine example.org login late password late\n\
             macdef init\n  machine macro login no password no\n\n\
             machine c.org password only\nmachine d.org\n\
             default login anyone password any",
            Scheme::Digest,
        )
        .unwrap();
        for (host, foreign, expected) in [
            ("example.org", true, Some("me #1")),
            ("b.org", true, Some("you two \"words\\")),
            ("c.org", false, Some(" only")),
            ("d.org", false, Some("anyone any")),
            ("macro", false, Some("anyone any")),
            ("macro", true, None),
            ("a.example.org", true, None),
        ] {
            assert_eq!(ask(&netrc, host, foreign).as_deref(), expected, "{host}");
        }
        assert!(!format!("{netrc:?}").contains("any\""));
    }

    #[test]
    fn errors_name_a_line_and_no_word() {
        for (text, expected) in [
            ("\nmachine h login me password two words", "line 2: a word is out of place"),
            ("login hush", "line 1: a word is out of place"),
            ("machine h\nlogin me\npassword", "line 3: nothing follows `password`"),
            ("machine h password \"hush", "line 1: a quote is not closed"),
            ("machine h password \"hush\\", "line 1: a quote is not closed"),
            ("machine h login hush:hush", "line 1: a user name has no colon in it"),
        ] {
            assert_eq!(Netrc::parse(text, Scheme::Basic).map(drop), Err(expected.to_owned()), "{text}");
        }
        assert!(Netrc::parse("", Scheme::Basic).is_ok());
    }
}
