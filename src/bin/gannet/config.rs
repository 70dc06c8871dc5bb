//! The settings of a run from all their places: the command line, the environment, files, and what holds by default.
//!
//! [`load`] takes the words that were typed and puts before them, as words too, what the environment (`GANNET_WORKERS`) and
//! the files ([`file`]) say of flags that were not typed; then the command line is parsed once more. So every flag can be
//! set everywhere, under the same rules, and nothing is listed twice: names, kinds and conflicts are those that
//! [`args`](crate::args) declares. What was set nearer wins as a whole; of two that contradict each other the nearer stays.

pub(crate) mod file;
mod given;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};
use gannet::error::Error;

use self::file::File;
use self::given::Given;
use crate::args::{Args, HostSettings};

/// Commands that are configured; each may have a section of its own in a file.
pub(crate) const COMMANDS: [&str; 3] = ["crawl", "fetch", "robots"];

/// Flags that say what this one run is, and so are typed.
const TYPED_ONLY: [&str; 4] = ["config", "no-config", "job", "help"];

/// The variable that names the file in place of `--config`.
const FILE_VARIABLE: &str = "GANNET_CONFIG";

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    CommandLine,
    /// This variable.
    Environment(String),
    /// A line of this file.
    File(PathBuf, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Environment(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A command line, complete.
pub(crate) struct Loaded {
    pub(crate) args: Args,
    pub(crate) matches: ArgMatches,
    /// Where each setting comes from, by its long name; by default, those that are missing.
    pub(crate) places: BTreeMap<String, Place>,
    /// Settings for single hosts, the nearer last.
    pub(crate) hosts: Vec<HostSettings>,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    /// What people should know.
    pub(crate) notices: Vec<String>,
}

/// Completes what was typed, the name of the program first. Ends the process for help and for what cannot be parsed, as
/// clap does. `again`: a word may be there twice, and then the last counts.
///
/// # Errors
/// [`Error::Config`] for a file or a variable that says what cannot be; names it.
pub(crate) fn load(words: &[OsString], again: bool) -> Result<Loaded, Error> {
    let typed = Args::command().args_override_self(again).try_get_matches_from(words);
    let typed = typed.unwrap_or_else(|why| why.exit());
    let name = typed.subcommand_name().unwrap_or_default().to_owned();
    let mut loaded = Loaded {
        args: Args::from_arg_matches(&typed).unwrap_or_else(|why| why.exit()),
        matches: typed,
        places: BTreeMap::new(),
        hosts: Vec::new(),
        files: Vec::new(),
        notices: Vec::new(),
    };
    let Some((_, typed)) = loaded.matches.subcommand().filter(|_| COMMANDS.contains(&&*name)) else {
        return Ok(loaded);
    };
    let mut root = Args::command();
    root.build();
    let Some(command) = root.find_subcommand(&name) else { return Ok(loaded) };
    let files = files(typed, &root)?;
    let mut choice = Choice { command, name: &name, set: Vec::new(), words: Vec::new(), notices: Vec::new() };
    choice.typed(typed);
    choice.environment()?;
    for file in files.iter().rev() {
        choice.file(file)?;
    }
    loaded.notices = unknown_variables(&root);
    loaded.notices.append(&mut choice.notices);
    for file in &files {
        loaded.hosts.extend(file.hosts()?);
    }
    let Choice { set, words: added, .. } = choice;
    if !added.is_empty() {
        loaded.matches = completed(words, &added, again)?;
        loaded.args = Args::from_arg_matches(&loaded.matches).map_err(|why| Error::Config(message(&why)))?;
    }
    loaded.places =
        set.into_iter().filter_map(|(arg, place, _)| Some((arg.get_long()?.to_owned(), place))).collect();
    loaded.files = files.into_iter().map(|file| file.path).collect();
    Ok(loaded)
}

/// What was typed, with words added behind the program and its command.
fn completed(
    words: &[OsString],
    added: &[(String, Place, Vec<String>)],
    again: bool,
) -> Result<ArgMatches, Error> {
    let (front, rest) = words.split_at(2.min(words.len()));
    let parse = |added: &[&Vec<String>]| {
        let added = added.iter().flat_map(|words| words.iter()).map(OsString::from);
        let all = front.iter().cloned().chain(added).chain(rest.iter().cloned());
        Args::command().args_override_self(again).try_get_matches_from(all)
    };
    let all: Vec<_> = added.iter().map(|(_, _, words)| words).collect();
    parse(&all).map_err(|why| {
        let culprit = added.iter().find_map(|(key, place, words)| Some((key, place, parse(&[words]).err()?)));
        match culprit {
            Some((key, place, why)) => refused(key, place, &message(&why)),
            None => Error::Config(message(&why)),
        }
    })
}

/// The files that count, the nearest last.
fn files(typed: &ArgMatches, root: &Command) -> Result<Vec<File>, Error> {
    if typed.get_flag("no_config") {
        return Ok(Vec::new());
    }
    let named = typed.get_one::<PathBuf>("config").cloned();
    let named =
        named.or_else(|| std::env::var_os(FILE_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from));
    if let Some(path) = named {
        return match File::read(&path, root)? {
            Some(file) => Ok(vec![file]),
            None => Err(Error::Config(format!(
                "there is no file `{}` (--config, {FILE_VARIABLE})",
                path.display()
            ))),
        };
    }
    let read = |path: PathBuf| File::read(&path, root).transpose();
    usual_places().into_iter().filter_map(read).collect()
}

/// Where files are looked for, the nearest last: the user's (XDG Base Directory Specification), and the project's.
pub(crate) fn usual_places() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = variable("XDG_CONFIG_HOME")
        .or_else(|| Some(variable("HOME")?.join(".config")))
        .or_else(|| variable("APPDATA"));
    user.map(|path| path.join("gannet").join("gannet.toml"))
        .into_iter()
        .chain([PathBuf::from("gannet.toml")])
        .collect()
}

/// What is taken of each place, from the nearest to the farthest.
struct Choice<'a> {
    command: &'a Command,
    name: &'a str,
    /// What is decided, and whether it is on: what is off or by default excludes nothing.
    set: Vec<(&'a Arg, Place, bool)>,
    /// The words to add: for which flag, from where.
    words: Vec<(String, Place, Vec<String>)>,
    /// What people should know.
    notices: Vec<String>,
}

impl<'a> Choice<'a> {
    fn typed(&mut self, typed: &ArgMatches) {
        let is_typed =
            |arg: &&Arg| typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        self.set = self
            .command
            .get_arguments()
            .filter(is_typed)
            .map(|arg| (arg, Place::CommandLine, true))
            .collect();
    }

    fn environment(&mut self) -> Result<(), Error> {
        self.layer(|key, arg| {
            let name = variable(key);
            let Some(value) = std::env::var_os(&name) else { return Ok(None) };
            let place = Place::Environment(name);
            let given = match value.into_string() {
                Ok(text) => Given::of_text(&text, key, arg),
                Err(_) => Err("it is not UTF-8".into()),
            };
            given.map(|given| Some((place.clone(), given))).map_err(|why| refused(key, &place, &why))
        })
    }

    fn file(&mut self, file: &File) -> Result<(), Error> {
        let name = self.name;
        self.layer(|key, arg| {
            let Some((line, value)) = file.get(name, key) else { return Ok(None) };
            let place = Place::File(file.path.clone(), line);
            let given = Given::of_value(value, key, arg);
            given.map(|given| Some((place.clone(), given))).map_err(|why| refused(key, &place, &why))
        })
    }

    /// Takes from one place what none nearer has said, nor excludes.
    fn layer(
        &mut self,
        look: impl Fn(&str, &Arg) -> Result<Option<(Place, Given)>, Error>,
    ) -> Result<(), Error> {
        let nearer = self.set.len();
        for arg in self.command.get_arguments() {
            let Some(key) = arg.get_long().filter(|key| is_setting(key)) else { continue };
            let decided = &self.set[..nearer];
            if decided.iter().any(|(set, ..)| set.get_id() == arg.get_id()) {
                continue;
            }
            let Some((place, given)) = look(key, arg)? else { continue };
            // What says the default excludes nothing: so a file of all settings, as `gannet config` shows them, can be read.
            let words = match given {
                Given::Words(words) if !is_default(&words, key, arg) => words,
                _ => Vec::new(),
            };
            let is_on = !words.is_empty();
            let excludes = |(set, _, on): &&(&Arg, Place, bool)| *on && self.exclude_each_other(set, arg);
            if let Some((set, nearer, _)) = decided.iter().find(excludes).filter(|_| is_on) {
                self.notices.push(format!(
                    "`{key}` ({place}) does not hold: `{}` excludes it ({nearer})",
                    set.get_long().unwrap_or_default()
                ));
                continue;
            }
            if is_on {
                self.words.push((key.to_owned(), place.clone(), words));
            }
            self.set.push((arg, place, is_on));
        }
        Ok(())
    }

    fn exclude_each_other(&self, one: &Arg, other: &Arg) -> bool {
        let excludes = |one: &Arg, other: &Arg| {
            self.command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
        };
        excludes(one, other) || excludes(other, one)
    }
}

/// Whether a long flag can be set elsewhere than on the command line.
pub(crate) fn is_setting(key: &str) -> bool {
    !TYPED_ONLY.contains(&key)
}

/// Whether these words say of a flag what holds without them.
fn is_default(words: &[String], key: &str, arg: &Arg) -> bool {
    let value = |value: &clap::builder::OsStr| format!("--{key}={}", value.to_string_lossy());
    let default: Vec<_> = arg.get_default_values().iter().map(value).collect();
    words == default
}

/// The variable of a flag.
fn variable(key: &str) -> String {
    format!("GANNET_{}", key.to_uppercase().replace('-', "_"))
}

/// Variables that look like settings, and are none: a typing error would go unnoticed.
fn unknown_variables(root: &Command) -> Vec<String> {
    let is_known =
        |name: &str| name == FILE_VARIABLE || keys(root).any(|key| is_setting(key) && variable(key) == name);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let ours = names.filter(|name| name.starts_with("GANNET_") && !is_known(name));
    ours.map(|name| format!("the variable `{name}` is no setting")).collect()
}

/// The long names of all flags of commands that are configured.
fn keys(root: &Command) -> impl Iterator<Item = &str> {
    let commands = root.get_subcommands().filter(|command| COMMANDS.contains(&command.get_name()));
    commands.flat_map(Command::get_arguments).filter_map(Arg::get_long)
}

fn refused(key: &str, place: &Place, why: &str) -> Error {
    Error::Config(match place {
        Place::Environment(name) => format!("the variable `{name}`: {why}"),
        place => format!("`{key}` in {place}: {why}"),
    })
}

/// What clap says, without its frame.
fn message(why: &clap::Error) -> String {
    let text = why.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    text.split("\n\n").next().unwrap_or_default().trim_end().to_owned()
}
