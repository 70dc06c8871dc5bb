//! Credentials as they were typed: read, checked, made into what the client takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gannet::error::Error;
use gannet::fetch::{Credentials, Netrc, Scheme, SessionOptions};

use super::secret::secret;
use crate::args::{AuthType, LoginArgs};
use crate::whole_file;

/// What of a session is known before the run, but for cookies.
pub(super) fn options(args: &LoginArgs) -> Result<SessionOptions, Error> {
    let file = match &args.netrc_file {
        Some(path) => Some(path.clone()),
        None => args.netrc.then(usual_netrc).transpose()?,
    };
    let scheme = scheme(args.auth_type);
    let netrc = file.as_deref().map(|path| read(path, scheme)).transpose()?.map(Arc::new);
    let credentials = credentials(args.user.as_deref(), args.bearer.as_deref(), args.auth_type)?;
    Ok(SessionOptions { credentials, scheme, netrc, ..SessionOptions::default() })
}

/// What `--user` or `--bearer` says; of the two there is one at most.
pub(super) fn credentials(
    user: Option<&str>,
    token: Option<&str>,
    auth_type: Option<AuthType>,
) -> Result<Option<Credentials>, Error> {
    match (user, token) {
        (Some(user), _) => login(user, scheme(auth_type)).map(Some),
        (None, Some(token)) => bearer(token).map(Some),
        (None, None) => Ok(None),
    }
}

fn scheme(auth_type: Option<AuthType>) -> Scheme {
    match auth_type {
        None | Some(AuthType::Basic) => Scheme::Basic,
        Some(AuthType::Digest) => Scheme::Digest,
    }
}

/// What people should know: whoever may read a netrc knows its passwords, and `--digest` is not what it is to curl.
pub(super) fn notices(args: &LoginArgs, digests: bool) -> Vec<String> {
    let mistaken = digests && args.user.is_some() && args.auth_type.is_none();
    let mistaken = mistaken.then(|| {
        "`--digest` is the SHA-256 of bodies, so the password is sent as basic authentication\nhint: --auth-type digest, or basic if it is meant".to_owned()
    });
    let named = args.netrc_file.clone();
    let file = named.or_else(|| usual_netrc().ok().filter(|_| args.netrc));
    let open = file.filter(|path| is_open(path));
    open.map(|path| {
        let name = path.display();
        format!("others may read the passwords in `{name}`\nhint: chmod 600 {name}")
    })
    .into_iter()
    .chain(mistaken)
    .collect()
}

/// `NAME:PASSWORD`, either of it or the password alone from the environment.
fn login(text: &str, scheme: Scheme) -> Result<Credentials, Error> {
    const FLAG: &str = "`--user`";
    let whole = secret(text, FLAG)?;
    let Some((name, password)) = whole.split_once(':') else {
        return Err(Error::Config(format!(
            "{FLAG} has no password\nhint: write it as NAME:PASSWORD, or `NAME:` for an empty one"
        )));
    };
    // What came from the environment is not looked up again.
    let password = if whole == text { secret(password, FLAG)? } else { password.to_owned() };
    Credentials::new(scheme, name, &password).map_err(|why| Error::Config(format!("{FLAG}: {why}")))
}

fn bearer(text: &str) -> Result<Credentials, Error> {
    const FLAG: &str = "`--bearer`";
    Credentials::bearer(&secret(text, FLAG)?).map_err(|why| Error::Config(format!("{FLAG}: {why}")))
}

/// `$NETRC`, as other programs have it, or the file at home.
fn usual_netrc() -> Result<PathBuf, Error> {
    let named = std::env::var_os("NETRC").filter(|name| !name.is_empty()).map(PathBuf::from);
    let at_home = || Some(std::env::home_dir()?.join(".netrc"));
    named.or_else(at_home).ok_or_else(|| {
        Error::Config("`--netrc`: there is no home directory\nhint: name the file with --netrc-file".into())
    })
}

fn read(path: &Path, scheme: Scheme) -> Result<Netrc, Error> {
    let wrong = |why: String| Error::Config(format!("cannot read `{}`: {why}", path.display()));
    let text = whole_file::text(path, whole_file::MIB).map_err(|why| wrong(why.to_string()))?;
    Netrc::parse(&text, scheme).map_err(wrong)
}

/// Whether other users may read a file.
fn is_open(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
