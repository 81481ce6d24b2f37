//! The way of a secret that exists once, from the server's answer to its
//! owner. Its places are made ready before there is a secret, and what cannot be
//! delivered is kept in a rescue file, never dropped.

mod leftovers;
mod path;
mod rescue;
mod reserved;
mod space;

mod stdout;
mod target;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::context::{Context, Environment};
use crate::delivery::rescue::RescueFile;
use crate::delivery::stdout::{Stdout, mask};
use crate::delivery::target::{CommitError, TargetFile, leftover_warning};
use crate::error::{Failure, Result};
use crate::output::unwritable;
use crate::secret::Secret;
use crate::text::shell::shell_word;

/// What is about to be done for a secret, which decides how many places it
/// needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It can be undone: one place is enough.
    Create,
    /// The secret before it is gone then: two places, so that the failure of
    /// one loses nothing.
    Rotate,
}

/// How long undoing a mint may take whose secret cannot be delivered: a time of
/// its own, since that of the command may be used up.
pub const TO_UNDO: Duration = Duration::from_secs(10);

/// Where a secret is to go, made ready before there is one.
pub struct Delivery {
    target: Option<TargetFile>,
    rescue: io::Result<RescueFile>,
    stdout: Stdout,
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
    /// What to know of the secret that the file held before.
    pub replaced: Option<String>,
    /// The secret itself.
    pub secret: Secret,
}

impl Delivery {
    /// Makes a delivery to a file ready, or to standard output alone.
    ///
    /// # Errors
    /// Usage: the file cannot be written, there is none and standard output
    /// is closed, or a second place is needed and cannot be had. Conflict:
    /// another process is about to write the file, or with `no_clobber` it is
    /// there.
    pub fn prepare(
        flag: &str,
        file: Option<&Path>,
        no_clobber: bool,
        purpose: Purpose,
        ctx: &mut Context,
    ) -> Result<Self> {
        let target = file.map(|path| TargetFile::prepare(flag, path, no_clobber)).transpose()?;
        if let Some(leftover) = target.as_ref().and_then(TargetFile::leftover) {
            ctx.warn(&leftover_warning(leftover));
        }
        let stdout = Stdout::look();
        if target.is_none() && stdout == Stdout::Closed {
            return Err(Failure::usage(
                "standard output is closed or cannot be written: the secret would have nowhere to go",
            )
            .hint(format!("write it to a file with {flag} PATH")));
        }
        let needs_rescue = purpose == Purpose::Rotate || target.as_ref().is_some_and(TargetFile::is_overwritten);
        // What is replaced by a rename is in its own place from the first byte.
        let rescue = match target.is_some() && !needs_rescue {
            true => Err(io::ErrorKind::NotFound.into()),
            false => RescueFile::prepare(&ctx.env),
        };
        match rescue {
            Err(error) if needs_rescue => Err(Failure::usage(
                "there is no second place for the new secret, which would be lost if the first one failed; nothing was sent",
            )
            .source(error)
            .hint("set TMPDIR to a directory that you can write to, with 64 KiB of room")),
            rescue => Ok(Self { target, rescue, stdout }),
        }
    }

    /// Whether the secret goes to a file.
    pub fn has_file(&self) -> bool {
        self.target.is_some()
    }

    /// What stands in the file now, and will be replaced: nothing where there is
    /// no file, and none where it cannot be read.
    pub fn previous(&self) -> Option<&[u8]> {
        self.target.as_ref().map_or(Some(&[]), TargetFile::previous)
    }

