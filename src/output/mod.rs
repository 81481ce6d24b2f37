//! What goes out: tables, JSON, filtered values, and the one-time secret.

pub mod json;
pub mod private_file;
pub mod query;
pub mod rendering;
pub mod table;
pub mod view;

use std::io;

use crate::error::{Failure, Result};

/// The end of writing what is no secret: a reader that has gone away has seen
/// enough.
///
/// # Errors
/// Unexpected: the write failed otherwise. A closed pipe is a quiet failure,
/// which ends the command without a word.
pub fn written(result: io::Result<()>) -> Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::quiet(),
        _ => unwritable(error),
    })
}

/// Standard output could not be written.
pub fn unwritable(error: io::Error) -> Failure {
    Failure::unexpected("standard output cannot be written").source(error)
}
