//! What happens to a secret that cannot be delivered: it stays in the rescue file, or
//! is shown on the terminal, and the failure says so.

use std::io::{self, Write as _};
use std::path::Path;

use crate::context::Context;
use crate::delivery::minted::{Minted, Undelivered};
use crate::delivery::rescue::RescueFile;
use crate::delivery::target::CommitError;
use crate::error::Failure;
use crate::text::shell::shell_word;

/// The rescue file with the secret, or why there is none.
pub struct Fallback(io::Result<RescueFile>);

impl Fallback {
    pub fn write(rescue: io::Result<RescueFile>, minted: &Minted, ctx: &Context) -> Self {
        Self(rescue.and_then(|mut rescue| {
            rescue.write(&minted.id, minted.extension, minted.file_content.as_bytes())?;
            ctx.interrupt.set_hints(vec![kept_in(minted, rescue.path()), minted.undo.clone()]);
            Ok(rescue)
        }))
    }

    /// Removes the rescue file, once the secret is delivered.
    pub fn discard(&mut self) {
        if let Ok(rescue) = std::mem::replace(&mut self.0, Err(io::ErrorKind::NotFound.into())) {
            rescue.discard();
        }
    }

    /// Keeps the rescue file and returns its path. `None` if there is no rescue file.
    pub fn keep(&self) -> Option<&Path> {
        let rescue = self.0.as_ref().ok()?;
        rescue.sync();
        Some(rescue.path())
    }

    /// Reports that the secret could not be written to the file at `path`, and where
    /// it is instead: in the rescue file, in the temporary file in the same directory,
    /// or in a rescue file that is created now.
    pub fn report_failed_commit(
        &mut self,
        path: &Path,
        error: CommitError,
        minted: &Minted,
        ctx: &mut Context,
    ) -> Undelivered {
        let what = format!("{} was created, but {} cannot be written", minted.what, path.display());
        let failure = Failure::unexpected(what).source(error.error);
        if let Some(mut temporary) = error.temporary {
            if self.0.is_err() {
                return failure.hint(kept_in(minted, temporary.path())).hint(&minted.undo).into();
            }
            temporary.discard();
        }
        if self.0.is_err() {
            *self = Self::write(RescueFile::prepare(&ctx.env), minted, ctx);
        }
        self.report(ctx, minted, failure)
    }

    /// The hint with the command that moves or copies the rescue file to `file` later.
    pub fn restore_hint(&self, file: &Path, is_overwritten: bool) -> Option<String> {
        let rescue = self.0.as_ref().ok()?;
        let [from, to] = [rescue.path(), file].map(|path| shell_word(path.as_os_str()));
        let line = if is_overwritten { format!("cat {from} > {to}") } else { format!("mv {from} {to}") };
        Some(format!("when the file can be written again, run `{line}`"))
    }

    /// Adds to the failure where the secret is. If it is in no file, it is shown on the
    /// terminal, or lost if there is none.
    pub fn report(&self, ctx: &mut Context, minted: &Minted, failure: Failure) -> Undelivered {
        let error = match &self.0 {
            Ok(rescue) => {
                rescue.sync();
                return failure.hint(kept_in(minted, rescue.path())).hint(&minted.undo).into();
            }
            Err(error) => error,
        };
        let reason = format!("no rescue file could be written either ({error})");
        if !ctx.stderr.is_terminal() {
            return Undelivered { failure: failure.hint(format!("{reason}: the secret is lost")), is_lost: true };
        }
        // The one message with a secret: a person is there to copy it.
        let _ = ctx.stderr.write_line(minted.file_content.trim_end());
        let _ = ctx.stderr.flush();
        failure.hint(format!("{reason}: {} is shown above, once", minted.what)).hint(&minted.undo).into()
    }
}

fn kept_in(minted: &Minted, path: &Path) -> String {
    format!("{} is kept in {}", minted.what, path.display())
}
