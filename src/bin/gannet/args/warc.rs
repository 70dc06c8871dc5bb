//! Flags of web archives.

use bytesize::ByteSize;
use clap::{Args as ClapArgs, ValueEnum};

use super::values::size;

#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Web archives")]
pub(crate) struct WarcArgs {
    /// Go on in a new file before one would be longer: FILE-00000.warc.gz and so on; 0 for never
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = size)]
    pub(crate) warc_size: ByteSize,
    /// The digest of blocks and payloads
    #[arg(long, value_name = "DIGEST", default_value = "sha1")]
    pub(crate) warc_digest: WarcDigest,
    /// A field of the archive's warcinfo, `name: value`, e.g. 'operator: Jo Doe' (repeatable)
    #[arg(long, value_name = "FIELD", value_parser = field)]
    pub(crate) warc_info: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WarcDigest {
    Sha1,
    Sha256,
}

/// `name: value`, where the name is a token (WARC 1.1 §4).
fn field(text: &str) -> Result<(String, String), String> {
    const HINT: &str = "write it as 'name: value', e.g. 'operator: Jo Doe'";
    let (name, value) = text.split_once(':').ok_or(HINT)?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    match is_token && !value.contains(char::is_control) {
        true => Ok((name.to_owned(), value.to_owned())),
        false => Err(HINT.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_names_with_values() {
        assert_eq!(field("operator:  Jo: Doe "), Ok(("operator".into(), "Jo: Doe".into())));
        for bad in ["", "operator", ": x", "a b: c", "a: b\r\nsoftware: c"] {
            assert!(field(bad).is_err(), "{bad:?}");
        }
    }
}
