//! Questions to a person, on standard error. Standard output stays data, and
//! standard input may be a pipe: then the terminal itself is read.

use std::cell::Cell;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, MultiSelect, Select};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::interrupt::Signals;
use crate::text::sanitize::sanitize;

/// Whether somebody is there to be asked.
pub fn can_ask(ctx: &Context) -> bool {
    ctx.stderr.is_terminal() && terminal().is_some()
}

/// Asks yes or no; no unless yes is said.
///
/// # Errors
/// Interrupted.
pub async fn confirm(ctx: &mut Context, question: &str) -> Result<bool> {
    let question = sanitize(question).into_owned();
    let ask_it = move |theme: &dyn Theme, term: &Term| {
        Confirm::with_theme(theme).with_prompt(question).default(false).interact_on_opt(term)
    };
    // Escape is no.
    ask(ctx, ask_it).await.map(|answer| answer.unwrap_or(false))
}

/// Asks for a line of text. `check` says what is wrong with one.
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

/// Asks for one of several, and gives its index.
///
/// # Errors
/// Interrupted.
pub async fn choose(ctx: &mut Context, what: &str, among: &[String]) -> Result<usize> {
    let (what, among) = (what.to_owned(), shown(among));
    ask(ctx, move |theme, term| Select::with_theme(theme).with_prompt(what).items(&among).default(0).interact_on(term))
        .await
}

/// Asks for any number of several, and gives their indices.
///
/// # Errors
/// Interrupted.
pub async fn choose_any(ctx: &mut Context, what: &str, among: &[String]) -> Result<Vec<usize>> {
    let what = format!("{what} (space chooses, enter goes on)");
    let among = shown(among);
    let ask_it = move |theme: &dyn Theme, term: &Term| {
        MultiSelect::with_theme(theme).with_prompt(what).items(&among).interact_on_opt(term)
    };
    ask(ctx, ask_it).await?.ok_or_else(interrupted)
}

fn shown(items: &[String]) -> Vec<String> {
    items.iter().map(|item| sanitize(item).into_owned()).collect()
}

/// Asks in a thread of its own, so that a signal can end the command while
/// the question stands.
async fn ask<T: Send + 'static>(
    ctx: &mut Context,
    question: impl FnOnce(&dyn Theme, &Term) -> dialoguer::Result<T> + Send + 'static,
) -> Result<T> {
    // From here on Ctrl-C is an answer, whether or not it was listened for.
    Signals::listen()?;
    let _ = ctx.stderr.flush();
    let guard = Restore::new();
    let color = ctx.stderr.color();
    let (done, answer) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || {
            let theme: &dyn Theme = if color { &ColorfulTheme::default() } else { &SimpleTheme };
            done.send(question(theme, &Term::stderr()))
        })
        .map_err(|error| Failure::unexpected("a question cannot be asked").source(error))?;
    // The library waits on, busily, at a terminal that is no more.
    let answer = tokio::select! {
        answer = answer => answer.ok().and_then(std::result::Result::ok),
        () = hung_up() => None,
    };
    guard.is_answered.set(answer.is_some());
    drop(guard);
    // None is Ctrl-C, or a terminal that went away.
    answer.ok_or_else(interrupted)
}

fn interrupted() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted; nothing was changed")
}

/// Waits until the terminal goes away.
async fn hung_up() {
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let watch = move || {
        let Some(terminal) = terminal() else { return };
        while poll(&mut [PollFd::new(&terminal, PollFlags::empty())], None) == Err(Errno::INTR) {}
        let _ = tell.send(());
    };
    let watching = std::thread::Builder::new().spawn(watch);
    if watching.is_err() || told.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Gives the terminal back as it was found, however a question ends.
struct Restore {
    terminal: Option<(OwnedFd, Termios)>,
    is_answered: Cell<bool>,
}

impl Restore {
    fn new() -> Self {
        let terminal = terminal().and_then(|terminal| {
            let mode = tcgetattr(&terminal).ok()?;
            Some((terminal, mode))
        });
        Self { terminal, is_answered: Cell::new(false) }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let Some((terminal, mode)) = &self.terminal else { return };
        if !self.is_answered.get() {
            await_raw(terminal);
        }
        let _ = tcsetattr(terminal, OptionalActions::Now, mode);
        let _ = Term::stderr().show_cursor();
        if !self.is_answered.get() {
            // The question's line is not ended.
            let _ = Term::stderr().write_line("");
        }
    }
}

/// Waits a moment until the thread that asks has the terminal in the mode that
/// it reads keys in: what is restored before that would not stay.
fn await_raw(terminal: &OwnedFd) {
    for _ in 0..20 {
        let is_raw = tcgetattr(terminal).is_ok_and(|mode| !mode.local_modes.contains(LocalModes::ICANON));
        if is_raw {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The terminal that keys come from: standard input, else the process's own.
fn terminal() -> Option<OwnedFd> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return rustix::io::dup(&stdin).ok();
    }
    File::open("/dev/tty").ok().map(OwnedFd::from)
}
