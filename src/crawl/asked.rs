//! How a URL is asked for: as its seed says, else as the plan does.
//!
//! Workers make the request of [`Asked`], and judge its result by [`method`]. A seed with a method or a body is a request of
//! its own, of which the plan's method and body are no part. What was found by a page is asked for as the plan says.

use std::sync::Arc;

use bytes::Bytes;

use super::Plan;
use crate::fetch::{HeaderMap, Method, Response, becomes_get};
use crate::frontier::{Entry, SeedOptions};

/// The parts of a request that a seed may say.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) body: Option<Bytes>,
    pub(super) headers: Option<Arc<HeaderMap>>,
}

impl Asked {
    pub(super) fn of(entry: &Entry, plan: &Plan) -> Self {
        let of_plan = |headers| Self { method: plan.method.clone(), body: plan.body.clone(), headers };
        let Some(options) = entry.found.options() else { return of_plan(plan.headers.clone()) };
        let own = options.headers.clone();
        if options.is_own_request() {
            return Self { method: method(entry, plan), body: options.body.clone(), headers: own };
        }
        of_plan(match (&plan.headers, own) {
            (Some(plan), Some(own)) => Some(Arc::new(over(plan, &own))),
            (plan, own) => own.or_else(|| plan.clone()),
        })
    }
}

/// The method that a URL is asked for with.
pub(super) fn method(entry: &Entry, plan: &Plan) -> Method {
    entry.found.options().and_then(SeedOptions::own_method).unwrap_or_else(|| plan.method.clone())
}

/// Whether a redirect that was handed back may become a job. Jobs are of the plan's method, so one that would have to
/// repeat another is left where it is.
pub(super) fn may_follow(response: &Response, entry: &Entry, plan: &Plan) -> bool {
    let method = method(entry, plan);
    let statuses = response.chain.iter().map(|hop| hop.status_code).chain([response.status]);
    method == plan.method || statuses.into_iter().any(|status| becomes_get(status, &method))
}

/// `headers`, and `own` in place of those that both have.
fn over(headers: &HeaderMap, own: &HeaderMap) -> HeaderMap {
    let mut all = headers.clone();
    own.keys().for_each(|name| drop(all.remove(name)));
    all.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}
