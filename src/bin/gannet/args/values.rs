//! The forms of values: times, rates and names as people write them. What is none says how it is written.

use std::time::Duration;

use bytesize::ByteSize;
use gannet::job::Sync;

/// What counts as for ever, 100 years: no clock gets there, and sums of such times are still times.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// `500ms`, `10s`, `2h`; a bare `0` is zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text)
        .map(|time| time.min(FOREVER))
        .map_err(|why| format!("{why}; write a time with its unit, e.g. 500ms, 10s, 2h"))
}

pub(super) fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be more than zero".into()),
        time => Ok(time),
    }
}

/// A product token (RFC 9309 §2.2.1), or `*`.
pub(super) fn robots_token(text: &str) -> Result<String, String> {
    let is_token = |text: &str| text.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
    match text {
        "" => Err("must not be empty; `*` is everyone".into()),
        "*" => Ok(text.to_owned()),
        text if is_token(text) => Ok(text.to_owned()),
        _ => Err("only letters, `-` and `_` make a name that robots.txt can hold, e.g. gannet".into()),
    }
}

/// The name of a parameter. What cannot be one would silently match nothing.
pub(super) fn parameter(text: &str) -> Result<String, String> {
    match text {
        "" => Err("must not be empty; `*` is all of them".into()),
        text if text.contains(['=', '&', '?', '#']) => Err("is the name alone, e.g. utm_source".into()),
        text => Ok(text.to_owned()),
    }
}

/// `1s`, `always`, `never`.
pub(super) fn sync(text: &str) -> Result<Sync, String> {
    match text {
        "always" => Ok(Sync::Always),
        "never" => Ok(Sync::Never),
        time => Ok(Sync::Every(positive(time).map_err(|why| format!("{why}; or say always or never"))?)),
    }
}

/// `500KB`, `10MiB`, `1048576`.
pub(super) fn size(text: &str) -> Result<ByteSize, String> {
    text.parse().map_err(|_: String| "write a size, e.g. 500KB, 10MiB".into())
}

pub(super) fn frontier_memory(text: &str) -> Result<ByteSize, String> {
    let size = size(text)?;
    if size < ByteSize::kib(16) { Err("must be 16KiB at least".into()) } else { Ok(size) }
}

/// `20/s`, `600/m`: the least time between two starts.
pub(super) fn rate(text: &str) -> Result<Duration, String> {
    const HINT: &str = "write a number and a time, e.g. 20/s, 600/m";
    let (count, per) = text.split_once('/').unwrap_or((text, "s"));
    let per = match per {
        "s" => Duration::from_secs(1),
        "m" | "min" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        _ => return Err(HINT.into()),
    };
    match count.parse::<f64>() {
        Ok(count) if count > 0.0 && count <= 1e9 => {
            let every = Duration::try_from_secs_f64(per.as_secs_f64() / count);
            every.map(|every| every.min(FOREVER)).map_err(|_| HINT.into())
        }
        _ => Err(HINT.into()),
    }
}

/// `50%`, `0.5`: a share of at most the whole.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=whole).contains(&number) => Ok(number / whole),
        _ => Err("write a share between 0% and 100%, e.g. 50%".into()),
    }
}

/// `1MiB/s`, `500k`: bytes a second.
pub(super) fn bandwidth(text: &str) -> Result<u64, String> {
    let size = size(text.strip_suffix("/s").unwrap_or(text));
    match size.map_err(|_| "write a size for each second, e.g. 500KB/s, 1MiB/s")?.0 {
        0 => Err("must be more than zero".into()),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_tokens() {
        for good in ["gannet", "Some_Bot-x", "*"] {
            assert_eq!(robots_token(good).as_deref(), Ok(good));
        }
        for bad in ["", "gannet/1.0", "a b", "bot2", "**", "b\u{f6}t", "a*"] {
            assert!(robots_token(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters() {
        for good in ["sid", "utm_*", "*", "a[]", "%C3%A9"] {
            assert_eq!(parameter(good).as_deref(), Ok(good));
        }
        for bad in ["", "a=b", "?a", "a&b"] {
            assert!(parameter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares() {
        for (text, share_of) in [("50%", 0.5), ("0.5", 0.5), ("0", 0.0), ("100%", 1.0), ("1", 1.0)] {
            assert_eq!(share(text), Ok(share_of), "{text}");
        }
        for bad in ["50", "101%", "-1%", "NaN", "", "%", "half"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn units() {
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(duration("300").is_err() && duration("fast").is_err() && positive("0s").is_err());
        assert_eq!(rate("20/s"), Ok(Duration::from_millis(50)));
        assert_eq!((bandwidth("1MiB/s"), bandwidth("20k")), (Ok(1 << 20), Ok(20_000)));
        assert_eq!((size("1k"), size("5 MiB")), (Ok(ByteSize::kb(1)), Ok(ByteSize::mib(5))));
        assert!(["", "x", "1x", "-1"].iter().all(|text| size(text).unwrap_err().contains("e.g. 500KB")));
        assert!(bandwidth("1x").unwrap_err().contains("e.g. 500KB/s"));
        assert!(bandwidth("0/s").is_err() && bandwidth("1MiB/m").is_err() && bandwidth("/s").is_err());
        assert_eq!(rate("60/m"), Ok(Duration::from_secs(1)));
        assert_eq!((duration("18446744073709551615s"), rate("1e-18/s")), (Ok(FOREVER), Ok(FOREVER)));
        assert!(
            rate("0/s").is_err() && rate("1e-300/s").is_err() && rate("5/y").is_err() && rate("x").is_err()
        );
    }
}
