//! `gannet config`: the settings that hold, and where each comes from, as TOML that can be kept as a file, or as JSON.
//!
//! Values that may be secret are not shown.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _};
use gannet::error::Error;
use gannet::url::redacted;
use serde_json::{Map, Value, json};

use crate::args::{Args, HostArgs, ShowConfigArgs};
use crate::config::{Loaded, Place, is_setting, load, usual_places};
use crate::exit::Code;
use crate::job::SECRET;
use crate::report;

/// What stands for a value that may be secret.
const STARS: &str = "***";

/// One setting as it holds.
struct Shown {
    key: String,
    /// `None` when nothing is set, by default neither.
    value: Option<Value>,
    place: Option<Place>,
}

pub(super) fn run(args: &ShowConfigArgs) -> Result<Code, Error> {
    let name = args.command.name();
    // Seeds must be there, and are no settings.
    let words = ["gannet", name].into_iter().map(str::to_owned).chain(args.flags.iter().cloned());
    let words: Vec<OsString> = words.chain(["-".to_owned()]).map(OsString::from).collect();
    let loaded = load(&words, false)?;
    loaded.notices.iter().for_each(|notice| report::warning(notice));
    let Some((_, matches)) = loaded.matches.subcommand() else {
        return Err(Error::Internal("a command was not parsed".into()));
    };
    let mut root = Args::command();
    root.build();
    let Some(command) = root.find_subcommand(name) else {
        return Err(Error::Internal("a command is not there".into()));
    };
    let settings = settings(command, matches, |key| loaded.places.get(key).cloned());
    let text = if args.json { as_json(name, &settings, &loaded) } else { as_toml(name, &settings, &loaded) };
    super::print(text.as_bytes())
}

fn settings(command: &Command, matches: &ArgMatches, place: impl Fn(&str) -> Option<Place>) -> Vec<Shown> {
    let settings =
        command.get_arguments().filter_map(|arg| Some((arg, arg.get_long().filter(|key| is_setting(key))?)));
    settings
        .map(|(arg, key)| Shown { key: key.to_owned(), value: value(arg, matches), place: place(key) })
        .collect()
}

/// The value as a file would say it.
fn value(arg: &Arg, matches: &ArgMatches) -> Option<Value> {
    let id = arg.get_id().as_str();
    match arg.get_action() {
        ArgAction::SetTrue => Some(matches.get_flag(id).into()),
        ArgAction::Count => Some(matches.get_count(id).into()),
        action => {
            // What holds by default is in --help, whoever says it.
            let is_usual =
                |text: &OsStr| arg.get_default_values().iter().any(|usual| usual.as_os_str() == text);
            let is_secret = |text: &OsStr| SECRET.contains(&id) && !is_usual(text);
            let shown = |text: &OsStr| match text.to_string_lossy() {
                _ if is_secret(text) => Value::from(STARS),
                text => match text.parse::<u64>() {
                    Ok(number) => number.into(),
                    Err(_) => redacted(&text).into(),
                },
            };
            let mut values = matches.try_get_raw(id).ok()??.map(shown);
            match action {
                ArgAction::Append => Some(values.collect()),
                _ => values.next(),
            }
        }
    }
}

fn from(place: Option<&Place>) -> String {
    place.map_or_else(|| "default".to_owned(), Place::to_string)
}

fn as_toml(name: &str, settings: &[Shown], loaded: &Loaded) -> String {
    let mut text = format!("# gannet {name}\n");
    for path in usual_places() {
        let is_read = loaded.files.contains(&path);
        let _ = writeln!(text, "# {}: {}", path.display(), if is_read { "read" } else { "not read" });
    }
    for path in loaded.files.iter().filter(|path| !usual_places().contains(path)) {
        let _ = writeln!(text, "# {}: read", path.display());
    }
    put(&mut text, settings);
    for host in &loaded.hosts {
        let _ = writeln!(text, "\n[host.{}]  # {}", Value::from(&*host.pattern), host.place);
        let set = of_host(&host.matches);
        put(&mut text, &set);
    }
    text
}

/// Whether it is, or has, what is not shown.
fn is_hidden(value: &Value) -> bool {
    value == STARS || value.as_array().is_some_and(|values| values.iter().any(|value| value == STARS))
}

fn put(text: &mut String, settings: &[Shown]) {
    for Shown { key, value, place } in settings {
        let line = match value {
            // Kept as a file, it must not pass for the value.
            Some(value) if is_hidden(value) => format!("# {key} = {value}"),
            Some(value) => format!("{key} = {value}"),
            None => format!("# {key} is not set"),
        };
        let _ = match place {
            Some(place) => writeln!(text, "{line}  # {place}"),
            None => writeln!(text, "{line}"),
        };
    }
}

/// What is set of a host; nothing of it holds by default.
fn of_host(matches: &ArgMatches) -> Vec<Shown> {
    let command = HostArgs::command();
    let mut set = settings(&command, matches, |_| None);
    set.retain(|setting| setting.value.is_some());
    set
}

fn as_json(name: &str, settings: &[Shown], loaded: &Loaded) -> String {
    let object = |settings: &[Shown]| -> Map<String, Value> {
        let entry = |Shown { key, value, place }: &Shown| {
            (key.clone(), json!({"value": value, "from": from(place.as_ref())}))
        };
        settings.iter().map(entry).collect()
    };
    let hosts = loaded.hosts.iter().map(|host| {
        let values: Map<_, _> = of_host(&host.matches).into_iter().map(|s| (s.key, s.value.into())).collect();
        (host.pattern.clone(), json!({"settings": values, "from": host.place.to_string()}))
    });
    let files: Vec<_> = loaded.files.iter().map(|path| path.display().to_string()).collect();
    let all = json!({
        "command": name,
        "files": files,
        "settings": object(settings),
        "hosts": hosts.collect::<Map<_, _>>(),
    });
    format!("{all:#}\n")
}
