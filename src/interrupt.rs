//! Interruption by signals. [`Interrupt`] is the state that a running command, its
//! HTTP client and a watchdog thread share; [`Signals`] listens for signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::error::{Failure, Kind, Result};

/// How long a command that was interrupted waits for the response to a change: long enough for a
/// server that is reachable.
pub const RESPONSE_GRACE_PERIOD: Duration = Duration::from_secs(2);

/// Whether the command has to end, and the hints for the failure that it ends with.
/// Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    handles_signals: bool,
    in_flight: AtomicBool,
    is_outcome_unknown: AtomicBool,
    shutdown: watch::Sender<Shutdown>,
    unknown_outcome_hint: Mutex<Option<String>>,
    hints: Mutex<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Shutdown {
    #[default]
    No,
    /// The command starts nothing new, but waits for the response to a change.
    Graceful,
    /// The command waits for nothing.
    Forced,
}

impl Interrupt {
    /// One that is also requested by signals to the process.
    pub fn of_process() -> Self {
        Self(Arc::new(State { handles_signals: true, ..State::default() }))
    }

    pub fn handles_signals(&self) -> bool {
        self.0.handles_signals
    }

    /// Whether a change may have been sent whose outcome is unknown.
    pub fn in_flight(&self) -> bool {
        self.0.in_flight.load(Ordering::Relaxed) || self.0.is_outcome_unknown.load(Ordering::Relaxed)
    }

    /// Records that the outcome of a change will stay unknown, whatever is sent later.
    pub fn mark_outcome_unknown(&self) {
        self.0.is_outcome_unknown.store(true, Ordering::Relaxed);
    }

    pub fn set_in_flight(&self, in_flight: bool) {
        self.0.in_flight.store(in_flight, Ordering::Relaxed);
    }

    /// Whether the command has to end. It then starts nothing new.
    pub fn is_requested(&self) -> bool {
        *self.0.shutdown.borrow() >= Shutdown::Graceful
    }

    pub fn request(&self) {
        self.shut_down(Shutdown::Graceful);
    }

    fn shut_down(&self, shutdown: Shutdown) {
        self.0.shutdown.send_if_modified(|current| std::mem::replace(current, shutdown.max(*current)) < shutdown);
    }

    /// Waits until the command has to end.
    pub async fn requested(&self) {
        self.wait_for(Shutdown::Graceful).await;
    }

    /// Waits until the end is forced.
    pub async fn forced(&self) {
        self.wait_for(Shutdown::Forced).await;
    }

    async fn wait_for(&self, shutdown: Shutdown) {
        // It fails only if the sender is dropped, which `self` owns.
        let _ = self.0.shutdown.subscribe().wait_for(|current| *current >= shutdown).await;
    }

    /// Sets the hint that is given if the outcome of a change is unknown. The hints of
    /// [`Interrupt::set_hints`] replace it.
    pub fn set_unknown_outcome_hint(&self, hint: &str) {
        *lock(&self.0.unknown_outcome_hint) = Some(hint.to_owned());
    }

    /// Sets the hints that are given from now on.
    pub fn set_hints(&self, hints: Vec<String>) {
        *lock(&self.0.hints) = hints;
    }

    /// The failure of a command that is interrupted now.
    pub fn failure(&self) -> Failure {
        let in_flight = self.in_flight();
        let failure = if in_flight {
            Failure::new(Kind::OutcomeUnknown, INTERRUPTED_IN_FLIGHT)
        } else {
            Failure::new(Kind::Interrupted, "interrupted")
        };
        let hints = lock(&self.0.hints).clone();
        let unknown_outcome_hint = lock(&self.0.unknown_outcome_hint).clone();
        let unknown_outcome_hint = unknown_outcome_hint.filter(|_| in_flight && hints.is_empty());
        hints.into_iter().chain(unknown_outcome_hint).fold(failure, Failure::hint)
    }

    /// Starts a thread that listens for signals, so that a blocked command ends too, for example
    /// one whose output nobody reads. `force_exit` is called soon after the second signal, or if
    /// the command has not ended some time after the first.
    ///
    /// # Errors
    /// Unexpected: the system refuses a signal handler or a thread.
    pub fn start_watchdog(&self, force_exit: impl FnOnce(&Failure) + Send + 'static) -> Result<()> {
        /// After the first signal, if no change is in flight.
        const MAX_WAIT: Duration = Duration::from_secs(2);
        /// If one is: its response may contain a secret to deliver.
        const MAX_WAIT_IN_FLIGHT: Duration = Duration::from_secs(5);
        /// After the forced end, for the command to notice it.
        const MAX_WAIT_FORCED: Duration = Duration::from_millis(300);
        let fail = |error| Failure::unexpected("cannot listen for signals").source(anyhow::Error::from(error));
        let mut signals = Signals::listen()?;
        let interrupt = self.clone();
        let listen = move |runtime: tokio::runtime::Runtime| {
            runtime.block_on(async {
                signals.any().await;
                interrupt.request();
                let max_wait = if interrupt.in_flight() { MAX_WAIT_IN_FLIGHT } else { MAX_WAIT };
                let _ = timeout(max_wait, signals.any()).await;
                interrupt.shut_down(Shutdown::Forced);
                sleep(MAX_WAIT_FORCED).await;
                force_exit(&interrupt.failure());
            });
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        std::thread::Builder::new().name("signals".into()).spawn(move || listen(runtime)).map_err(fail)?;
        Ok(())
    }
}

/// The message for a change whose response did not arrive before the command ended.
pub const INTERRUPTED_IN_FLIGHT: &str = "interrupted while waiting for the answer to a change; its outcome is unknown";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The signals that end a program. Those that were ignored when it started, as by `nohup`, stay
/// ignored.
pub struct Signals {
    /// SIGINT, from Ctrl-C.
    pub interrupt: SignalListener,
    /// SIGQUIT, from Ctrl-\.
    pub quit: SignalListener,
    /// SIGTERM.
    pub terminate: SignalListener,
    /// SIGHUP, when the terminal is closed.
    pub hang_up: SignalListener,
}

/// Never receives anything where the signal is ignored.
pub struct SignalListener(Option<Signal>);

impl SignalListener {
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
    /// Starts to listen. From then on the signals do not end the process by themselves.
    ///
    /// # Errors
    /// Unexpected: the system refuses a signal handler.
    pub fn listen() -> Result<Self> {
        let ignored = ignored_at_start();
        let listener = |kind: SignalKind| {
            if ignored & (1 << (kind.as_raw_value() - 1)) != 0 {
                return Ok(SignalListener(None));
            }
            let listener = signal(kind).map(|signal| SignalListener(Some(signal)));
            listener.map_err(|error| Failure::unexpected("cannot listen for signals").source(error))
        };
        Ok(Self {
            interrupt: listener(SignalKind::interrupt())?,
            quit: listener(SignalKind::quit())?,
            terminate: listener(SignalKind::terminate())?,
            hang_up: listener(SignalKind::hangup())?,
        })
    }

    /// Waits for any of the signals.
    pub async fn any(&mut self) {
        tokio::select! {
            () = self.interrupt.recv() => {}
            () = self.quit.recv() => {}
            () = self.terminate.recv() => {}
            () = self.hang_up.recv() => {}
        }
    }
}

/// Makes a write beyond the limit on the size of files (`ulimit -f`) an error. Without a handler
/// for SIGXFSZ the system would end the process in the middle of a delivery.
pub fn catch_sigxfsz() {
    // Children do not inherit a handler, as they would inherit an ignored signal.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// The signals that were ignored when this process started, a bit for each. 0 where there is no
/// `/proc`.
fn ignored_at_start() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
