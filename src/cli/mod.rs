//! The tree of commands, and the one way through it: parse, run, report, exit.

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
