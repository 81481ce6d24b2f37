//! Output: tables, JSON, and the results of jq filters.

pub mod json;
pub mod private_file;
pub mod query;
pub mod rendering;
pub mod table;
pub mod view;

use std::io;

use crate::error::{Failure, Kind, Result};

/// Maps the result of a write to standard output, for data without a secret.
///
/// # Errors
/// Broken pipe: the reader closed the pipe. Unexpected: the write failed otherwise.
pub fn map_write_error(result: io::Result<()>) -> Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(Kind::BrokenPipe, "the reader went away"),
        _ => write_error(error),
    })
}

pub fn write_error(error: io::Error) -> Failure {
    Failure::unexpected("standard output cannot be written").source(error)
}
