//! nscred mints, lists, refreshes, rotates and revokes machine credentials on
//! two clouds, and brings a local server of both.
//!
//! # Where things are
//!
//! - **Core modules** know neither cloud: [`text`] (what is safe to show, times),
//!   [`secret`], [`redactor`] (what a server says, without the secrets that it was
//!   sent), [`denylist`] (what is known to be no credential), [`error`] and [`exit`]
//!   (what went wrong, and the code for it), [`interrupt`] (signals), [`names`] (what
//!   the binary is called), [`context`] (streams, environment, settings), [`output`]
//!   (tables, JSON, filters), [`input`] (documents, durations, questions),
//!   [`delivery`] (the way of a secret to its owner) and [`http`] (the way to a
//!   server and back).
//! - A **provider module** for each cloud, which do not know each other:
//!   [`namespace`] with the commands `token` and `permissions`, and [`nscale`] with
//!   `serviceaccounts`. In each of them `message` is the wire, `api` the calls,
//!   `credential` where the credential is found, `view` how things are shown, and
//!   `commands` has a file for each verb: flags, request, call, view.
//! - [`auth`] looks at the credentials of both.
//! - The `sandbox` speaks the providers' messages from the server's side.
//! - [`cli`] on top joins them: the tree of commands, help, completions and
//!   manual pages, and the one place where a failure becomes an exit code.
//!
//! Imports run downwards in that order, and a test holds them to it.
//!
//! # A call from end to end
//!
//! [`cli::main`] parses the line, and runs the command with a
//! [`context::Context`]. The command checks what can be checked without the
//! server, finds the credential, and asks its provider's `api`, which goes through
//! [`http::client::Client`]: there it is decided what may be tried again, by what
//! sending it twice would do ([`http::retry::Effect`]). What comes back is
//! rendered by [`output::rendering`]; a secret goes through [`delivery`],
//! sending it twice would do ([`http::retry::policy`]). What comes back is
//! rendered by [`output::rendering`]; a secret goes through [`delivery`],
//! which loses none. A [`error::Failure`] on the way is told at the end, with its
//! kind's exit code.
//!
//! # Features
//!
//! `sandbox` is the local server, `docs` the commands `completions` and `man`. Both
//! are on unless they are turned off.

pub mod auth;
pub mod cli;
pub mod cloud;
pub mod context;
pub mod credential;
pub mod delivery;
pub mod denylist;
pub mod error;
pub mod exit;
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

#[cfg(test)]
mod testing {
    use proptest::test_runner::{Config, RngSeed};

    /// Property tests try the same cases in every run, and leave no files.
    pub fn properties() -> Config {
        Config { rng_seed: RngSeed::Fixed(20_261_122), failure_persistence: None, cases: 1_000, ..Config::default() }
    }
}
