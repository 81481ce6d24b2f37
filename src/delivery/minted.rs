//! A secret to deliver, and a delivery that failed.

use crate::error::Failure;
use crate::secret::Secret;

/// A secret that was just minted.
pub struct Minted {
    /// What messages call it, as in `token tok_…`.
    pub what: String,
    /// The server's id, which names the rescue file.
    pub id: String,
    /// The extension of the rescue file.
    pub extension: &'static str,
    /// What a file with the secret contains.
    pub file_content: String,
    /// A hint that says how to revoke it.
    pub undo: String,
    /// A note about the secret that the file contained before, if it did.
    pub replaced: Option<String>,
    pub secret: Secret,
}

pub struct Undelivered {
    /// Its hints say where the secret is now.
    pub failure: Failure,
    /// Whether no file could be written, and the secret was not shown to a person.
    pub is_lost: bool,
}

impl From<Failure> for Undelivered {
    fn from(failure: Failure) -> Self {
        Self { failure, is_lost: false }
    }
}
