//! The way of a secret that exists once, from the server's answer to its
//! owner. What cannot be delivered is put aside in a file, never dropped.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, stat};

use crate::context::{Context, Environment};
use crate::error::{Failure, Result};
use crate::output::private_file::{self, PrivateFile};
use crate::output::unwritable;
use crate::secret::Secret;

/// Where a secret is to go, looked at before there is one.
pub struct Delivery {
    file: Option<PrivateFile>,
    stdout: Stdout,
}

/// What standard output leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stdout {
    Somewhere,
    /// `/dev/null`, by the caller's wish.
    Discarded,
    /// Nothing: it cannot be written, or it was closed, and opened on
    /// `/dev/null` for safety's sake as the process began, for reading and
    /// writing, which no shell does.
    Closed,
}

/// A secret that was just minted, ready to be written.
pub struct Minted {
    /// What it is called in messages, as in `token tok_…`.
    pub what: String,
    /// Names the rescue file: the server's id.
    pub id: String,
    /// The ending of the rescue file's name: what its content is.
    pub extension: &'static str,
    /// The content of a file that holds the secret.
    pub file_content: String,
    /// How to undo the minting, as a hint.
    pub undo: String,
    /// The secret itself.
    pub secret: Secret,
}

impl Delivery {
    /// Readies a delivery to a file, or to standard output alone.
    ///
    /// # Errors
    /// Usage: the file cannot be written, or there is none and standard output
    /// is closed.
    pub fn to_file(flag: &str, file: Option<&Path>) -> Result<Self> {
        let file = file.map(|path| PrivateFile::prepare(flag, path)).transpose()?;
        let stdout = stdout();
        if file.is_none() && stdout == Stdout::Closed {
            return Err(Failure::usage(
                "standard output is closed or cannot be written: the secret would have nowhere to go",
            )
            .hint(format!("write it to a file with {flag} PATH")));
        }
        Ok(Self { file, stdout })
    }

    /// Whether the secret goes to a file.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Delivers: to the file first, then what `shown` makes to standard
    /// output. Until it has arrived somewhere the secret is put aside, for
    /// whatever may end the process in between. Gives back whether it is kept
    /// aside, because it went nowhere else.
    ///
    /// # Errors
    /// [`Undelivered`]: something could not be made or written. The hints say
    /// where the secret is now.
    pub async fn deliver(
        self,
        ctx: &mut Context,
        minted: &Minted,
        shown: impl Future<Output = Result<Vec<u8>>>,
    ) -> std::result::Result<bool, Undelivered> {
        let aside = Aside::new(ctx, minted);
        let in_file = match self.file {
            None => None,
            Some(file) => {
                let path = file.path().to_owned();
                if let Err(error) = file.commit(minted.file_content.as_bytes()) {
                    let what = format!("{} was made, but {} cannot be written", minted.what, path.display());
                    return Err(aside.explain(ctx, minted, Failure::unexpected(what).source(error)));
                }
                Some(path)
            }
        };
        if let Some(path) = &in_file {
            aside.remove(ctx);
            ctx.interrupt.advise(vec![format!("{} is in {}", minted.what, path.display())]);
        }
        let mut has_secret = false;
        let written = match shown.await {
            Ok(bytes) => {
                let secret = minted.secret.expose();
                has_secret = !secret.is_empty() && bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                if has_secret && self.stdout == Stdout::Somewhere {
                    mask(secret, ctx);
                }
                ctx.stdout.write_all(&bytes).and_then(|()| ctx.stdout.flush()).map_err(unwritable)
            }
            Err(failure) => Err(failure),
        };
        if let Some(path) = in_file {
            written.map_err(|failure| failure.hint(format!("{} is in {}", minted.what, path.display())))?;
            ctx.note(&format!("{} written to {}", minted.what, path.display()));
            return Ok(false);
        }
        let why = match written {
            Err(failure) => return Err(aside.explain(ctx, minted, failure)),
            Ok(()) if !has_secret => "the output does not contain the secret",
            Ok(()) if self.stdout == Stdout::Discarded => "standard output is discarded",
            Ok(()) => {
                aside.remove(ctx);
                return Ok(false);
            }
        };
        let Ok(path) = &aside.0 else {
            return Err(aside.explain(ctx, minted, Failure::unexpected(why)));
        };
        let _ = private_file::sync(path);
        ctx.warn(&format!("{why}: {} cannot be shown again, and is kept in {}", minted.what, path.display()));
        ctx.note(&minted.undo);
        Ok(true)
    }
}

/// A delivery that failed.
pub struct Undelivered {
    /// What went wrong, and where the secret is now.
    pub failure: Failure,
    /// Whether it is nowhere: no file could be written, and nobody was there
    /// to be shown it.
    pub is_lost: bool,
}

impl From<Failure> for Undelivered {
    fn from(failure: Failure) -> Self {
        Self { failure, is_lost: false }
    }
}

