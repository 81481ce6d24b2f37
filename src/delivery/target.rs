//! The file that the user names for a secret. It is checked and prepared before the
//! secret exists, and then replaced completely or not at all.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::context::{Context, Stream};
use crate::delivery::path::{self, Destination};
use crate::delivery::reserved::{LockError, ReservedFile, temporary_path};
use crate::delivery::space::{overwrite, reserve_in_place};
use crate::delivery::stdout::Stdout;
use crate::error::{Failure, Kind, Result};
use crate::input::document::read_limited;
use crate::text::shell::shell_word;
use crate::text::shell::unexpanded_home;

pub struct TargetFile {
    /// As the user named it.
    path: PathBuf,
    kind: TargetKind,
    /// The content before. Empty if there is no file, `None` if it cannot be read.
    previous: Option<Vec<u8>>,
    /// The file with a secret that a killed process did not deliver.
    leftover: Option<PathBuf>,
}

enum TargetKind {
    /// A temporary file in the same directory, which will replace the file.
    Replace { temporary: ReservedFile, path: PathBuf, no_clobber: bool },
    /// A mount point, which cannot be replaced.
    InPlace(File),
    /// A FIFO, a terminal or an open descriptor.
    Special(File),
    /// Standard output or error, by a path such as `/dev/stdout`. They are not opened
    /// again, which could overwrite what they contain.
    Standard(Stream),
}

/// The secret could not be written to its file.
pub struct CommitError {
    pub error: io::Error,
    /// A temporary file that contains the whole secret, if there is one.
    pub temporary: Option<ReservedFile>,
}

impl From<io::Error> for CommitError {
    fn from(error: io::Error) -> Self {
        Self { error, temporary: None }
    }
}

impl TargetFile {
    /// # Errors
    /// Usage: the secret cannot be written there. Conflict: another process is
    /// about to write there, or a file exists and `no_clobber` is set.
    pub fn prepare(flag: &str, path: &Path, no_clobber: bool, ctx: &Context) -> Result<Self> {
        let text = path.to_string_lossy();
        if text.is_empty() {
            return Err(Failure::usage(format!("{flag} needs a path")));
        }
        if text == "-" {
            return Err(Failure::usage(format!("{flag} takes a path, not -"))
                .hint(format!("without {flag} it goes to standard output")));
        }
        let refuse = |why: &str| Failure::usage(format!("{flag} {}: {why}", path.display()));
        if let Some(hint) = unexpanded_home(path) {
            return Err(refuse("begins with ~").hint(hint));
        }
        if path::names_directory(path) {
            return Err(refuse("names a directory; name a file in it"));
        }
        let stream = |kind| Self { path: path.to_owned(), kind, previous: Some(Vec::new()), leftover: None };
        match path::resolve(path).map_err(|error| refuse("cannot be written").source(error))? {
            Destination::Stdout => match Stdout::of(&ctx.stdout) {
                Stdout::Closed => Err(refuse("standard output is closed; the secret would be lost")),
                Stdout::Discarded => Err(refuse(DISCARDS)),
                Stdout::Open => Ok(stream(TargetKind::Standard(ctx.stdout.clone()))),
            },
            Destination::Stderr if fs::metadata("/dev/stderr").is_ok_and(|stderr| path::discards_data(&stderr)) => {
                Err(refuse(DISCARDS))
            }
            Destination::Stderr => Ok(stream(TargetKind::Standard(ctx.stderr.clone()))),
            Destination::Descriptor(descriptor) => {
                open_stream(&descriptor, no_clobber, &refuse).map(|file| stream(TargetKind::Special(file)))
            }
            Destination::File(file) => match fs::metadata(&file) {
                Ok(existing) if existing.is_file() => Self::existing(path, file, existing, no_clobber, &refuse),
                Ok(existing) if existing.is_dir() => Err(refuse("is a directory; name a file")),
                Ok(_) => open_stream(&file, no_clobber, &refuse).map(|file| stream(TargetKind::Special(file))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Self::by_rename(path, file, None, no_clobber, &refuse)
                }
                Err(error) => Err(refuse("cannot be written").source(error)),
            },
        }
    }

