//! What help and manual pages say of a verb beside its flags and examples. A verb
//! declares it where its flags are, with `#[command(add = Verb { … })]`, and clap
//! carries it into the tree of commands.

use clap::builder::CommandExt;

use crate::error::Kind;

/// Environment variables that are read together. `cli::environment` has their names.
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
    /// The failures that it can end with. None where the exit code is another program's.
    pub exit_codes: &'static [Kind],
}

impl CommandExt for Verb {}

/// The exit codes of a verb that calls no server.
pub const LOCAL: &[Kind] = &[Kind::Unexpected, Kind::Usage];

/// The exit codes of a verb that asks a server and changes nothing.
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
