//! What standard output leads to, as far as a secret is concerned, and the mask
//! that a GitHub job's log needs for one that goes there.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use rustix::fs::{OFlags, fcntl_getfl};

use crate::context::Context;
use crate::delivery::path::discards_data;
use crate::secret::encodings;

/// What standard output leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdout {
    /// Open.
    Open,
    /// A device that keeps nothing, as `/dev/null`, by the caller's wish.
    Discarded,
    /// Nothing: it cannot be written, or it was closed, and opened on
    /// `/dev/null` for safety's sake as the process began, for reading and
    /// writing, which no shell does.
    Closed,
}

impl Stdout {
    /// Looks at it.
    pub fn look() -> Self {
        let stdout = io::stdout();
        let discards_data = metadata(&stdout).is_ok_and(|stdout| discards_data(&stdout));
        match fcntl_getfl(stdout.as_fd()) {
            // The library takes a write that the system refuses for this reason
            // for done.
            Ok(flags) if !flags.intersects(OFlags::WRONLY | OFlags::RDWR) => Self::Closed,
            _ if !discards_data => Self::Open,
            Ok(flags) if flags.contains(OFlags::RDWR) => Self::Closed,
            _ => Self::Discarded,
        }
    }
}

/// Has the runner of a GitHub job mask a secret in the job's log from here on, in
/// each form in which it is shown: a filter may have encoded it. It reads both streams of a step, and takes this line out; standard output
/// must stay what was asked for. Where standard error is no pipe, or the very
/// one that the secret goes through, no runner reads it: the line would only be
/// another place with the secret, or spoil what is captured.
pub fn mask(secret: &str, shown: &[u8], ctx: &mut Context) {
    use std::io::Write as _;
    let (Ok(stdout), Ok(stderr)) = (metadata(&io::stdout()), metadata(&io::stderr())) else { return };
    let is_pipe = stderr.file_type().is_fifo() || stderr.file_type().is_socket();
    let is_same = (stdout.dev(), stdout.ino()) == (stderr.dev(), stderr.ino());
    if is_pipe && !is_same && ctx.env.var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        let is_shown = |form: &String| shown.windows(form.len()).any(|part| part == form.as_bytes());
        let mut masked: Vec<String> = Vec::new();
        for form in encodings(secret).into_iter().filter(is_shown) {
            if !masked.iter().any(|longer| longer.contains(&form)) {
                // As the runner has percent signs in a command.
                let _ = ctx.stderr.write_line(&format!("::add-mask::{}", form.replace('%', "%25")));
                masked.push(form);
            }
        }
        let _ = ctx.stderr.flush();
    }
}

fn metadata(stream: &impl AsFd) -> io::Result<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned()?).metadata()
}