    /// Prepares a file that exists.
    fn existing(
        path: &Path,
        file: PathBuf,
        existing: Metadata,
        no_clobber: bool,
        refuse: &impl Fn(&str) -> Failure,
    ) -> Result<Self> {
        if no_clobber {
            return Err(exists(path));
        }
        if existing.permissions().readonly() {
            let word = shell_word(path.as_os_str());
            return Err(
                refuse("is read-only").hint(format!("allow writing with `chmod u+w {word}`, or name another file"))
            );
        }
        if !path::is_mount_point(&file) {
            return Self::by_rename(path, file, Some(existing), false, refuse);
        }
        let cannot = |error: io::Error| refuse("is a mount point and cannot be written to").source(error);
        let opened = OpenOptions::new().read(true).write(true).open(&file).map_err(cannot)?;
        if let Err(TryLockError::WouldBlock) = opened.try_lock() {
            return Err(busy(path, &file));
        }
        if existing.mode() & 0o077 != 0 {
            opened.set_permissions(Permissions::from_mode(0o600)).map_err(cannot)?;
        }
        match reserve_in_place(&opened) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            result => result.map_err(|error| add_space_hint(refuse("has no space for a secret"), error))?,
        }
        let previous = read_limited(&file).ok().flatten();
        Ok(Self { path: path.to_owned(), kind: TargetKind::InPlace(opened), previous, leftover: None })
    }

    /// Prepares a file that a rename puts into place.
    fn by_rename(
        path: &Path,
        file: PathBuf,
        existing: Option<Metadata>,
        no_clobber: bool,
        refuse: &impl Fn(&str) -> Failure,
    ) -> Result<Self> {
        let directory = path::parent(&file);
        if !directory.exists() {
            return Err(refuse("its directory does not exist")
                .hint(format!("create it with `mkdir -p {}`", shell_word(directory.as_os_str()))));
        }
        if let Some(why) = path::obstacle(&file, existing.as_ref()) {
            return Err(refuse(why).hint("name another file"));
        }
        let is_root = rustix::process::geteuid().is_root();
        let owner = existing.filter(|existing| is_root && existing.uid() != 0);
        let (temporary, leftover) =
            ReservedFile::beside(&file, owner.as_ref().map(Metadata::uid)).map_err(|error| match error {
                LockError::Busy => busy(path, &file),
                LockError::Foreign => refuse("another user's file has the name of the temporary file")
                    .hint(format!("find it with `ls -la {}`", shell_word(directory.as_os_str()))),
                LockError::Io(error, leftover) => {
                    let failure = add_space_hint(refuse("cannot be written"), error);
                    leftover.into_iter().fold(failure, |failure, leftover| failure.hint(leftover_warning(&leftover)))
                }
            })?;
        // A file that root replaces keeps its owner.
        if let Some(owner) = &owner {
            temporary.set_owner(owner).map_err(|error| refuse("its owner cannot be set").source(error))?;
        }
        // Checked now, when no other process can replace it.
        if no_clobber && fs::symlink_metadata(&file).is_ok() {
            return Err(exists(path));
        }
        let previous = match read_limited(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Vec::new()),
            read => read.ok().flatten(),
        };
        let kind = TargetKind::Replace { temporary, path: file, no_clobber };
        Ok(Self { path: path.to_owned(), kind, previous, leftover })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn previous(&self) -> Option<&[u8]> {
        self.previous.as_deref()
    }

    pub fn leftover(&self) -> Option<&Path> {
        self.leftover.as_deref()
    }

    /// Whether the old content is overwritten in place. If the process is killed while
    /// it writes, both the old and the new content are lost.
    pub fn is_overwritten(&self) -> bool {
        matches!(self.kind, TargetKind::InPlace(_))
    }

    /// Whether it is a file and not a stream.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, TargetKind::Replace { .. } | TargetKind::InPlace(_))
    }

    /// Writes the content, puts the file into place, and flushes it to disk.
    ///
    /// # Errors
    /// The write failed. A file that would be replaced by a rename is unchanged.
    pub fn commit(self, content: &[u8]) -> std::result::Result<(), CommitError> {
        match self.kind {
            TargetKind::Special(mut file) => Ok(file.write_all(content)?),
            TargetKind::Standard(mut stream) => {
                stream.write_all(content)?;
                Ok(stream.flush()?)
            }
            TargetKind::InPlace(mut file) => {
                overwrite(&mut file, content)?;
                Ok(file.sync_all()?)
            }
            TargetKind::Replace { mut temporary, path, no_clobber } => {
                temporary.write(content)?;
                if let Err(error) = temporary.sync().and_then(|()| temporary.rename(&path, no_clobber)) {
                    return Err(CommitError { error, temporary: Some(temporary) });
                }
                // The file is in place. That a directory cannot be opened or synced is no failure.
                let _ = File::open(path::parent(&path)).and_then(|directory| directory.sync_all());
                Ok(())
            }
        }
    }
}

const DISCARDS: &str = "discards what is written; the secret would be lost";

/// Adds the error, and a hint if it is about missing space.
fn add_space_hint(failure: Failure, error: io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free 64 KiB there, or name a file on another disk; nothing was sent"
        }
        io::ErrorKind::FileTooLarge => "run `ulimit -f unlimited` first; nothing was sent",
        _ => return failure.source(error),
    };
    failure.source(error).hint(hint)
}

fn busy(path: &Path, file: &Path) -> Failure {
    let what = format!("another run is about to write {}", path.display());
    let beside = temporary_path(file);
    Failure::new(Kind::Conflict, what)
        .hint("wait until it has ended; nothing was sent")
        .hint(format!("if no other run is active, inspect the file that a stopped run left: {}", beside.display()))
}

fn exists(path: &Path) -> Failure {
    let what = format!("{} exists, and is not replaced", path.display());
    Failure::new(Kind::Conflict, what).hint("name another file, or move this one")
}

pub fn leftover_warning(leftover: &Path) -> String {
    format!(
        "an earlier run was stopped before it delivered its secret, which is now in {}: \
         use it or revoke it, then remove the file",
        leftover.display()
    )
}

/// Opens a stream or an open descriptor's file, which is appended to and never replaced.
fn open_stream(path: &Path, no_clobber: bool, refuse: &impl Fn(&str) -> Failure) -> Result<File> {
    let cannot = |error: io::Error| refuse("cannot be written to now").source(error);
    let metadata = fs::metadata(path).map_err(cannot)?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(refuse("is a directory; name a file"));
    }
    if kind.is_block_device() {
        return Err(refuse("is a disk; name a file"));
    }
    if path::discards_data(&metadata) {
        return Err(refuse(DISCARDS));
    }
    // Non-blocking, so that a FIFO without a reader is an error at once.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let file = OpenOptions::new().append(true).custom_flags(flags).open(path).map_err(cannot)?;
    if kind.is_file() {
        if no_clobber {
            return Err(exists(path));
        }
        if metadata.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600)).map_err(cannot)?;
        }
    }
    if kind.is_char_device() && !file.is_terminal() {
        return Err(refuse("is a device that keeps no data; name a file"));
    }
    Ok(file)
}
