//! JSON documents from a flag, a file or a pipe, of limited size. An error has the
//! line and the column of the mistake.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::context::Stdin;
use crate::error::{Failure, Result};
use crate::secret::redact;
use crate::text::shell::unexpanded_home;

/// Of a file or a pipe, in bytes.
const MAX_SIZE: u64 = 1024 * 1024;

pub struct Document {
    /// Its name in messages, as in `--grant 2` or `--grant file grants.json`.
    pub name: String,
    /// Without a byte order mark.
    pub text: String,
}

impl Document {
    /// A document that is a flag's value.
    pub fn inline(name: impl Into<String>, text: &str) -> Self {
        Self { name: name.into(), text: text.to_owned() }
    }

    /// # Errors
    /// Usage: it cannot be read, is over 1 MiB, or is not UTF-8 text.
    pub fn from_file(name: impl Into<String>, path: &Path) -> Result<Self> {
        let name = name.into();
        if let Some(hint) = unexpanded_home(path) {
            return Err(Failure::usage(format!("{name} begins with ~")).hint(hint));
        }
        Self::from_bytes(name, read_limited(path))
    }

    /// # Errors
    /// Usage: it cannot be read, is over 1 MiB, or is not UTF-8 text.
    pub fn from_stdin(name: impl Into<String>, stdin: &Stdin) -> Result<Self> {
        Self::from_bytes(name.into(), read_at_most(MAX_SIZE, stdin.reader()))
    }

    fn from_bytes(name: String, bytes: io::Result<Option<Vec<u8>>>) -> Result<Self> {
        let bytes = bytes.map_err(|error| Failure::usage(format!("{name} cannot be read")).source(error))?;
        let Some(bytes) = bytes else {
            return Err(Failure::usage(format!("{name} is over 1 MiB")));
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

    /// The usage error for text that is not JSON, with the line and a caret.
    pub fn parse_error(&self, error: &serde_json::Error) -> Failure {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        // serde_json appends line and column, which `error_at_line` writes in its own form.
        let position = format!(" at line {line} column {column}");
        let message = message.strip_suffix(position.as_str()).unwrap_or(&message);
        if line == 0 {
            return Failure::usage(format!("{}: {message}", self.name));
        }
        self.error_at_line(message, line, column)
    }

    /// The usage error for a mistake at a byte of the text, with the line and a caret.
    pub fn error_at(&self, message: &str, offset: usize) -> Failure {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = offset - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        self.error_at_line(message, line, column)
    }

    fn error_at_line(&self, message: &str, line: usize, column: usize) -> Failure {
        let failure = Failure::usage(format!("{}: {message} (line {line}, column {column})", self.name));
        match self.excerpt(line, column) {
            Some(excerpt) => failure.excerpt(excerpt),
            None => failure,
        }
    }

    /// The line with a caret under the column, both cut to a readable width. `None` if
    /// the line seems to contain a secret. That is checked before the line is cut,
    /// since part of a secret is not recognized.
    fn excerpt(&self, line: usize, column: usize) -> Option<String> {
        /// Characters shown before and after the column.
        const MAX_CONTEXT: usize = 60;
        let text = self.text.lines().nth(line - 1).filter(|text| redact(text) == *text)?;
        // serde_json counts columns in bytes, from 1; 0 is the end of the line before.
        let mut at = column.saturating_sub(1).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before: Vec<char> = text[..at].chars().rev().take(MAX_CONTEXT).collect();
        let after = text[at..].chars().take(MAX_CONTEXT);
        let shown: String =
            before.iter().rev().copied().chain(after).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(format!("{shown}\n{}^", " ".repeat(before.len())))
    }
}

/// Reads a file whole; `None` where it is over 1 MiB.
///
/// # Errors
/// It cannot be opened or read.
pub fn read_limited(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_at_most(MAX_SIZE, File::open(path)?)
}

/// Reads a source to its end; `None` where it is over `max` bytes.
///
/// # Errors
/// It cannot be read.
pub fn read_at_most(max: u64, source: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}
