//! Outcomes that follow from what is known, without a fetch: bad seeds, and fates that the frontier decided.
//! Pure; workers call it.

use std::sync::Arc;

use super::{Plan, asked};
use crate::fetch::{ErrorKind, Phase};
use crate::frontier::{Entry, Fate, Found, MAX_CRAWL_DELAY};
use crate::outcome::{Failure, Outcome, OutcomeKind, Skip};
use crate::scope::Trap;
use crate::seeds::Seed;
use crate::url::UrlError;

/// Why `--fail-fast` cancelled a URL.
pub(super) const SIBLING_FAILED: &str = "a sibling failed first";

/// The parts of an outcome that the entry knows.
pub(super) fn outcome_of(entry: &Entry, plan: &Plan) -> Outcome {
    let mut outcome = Outcome::new(OutcomeKind::Finished, Some(entry.url.clone()));
    outcome.seq = entry.seq;
    outcome.depth = entry.depth;
    outcome.attempts = entry.attempts;
    outcome.method = asked::method(entry, plan);
    outcome.seed_tag = entry.found.tag().cloned();
    match &entry.found {
        Found::Seed { position, input, .. } => {
            outcome.position = *position;
            outcome.input.clone_from(input);
        }
        Found::Link { source, via, lastmod, .. } => {
            outcome.source = Some(source.clone());
            outcome.via = Some(*via);
            outcome.lastmod.clone_from(lastmod);
        }
    }
    outcome
}

/// The outcome of a URL that the frontier decided about.
pub(super) fn settled(entry: &Entry, fate: Fate, plan: &Plan) -> Outcome {
    let mut outcome = outcome_of(entry, plan);
    (outcome.kind, outcome.skipped) = match fate {
        Fate::RobotsDenied(_) => (OutcomeKind::Skipped, Some(Skip::RobotsDenied)),
        Fate::CrawlDelay(_) => (OutcomeKind::Skipped, Some(Skip::CrawlDelay)),
        Fate::Throttled => (OutcomeKind::Skipped, Some(Skip::Throttled)),
        Fate::Trap(trap) => (OutcomeKind::Skipped, Some(skip_of(trap))),
        Fate::Failed { .. } | Fate::Deadly(_) => (OutcomeKind::Failed, None),
        Fate::Cancelled => (OutcomeKind::Cancelled, None),
    };
    outcome.error = why(fate);
    outcome.or_fallback(plan.fallback.as_ref())
}

fn skip_of(trap: Trap) -> Skip {
    match trap {
        Trap::UrlTooLong => Skip::UrlTooLong,
        Trap::RepeatedPath => Skip::RepeatedPath,
        Trap::QueryGrowth => Skip::QueryGrowth,
    }
}

fn why(fate: Fate) -> Option<Failure> {
    Some(match fate {
        // The reason says it all, and no kind of error fits an answer.
        Fate::Throttled | Fate::Trap(_) => return None,
        Fate::RobotsDenied(_) => {
            Failure::new(ErrorKind::RobotsDenied, Phase::Robots, "robots.txt forbids it")
        }
        Fate::CrawlDelay(delay) => {
            let (asked, most) = (delay.as_secs(), MAX_CRAWL_DELAY.as_secs());
            let message =
                format!("robots.txt asks for {asked}s between requests; at most {most}s is honoured");
            Failure::new(ErrorKind::RobotsDenied, Phase::Robots, message)
        }
        Fate::Failed { kind, phase, message } => Failure::new(kind, phase, &*message),
        Fate::Deadly(times) => {
            let message = format!("the process ended {times} times while this was being fetched; given up");
            Failure::new(ErrorKind::Internal, Phase::Total, message)
        }
        Fate::Cancelled => Failure::new(ErrorKind::Cancelled, Phase::Total, SIBLING_FAILED),
    })
}

/// The outcome of a seed that is no URL, or was given before.
pub(super) fn refused(seq: u64, seed: &Seed) -> Outcome {
    let mut outcome = match &seed.url {
        Ok(url) => {
            let url = Some(url.clone());
            Outcome { skipped: Some(Skip::DuplicateSeed), ..Outcome::new(OutcomeKind::Skipped, url) }
        }
        Err(why) => {
            let kind = match why {
                UrlError::Invalid(_) | UrlError::Line(_) => ErrorKind::InvalidUrl,
                UrlError::Scheme(_) => ErrorKind::UnsupportedScheme,
            };
            let error = Some(Failure::new(kind, Phase::Seed, why.to_string()));
            Outcome { error, ..Outcome::new(OutcomeKind::Failed, None) }
        }
    };
    outcome.seq = seq;
    outcome.position = seed.position;
    outcome.input = Some(Arc::from(seed.text.as_str()));
    if let Some(options) = &seed.options {
        outcome.method = options.own_method().unwrap_or_default();
        outcome.seed_tag.clone_from(&options.tag);
    }
    outcome
}

/// A redirect beyond `--max-redirects`, each hop of which was a job.
pub(super) fn too_many_redirects(most: usize) -> Failure {
    Failure::new(ErrorKind::TooManyRedirects, Phase::Redirect, format!("more than {most} redirects"))
}
