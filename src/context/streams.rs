//! The standard streams of a command: those of the process, or memory for tests.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FileType, fstat};

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

#[derive(Clone, Debug)]
enum Sink {
    Stdout,
    Stderr,
    Memory(Arc<Mutex<Vec<u8>>>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => io::stdout().write(bytes),
            Self::Stderr => io::stderr().write(bytes),
            Self::Memory(memory) => lock(memory).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::Stderr => io::stderr().flush(),
            Self::Memory(_) => Ok(()),
        }
    }
}

/// An output stream, and whether it is a terminal. Clones share one buffer.
#[derive(Clone)]
pub struct Stream {
    sink: Sink,
    buffer: Arc<Mutex<BufWriter<Sink>>>,
    is_terminal: bool,
    width: Option<u16>,
    has_color: bool,
    can_erase: bool,
}

impl Stream {
    /// Standard output of the process.
    pub fn stdout() -> Self {
        Self::new(Sink::Stdout, io::stdout().is_terminal())
    }

    /// Standard error of the process.
    pub fn stderr() -> Self {
        Self::new(Sink::Stderr, io::stderr().is_terminal())
    }

    /// A stream into memory, which [`Stream::content`] reads.
    pub fn memory() -> Self {
        Self::new(Sink::Memory(Arc::default()), false)
    }

    fn new(sink: Sink, is_terminal: bool) -> Self {
        let buffer = Arc::new(Mutex::new(BufWriter::new(sink.clone())));
        Self { sink, buffer, is_terminal, width: None, has_color: false, can_erase: false }
    }

    /// Sets width, colour and whether lines can be erased, once `--color` is parsed.
    pub fn configure(&mut self, choice: ColorChoice, env: &Environment) {
        self.can_erase = self.is_terminal && env.var_os("TERM").is_some_and(|term| term != "dumb");
        self.has_color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if env.var_os("NO_COLOR").is_some() => false,
            ColorChoice::Auto if env.var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColorChoice::Auto => self.can_erase,
        };
        if self.is_terminal {
            self.width = terminal_size::terminal_size().map(|(width, _)| width.0);
        }
    }

    /// A function that escapes data for a terminal, so that it cannot control the
    /// terminal, and that changes nothing for a file or a pipe.
    pub fn escaper(&self) -> fn(Vec<u8>) -> Vec<u8> {
        if self.is_terminal { |bytes| escape(&bytes).into_bytes() } else { |bytes| bytes }
    }

    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// In columns. `None` where it is not a terminal.
    pub fn width(&self) -> Option<u16> {
        self.width
    }

    /// Whether it is a terminal that can erase a line, which a dumb one cannot.
    pub fn can_erase(&self) -> bool {
        self.can_erase
    }

    pub fn color(&self) -> bool {
        self.has_color
    }

    /// Calls a function with the descriptor. `None` for memory, which has none.
    pub fn with_descriptor<T>(&self, inspect: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        match self.sink {
            Sink::Stdout => Some(inspect(io::stdout().as_fd())),
            Sink::Stderr => Some(inspect(io::stderr().as_fd())),
            Sink::Memory(_) => None,
        }
    }

    /// What was written to memory and flushed. Empty for a stream of the process.
    pub fn content(&self) -> String {
        match &self.sink {
            Sink::Memory(memory) => String::from_utf8_lossy(&lock(memory)).into_owned(),
            Sink::Stdout | Sink::Stderr => String::new(),
        }
    }

    /// # Errors
    /// The write failed.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        self.write_all(line.as_bytes())?;
        self.write_all(b"\n")
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.buffer).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.buffer).flush()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sink.fmt(f)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Debug)]
pub enum Stdin {
    Process,
    /// Exactly these bytes, as through a pipe, for tests.
    Memory(Arc<[u8]>),
}

impl Stdin {
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Process) && io::stdin().is_terminal()
    }

    /// Whether it is a pipe, a socket or a file, which the user redirected it to, and
    /// not a terminal or `/dev/null`.
    pub fn is_piped(&self) -> bool {
        match self {
            Self::Process => {
                let kind = fstat(io::stdin().as_fd()).map(|stat| FileType::from_raw_mode(stat.st_mode));
                kind.is_ok_and(|kind| matches!(kind, FileType::Fifo | FileType::RegularFile | FileType::Socket))
            }
            Self::Memory(_) => true,
        }
    }

    /// Opens the terminal that a person types at: standard input if it is one, else
    /// the controlling terminal of the process.
    pub fn open_terminal(&self) -> Option<OwnedFd> {
        match self {
            Self::Process if io::stdin().is_terminal() => rustix::io::dup(io::stdin()).ok(),
            Self::Process => File::open("/dev/tty").ok().map(OwnedFd::from),
            Self::Memory(_) => None,
        }
    }

    pub fn reader(&self) -> Box<dyn Read + '_> {
        match self {
            Self::Process => Box::new(io::stdin().lock()),
            Self::Memory(bytes) => Box::new(&bytes[..]),
        }
    }
}
