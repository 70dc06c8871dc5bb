//! Secrets that come from the environment: `env:NAME` where a value may be secret.
//!
//! A command line can be read by every user of the machine, and is kept by a job; a variable is neither. `env::` is a
//! value that begins with `env:`. What goes wrong names the flag and the variable, never a value.

use gannet::error::Error;

/// What stands before the name of a variable.
const PREFIX: &str = "env:";

/// The value that is meant by what stands behind `flag`.
///
/// # Errors
/// [`Error::Config`] when the variable is not set, or none can have such a name.
pub(crate) fn secret(text: &str, flag: &str) -> Result<String, Error> {
    look_up(text, flag, |name| std::env::var_os(name))
}

fn look_up(
    text: &str,
    flag: &str,
    variable: impl FnOnce(&str) -> Option<std::ffi::OsString>,
) -> Result<String, Error> {
    let Some(name) = text.strip_prefix(PREFIX) else { return Ok(text.to_owned()) };
    if name.starts_with(':') {
        return Ok(format!("env{name}"));
    }
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || !is_name || name.starts_with(|c: char| c.is_ascii_digit()) {
        // It may well be the secret itself.
        return Err(Error::Config(format!(
            "{flag}: what stands behind `env:` is no name of a variable\nhint: `env::` for a value that begins with `env:`"
        )));
    }
    let value = variable(name).ok_or_else(|| format!("the variable `{name}` is not set"));
    let value = value.and_then(|value| {
        value.into_string().map_err(|_| format!("the value of the variable `{name}` is not UTF-8"))
    });
    value.map_err(|why| Error::Config(format!("{flag}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_variable_or_stands_for_itself() {
        let ask = |text: &str| {
            look_up(text, "`--x`", |name| (name == "SET_1").then(|| "hush".into()))
                .map_err(|why| why.to_string().lines().next().unwrap_or_default().to_owned())
        };
        for (text, expected) in [
            ("plain", Ok("plain")),
            ("", Ok("")),
            ("env:SET_1", Ok("hush")),
            ("env::SET_1", Ok("env:SET_1")),
            ("ENV:SET_1", Ok("ENV:SET_1")),
            ("env:UNSET", Err("`--x`: the variable `UNSET` is not set")),
            ("env:a-b", Err("`--x`: what stands behind `env:` is no name of a variable")),
            ("env:1", Err("`--x`: what stands behind `env:` is no name of a variable")),
            ("env:", Err("`--x`: what stands behind `env:` is no name of a variable")),
        ] {
            assert_eq!(ask(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