/// A secret in a rescue file.
struct Aside(io::Result<PathBuf>);

impl Aside {
    fn new(ctx: &Context, minted: &Minted) -> Self {
        let file = rescue(&ctx.env, minted);
        if let Ok(path) = &file {
            ctx.interrupt.advise(vec![kept_in(minted, path), minted.undo.clone()]);
        }
        Self(file)
    }

    /// The secret was delivered: the file is of no use, and its directories
    /// neither where there is nothing else in them.
    fn remove(&self, ctx: &Context) {
        ctx.interrupt.advise(Vec::new());
        if let Ok(path) = &self.0 {
            let _ = fs::remove_file(path);
            let is_own = |directory: &&Path| {
                let name = directory.file_name().unwrap_or_default().to_string_lossy();
                name == "undelivered" || name.starts_with("nscred")
            };
            for directory in path.ancestors().skip(1).take(2).take_while(is_own) {
                let _ = fs::remove_dir(directory);
            }
        }
    }

    /// Says in the failure where the secret is. Where no file could be written
    /// a person at the terminal is shown it.
    fn explain(&self, ctx: &mut Context, minted: &Minted, failure: Failure) -> Undelivered {
        let error = match &self.0 {
            Ok(path) => {
                let _ = private_file::sync(path);
                return failure.hint(kept_in(minted, path)).hint(&minted.undo).into();
            }
            Err(error) => error,
        };
        let why = format!("no rescue file could be written either ({error})");
        if !ctx.stderr.is_terminal() {
            return Undelivered { failure: failure.hint(format!("{why}: the secret is lost")), is_lost: true };
        }
        // The one message that holds a secret: a person is there to take it.
        let _ = ctx.stderr.write_line(minted.file_content.trim_end());
        let _ = ctx.stderr.flush();
        failure.hint(format!("{why}: {} is shown above, once", minted.what)).hint(&minted.undo).into()
    }
}

/// Has the runner of a GitHub job mask a secret in the job's log from here on.
/// It reads both streams of a step, and takes this line out; standard output
/// must stay what was asked for. Where standard error is no pipe, or the very
/// one that the secret goes through, no runner reads it: the line would only be
/// another place with the secret, or spoil what is captured.
fn mask(secret: &str, ctx: &mut Context) {
    let (Ok(stdout), Ok(stderr)) = (fstat(io::stdout().as_fd()), fstat(io::stderr().as_fd())) else { return };
    let is_pipe = matches!(FileType::from_raw_mode(stderr.st_mode), FileType::Fifo | FileType::Socket);
    let is_same = (stdout.st_dev, stdout.st_ino) == (stderr.st_dev, stderr.st_ino);
    if is_pipe && !is_same && ctx.env.var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        // As the runner has percent signs in a command.
        let _ = ctx.stderr.write_line(&format!("::add-mask::{}", secret.replace('%', "%25")));
        let _ = ctx.stderr.flush();
    }
}

fn kept_in(minted: &Minted, path: &Path) -> String {
    format!("{} is kept in {}", minted.what, path.display())
}

/// Whether a character of an id means nothing to a shell or a file system.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Writes the rescue file: under the state directory, else the temporary one.
fn rescue(env: &Environment, minted: &Minted) -> io::Result<PathBuf> {
    let absolute = |name| env.path(name).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    // The id is the server's text: only what is plain in a file name is kept.
    let name: String = minted.id.chars().filter(|c| is_plain(*c)).take(100).collect();
    let name = if name.is_empty() { "secret" } else { &name };
    let in_state = |state: PathBuf| {
        let directory = state.join("nscred/undelivered");
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        private_file::add(&directory, name, minted.extension, minted.file_content.as_bytes())
    };
    if let Some(Ok(path)) = state.map(in_state) {
        return Ok(path);
    }
    // The temporary directory is everybody's: a new one in it, that nobody
    // else can have made ready.
    let directory =
        tempfile::Builder::new().prefix("nscred-undelivered-").permissions(Permissions::from_mode(0o700)).tempdir()?;
    let path = private_file::add(directory.path(), name, minted.extension, minted.file_content.as_bytes())?;
    let _ = directory.keep();
    Ok(path)
}

fn stdout() -> Stdout {
    let stdout = io::stdout();
    let same_device = match (fstat(stdout.as_fd()), stat("/dev/null")) {
        (Ok(stdout), Ok(null)) => stdout.st_rdev == null.st_rdev && stdout.st_mode == null.st_mode,
        _ => false,
    };
    match fcntl_getfl(stdout.as_fd()) {
        // The library takes a write that the system refuses for this reason
        // for done.
        Ok(flags) if !flags.intersects(OFlags::WRONLY | OFlags::RDWR) => Stdout::Closed,
        _ if !same_device => Stdout::Somewhere,
        Ok(flags) if flags.contains(OFlags::RDWR) => Stdout::Closed,
        _ => Stdout::Discarded,
    }
}
