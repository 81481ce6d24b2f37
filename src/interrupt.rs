//! Being asked to end: which signals ask, and what is told to those who are
//! in the middle of something.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::error::{Failure, Kind, Result};

/// How long the answer to a change is waited for once the command was asked to
/// end: long enough for a server that is there.
pub const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// What those who hear signals and the command tell each other.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    hears_signals: bool,
    in_flight: AtomicBool,
    is_unknown: AtomicBool,
    asked: watch::Sender<Asked>,
    if_unknown: Mutex<Option<String>>,
    in_any_case: Mutex<Vec<String>>,
}

/// Whether the command was asked to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    #[default]
    No,
    /// Nothing new is begun, and what is on its way is brought to its end.
    ToEnd,
    /// There and then.
    ToEndNow,
}

impl Interrupt {
    /// One that hears the signals which the process gets, and not only
    /// [`Interrupt::request`].
    pub fn of_process() -> Self {
        Self(Arc::new(Flags { hears_signals: true, ..Flags::default() }))
    }

    /// Whether signals of the process are heard.
    pub fn hears_signals(&self) -> bool {
        self.0.hears_signals
    }

    /// Whether a change is on its way, or may have arrived, and its answer is
    /// not here yet.
    pub fn in_flight(&self) -> bool {
        self.0.in_flight.load(Ordering::Relaxed) || self.0.is_unknown.load(Ordering::Relaxed)
    }

    /// Says that the outcome of a change stays unknown, whatever is asked after
    /// it.
    pub fn keep_unknown(&self) {
        self.0.is_unknown.store(true, Ordering::Relaxed);
    }

    /// Says whether one is.
    pub fn set_in_flight(&self, in_flight: bool) {
        self.0.in_flight.store(in_flight, Ordering::Relaxed);
    }

    /// Whether the command was asked to end: nothing new is begun.
    pub fn is_requested(&self) -> bool {
        *self.0.asked.borrow() >= Asked::ToEnd
    }

    /// Asks it to.
    pub fn request(&self) {
        self.ask(Asked::ToEnd);
    }

    fn ask(&self, asked: Asked) {
        self.0.asked.send_if_modified(|now| std::mem::replace(now, asked.max(*now)) < asked);
    }

    /// Waits until it is.
    pub async fn requested(&self) {
        self.asked(Asked::ToEnd).await;
    }

    /// Waits until it is to end there and then.
    pub async fn insisted(&self) {
        self.asked(Asked::ToEndNow).await;
    }

    async fn asked(&self, asked: Asked) {
        // It lives as long as this does.
        let _ = self.0.asked.subscribe().wait_for(|now| *now >= asked).await;
    }

    /// Says what to do if the command is ended while the outcome of its change
    /// is unknown.
    pub fn advise_if_unknown(&self, advice: &str) {
        *lock(&self.0.if_unknown) = Some(advice.to_owned());
    }

    /// Says what to know if the command is ended from here on.
    pub fn advise(&self, advice: Vec<String>) {
        *lock(&self.0.in_any_case) = advice;
    }

    /// What ending now comes to, with what was said that holds now.
    pub fn failure(&self) -> Failure {
        let is_open = self.in_flight();
        let failure = match is_open {
            true => Failure::new(Kind::OutcomeUnknown, IN_FLIGHT),
            false => Failure::new(Kind::Interrupted, "interrupted"),
        };
        let in_any_case = lock(&self.0.in_any_case).clone();
        let if_unknown = lock(&self.0.if_unknown).clone().filter(|_| is_open && in_any_case.is_empty());
        in_any_case.into_iter().chain(if_unknown).fold(failure, Failure::hint)
    }

    /// Hears signals in a thread of its own, from the moment that this returns,
    /// so that a command which is stuck ends too, as on output that nobody reads:
    /// at the second signal, or where it has not ended after a while. That is
    /// what `give_up` is for.
    ///
    /// # Errors
    /// Unexpected: the system does not let it.
    pub fn watch(&self, give_up: impl FnOnce(&Failure) + Send + 'static) -> Result<()> {
        /// For a command that has nothing to wait for.
        const PATIENCE: Duration = Duration::from_secs(2);
        /// For one that has an answer to wait for, and a secret to deliver.
        const LONGER: Duration = Duration::from_secs(5);
        /// For one that has just been told to stop.
        const MOMENT: Duration = Duration::from_millis(300);
        let fail = |error| Failure::unexpected("signals cannot be awaited").source(anyhow::Error::from(error));
        let mut signals = Signals::listen()?;
        let interrupt = self.clone();
        let hear = move |runtime: tokio::runtime::Runtime| {
            runtime.block_on(async {
                signals.any().await;
                interrupt.request();
                let patience = if interrupt.in_flight() { LONGER } else { PATIENCE };
                let _ = timeout(patience, signals.any()).await;
                interrupt.ask(Asked::ToEndNow);
                sleep(MOMENT).await;
                give_up(&interrupt.failure());
            });
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        std::thread::Builder::new().name("signals".into()).spawn(move || hear(runtime)).map_err(fail)?;
        Ok(())
    }
}

/// What is said of a change whose answer is not waited for any longer.
pub const IN_FLIGHT: &str = "interrupted while a change was on its way; its outcome is unknown";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
