//! Shows a person at a terminal that something is awaited, once it takes
//! longer than they would not notice.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::sleep;

/// How long nothing is shown.
const PATIENCE: Duration = Duration::from_millis(300);

/// How often what is shown moves.
const TICK: Duration = Duration::from_millis(100);

/// A line on standard error, gone as soon as what was awaited is there. Its
/// clones share the line: of several that wait one has it, and when that is
/// done another.
#[derive(Clone, Debug)]
pub struct Spinner {
    is_wanted: bool,
    is_busy: Rc<Cell<bool>>,
}

impl Spinner {
    /// One that is shown only where somebody wants it: at a terminal that can
    /// erase a line, with nothing else written in between.
    pub fn new(is_wanted: bool) -> Self {
        Self { is_wanted, is_busy: Rc::default() }
    }

    /// Waits, and shows for which host.
    pub async fn during<T>(&self, host: &str, awaited: impl Future<Output = T>) -> T {
        if !self.is_wanted {
            return awaited.await;
        }
        let began = Instant::now();
        tokio::pin!(awaited);
        tokio::select! {
            biased;
            result = &mut awaited => return result,
            () = sleep(PATIENCE) => {}
        }
        // Where the wait is broken off the line is erased too.
        let mut line: Option<Line<'_>> = None;
        loop {
            if line.is_none() && !self.is_busy.get() {
                line = Some(Line::new(&self.is_busy, host, began.elapsed()));
            }
            if let Some(line) = &line {
                line.bar.tick();
            }
            tokio::select! {
                biased;
                result = &mut awaited => return result,
                () = sleep(TICK) => {}
            }
        }
    }
}

/// The line while it is in use.
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
