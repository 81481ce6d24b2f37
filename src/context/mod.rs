//! What a command may touch of the world: its streams, its environment, the
//! clock and the global settings. Passed down, so that nothing is a global.

mod environment;
mod streams;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::names::Program;
use crate::secret::redact;
use crate::spinner::Spinner;
use crate::text::label;
use crate::text::sanitize::sanitize;

pub use environment::Environment;
pub use streams::{ColorChoice, Stream};

/// Everything a command is handed beside its flags.
pub struct Context {
    /// The name that it was called by, which help and hints repeat.
    pub program: Program,
    /// The environment variables.
    pub env: Environment,
    /// Data, and nothing else.
    pub stdout: Stream,
    /// Notes, warnings and errors.
    pub stderr: Stream,
    /// The global flags.
    pub settings: Settings,
    /// What it shares with the handler of Ctrl-C.
    pub interrupt: Interrupt,
    /// Notes and warnings that wait until the command has ended, where an
    /// error must be one line of JSON.
    pub held: Option<Vec<(&'static str, String)>>,
}

/// The global flags, with their defaults filled in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long all requests of a command may take together.
    pub timeout: Duration,
    /// Whether to log the wire, redacted, on stderr.
    pub verbose: bool,
    /// Certificates to trust beside the bundled ones, PEM.
    pub ca_file: Option<PathBuf>,
    /// What is shown while a server is awaited.
    pub spinner: Spinner,
}

impl Context {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// A time for a view: relative for people, RFC 3339 for everyone else.
    pub fn time(&self, time: Timestamp) -> String {
        use crate::text::time::{relative, rfc3339};
        if self.stdout.is_terminal() { relative(time, self.now()) } else { rfc3339(time) }
    }

    /// Says something beside the data. A note that cannot be written is not
    /// worth failing for.
    pub fn note(&mut self, text: &str) {
        self.aside("note", text);
    }

    /// Says what may be a mistake.
    pub fn warn(&mut self, text: &str) {
        self.aside("warning", text);
    }

    fn aside(&mut self, label: &'static str, text: &str) {
        match &mut self.held {
            Some(held) => held.push((label, text.to_owned())),
            None => self.show(&format!("{label}: {}", sanitize(text))),
        }
    }

    /// Shows lines to a person beside the data, now.
    pub fn show(&mut self, lines: &str) {
        for line in lines.lines() {
            let line = redact(&sanitize(line));
            let _ = self.stderr.write_line(&label::painted(&line, self.stderr.color()));
        }
        let _ = self.stderr.flush();
    }

    /// Ends the waiting: after a success what was held is shown, and in a
    /// failure it is part of the hints.
    ///
    /// # Errors
    /// The failure, with those hints.
    pub fn release<T>(&mut self, result: Result<T>) -> Result<T> {
        let held = self.held.take().unwrap_or_default();
        match result {
            Err(failure) if !failure.is_quiet() => {
                Err(held.into_iter().fold(failure, |failure, (_, text)| failure.hint(text)))
            }
            result => {
                held.iter().for_each(|(label, text)| self.aside(label, text));
                result
            }
        }
    }
}
