//! Delivers a secret that a server returns only once, to a file or to standard
//! output.
//!
//! [`Delivery::prepare`] opens and locks files and reserves space in them before the
//! request is sent, so that most errors occur while there is no secret yet.
//! [`Delivery::deliver`] writes the secret. Until it is delivered it is also in a
//! rescue file, which stays if the delivery fails or the process is killed.
//!
//! `target` is the file that the user names, `path` says what a path leads to,
//! `stdout` whether standard output keeps data. `rescue` is the rescue file and
//! `fallback` the messages about it. `reserved` and `space` create files with space,
//! and `leftovers` finds those of killed processes.

mod fallback;
mod leftovers;
mod minted;
mod path;
mod rescue;
mod reserved;
mod space;
mod stdout;
mod target;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::context::{Context, Environment};
use crate::delivery::fallback::Fallback;
pub use crate::delivery::minted::{Minted, Undelivered};
use crate::delivery::rescue::RescueFile;
use crate::delivery::stdout::{Stdout, mask};
use crate::delivery::target::{TargetFile, leftover_warning};
use crate::error::{Failure, Result};
use crate::output::write_error;
pub use crate::text::shell::is_shell_safe;

/// A rotation requires a rescue file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new credential can be revoked if its secret is lost.
    Create,
    /// The old secret no longer works, so the new one must not be lost.
    Rotate,
}

/// For revoking a credential whose secret cannot be delivered. It is separate from
/// `--timeout`, of which nothing may be left by then.
pub const UNDO_TIMEOUT: Duration = Duration::from_secs(10);

/// A prepared delivery.
pub struct Delivery {
    target: Option<TargetFile>,
    rescue: io::Result<RescueFile>,
    stdout: Stdout,
}

impl Delivery {
    /// Prepares a delivery to `file` and standard output, or only to standard output.
    /// `flag` is the flag that names the file, for messages.
    ///
    /// # Errors
    /// Usage: the file cannot be written; there is none and standard output is
    /// closed; or the rescue file that is required cannot be created. Conflict:
    /// another process is about to write the file, or it exists and `no_clobber`
    /// is set.
    pub fn prepare(
        flag: &str,
        file: Option<&Path>,
        no_clobber: bool,
        purpose: Purpose,
        ctx: &mut Context,
    ) -> Result<Self> {
        let target = file.map(|path| TargetFile::prepare(flag, path, no_clobber, ctx)).transpose()?;
        if let Some(leftover) = target.as_ref().and_then(TargetFile::leftover) {
            ctx.warn(&leftover_warning(leftover));
        }
        let stdout = Stdout::of(&ctx.stdout);
        if target.is_none() && stdout == Stdout::Closed {
            return Err(Failure::usage("standard output is closed or cannot be written; the secret would be lost")
                .hint(format!("write it to a file with {flag} PATH")));
        }
        let needs_rescue = purpose == Purpose::Rotate || target.as_ref().is_some_and(TargetFile::is_overwritten);
        // Before a file is replaced by a rename, the temporary file has the secret.
        let rescue = if target.is_some() && !needs_rescue {
            Err(io::ErrorKind::NotFound.into())
        } else {
            RescueFile::prepare(&ctx.env)
        };
        match rescue {
            Err(error) if needs_rescue => {
                let what = "the new secret needs a rescue file, which cannot be created; nothing was sent";
                let hint = "set TMPDIR to a directory that you can write to, with 64 KiB of free space";
                Err(Failure::usage(what).source(error).hint(hint))
            }
            rescue => Ok(Self { target, rescue, stdout }),
        }
    }

    pub fn has_file(&self) -> bool {
        self.target.is_some()
    }

    /// The content of the file that will be replaced. Empty if there is no file,
    /// `None` if it cannot be read.
    pub fn previous(&self) -> Option<&[u8]> {
        self.target.as_ref().map_or(Some(&[]), TargetFile::previous)
    }

