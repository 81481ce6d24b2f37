//! What goes out: tables, JSON, filtered values, and the one-time secret.

pub mod json;
pub mod private_file;
pub mod query;
pub mod rendering;
pub mod table;
pub mod view;

use std::io;

use crate::error::{Failure, Kind, Result};

/// The end of writing what is no secret.
///
/// # Errors
/// Broken pipe: the reader has gone away. Unexpected: the write failed otherwise.
pub fn map_write_error(result: io::Result<()>) -> Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(Kind::BrokenPipe, "the reader went away"),
        _ => write_error(error),
    })
}

/// Standard output could not be written.
pub fn write_error(error: io::Error) -> Failure {
    Failure::unexpected("standard output cannot be written").source(error)
}
