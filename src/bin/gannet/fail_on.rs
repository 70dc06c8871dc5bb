//! `--fail-on`: which failures make a run one that failed, and how many of them it may have.
//!
//! A list of rules, `CONDITION[:LIMIT]`: `error`, `status>=500`, `error_kind=tls:3`, `5%`. The run failed when one of
//! them is exceeded. Exit codes (`exit.rs`) ask [`FailOn::is_exceeded`]; `--fail-fast` and reports, which judge URLs one
//! by one, ask for the statuses alone. Pure: numbers come from the [`Summary`].

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use gannet::crawl::Summary;
use gannet::fetch::ErrorKind;

/// The statuses that say that something is wrong (RFC 9110 §15).
pub(crate) const BAD: RangeInclusive<u16> = 400..=999;

/// The rules; none of them is `none`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FailOn(Vec<Rule>);

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    condition: Condition,
    /// `None` allows not one.
    limit: Option<Limit>,
}

/// What counts.
#[derive(Clone, Debug, PartialEq)]
enum Condition {
    /// Seeds that got no answer.
    Seeds,
    /// URLs that got no answer.
    Error,
    /// Those that failed so; also when a fallback stands in.
    Kind(ErrorKind),
    /// URLs that answered so.
    Status(RangeInclusive<u16>),
    /// URLs that got no answer, or a status of 400 and above.
    Any,
}

/// How many are allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Count(u64),
    /// Of the URLs that were tried, or of the seeds; percent.
    Share(f64),
}

impl FailOn {
    /// Whether one of the rules is exceeded.
    pub(crate) fn is_exceeded(&self, summary: &Summary) -> bool {
        self.0.iter().any(|rule| rule.is_exceeded(summary))
    }

    /// URLs that were answered, as these rules see it.
    pub(crate) fn good(&self, summary: &Summary) -> u64 {
        let failing = self.statuses();
        let is_bad = |status: &u16| failing.iter().any(|range| range.contains(status));
        let bad: u64 = summary.statuses.iter().filter(|(status, _)| is_bad(status)).map(|(_, n)| n).sum();
        // A fallback is an answer; what was skipped or cancelled is no failure of its own.
        summary.finished + summary.fallback - bad
    }

    /// The statuses that count.
    pub(crate) fn statuses(&self) -> Vec<RangeInclusive<u16>> {
        let of = |rule: &Rule| match &rule.condition {
            Condition::Status(range) => Some(range.clone()),
            Condition::Any => Some(BAD),
            Condition::Seeds | Condition::Error | Condition::Kind(_) => None,
        };
        self.0.iter().filter_map(of).collect()
    }

    /// The statuses that a report shows as failures: those that count; if none do, all from 400 on.
    pub(crate) fn statuses_to_report(&self) -> Vec<RangeInclusive<u16>> {
        Some(self.statuses()).filter(|statuses| !statuses.is_empty()).unwrap_or_else(|| vec![BAD])
    }

    /// A line for each rule that is exceeded, but for those that allow nothing and have a name: there the summary says all.
    pub(crate) fn why(&self, summary: &Summary) -> Vec<String> {
        let is_plain = |rule: &Rule| {
            let is_word = matches!(rule.condition, Condition::Seeds | Condition::Error | Condition::Any);
            is_word && rule.limit.is_none()
        };
        let exceeded = |rule: &&Rule| !is_plain(rule) && rule.is_exceeded(summary);
        self.0.iter().filter(exceeded).map(|rule| rule.why(summary)).collect()
    }
}

impl Rule {
    /// How many there are, and of how many.
    fn count(&self, summary: &Summary) -> (u64, u64) {
        let tried = summary.finished + summary.failed + summary.fallback;
        match &self.condition {
            Condition::Seeds => (summary.failed_seeds, summary.seeds - summary.dropped),
            Condition::Error => (summary.failed, tried),
            Condition::Kind(kind) => (summary.errors.get(kind).map_or(0, |group| group.count), tried),
            Condition::Status(range) => (summary.statuses.range(range.clone()).map(|(_, n)| n).sum(), tried),
            Condition::Any => (summary.failed + summary.http_errors(), tried),
        }
    }

    fn is_exceeded(&self, summary: &Summary) -> bool {
        let (count, of) = self.count(summary);
        match self.limit {
            None => count > 0,
            Some(Limit::Count(limit)) => count > limit,
            Some(Limit::Share(limit)) => count as f64 * 100.0 > limit * of as f64,
        }
    }

