//! Whether standard output is kept or discarded, and how a secret is masked in the
//! log of a GitHub job.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use rustix::fs::{OFlags, fcntl_getfl};

use crate::context::{Context, Stream};
use crate::delivery::path::discards_data;
use crate::secret::encodings;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdout {
    Open,
    /// A device that discards everything, such as `/dev/null`.
    Discarded,
    /// It cannot be written, or it was closed when the process started. In that case
    /// Rust opens `/dev/null` for reading and writing in its place, which no shell does.
    Closed,
}

impl Stdout {
    pub fn of(stdout: &Stream) -> Self {
        stdout.with_descriptor(Self::of_descriptor).unwrap_or(Self::Open)
    }

    fn of_descriptor(stdout: BorrowedFd<'_>) -> Self {
        let discards_data = metadata(stdout).is_ok_and(|stdout| discards_data(&stdout));
        match fcntl_getfl(stdout) {
            // The standard library reports such a write as successful.
            Ok(flags) if !flags.intersects(OFlags::WRONLY | OFlags::RDWR) => Self::Closed,
            _ if !discards_data => Self::Open,
            Ok(flags) if flags.contains(OFlags::RDWR) => Self::Closed,
            _ => Self::Discarded,
        }
    }
}

/// Tells the runner of a GitHub job to mask a secret in the job's log, in each form
/// that `output` contains: a filter may have encoded it. The runner reads both streams
/// and removes the line with this command, which goes to standard error because
/// standard output is data. If standard error is not a pipe, or is the same one as
/// standard output, no runner reads it, and the line would expose the secret.
pub fn mask(secret: &str, output: &[u8], ctx: &mut Context) {
    use std::io::Write as _;
    let metadata = |stream: &Stream| stream.with_descriptor(metadata)?.ok();
    let (Some(stdout), Some(stderr)) = (metadata(&ctx.stdout), metadata(&ctx.stderr)) else { return };
    let is_pipe = stderr.file_type().is_fifo() || stderr.file_type().is_socket();
    let is_same = (stdout.dev(), stdout.ino()) == (stderr.dev(), stderr.ino());
    if is_pipe && !is_same && ctx.env.var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        let is_in_output = |form: &String| output.windows(form.len()).any(|part| part == form.as_bytes());
        let mut masked: Vec<String> = Vec::new();
        for form in encodings(secret).into_iter().filter(is_in_output) {
            if !masked.iter().any(|longer| longer.contains(&form)) {
                // The runner's escape for a percent sign.
                let _ = ctx.stderr.write_line(&format!("::add-mask::{}", form.replace('%', "%25")));
                masked.push(form);
            }
        }
        let _ = ctx.stderr.flush();
    }
}

fn metadata(stream: BorrowedFd<'_>) -> io::Result<Metadata> {
    File::from(stream.try_clone_to_owned()?).metadata()
}
