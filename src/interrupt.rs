//! Being asked to end: which signals ask, and what is told to those who are
//! in the middle of something.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Failure, Result};

/// What the handler of a signal and the command tell each other.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Rc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    in_flight: Cell<bool>,
    is_unknown: Cell<bool>,
    requested: Cell<bool>,
    if_unknown: RefCell<Option<String>>,
    in_any_case: RefCell<Vec<String>>,
}

impl Interrupt {
    /// Whether a change is on its way, or may have arrived, and its answer is
    /// not here yet.
    pub fn in_flight(&self) -> bool {
        self.0.in_flight.get() || self.0.is_unknown.get()
    }

    /// Says that the outcome of a change stays unknown, whatever is asked after
    /// it.
    pub fn keep_unknown(&self) {
        self.0.is_unknown.set(true);
    }

    /// Says whether one is.
    pub fn set_in_flight(&self, in_flight: bool) {
        self.0.in_flight.set(in_flight);
    }

    /// Whether the command was asked to end: nothing new is begun.
    pub fn is_requested(&self) -> bool {
        self.0.requested.get()
    }

    /// Asks it to.
    pub fn request(&self) {
        self.0.requested.set(true);
    }

    /// Says what to do if the command is ended while the outcome of its change
    /// is unknown.
    pub fn advise_if_unknown(&self, advice: &str) {
        self.0.if_unknown.replace(Some(advice.to_owned()));
    }

    /// Says what to know if the command is ended from here on.
    pub fn advise(&self, advice: Vec<String>) {
        self.0.in_any_case.replace(advice);
    }

    /// What was said that holds now.
    pub fn advice(&self) -> Vec<String> {
        let if_unknown = self.0.if_unknown.take().filter(|_| self.in_flight());
        let in_any_case = self.0.in_any_case.take();
        if in_any_case.is_empty() { if_unknown.into_iter().collect() } else { in_any_case }
    }
}

/// The signals that end a program, but for those that were ignored when it
/// began, as `nohup` has it.
pub struct Signals {
    /// Ctrl-C.
    pub interrupt: Watched,
    /// Ctrl-\.
    pub quit: Watched,
    /// `kill`.
    pub terminate: Watched,
    /// The terminal went away.
    pub hang_up: Watched,
}

/// A signal that is listened for, or ignored.
pub struct Watched(Option<Signal>);

impl Watched {
    /// Waits for it.
    pub async fn recv(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

impl Signals {
    /// Begins to listen. From then on the signals end nothing by themselves.
    ///
    /// # Errors
    /// Unexpected: the system does not let it.
    pub fn listen() -> Result<Self> {
        let ignored = ignored();
        let on = |kind: SignalKind| {
            if ignored & (1 << (kind.as_raw_value() - 1)) != 0 {
                return Ok(Watched(None));
            }
            let listener = signal(kind);
            listener
                .map(|signal| Watched(Some(signal)))
                .map_err(|error| Failure::unexpected("signals cannot be awaited").source(error))
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            quit: on(SignalKind::quit())?,
            terminate: on(SignalKind::terminate())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// Waits for any of them.
    pub async fn any(&mut self) {
        tokio::select! {
            () = self.interrupt.recv() => {}
            () = self.quit.recv() => {}
            () = self.terminate.recv() => {}
            () = self.hang_up.recv() => {}
        }
    }
}

/// Makes a write beyond the limit on the size of files (`ulimit -f`) an error,
/// where the system would end the process in the middle of a delivery.
pub fn outlive_size_limit() {
    // A handler that does nothing; children do not inherit it.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// The signals that this process began with ignored, a bit for each; none
/// where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
