//! The tree of commands as lines are parsed by it and help is made of it.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::names::Program;

/// A family of commands that the official programs have too: what of it is
/// not here is theirs.
pub(super) const SHARED: &str = "auth";

/// The tree as lines are parsed by it, under the name that was called.
pub(super) fn tree(program: Program) -> clap::Command {
    let tree = Cli::command().name(program.name()).bin_name(program.name());
    // Beside the official program of that name it says which it is.
    if program.is_borrowed() { tree.version(concat!(env!("CARGO_PKG_VERSION"), " (nscred)")) } else { tree }
}
