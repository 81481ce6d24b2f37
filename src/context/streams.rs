//! The standard streams of a command: the process's own, or memory, so that a
//! command can be run without a process.

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

/// Where an output stream writes to.
#[derive(Clone, Debug)]
enum Target {
    Stdout,
    Stderr,
    Memory(Arc<Mutex<Vec<u8>>>),
}

impl Target {
    fn with_descriptor<T>(&self, look: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        match self {
            Self::Stdout => Some(look(io::stdout().as_fd())),
            Self::Stderr => Some(look(io::stderr().as_fd())),
            Self::Memory(_) => None,
        }
    }
}

impl Write for Target {
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

/// An output stream that knows what it leads to. Clones write to the same
/// buffer.
#[derive(Clone)]
pub struct Stream {
    target: Target,
    buffer: Arc<Mutex<BufWriter<Target>>>,
    terminal: bool,
    width: Option<u16>,
    color: bool,
    can_erase: bool,
}

impl Stream {
    /// Standard output of the process.
    pub fn stdout() -> Self {
        Self::new(Target::Stdout, io::stdout().is_terminal())
    }

    /// Standard error of the process.
    pub fn stderr() -> Self {
        Self::new(Target::Stderr, io::stderr().is_terminal())
    }

    /// A stream into memory, which [`Stream::content`] reads.
    pub fn memory() -> Self {
        Self::new(Target::Memory(Arc::default()), false)
    }

    fn new(target: Target, terminal: bool) -> Self {
        let buffer = Arc::new(Mutex::new(BufWriter::new(target.clone())));
        Self { target, buffer, terminal, width: None, color: false, can_erase: false }
    }

    /// Finds out width, colour and what else the terminal can do, which takes the
    /// flags and the environment.
    pub fn configure(&mut self, choice: ColorChoice, env: &Environment) {
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

    /// How data is changed before it is written here: not at all for a program,
    /// and escaped for a terminal, which it must not steer.
    pub fn escaper(&self) -> fn(Vec<u8>) -> Vec<u8> {
        if self.terminal { |bytes| escape(&bytes).into_bytes() } else { |bytes| bytes }
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The columns of the terminal; `None` where there is none to fit.
    pub fn width(&self) -> Option<u16> {
        self.width
    }

    /// Whether it is a terminal that can erase a line, which a dumb one cannot.
    pub fn can_erase(&self) -> bool {
        self.can_erase
    }

    pub fn color(&self) -> bool {
        self.color
    }

    /// Asks the system about the descriptor; `None` for memory.
    pub fn with_descriptor<T>(&self, look: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        self.target.with_descriptor(look)
    }

    /// What was written and flushed to memory so far; nothing of a process's stream.
    pub fn content(&self) -> String {
        match &self.target {
            Target::Memory(memory) => String::from_utf8_lossy(&lock(memory)).into_owned(),
            Target::Stdout | Target::Stderr => String::new(),
        }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// As the system says.
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
        self.target.fmt(f)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Debug)]
pub enum Stdin {
    /// The process's.
    Process,
    /// Exactly these bytes, as through a pipe.
    Memory(Arc<[u8]>),
}

impl Stdin {
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Process) && io::stdin().is_terminal()
    }

    /// Whether it is a pipe, a socket or a file, which somebody chose, and not a
    /// terminal or `/dev/null`.
    pub fn is_piped(&self) -> bool {
        match self {
            Self::Process => {
                let kind = fstat(io::stdin().as_fd()).map(|stat| FileType::from_raw_mode(stat.st_mode));
                kind.is_ok_and(|kind| matches!(kind, FileType::Fifo | FileType::RegularFile | FileType::Socket))
            }
            Self::Memory(_) => true,
        }
    }

    /// The terminal that a person types at: standard input itself, else the one
    /// that controls the process.
    pub fn terminal(&self) -> Option<OwnedFd> {
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
