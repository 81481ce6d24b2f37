//! What a command may touch of the world: streams, environment, clock, signals
//! and the global settings. It is passed down, and is the only way to them.

mod clock;
mod environment;
mod notes;
mod streams;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Kind, Result};
use crate::interrupt::Interrupt;
use crate::names::Program;
use crate::secret::redact;
use crate::spinner::Spinner;
use crate::text::label;
use crate::text::sanitize::sanitize;

pub use clock::Clock;
pub use environment::Environment;
pub use notes::{Note, Notes};
pub use streams::{ColorChoice, Stdin, Stream};

/// Everything that a command is given beside its flags.
pub struct Context {
    /// The name that it was called by, which help and hints repeat.
    pub program: Program,
    pub env: Environment,
    pub clock: Clock,
    pub stdin: Stdin,
    /// Data, and nothing else.
    pub stdout: Stream,
    /// Notes, warnings, questions and errors.
    pub stderr: Stream,
    pub notes: Notes,
    pub settings: Settings,
    pub interrupt: Interrupt,
}

/// The global flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long all requests of a command may take together.
    pub timeout: Duration,
    /// Whether to log each request on standard error, without credentials.
    pub verbose: bool,
    /// Certificates to trust beside the bundled ones, PEM.
    pub ca_file: Option<PathBuf>,
    /// What is shown while a server is awaited.
    pub spinner: Spinner,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), verbose: false, ca_file: None, spinner: Spinner::new(false) }
    }
}

impl Context {
    /// The process's own streams, environment, clock and signals.
    pub fn of_process(program: Program) -> Self {
        Self {
            program,
            env: Environment::Process,
            clock: Clock::System,
            stdin: Stdin::Process,
            stdout: Stream::stdout(),
            stderr: Stream::stderr(),
            notes: Notes::Immediate,
            settings: Settings::default(),
            interrupt: Interrupt::of_process(),
        }
    }

    /// These variables and this standard input, streams into memory, and no
    /// signals: for running a command without a process.
    pub fn in_memory(program: Program, env: Environment, clock: Clock, stdin: &[u8]) -> Self {
        Self {
            env,
            clock,
            stdin: Stdin::Memory(stdin.into()),
            stdout: Stream::memory(),
            stderr: Stream::memory(),
            interrupt: Interrupt::default(),
            ..Self::of_process(program)
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
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
        if let Some(note) = self.notes.defer((label, text.to_owned())) {
            self.show_note(&note);
        }
    }

    fn show_note(&mut self, (label, text): &Note) {
        self.show(&format!("{label}: {}", sanitize(text)));
    }

    /// Shows lines to a person beside the data, at once.
    pub fn show(&mut self, lines: &str) {
        for line in lines.lines() {
            let line = redact(&sanitize(line));
            let _ = self.stderr.write_line(&label::colorize(&line, self.stderr.color()));
        }
        let _ = self.stderr.flush();
    }

    /// Shows notes at once from now on, those that waited too: before a question
    /// a person must know them.
    pub fn show_notes_now(&mut self) {
        let waiting = self.notes.show_from_now_on();
        waiting.iter().for_each(|note| self.show_note(note));
    }

    /// Ends the command: after a success the notes that waited are shown, and
    /// of a failure they become hints.
    ///
    /// # Errors
    /// The failure, with those hints.
    pub fn finish<T>(&mut self, result: Result<T>) -> Result<T> {
        match result {
            Err(failure) if failure.kind() != Kind::BrokenPipe => {
                let waiting = self.notes.show_from_now_on();
                Err(waiting.into_iter().fold(failure, |failure, (_, text)| failure.hint(text)))
            }
            result => {
                self.show_notes_now();
                result
            }
        }
    }
}
