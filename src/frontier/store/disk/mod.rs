//! The store of a job directory: everything that must outlive the process.

#![allow(dead_code, unused_imports, unreachable_pub)]

mod files;
mod journal;
#[cfg(test)]
mod journal_tests;
mod queues;
mod seen;
mod sieve;
