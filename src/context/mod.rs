//! What a command may touch of the world: its streams, its environment, the
//! clock and the global settings. Passed down, so that nothing is a global.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::names::Program;
use crate::secret::redact;
use crate::spinner::Spinner;
use crate::text::label;
use crate::text::sanitize::{escape, sanitize};

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
            let _ = self.stderr.write_line(&label::painted(&line, self.stderr.color));
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

/// The environment: the process's own, or a fixed one for unit tests.
pub enum Environment {
    /// The process's.
    Process,
    /// Exactly these variables.
    Fixed(Vec<(&'static str, OsString)>),
}

impl Environment {
    /// A variable's value. An empty one counts as unset.
    pub fn var_os(&self, name: &str) -> Option<OsString> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Those of the variables that are set to nothing, which may be a mistake.
    pub fn empty<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        names.iter().copied().filter(|name| self.get(name).is_some_and(|value| value.is_empty())).collect()
    }

    fn get(&self, name: &str) -> Option<OsString> {
        match self {
            Self::Process => std::env::var_os(name),
            Self::Fixed(vars) => vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
        }
    }

    /// A variable's value as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.var_os(name).map(PathBuf::from)
    }
}

/// When to colour output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// An output stream that knows what it leads to.
pub struct Stream {
    sink: BufWriter<Box<dyn Write + Send>>,
    terminal: bool,
    width: Option<u16>,
    color: bool,
    can_erase: bool,
}

impl Stream {
    /// Standard output.
    pub fn stdout() -> Self {
        Self::new(Box::new(io::stdout()), io::stdout().is_terminal())
    }

    /// Standard error.
    pub fn stderr() -> Self {
        Self::new(Box::new(io::stderr()), io::stderr().is_terminal())
    }

    fn new(sink: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self { sink: BufWriter::new(sink), terminal, width: None, color: false, can_erase: false }
    }

    /// Settles width, colour and what else the terminal can do, which parsing the flags does not need.
    pub fn settle(&mut self, choice: ColorChoice, env: &Environment) {
        self.can_erase = self.terminal && env.var_os("TERM").is_some_and(|term| term != "dumb");
        self.color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if env.var_os("NO_COLOR").is_some() => false,
            ColorChoice::Auto if env.var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColorChoice::Auto => self.can_erase,
        };
        if self.terminal {
            self.width = terminal_size::terminal_size().map(|(width, _)| width.0);
        }
    }

    /// How data is to go out here: untouched to a program, and so that it
    /// cannot steer the terminal to a person.
    pub fn escaper(&self) -> fn(Vec<u8>) -> Vec<u8> {
        if self.terminal { |bytes| escape(&bytes).into_bytes() } else { |bytes| bytes }
    }

    /// Whether a person reads it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The columns of the terminal; `None` where there is none to fit.
    pub fn width(&self) -> Option<u16> {
        self.width
    }

    /// Whether it is a terminal that understands more than letters, and so can
    /// erase a line.
    pub fn can_erase(&self) -> bool {
        self.can_erase
    }

    /// Whether to colour.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Whatever the write says.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        self.sink.write_all(line.as_bytes())?;
        self.sink.write_all(b"\n")
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
