//! nscred mints, lists, refreshes, rotates and revokes machine credentials on
//! two clouds, Namespace and Nscale, and contains a local server of both APIs.
//!
//! # The map
//!
//! **Providers**, one module for each cloud, independent of each other:
//! [`namespace`] (the commands `token` and `permissions`) and [`nscale`]
//! (`serviceaccounts`). Both have the same modules:
//!
//! | module | what it does |
//! |---|---|
//! | `commands` | a file for each verb: its flags, request, call and output |
//! | `credential` | finds the credential |
//! | `messages` | requests and responses as they are sent |
//! | `api` | the calls |
//! | `explain` | error messages and hints |
//! | `view` | tables and details for people |
//! | `status` | the provider's part of `auth status` |
//!
//! **Core modules**, which the providers use. They contain nothing about a single
//! cloud except its row in [`cloud`]:
//!
//! | module | what it does |
//! |---|---|
//! | [`context`] | the only way to streams, clock, environment, signals and notes |
//! | [`error`] | failures, their kinds, and the table of exit codes |
//! | [`interrupt`] | Ctrl-C and other signals, with a change in flight or without |
//! | [`http`] | requests, retries, typed errors and their messages |
//! | [`delivery`] | writes a new secret to a file or to standard output without losing it |
//! | [`credential`], [`denylist`] | credential files; values that cannot be a credential |
//! | [`secret`], [`redactor`] | secrets that cannot be printed, and texts with secrets removed |
//! | [`input`] | JSON documents, durations, questions |
//! | [`output`] | tables, JSON, jq filters |
//! | [`text`] | escaping, quoting, times, similar names |
//! | [`names`] | the names `nsc` and `nscale`, and the official programs |
//! | [`verb`], [`provider`] | what a command and a provider declare about themselves |
//!
//! **On top**: [`auth`] reports on the credentials of all providers, `sandbox` is a
//! server for the same messages, and [`cli`] has the tree of commands, help,
//! completions, manual pages, and the one place where a failure becomes an exit code.
//!
//! A module imports only what is below it; `tests/cli/layers.rs` has the order.
//!
//! # A call from end to end
//!
//! 1. [`cli::run`] parses the command line and runs the command with a
//!    [`context::Context`].
//! 2. The command checks its input, finds the credential and, if a secret will be
//!    returned, prepares its [`delivery`]. Nothing is sent before that.
//! 3. It calls its provider's `api`, which sends through [`http::client::Client`].
//!    [`http::retry::policy`] decides whether a failed request is sent again, which
//!    depends on what sending it twice would do.
//! 4. [`output::rendering`] renders the answer; a secret goes through [`delivery`].
//! 5. If a step fails, its [`error::Failure`] is shown, and its kind decides the exit
//!    code.
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

    /// Property tests try the same cases in every run and write no files.
    pub fn properties() -> Config {
        Config { rng_seed: RngSeed::Fixed(20_261_122), failure_persistence: None, cases: 1_000, ..Config::default() }
    }
}
