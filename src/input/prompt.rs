//! Questions to a person, on standard error, because standard output is data. Where
//! standard input is a pipe, the answers are read from the terminal itself.

use std::cell::Cell;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::Duration;

use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, MultiSelect, Select};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::context::{Context, Stdin};
use crate::error::{Failure, Kind, Result};
use crate::interrupt::Signals;
use crate::text::sanitize::sanitize;

pub fn can_ask(ctx: &Context) -> bool {
    ctx.stderr.is_terminal() && ctx.stdin.open_terminal().is_some()
}

/// Asks yes or no. The default is no.
///
/// # Errors
/// Interrupted.
pub async fn confirm(ctx: &mut Context, question: &str) -> Result<bool> {
    let question = sanitize(question).into_owned();
    let question = move |theme: &dyn Theme, term: &Term| {
        Confirm::with_theme(theme).with_prompt(question).default(false).interact_on_opt(term)
    };
    // Escape means no.
    ask(ctx, question).await.map(|answer| answer.unwrap_or(false))
}

/// Asks for a line of text, again until `check` accepts it. Its error is shown.
///
/// # Errors
/// Interrupted.
pub async fn line(ctx: &mut Context, what: &str, check: fn(&str) -> std::result::Result<(), String>) -> Result<String> {
    let what = what.to_owned();
    let ask_line = move |theme: &dyn Theme, term: &Term| {
        Input::with_theme(theme)
            .with_prompt(what)
            .allow_empty(true)
            .validate_with(move |text: &String| check(text.trim()))
            .interact_text_on(term)
    };
    ask(ctx, ask_line).await.map(|text| text.trim().to_owned())
}

/// Asks for one of several items. Returns its index.
///
/// # Errors
/// Interrupted.
pub async fn choose(ctx: &mut Context, what: &str, items: &[String]) -> Result<usize> {
    let (what, items) = (what.to_owned(), sanitized(items));
    ask(ctx, move |theme, term| Select::with_theme(theme).with_prompt(what).items(&items).default(0).interact_on(term))
        .await
}

/// Asks for any number of items. Returns their indices.
///
/// # Errors
/// Interrupted.
pub async fn choose_any(ctx: &mut Context, what: &str, items: &[String]) -> Result<Vec<usize>> {
    let what = format!("{what} (space selects, enter continues)");
    let items = sanitized(items);
    let question = move |theme: &dyn Theme, term: &Term| {
        MultiSelect::with_theme(theme).with_prompt(what).items(&items).interact_on_opt(term)
    };
    ask(ctx, question).await?.ok_or_else(interrupted)
}

fn sanitized(items: &[String]) -> Vec<String> {
    items.iter().map(|item| sanitize(item).into_owned()).collect()
}

/// Asks in a separate thread, so that a signal can end the command meanwhile.
async fn ask<T: Send + 'static>(
    ctx: &mut Context,
    question: impl FnOnce(&dyn Theme, &Term) -> dialoguer::Result<T> + Send + 'static,
) -> Result<T> {
    // So that Ctrl-C does not end the process: dialoguer reads it as a key.
    Signals::listen()?;
    let _ = ctx.stderr.flush();
    let guard = TerminalGuard::new(&ctx.stdin);
    let color = ctx.stderr.color();
    let (done, answer) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || {
            let theme: &dyn Theme = if color { &ColorfulTheme::default() } else { &SimpleTheme };
            done.send(question(theme, &Term::stderr()))
        })
        .map_err(|error| Failure::unexpected("a question cannot be asked").source(error))?;
    // dialoguer would loop forever if the terminal was closed.
    let answer = tokio::select! {
        answer = answer => answer.ok().and_then(std::result::Result::ok),
        () = hung_up(&ctx.stdin) => None,
    };
    guard.is_answered.set(answer.is_some());
    drop(guard);
    // `None`: Ctrl-C, or the terminal was closed.
    answer.ok_or_else(interrupted)
}

fn interrupted() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted; nothing was changed")
}

/// Waits until the terminal is closed.
async fn hung_up(stdin: &Stdin) {
    let stdin = stdin.clone();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let watch = move || {
        let Some(terminal) = stdin.open_terminal() else { return };
        while poll(&mut [PollFd::new(&terminal, PollFlags::empty())], None) == Err(Errno::INTR) {}
        let _ = sender.send(());
    };
    let watching = std::thread::Builder::new().spawn(watch);
    if watching.is_err() || receiver.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Restores the mode of the terminal when it is dropped.
struct TerminalGuard {
    terminal: Option<(OwnedFd, Termios)>,
    is_answered: Cell<bool>,
}

impl TerminalGuard {
    fn new(stdin: &Stdin) -> Self {
        let terminal = stdin.open_terminal().and_then(|terminal| {
            let mode = tcgetattr(&terminal).ok()?;
            Some((terminal, mode))
        });
        Self { terminal, is_answered: Cell::new(false) }
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        let Some((terminal, mode)) = &self.terminal else { return };
        if !self.is_answered.get() {
            await_raw_mode(terminal);
        }
        let _ = tcsetattr(terminal, OptionalActions::Now, mode);
        let _ = Term::stderr().show_cursor();
        if !self.is_answered.get() {
            // The cursor is still on the line of the question.
            let _ = Term::stderr().write_line("");
        }
    }
}

/// Waits, for a limited time, until the thread that asks has set raw mode. If it did
/// so after the mode was restored, the terminal would stay raw.
fn await_raw_mode(terminal: &OwnedFd) {
    const MAX_CHECKS: usize = 20;
    const CHECK_INTERVAL: Duration = Duration::from_millis(5);
    for _ in 0..MAX_CHECKS {
        let is_raw = tcgetattr(terminal).is_ok_and(|mode| !mode.local_modes.contains(LocalModes::ICANON));
        if is_raw {
            return;
        }
        std::thread::sleep(CHECK_INTERVAL);
    }
}
