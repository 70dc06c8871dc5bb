//! A configuration file: TOML whose keys are the long flags without their dashes.
//!
//! ```toml
//! workers = 20
//! header = ["X-Team: search"]
//!
//! [crawl]
//! depth = 3
//!
//! [host."api.example.org"]
//! delay = "1s"
//! ```
//!
//! A key at the top holds for each command that has the flag, a section for its command alone, and comes first. Every key
//! must be a flag of some command, so that a typing error is found wherever it stands.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _, FromArgMatches as _};
use gannet::error::Error;
use gannet::url::HostTable;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::Given;
use super::{COMMANDS, is_setting, keys, message};
use crate::args::{HostArgs, HostSettings};
use crate::whole_file;

/// The section of settings for single hosts.
const HOST: &str = "host";

/// See the module.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    text: &'static str,
    table: DeTable<'static>,
}

impl File {
    /// Reads and checks it; `None` when it is not there.
    ///
    /// # Errors
    /// [`Error::Config`] when it cannot be read, is no TOML, or has a key that is no flag; says where.
    pub(super) fn read(path: &Path, root: &Command) -> Result<Option<Self>, Error> {
        let text = match whole_file::text(path, whole_file::MIB) {
            Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            read => read.map_err(|why| Error::Config(format!("cannot read `{}`: {why}", path.display())))?,
        };
        // It is read once, and its values point into it as long as the process lives.
        let text: &'static str = text.leak();
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(why) => {
                let line = why.span().map_or(1, |span| line_of(text, span.start));
                return Err(Error::Config(format!("{}:{line}: {}", path.display(), why.message())));
            }
        };
        let file = Self { path: path.to_owned(), text, table };
        file.check(root)?;
        Ok(Some(file))
    }

    /// What it says of a flag of a command, and in which line.
    pub(super) fn get(&self, command: &str, key: &str) -> Option<(usize, &DeValue<'static>)> {
        let section = self.table.get(command).and_then(|section| section.get_ref().as_table());
        let (_, value) =
            section.and_then(|section| entry(section, key)).or_else(|| entry(&self.table, key))?;
        Some((self.line(value), value.get_ref()))
    }

    /// Its settings for single hosts.
    ///
    /// # Errors
    /// [`Error::Config`] for what is none; says where.
    pub(super) fn hosts(&self) -> Result<Vec<HostSettings>, Error> {
        let Some(hosts) = self.table.get(HOST) else { return Ok(Vec::new()) };
        let Some(hosts_table) = hosts.get_ref().as_table() else {
            return Err(self.fault(hosts, "`host` is a section, e.g. [host.\"example.org\"]"));
        };
        hosts_table.iter().map(|(pattern, settings)| self.host(pattern.get_ref(), settings)).collect()
    }

    fn host(&self, pattern: &str, settings: &Spanned<DeValue<'static>>) -> Result<HostSettings, Error> {
        let Some(table) = settings.get_ref().as_table() else {
            return Err(self
                .fault(settings, &format!("`{HOST}.{pattern}` is a section, e.g. [host.\"example.org\"]")));
        };
        if let Err(why) = HostTable::default().insert(pattern, ()) {
            return Err(self.fault(settings, &why));
        }
        let mut words = vec!["host".to_owned()];
        let command = HostArgs::command();
        for (key, value) in table.iter() {
            let name: &str = key.get_ref();
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name)).ok_or_else(|| {
                let known: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
                self.fault(key, &format!("`{name}` cannot be set for a host\nhint: {}", known.join(", ")))
            })?;
            let given = Given::of_value(value.get_ref(), name, arg);
            let given = given.map_err(|why| self.fault(value, &format!("`{name}`: {why}")))?;
            if let Given::Words(more) = given {
                let alone = ["host".to_owned()].into_iter().chain(more.iter().cloned());
                if let Err(why) = HostArgs::command().try_get_matches_from(alone) {
                    return Err(self.fault(value, &message(&why)));
                }
                words.extend(more);
            }
        }
        let fault = |why: clap::Error| self.fault(settings, &message(&why));
        let matches = HostArgs::command().try_get_matches_from(words).map_err(fault)?;
        let args = HostArgs::from_arg_matches(&matches).map_err(fault)?;
        let place = super::Place::File(self.path.clone(), self.line(settings));
        Ok(HostSettings { pattern: pattern.to_owned(), place, args, matches })
    }

    fn check(&self, root: &Command) -> Result<(), Error> {
        for (key, value) in self.table.iter() {
            let name: &str = key.get_ref();
            match value.get_ref() {
                DeValue::Table(section) if COMMANDS.contains(&name) => {
                    let command = root.find_subcommand(name);
                    let has = |flag: &str| {
                        command.is_some_and(|command| {
                            command.get_arguments().any(|arg| arg.get_long() == Some(flag))
                        })
                    };
                    for (key, _) in section.iter() {
                        self.check_key(key, name, has(key.get_ref()))?;
                    }
                }
                // Is checked with the settings of hosts.
                _ if name == HOST => {}
                DeValue::Table(_) => {
                    let what = format!(
                        "there is no section `{name}`\nhint: {}, host.\"example.org\"",
                        COMMANDS.join(", ")
                    );
                    return Err(self.fault(key, &what));
                }
                _ => self.check_key(key, "crawl", keys(root).any(|known| known == name))?,
            }
        }
        self.hosts().map(drop)
    }

    fn check_key(
        &self,
        key: &Spanned<std::borrow::Cow<'static, str>>,
        command: &str,
        is_known: bool,
    ) -> Result<(), Error> {
        let name: &str = key.get_ref();
        if is_known && !is_setting(name) {
            return Err(self.fault(key, &format!("`{name}` can only be typed")));
        }
        match is_known {
            true => Ok(()),
            false => Err(self.fault(
                key,
                &format!("there is no setting `{name}` here\nhint: keys are the long flags of `gannet {command} --help`, without their dashes"),
            )),
        }
    }

    fn fault<T>(&self, at: &Spanned<T>, what: &str) -> Error {
        Error::Config(format!("{}:{}: {what}", self.path.display(), self.line(at)))
    }

    fn line<T>(&self, at: &Spanned<T>) -> usize {
        line_of(self.text, at.span().start)
    }
}

fn entry<'a>(
    table: &'a DeTable<'static>,
    key: &str,
) -> Option<(&'a Spanned<std::borrow::Cow<'static, str>>, &'a Spanned<DeValue<'static>>)> {
    table.iter().find(|(name, value)| *name.get_ref() == key && !value.get_ref().is_table())
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or(text).matches('\n').count()
}