    /// Delivers: to the file first, then what `shown` makes to standard
    /// output. Until it has arrived somewhere the secret is in the rescue file,
    /// for whatever may end the process in between. Gives back whether it stays
    /// there, because it went nowhere else.
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
        let content = minted.file_content.as_bytes();
        let mut kept = match self.rescue {
            Ok(rescue) => Rescue::write(rescue, minted, ctx),
            Err(error) => Rescue(Err(error)),
        };
        let in_file = match self.target {
            None => None,
            Some(target) => {
                let (path, is_file, is_overwritten) =
                    (target.path().to_owned(), target.is_file(), target.is_overwritten());
                // What is only written to may lead to a job's log.
                if !is_file {
                    mask(minted.secret.expose(), content, ctx);
                }
                if let Err(error) = target.commit(content) {
                    let undelivered = kept.after_failed_commit(&path, error, minted, ctx);
                    let restore_command = is_file.then(|| kept.restore_command(&path, is_overwritten)).flatten();
                    return Err(Undelivered {
                        failure: restore_command.into_iter().fold(undelivered.failure, Failure::hint),
                        ..undelivered
                    });
                }
                Some(path)
            }
        };
        if let Some(path) = &in_file {
            kept.discard();
            // From here on it is gone, whatever comes of the rest.
            let in_place = format!("{} is in {}", minted.what, path.display());
            ctx.interrupt.advise(std::iter::once(in_place).chain(minted.replaced.clone()).collect());
            if let Some(replaced) = &minted.replaced {
                ctx.note(replaced);
            }
        }
        let mut has_secret = false;
        let written = match shown.await {
            Ok(bytes) => {
                let secret = minted.secret.expose();
                has_secret = !secret.is_empty() && bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                if self.stdout == Stdout::Open {
                    mask(secret, &bytes, ctx);
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
            Err(failure) => return Err(kept.explain(ctx, minted, failure)),
            Ok(()) if !has_secret => "the output does not contain the secret",
            Ok(()) if self.stdout == Stdout::Discarded => "standard output is discarded",
            Ok(()) => {
                kept.discard();
                ctx.interrupt.advise(Vec::new());
                return Ok(false);
            }
        };
        let Ok(rescue) = &kept.0 else {
            return Err(kept.explain(ctx, minted, Failure::unexpected(why)));
        };
        rescue.sync();
        ctx.warn(&format!("{why}: {} cannot be shown again, and is kept in {}", minted.what, rescue.path().display()));
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

/// A secret in a rescue file, or why it is in none.
struct Rescue(io::Result<RescueFile>);

impl Rescue {
    fn write(mut rescue: RescueFile, minted: &Minted, ctx: &Context) -> Self {
        match rescue.write(&minted.id, minted.extension, minted.file_content.as_bytes()) {
            Ok(()) => {
                ctx.interrupt.advise(vec![saved_in(minted, rescue.path()), minted.undo.clone()]);
                Self(Ok(rescue))
            }
            Err(error) => Self(Err(error)),
        }
    }

    /// Makes one where none was needed until now.
    fn make(minted: &Minted, ctx: &Context) -> Self {
        match RescueFile::prepare(&ctx.env) {
            Ok(rescue) => Self::write(rescue, minted, ctx),
            Err(error) => Self(Err(error)),
        }
    }

    /// The secret is elsewhere.
    fn discard(&mut self) {
        if let Ok(rescue) = std::mem::replace(&mut self.0, Err(io::ErrorKind::NotFound.into())) {
            rescue.discard();
        }
    }

    /// Says where the secret is that could not be written to a file: here, in one
    /// that is made now, or beside that file, where it got so far.
    fn after_failed_commit(
        &mut self,
        path: &Path,
        error: CommitError,
        minted: &Minted,
        ctx: &mut Context,
    ) -> Undelivered {
        let what = format!("{} was made, but {} cannot be written", minted.what, path.display());
        let failure = Failure::unexpected(what).source(error.error);
        match error.temporary {
            Some(file) if self.0.is_err() => failure.hint(saved_in(minted, file.path())).hint(&minted.undo).into(),
            file => {
                file.into_iter().for_each(|mut file| file.discard());
                if self.0.is_err() {
                    *self = Self::make(minted, ctx);
                }
                self.explain(ctx, minted, failure)
            }
        }
    }

    /// How to put what is kept into its file later.
    fn restore_command(&self, file: &Path, is_overwritten: bool) -> Option<String> {
        let rescue = self.0.as_ref().ok()?;
        let [from, to] = [rescue.path(), file].map(|path| shell_word(path.as_os_str()));
        let line = if is_overwritten { format!("cat {from} > {to}") } else { format!("mv {from} {to}") };
        Some(format!("put it in place once that is possible: `{line}`"))
    }

    /// Says in the failure where the secret is. Where no file could be written
    /// a person at the terminal is shown it.
    fn explain(&self, ctx: &mut Context, minted: &Minted, failure: Failure) -> Undelivered {
        let error = match &self.0 {
            Ok(rescue) => {
                rescue.sync();
                return failure.hint(saved_in(minted, rescue.path())).hint(&minted.undo).into();
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

fn saved_in(minted: &Minted, path: &Path) -> String {
    format!("{} is kept in {}", minted.what, path.display())
}

/// Whether a character of an id means nothing to a shell or a file system.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The files with secrets that were not delivered, where they are kept and beside
/// the credential's own file. `is_json` tells those of one cloud from the other's:
/// token files are JSON, and service tokens are bare.
pub fn undelivered(credential: Option<&Path>, is_json: bool, env: &Environment) -> Vec<PathBuf> {
    let beside = credential.map(|file| leftovers::undelivered_in(path::parent(file))).unwrap_or_default();
    let mut found: Vec<PathBuf> = rescue::kept(env).into_iter().chain(beside).collect();
    found.retain(|path| std::fs::read(path).is_ok_and(|content| content.starts_with(b"{") == is_json));
    // The credential may be in such a place itself.
    found.sort();
    found.dedup();
    found
}
