//! What a command reads and writes apart from files and the network: streams,
//! environment, clock, signals and the global flags. The context is passed down
//! and is the only way to them, so that a test can replace them.

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
    /// Certificates to trust in addition to the bundled ones, PEM.
    pub ca_file: Option<PathBuf>,
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

    /// For tests: fixed variables and standard input, output into memory, and no
    /// signals.
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

    /// Writes a note to standard error, now or when the command has ended. If it
    /// cannot be written the command goes on.
    pub fn note(&mut self, text: &str) {
        self.add_note(Note { label: "note", text: text.to_owned() });
    }

    /// As [`Context::note`], for what may be a mistake.
    pub fn warn(&mut self, text: &str) {
        self.add_note(Note { label: "warning", text: text.to_owned() });
    }

    fn add_note(&mut self, note: Note) {
        match &mut self.notes {
            Notes::Immediate => self.show_note(&note),
            Notes::Deferred(notes) => notes.push(note),
        }
    }

    fn show_note(&mut self, note: &Note) {
        self.show(&format!("{}: {}", note.label, sanitize(&note.text)));
    }

    /// Writes lines to standard error at once, also where notes are deferred.
    pub fn show(&mut self, lines: &str) {
        for line in lines.lines() {
            let line = redact(&sanitize(line));
            let _ = self.stderr.write_line(&label::colorize(&line, self.stderr.color()));
        }
        let _ = self.stderr.flush();
    }

    /// Shows the deferred notes, and each further one at once. Called before a
    /// question, which a person answers knowing them.
    pub fn show_notes_now(&mut self) {
        let deferred = self.notes.make_immediate();
        deferred.iter().for_each(|note| self.show_note(note));
    }

    /// Takes the result of the command. The deferred notes are shown after a success,
    /// and added to a failure as hints.
    ///
    /// # Errors
    /// The failure, with those hints.
    pub fn finish<T>(&mut self, result: Result<T>) -> Result<T> {
        match result {
            Err(failure) if failure.kind() != Kind::BrokenPipe => {
                let deferred = self.notes.make_immediate();
                Err(deferred.into_iter().fold(failure, |failure, note| failure.hint(note.text)))
            }
            result => {
                self.show_notes_now();
                result
            }
        }
    }
}
