//! A spinner that shows on a terminal which host is being waited for.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::sleep;

/// A shorter wait shows nothing.
const DELAY: Duration = Duration::from_millis(300);

const TICK: Duration = Duration::from_millis(100);

/// A line on standard error, erased when the wait is over. Clones share the line:
/// if several wait at once, it shows one of them at a time.
#[derive(Clone, Debug)]
pub struct Spinner {
    is_enabled: bool,
    is_busy: Rc<Cell<bool>>,
}

impl Spinner {
    /// Enable it only at a terminal that can erase a line, where nothing else is
    /// written at the same time.
    pub fn new(is_enabled: bool) -> Self {
        Self { is_enabled, is_busy: Rc::default() }
    }

    /// Waits for a future and shows the host.
    pub async fn during<T>(&self, host: &str, future: impl Future<Output = T>) -> T {
        if !self.is_enabled {
            return future.await;
        }
        let started = Instant::now();
        tokio::pin!(future);
        tokio::select! {
            biased;
            result = &mut future => return result,
            () = sleep(DELAY) => {}
        }
        // Also erased if this future is dropped.
        let mut line: Option<Line<'_>> = None;
        loop {
            if line.is_none() && !self.is_busy.get() {
                line = Some(Line::new(&self.is_busy, host, started.elapsed()));
            }
            if let Some(line) = &line {
                line.bar.tick();
            }
            tokio::select! {
                biased;
                result = &mut future => return result,
                () = sleep(TICK) => {}
            }
        }
    }
}

/// The line while it is shown.
struct Line<'a> {
    bar: ProgressBar,
    is_busy: &'a Cell<bool>,
}

impl<'a> Line<'a> {
    fn new(is_busy: &'a Cell<bool>, host: &str, elapsed: Duration) -> Self {
        is_busy.set(true);
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_elapsed(elapsed)
            .with_message(host.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} waiting for {msg} ({elapsed})") {
            bar.set_style(style);
        }
        Self { bar, is_busy }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.is_busy.set(false);
    }
}