    fn why(&self, summary: &Summary) -> String {
        let (count, of) = self.count(summary);
        let share = count as f64 * 100.0 / of.max(1) as f64;
        let what = if self.condition == Condition::Seeds { "seeds" } else { "URLs" };
        let how = match &self.condition {
            Condition::Seeds | Condition::Error => "failed".into(),
            Condition::Kind(kind) => format!("failed with `{}`", kind.as_str()),
            Condition::Status(range) if range.start() == range.end() => format!("answered {}", range.start()),
            Condition::Status(range) => format!("answered {} or above", range.start()),
            Condition::Any => "failed or answered 400 or above".into(),
        };
        let allowed = match self.limit {
            None => "none".into(),
            Some(Limit::Count(limit)) => limit.to_string(),
            Some(Limit::Share(limit)) => format!("{limit} %"),
        };
        format!("{count} of {of} {what} ({share:.1} %) {how}; --fail-on allows {allowed}")
    }
}

const HINT: &str = "seeds, error, status, status>=500, status=404 or error_kind=timeout, each with :5% or :10 for a \
                    limit; 5% or 10 alone; several with commas; or none";

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` {why}\nhint: {HINT}");
        if let Some(limit) = Limit::of(text) {
            if matches!(limit, Limit::Count(400..=599)) {
                return Err(format!(
                    "`{text}` may be a status or a number\nhint: write `status={text}` or `status:{text}`"
                ));
            }
            return Ok(Self { condition: Condition::Any, limit: Some(limit) });
        }
        let (condition, limit) = match text.split_once(':') {
            None => (text, None),
            Some((condition, limit)) => {
                let limit =
                    Limit::of(limit).ok_or_else(|| wrong("has a limit that is neither `5%` nor `10`"))?;
                (condition, Some(limit))
            }
        };
        let condition = Condition::of(condition).map_err(wrong)?;
        Ok(Self { condition, limit })
    }
}

impl Condition {
    fn of(text: &str) -> Result<Self, &'static str> {
        let status = |text: &str| {
            let status = text.parse().ok().filter(|status| (100..=999).contains(status));
            status.ok_or("names a status that is not between 100 and 999")
        };
        if let Some(from) = text.strip_prefix("status>=") {
            return status(from).map(|from| Self::Status(from..=*BAD.end()));
        }
        if let Some(only) = text.strip_prefix("status=") {
            return status(only).map(|only| Self::Status(only..=only));
        }
        if let Some(name) = text.strip_prefix("error_kind=") {
            let kind = ErrorKind::ALL.iter().find(|kind| kind.as_str() == name);
            return kind
                .map(|kind| Self::Kind(*kind))
                .ok_or("names an error kind that there is not (docs/errors.md)");
        }
        match text {
            "seeds" => Ok(Self::Seeds),
            "error" => Ok(Self::Error),
            "status" => Ok(Self::Any),
            "none" => Err("stands alone, without a limit and others"),
            _ => Err("is no condition"),
        }
    }
}

impl Limit {
    fn of(text: &str) -> Option<Self> {
        // Signs, exponents and infinities are for no one.
        if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'%')) {
            return None;
        }
        match text.strip_suffix('%') {
            None => text.parse().ok().map(Self::Count),
            Some(share) => share.parse().ok().filter(|share| (0.0..=100.0).contains(share)).map(Self::Share),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.condition {
            Condition::Seeds => f.write_str("seeds"),
            Condition::Error => f.write_str("error"),
            Condition::Any => f.write_str("status"),
            Condition::Kind(kind) => write!(f, "error_kind={}", kind.as_str()),
            Condition::Status(range) if range.start() == range.end() => write!(f, "status={}", range.start()),
            Condition::Status(range) => write!(f, "status>={}", range.start()),
        }?;
        match self.limit {
            None => Ok(()),
            Some(Limit::Count(limit)) => write!(f, ":{limit}"),
            Some(Limit::Share(limit)) => write!(f, ":{limit}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use gannet::crawl::ErrorGroup;
    use proptest::prelude::*;

    use super::*;

    /// 80 good, 7 with 404, 3 with 503, 8 timeouts of which 2 have a fallback, 2 dns: 100 in all.
    fn summary() -> Summary {
        let mut summary = Summary { seeds: 10, failed_seeds: 2, ..Summary::default() };
        (summary.finished, summary.failed, summary.fallback) = (90, 8, 2);
        summary.statuses = [(200, 80), (404, 7), (503, 3)].into();
        let group = |count| ErrorGroup { count, example: String::new(), message: String::new() };
        summary.errors = [(ErrorKind::Timeout, group(8)), (ErrorKind::Dns, group(2))].into();
        summary
    }

    #[test]
    fn a_rule_is_exceeded_by_more_than_it_allows() {
        for (text, exceeded, good) in [
            ("none", false, 92),
            ("seeds", true, 92),
            ("seeds:20%", false, 92),
            ("seeds:19.9%", true, 92),
            ("error", true, 92),
            ("error:8", false, 92),
            ("error:7", true, 92),
            ("status", true, 82),
            ("18%", false, 82),
            ("17.5%", true, 82),
            ("18", false, 82),
            ("status:17", true, 82),
            ("status>=500", true, 89),
            ("status>=500:3%", false, 89),
            ("status>=404:9", true, 82),
            ("status=404:7", false, 85),
            ("status=410", false, 92),
            ("error_kind=timeout:7", true, 92),
            ("error_kind=tls", false, 92),
            ("error:50%, status>=500:1", true, 89),
            ("0%", true, 82),
            ("100%", false, 82),
        ] {
            let rules: FailOn = text.parse().unwrap();
            assert_eq!((rules.is_exceeded(&summary()), rules.good(&summary())), (exceeded, good), "{text}");
        }
        assert!(!"0%".parse::<FailOn>().unwrap().is_exceeded(&Summary::default()), "nothing was tried");
    }

    #[test]
    fn what_is_exceeded_is_said() {
        let why = |text: &str| text.parse::<FailOn>().unwrap().why(&summary()).join("\n");
        assert_eq!(
            why("5%"),
            "18 of 100 URLs (18.0 %) failed or answered 400 or above; --fail-on allows 5 %"
        );
        assert_eq!(why("seeds:1"), "2 of 10 seeds (20.0 %) failed; --fail-on allows 1");
        assert_eq!(
            why("status=404,error_kind=timeout:1,status>=500:50%"),
            "7 of 100 URLs (7.0 %) answered 404; --fail-on allows none\n\
             8 of 100 URLs (8.0 %) failed with `timeout`; --fail-on allows 1"
        );
        assert_eq!(["seeds", "error", "status", "none"].map(why).concat(), "");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_hint() {
        for text in [
            "",
            ",",
            "error,",
            "none,error",
            "none:5%",
            "5%%",
            "-1",
            "1e3",
            "101%",
            "error:",
            "error:many",
            "errors",
            "status>=",
            "status>=99",
            "status=1000",
            "status<400",
            "error_kind=novel",
            "404",
            "503,error",
            "5%:5%",
            "NaN%",
            "%",
            "inf",
        ] {
            let why = text.parse::<FailOn>().unwrap_err();
            assert!(
                why.starts_with(&format!("`{}`", text.split(',').next().unwrap_or(text)))
                    || why.contains("``"),
                "{why}"
            );
            assert!(why.contains("\nhint: "), "{why}");
        }
    }

    fn rules() -> impl Strategy<Value = Vec<Rule>> {
        let condition = prop_oneof![
            Just(Condition::Seeds),
            Just(Condition::Error),
            Just(Condition::Any),
            proptest::sample::select(ErrorKind::ALL).prop_map(Condition::Kind),
            (100..=998_u16).prop_map(|status| Condition::Status(status..=999)),
            (100..=999_u16).prop_map(|status| Condition::Status(status..=status)),
        ];
        let limit = prop_oneof![
            any::<u64>().prop_map(Limit::Count),
            (0..=10_000_u32).prop_map(|share| Limit::Share(f64::from(share) / 100.0)),
        ];
        let rule = (condition, proptest::option::of(limit));
        proptest::collection::vec(rule.prop_map(|(condition, limit)| Rule { condition, limit }), 1..5)
    }

    proptest! {
        #[test]
        fn rules_are_read_as_they_are_written(rules in rules()) {
            let text: Vec<_> = rules.iter().map(ToString::to_string).collect();
            prop_assert_eq!(text.join(",").parse::<FailOn>().unwrap(), FailOn(rules));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}", word in "(status|error|seeds)[<>=:%0-9.,]{0,12}") {
            let _ = (text.parse::<FailOn>(), word.parse::<FailOn>());
        }

        /// A higher limit is exceeded by nothing that a lower one allows.
        #[test]
        fn a_higher_limit_allows_more(low in 0..30_u64, more in 0..30_u64) {
            let is_exceeded = |limit: u64| format!("error:{limit}").parse::<FailOn>().unwrap().is_exceeded(&summary());
            prop_assert!(is_exceeded(low) || !is_exceeded(low + more));
        }
    }
}
