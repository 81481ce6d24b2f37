//! JSON that a user hands over, inline, in a file or by a pipe: read with a limit, and
//! refused with the place of the mistake.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::context::Stdin;
use crate::error::{Failure, Result};
use crate::secret::redact;

/// The largest document that is read, in bytes.
pub const LIMIT: u64 = 1024 * 1024;

/// A text as it was handed over, and the words that name it in messages.
pub struct Document {
    /// What messages call it, as in `--grant 2` or `--grant file grants.json`.
    pub name: String,
    /// The text without a byte order mark.
    pub text: String,
}

impl Document {
    /// A document given on the command line itself.
    pub fn inline(name: impl Into<String>, text: &str) -> Self {
        Self { name: name.into(), text: text.to_owned() }
    }

    /// Reads a document from a file, a FIFO or a device.
    ///
    /// # Errors
    /// Usage: it cannot be read, is over [`LIMIT`], or is not UTF-8 text.
    pub fn from_file(name: impl Into<String>, path: &Path) -> Result<Self> {
        Self::from_bytes(name.into(), read_limited(path))
    }

    /// Reads a document from standard input, to its end.
    ///
    /// # Errors
    /// Usage: it cannot be read, is over [`LIMIT`], or is not UTF-8 text.
    pub fn from_stdin(name: impl Into<String>, stdin: &Stdin) -> Result<Self> {
        Self::from_bytes(name.into(), limited(stdin.reader()))
    }

    fn from_bytes(name: String, bytes: io::Result<Option<Vec<u8>>>) -> Result<Self> {
        let bytes = bytes.map_err(|error| Failure::usage(format!("{name} cannot be read")).source(error))?;
        let Some(bytes) = bytes else {
            return Err(Failure::usage(format!("{name} is over 1 MiB, which no document needs")));
        };
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(Failure::usage(format!("{name} is UTF-16 text; it must be UTF-8")));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::usage(format!("{name} is not UTF-8 text (byte {at})"))
        })?;
        if let Some(at) = text.find('\0') {
            return Err(Failure::usage(format!("{name} is binary data, not text (byte {at})")));
        }
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { name, text })
    }

    /// Says what is wrong with the JSON and shows where. `what` is the
    /// sentence; a position within it, as serde_json appends one, is taken
    /// from the error instead.
    pub fn mistake(&self, error: &serde_json::Error) -> Failure {
        let full = error.to_string();
        let (line, column) = (error.line(), error.column());
        let place = format!(" at line {line} column {column}");
        let what = full.strip_suffix(place.as_str()).unwrap_or(&full);
        if line == 0 {
            return Failure::usage(format!("{}: {what}", self.name));
        }
        self.mistake_at(what, line, column)
    }

    /// Says what is wrong at a byte of the text, and shows where.
    pub fn mistake_in(&self, what: &str, at: usize) -> Failure {
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = at - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        self.mistake_at(what, line, column)
    }

    fn mistake_at(&self, what: &str, line: usize, column: usize) -> Failure {
        let failure = Failure::usage(format!("{}: {what} (line {line}, column {column})", self.name));
        match self.pointer(line, column) {
            Some(excerpt) => failure.excerpt(excerpt),
            None => failure,
        }
    }

    /// The line with a caret under the column, both cut to a readable width;
    /// none where it holds what looks like a secret, of which a piece would not.
    fn pointer(&self, line: usize, column: usize) -> Option<String> {
        /// Characters shown before and after the place.
        const AROUND: usize = 60;
        let text = self.text.lines().nth(line - 1).filter(|text| redact(text) == *text)?;
        // serde_json counts columns in bytes, from 1; 0 is the line's end before.
        let mut at = column.saturating_sub(1).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before: Vec<char> = text[..at].chars().rev().take(AROUND).collect();
        let after = text[at..].chars().take(AROUND);
        let shown: String =
            before.iter().rev().copied().chain(after).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(format!("{shown}\n{}^", " ".repeat(before.len())))
    }
}

/// Reads a file whole; `None` where it is over [`LIMIT`].
///
/// # Errors
/// Whatever opening and reading it says.
pub fn read_limited(path: &Path) -> io::Result<Option<Vec<u8>>> {
    limited(File::open(path)?)
}

fn limited(source: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= LIMIT).then_some(bytes))
}
