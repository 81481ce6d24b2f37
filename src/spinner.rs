//! A spinner that shows on a terminal which host is being waited for.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dialoguer::console::{Term, truncate_str};
use humantime::format_duration;
use tokio::time::sleep;

/// A shorter wait shows nothing.
const DELAY: Duration = Duration::from_millis(300);

const TICK: Duration = Duration::from_millis(100);

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

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
                line = Some(Line::new(&self.is_busy));
            }
            if let Some(line) = &line {
                line.draw(host, started.elapsed());
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
    terminal: Term,
    is_busy: &'a Cell<bool>,
}

impl<'a> Line<'a> {
    fn new(is_busy: &'a Cell<bool>) -> Self {
        is_busy.set(true);
        Self { terminal: Term::stderr(), is_busy }
    }

    fn draw(&self, host: &str, elapsed: Duration) {
        let frame = FRAMES[(elapsed.as_millis() / TICK.as_millis()) as usize % FRAMES.len()];
        let seconds = format_duration(Duration::from_secs(elapsed.as_secs()));
        let text = format!("{frame} waiting for {host} ({seconds})");
        let (_, width) = self.terminal.size();
        // The wait goes on where the terminal is gone.
        let _ = self.terminal.clear_line();
        let _ = self.terminal.write_str(&truncate_str(&text, width.into(), ""));
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let _ = self.terminal.clear_line();
        self.is_busy.set(false);
    }
}
