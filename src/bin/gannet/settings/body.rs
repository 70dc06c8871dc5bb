//! From flags: the method and the body that `gannet fetch` sends with each request, and which bodies are read of answers.

use std::io::Read as _;
use std::sync::Arc;

use gannet::crawl::Plan;
use gannet::error::Error;
use gannet::fetch::{BodyType, Filter, HeaderMap, Method};

use super::at_file;
use crate::args::{AnswerArgs, BodyArgs};

/// Puts into the plan what is sent. `headers`, those of the user, say what the body is if they can.
pub(super) fn put(
    plan: &mut Plan,
    args: &BodyArgs,
    seeds: &[String],
    headers: &HeaderMap,
) -> Result<(), Error> {
    let (flag, given, kind) = match (&args.data, &args.json) {
        (_, Some(json)) => ("json", Some(json), BodyType::Json),
        (data, None) => ("data", data.as_ref(), BodyType::Form),
    };
    plan.body = given.map(|text| read(flag, text, seeds)).transpose()?.map(Into::into);
    if let Some(body) = &plan.body {
        if kind == BodyType::Json {
            serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|why| {
                // Its own words might quote what is secret.
                let (line, column) = (why.line(), why.column());
                Error::Config(format!(
                    "`--json` is no JSON, at line {line} column {column}\nhint: --data sends any text, with -H 'Content-Type: application/json'"
                ))
            })?;
        }
        let mut of_body = HeaderMap::new();
        kind.put(&mut of_body);
        headers.keys().for_each(|name| drop(of_body.remove(name)));
        plan.headers = (!of_body.is_empty()).then(|| Arc::new(of_body));
    }
    let method = args.method.as_deref().unwrap_or(if plan.body.is_some() { "POST" } else { "GET" });
    plan.method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Error::Config(format!("`--method {method}` is no HTTP method")))?;
    Ok(())
}

/// Which bodies are read; `None` for all.
pub(super) fn filter(args: &AnswerArgs) -> Option<Arc<Filter>> {
    let max_size = args.max_filesize.map(|size| size.0);
    let filter = Filter { types: args.filter_mime_type.clone(), max_size };
    (filter != Filter::default()).then(|| Arc::new(filter))
}

/// `@-` is what stdin says, as for curl.
fn read(flag: &str, text: &str, seeds: &[String]) -> Result<Vec<u8>, Error> {
    if text != "@-" {
        return at_file(text);
    }
    if seeds.iter().any(|seed| seed == "-") {
        return Err(Error::Config(format!(
            "`-` and `--{flag} @-` both read stdin\nhint: put one of them into a file"
        )));
    }
    let mut body = Vec::new();
    match std::io::stdin().read_to_end(&mut body) {
        Ok(_) => Ok(body),
        Err(why) => Err(Error::Config(format!("cannot read stdin for `--{flag}`: {why}"))),
    }
}
