//! nscred mints, lists, refreshes, rotates and revokes machine credentials on
//! two clouds, Namespace and Nscale, and brings a local server of both.
//!
//! # The map
//!
//! **Providers**, one module for each cloud, which do not know each other:
//! [`namespace`] (the commands `token` and `permissions`) and [`nscale`]
//! (`serviceaccounts`). Both have the same files: `credential` finds the
//! credential, `messages` are the wire, `api` the calls, `explain` words what went
//! wrong, `view` shows things, `status` is for `auth status`, and `commands` has a
//! file for each verb: its flags, what it reads and can end with, its request,
//! its call, its output.
//!
//! **Core modules** below them, which know no cloud but by its row in [`cloud`]:
//!
//! | module | what it does |
//! |---|---|
//! | [`context`] | the only way to streams, clock, environment, signals and notes |
//! | [`error`] | failures, their kinds, and the table of exit codes |
//! | [`http`] | a request and its retries; errors by type, and the words for them |
//! | [`delivery`] | a new secret's way to a file or to standard output, without loss |
//! | [`credential`], [`denylist`] | reading credential files; what cannot be a credential |
//! | [`secret`], [`redactor`] | values that are not shown, and server texts without them |
//! | [`input`] | documents, durations, questions |
//! | [`output`] | tables, JSON, filters |
//! | [`text`] | escaping, quoting, times, near words |
//! | [`verb`], [`provider`] | what a command and a provider say of themselves |
//!
//! **On top**: [`auth`] looks at the credentials of all providers, `sandbox` is the
//! server's side of the same messages, and [`cli`] joins all of it: the tree of
//! commands, help, completions, manual pages, and the one place where a failure
//! becomes an exit code.
//!
//! A module imports only what is below it; `tests/cli/layers.rs` has the order.
//!
//! # A call from end to end
//!
//! [`cli::run`] parses the line and runs the command with a [`context::Context`].
//! The command checks all that can be checked without a server, finds the
//! credential, prepares the places for a secret, and calls its provider's `api`,
//! which sends through [`http::client::Client`]. There [`http::retry::policy`]
//! decides what may be sent again, by what sending it twice would do. The answer
//! is printed by [`output::rendering`]; a secret goes through [`delivery`]. A
//! [`error::Failure`] on the way is shown at the end, with its kind's exit code.
//!
//! # Features
//!
//! `sandbox` is the local server, `docs` the commands `completions` and `man`. Both
//! are on by default.

pub mod auth;
pub mod cli;
pub mod cloud;
pub mod context;
pub mod credential;
pub mod delivery;
pub mod denylist;
pub mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod http;
pub mod input;
pub mod interrupt;
pub mod names;
pub mod namespace;
pub mod nscale;
pub mod output;
pub mod provider;
pub mod redactor;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secret;
pub mod spinner;
pub mod text;
pub mod verb;

#[cfg(test)]
mod testing {
    use proptest::test_runner::{Config, RngSeed};

    /// Property tests try the same cases in every run, and leave no files.
    pub fn properties() -> Config {
        Config { rng_seed: RngSeed::Fixed(20_261_122), failure_persistence: None, cases: 1_000, ..Config::default() }
    }
}
