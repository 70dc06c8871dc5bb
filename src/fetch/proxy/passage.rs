//! [`Passage`]: the way of one fetch through proxies, from hop to hop and from one proxy to the next.
//!
//! Only moving on from a proxy is decided here. A proxy at fault is left, and told so at once. Where it may as well be the
//! target, another proxy is asked: if that one reaches it, those before were at fault, else the target is taken to be, so
//! that a site that is down costs no proxy its place.

use std::sync::Arc;

use super::fleet::Ticket;
use super::{Blame, Fleet, Proxies, Proxy, Route};
use crate::url::CrawlUrl;

/// See the module.
#[derive(Default)]
pub(in crate::fetch) enum Passage {
    #[default]
    Direct,
    Fixed(usize, Arc<Proxy>),
    Listed(Box<Listed>),
}

/// The passage through proxies of a list.
#[derive(Default)]
pub(in crate::fetch) struct Listed {
    ticket: Option<Ticket>,
    /// Those that may have been at fault for the current hop.
    suspects: Vec<Ticket>,
    /// Those that were left.
    tried: Vec<usize>,
    /// This hop goes without.
    bypassed: bool,
    /// The one that was used last.
    last: Option<Arc<Proxy>>,
}

impl Passage {
    /// Sets out for this URL. A fleet: a proxy of it must be [taken](Self::board) first.
    pub(in crate::fetch) fn set_out<'a>(
        &mut self,
        proxies: &'a Proxies,
        url: &CrawlUrl,
    ) -> Option<&'a Arc<Fleet>> {
        match proxies.route(url) {
            Route::Fixed(nth, proxy) => *self = Self::Fixed(nth, Arc::clone(proxy)),
            Route::Listed(fleet) => {
                if !matches!(self, Self::Listed(_)) {
                    *self = Self::Listed(Box::default());
                }
                let Self::Listed(listed) = self else { return None };
                listed.bypassed = false;
                return listed.ticket.is_none().then_some(fleet);
            }
            Route::Direct => match self {
                Self::Listed(listed) => listed.bypassed = true,
                _ => *self = Self::Direct,
            },
        }
        None
    }

    /// Goes on with this proxy of the list.
    pub(in crate::fetch) fn board(&mut self, ticket: Ticket) {
        if let Self::Listed(listed) = self {
            listed.last = Some(Arc::clone(ticket.proxy()));
            listed.ticket = Some(ticket);
        }
    }

    /// The proxy of the current hop as records show it, also when it failed.
    pub(in crate::fetch) fn shown(&self) -> Option<Arc<str>> {
        let last = match self {
            Self::Listed(listed) if !listed.bypassed => listed.last.as_ref(),
            _ => None,
        };
        last.or(self.proxy().map(|(_, proxy)| proxy)).map(|proxy| Arc::clone(proxy.shown()))
    }

    /// The proxy that is used now, and its number.
    pub(in crate::fetch) fn proxy(&self) -> Option<(usize, &Arc<Proxy>)> {
        match self {
            Self::Direct => None,
            Self::Fixed(nth, proxy) => Some((*nth, proxy)),
            Self::Listed(listed) if listed.bypassed => None,
            Self::Listed(listed) => listed.ticket.as_ref().map(|ticket| (ticket.nth(), ticket.proxy())),
        }
    }

    /// An answer came.
    pub(in crate::fetch) fn arrived(&mut self) {
        let Self::Listed(listed) = self else { return };
        listed.suspects.drain(..).for_each(|mut ticket| ticket.failed());
        if let Some(ticket) = listed.ticket.as_mut().filter(|_| !listed.bypassed) {
            ticket.worked();
        }
    }

    /// None came. Whether this fetch may go on with another proxy.
    pub(in crate::fetch) fn leave(&mut self, blame: Blame, retries: u32) -> bool {
        let Self::Listed(listed) = self else { return false };
        let Some(mut ticket) = listed.ticket.take() else { return false };
        let left = listed.tried.len() < retries as usize;
        listed.tried.push(ticket.nth());
        match blame {
            Blame::Own => ticket.failed(),
            Blame::Unclear => listed.suspects.push(ticket),
        }
        left
    }

    /// Those that were left.
    pub(in crate::fetch) fn tried(&self) -> &[usize] {
        if let Self::Listed(listed) = self { &listed.tried } else { &[] }
    }

    /// The fetch ends without an answer from this host.
    pub(in crate::fetch) fn give_up(&mut self, host: &str) {
        let Self::Listed(listed) = self else { return };
        listed.suspects.drain(..).for_each(|mut ticket| ticket.suspected(host));
    }
}
