//! The environment variables and exit codes of a verb, for help and manual pages. A
//! verb declares them at its flags with `#[command(add = Verb { … })]`, and clap
//! attaches them to the verb's command in the tree.

use clap::builder::CommandExt;

use crate::error::Kind;

/// A group of environment variables. `cli::environment` has their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// Namespace's credential and address.
    Namespace,
    /// Nscale's credential, organization and address.
    Nscale,
    /// Proxies and certificates.
    Http,
    /// Where a new secret is kept, and whether it is masked.
    Delivery,
    Sandbox,
    /// Colours. Every command reads them.
    Terminal,
}

#[derive(Clone, Debug)]
pub struct Verb {
    /// Without [`Variables::Terminal`].
    pub variables: &'static [Variables],
    /// The failures that it can end with. Empty for a verb whose exit code is that of
    /// another program.
    pub exit_codes: &'static [Kind],
}

impl CommandExt for Verb {}

/// The exit codes of a verb that calls no server.
pub const LOCAL: &[Kind] = &[Kind::Unexpected, Kind::Usage];

/// The exit codes of a verb that calls a server and changes nothing.
pub const READ: &[Kind] = &[
    Kind::Unexpected,
    Kind::Usage,
    Kind::NotPermitted,
    Kind::NotAuthenticated,
    Kind::NotFound,
    Kind::Temporary,
    Kind::Interrupted,
];

/// The exit codes of a verb that changes something on a server.
pub const CHANGE: &[Kind] = &[
    Kind::Unexpected,
    Kind::Usage,
    Kind::NotPermitted,
    Kind::NotAuthenticated,
    Kind::NotFound,
    Kind::Conflict,
    Kind::Temporary,
    Kind::OutcomeUnknown,
    Kind::Interrupted,
];