    /// Writes the secret to the file, if there is one, and then the output to standard
    /// output. Returns `true` if the secret is only in the rescue file, because the
    /// output does not contain it or is discarded.
    ///
    /// # Errors
    /// [`Undelivered`]: the output could not be rendered, or a write failed.
    pub async fn deliver(
        self,
        ctx: &mut Context,
        minted: &Minted,
        output: impl Future<Output = Result<Vec<u8>>>,
    ) -> std::result::Result<bool, Undelivered> {
        let mut fallback = Fallback::write(self.rescue, minted, ctx);
        if let Some(target) = self.target {
            let path = target.path().display().to_string();
            write_file(target, &mut fallback, minted, ctx)?;
            print(output, self.stdout, minted, ctx)
                .await
                .map_err(|failure| failure.hint(format!("{} is in {path}", minted.what)))?;
            ctx.note(&format!("{} written to {path}", minted.what));
            return Ok(false);
        }
        let reason = match print(output, self.stdout, minted, ctx).await {
            Err(failure) => return Err(fallback.report(ctx, minted, failure)),
            Ok(false) => "the output does not contain the secret",
            Ok(true) if self.stdout == Stdout::Discarded => "standard output is discarded",
            Ok(true) => {
                fallback.discard();
                ctx.interrupt.set_hints(Vec::new());
                return Ok(false);
            }
        };
        let Some(path) = fallback.keep() else {
            return Err(fallback.report(ctx, minted, Failure::unexpected(reason)));
        };
        ctx.warn(&format!("{reason}: {} cannot be shown again, and is kept in {}", minted.what, path.display()));
        ctx.note(&minted.undo);
        Ok(true)
    }
}

fn write_file(
    target: TargetFile,
    fallback: &mut Fallback,
    minted: &Minted,
    ctx: &mut Context,
) -> std::result::Result<(), Undelivered> {
    let content = minted.file_content.as_bytes();
    let path = target.path().to_owned();
    let (is_file, is_overwritten) = (target.is_file(), target.is_overwritten());
    // The output of a stream may be in the log of a job.
    if !is_file {
        mask(minted.secret.expose(), content, ctx);
    }
    if let Err(error) = target.commit(content) {
        let mut undelivered = fallback.report_failed_commit(&path, error, minted, ctx);
        if let Some(hint) = fallback.restore_hint(&path, is_overwritten).filter(|_| is_file) {
            undelivered.failure = undelivered.failure.hint(hint);
        }
        return Err(undelivered);
    }
    fallback.discard();
    // The old secret is replaced now, even if a later step fails.
    let in_file = format!("{} is in {}", minted.what, path.display());
    ctx.interrupt.set_hints(std::iter::once(in_file).chain(minted.replaced.clone()).collect());
    if let Some(replaced) = &minted.replaced {
        ctx.note(replaced);
    }
    Ok(())
}

/// Writes to standard output. Returns whether the output contains the secret.
async fn print(
    output: impl Future<Output = Result<Vec<u8>>>,
    stdout: Stdout,
    minted: &Minted,
    ctx: &mut Context,
) -> Result<bool> {
    let bytes = output.await?;
    let secret = minted.secret.expose();
    if stdout == Stdout::Open {
        mask(secret, &bytes, ctx);
    }
    ctx.stdout.write_all(&bytes).and_then(|()| ctx.stdout.flush()).map_err(write_error)?;
    Ok(!secret.is_empty() && bytes.windows(secret.len()).any(|part| part == secret.as_bytes()))
}

/// The files with undelivered secrets of one cloud, among the rescue files and in the
/// directory of the credential's file. `is_json` selects the cloud: Namespace's token
/// files are JSON, Nscale's are not.
pub fn undelivered(credential: Option<&Path>, is_json: bool, env: &Environment) -> Vec<PathBuf> {
    let beside = credential.map(|file| leftovers::undelivered_in(path::parent(file))).unwrap_or_default();
    let mut files: Vec<PathBuf> = rescue::rescued_files(env).into_iter().chain(beside).collect();
    files.retain(|path| std::fs::read(path).is_ok_and(|content| content.starts_with(b"{") == is_json));
    // The credential's file may be in a directory of rescue files.
    files.sort_unstable();
    files.dedup();
    files
}
