//! The way of a secret that exists once, from the server's answer to its
//! owner. What cannot be delivered is put aside in a file, never dropped.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use crate::context::{Context, Environment};
use crate::error::{Failure, Result};
use crate::output::private_file::{self, PrivateFile};

/// A secret that was just minted, ready to be written.
pub struct Minted<'a> {
    /// What it is called in messages, as in `token tok_…`.
    pub what: String,
    /// Names the rescue file: the server's id.
    pub id: &'a str,
    /// The content of a file that holds the secret.
    pub file_content: String,
    /// The command that undoes the minting.
    pub undo: String,
}

/// Delivers: the file first, then standard output. `shown` makes what goes to
/// standard output and says whether the secret is in it.
///
/// # Errors
/// Unexpected: something could not be written. The message says where the
/// secret is now.
pub fn deliver(
    ctx: &mut Context,
    minted: &Minted<'_>,
    file: Option<PrivateFile>,
    shown: impl FnOnce(&mut Context) -> Result<()>,
) -> Result<()> {
    let mut in_file = None;
    if let Some(file) = file {
        let path = file.path().to_owned();
        if let Err(error) = file.commit(minted.file_content.as_bytes()) {
            let failure =
                Failure::unexpected(format!("{} was made, but {} cannot be written", minted.what, path.display()));
            return Err(put_aside(ctx, minted, failure.source(error)));
        }
        ctx.note(&format!("{} written to {}", minted.what, path.display()));
        in_file = Some(path);
    }
    let written = shown(ctx).and_then(|()| {
        ctx.stdout.flush().map_err(|error| Failure::unexpected("standard output cannot be written").source(error))
    });
    match (written, in_file) {
        (Ok(()), _) => Ok(()),
        (Err(failure), Some(path)) => Err(failure.hint(format!("{} is in {}", minted.what, path.display()))),
        (Err(failure), None) => Err(put_aside(ctx, minted, failure)),
    }
}

/// Puts the secret into a rescue file and tells where, or shows it to the
/// person at the terminal where no file can be written.
fn put_aside(ctx: &mut Context, minted: &Minted<'_>, failure: Failure) -> Failure {
    let undo = format!("if you do not want it, undo it with `{}`", minted.undo);
    match rescue(&ctx.env, minted) {
        Ok(path) => failure.hint(format!("{} is kept in {}", minted.what, path.display())).hint(undo),
        Err(error) if ctx.stderr.is_terminal() => {
            // The one message that holds a secret: a person is there to take it.
            let _ = ctx.stderr.write_line(minted.file_content.trim_end());
            let _ = ctx.stderr.flush();
            failure
                .hint(format!("no file could be written either ({error}): {} is shown above, once", minted.what))
                .hint(undo)
        }
        Err(error) => failure
            .hint(format!("no rescue file could be written either ({error}): the secret is lost"))
            .hint(format!("undo it with `{}`", minted.undo)),
    }
}

fn rescue(env: &Environment, minted: &Minted<'_>) -> io::Result<PathBuf> {
    let state = env
        .path("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| env.path("HOME").map(|home| home.join(".local/state")))
        .ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
    let directory = state.join("nscred/undelivered");
    DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    // The id is the server's text: only what is plain in a file name is kept.
    let name: String =
        minted.id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(100).collect();
    let path = directory.join(format!("{}.json", if name.is_empty() { "secret" } else { &name }));
    private_file::replace(&path, minted.file_content.as_bytes())?;
    Ok(path)
}
