//! Reports: what people and CI systems want to know of a whole run, made at its end.
//!
//! A report is made of [`Fact`]s, one per outcome, which are read from JSON Lines as often as it likes: from the file that
//! a [`Late`](crate::sink::Late) sink kept during the run ([`FactLines`] writes it), or from records that a run left. So a
//! report holds in memory what it shows, and not the run.

mod fact;
mod fact_file;
mod github;
mod html;
mod junit;
mod links;

pub use self::fact::{Checked, Fact, FactLines, Facts, Hop, LinkFact};
pub use self::github::{github, step_summary};
pub use self::html::{About, html};
pub use self::junit::junit;
pub use self::links::{LinkForm, LinkReport, Lists, links};
