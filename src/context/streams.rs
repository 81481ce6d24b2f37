//! The standard streams, which know what they lead to.

use std::io::{self, BufWriter, IsTerminal, Write};

use crate::context::environment::Environment;
use crate::text::sanitize::escape;

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
