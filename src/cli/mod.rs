//! The command line: the tree of commands, help, and `run`, which parses a line,
//! runs its command, and turns a failure into a message and an exit code.

#[cfg(feature = "docs")]
mod completions;
pub mod environment;
mod help;
#[cfg(feature = "docs")]
mod man;
mod output_mode;
mod parse;
mod run;
mod topics;
mod tree;

pub use run::{main, run};
