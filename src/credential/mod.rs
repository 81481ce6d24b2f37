//! What finding a credential has in common for all clouds: files, and the variables
//! that name them. No message quotes a value or the content of a file: it may be a
//! secret in the wrong place.

pub mod report;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::context::Environment;
use crate::denylist::{has_quotes_around, is_content};
use crate::error::{Failure, Kind, Result};
use crate::input::document::read_limited;

#[derive(Clone, Debug)]
pub struct Credential<T> {
    /// Ready to be sent.
    pub token: T,
    /// Where it was found, as messages name it.
    pub source: String,
    /// The file that it was read from, if it was.
    pub path: Option<PathBuf>,
    /// Variables that are set too, but were not used.
    pub shadowed: Vec<&'static str>,
}

/// The failure for a credential that is missing or cannot be used.
pub fn not_authenticated(message: impl Into<String>) -> Failure {
    Failure::new(Kind::NotAuthenticated, message)
}

/// Why a file could not be read as text.
#[derive(Debug)]
pub enum ReadError {
    Missing,
    Directory,
    TooLarge,
    NotText,
    Io(io::Error),
}

impl ReadError {
    /// `name` is how the message names the file.
    pub fn explain(self, name: &str) -> Failure {
        match self {
            Self::Missing => not_authenticated(format!("{name} does not exist")),
            Self::Directory => not_authenticated(format!("{name} is a directory, not a file")),
            Self::TooLarge => not_authenticated(format!("{name} is over 1 MiB, too large for a credential")),
            Self::NotText => not_authenticated(format!("{name} is not text")),
            Self::Io(error) => not_authenticated(format!("{name} cannot be read")).source(error),
        }
    }
}

/// Whether an error means that there is no file at a path.
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

/// Reads a file's text, without a byte order mark.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path) -> std::result::Result<String, ReadError> {
    let is_directory = || fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let bytes = read_limited(path).map_err(|error| {
        if is_directory() {
            ReadError::Directory
        } else if is_missing(&error) {
            ReadError::Missing
        } else {
            ReadError::Io(error)
        }
    })?;
    let text = String::from_utf8(bytes.ok_or(ReadError::TooLarge)?).map_err(|_| ReadError::NotText)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// How messages name the file that a variable names.
pub fn file_of(variable: &str) -> String {
    format!("the file that {variable} names")
}

/// Reads the file that a variable names; `None` if the variable is not set.
/// `token_hint` is the hint if the variable holds the token itself.
///
/// # Errors
/// Not authenticated: the value is no path, or the file cannot be read.
pub fn read_named(env: &Environment, variable: &str, token_hint: &str) -> Result<Option<(PathBuf, String)>> {
    let Some(path) = env.path(variable) else { return Ok(None) };
    let value = path.to_string_lossy();
    let failure = match read(&path) {
        Ok(text) => return Ok(Some((path, text))),
        Err(_) if is_content(&value) => {
            not_authenticated(format!("{variable} holds a token, not the path of a file that holds one"))
                .hint(token_hint)
        }
        Err(_) if has_quotes_around(&value) => {
            not_authenticated(format!("{variable} has quotes around the path")).hint("set it without them")
        }
        Err(error) => error.explain(&file_of(variable)).hint(format!("look at it with `ls -ld \"${variable}\"`")),
    };
    Err(failure)
}
