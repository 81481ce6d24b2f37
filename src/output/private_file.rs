//! Files that hold a secret: mode 0600 from birth, replaced whole or not at
//! all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::error::{Failure, Result};
use crate::output::sanitize::shell_word;

/// A file that is about to be written: everything that can fail beforehand
/// has been tried.
pub struct PrivateFile {
    shown: PathBuf,
    target: Target,
}

enum Target {
    /// A new file beside the old one, which takes its place.
    Replace { temporary: NamedTempFile, path: PathBuf },
    /// A FIFO, a device or an open descriptor: written to, never replaced.
    WriteTo(File),
    /// Standard output or error, by one of their names: written to through
    /// the process's own handle, so that nothing overwrites the other.
    Standard(Standard),
}

enum Standard {
    Output,
    Error,
}

impl PrivateFile {
    /// Readies a path that the user named with a flag.
    ///
    /// # Errors
    /// Usage: the directory is missing or not writable, or the path is a
    /// directory or read-only.
    pub fn prepare(flag: &str, path: &Path) -> Result<Self> {
        let text = path.to_string_lossy();
        if text.is_empty() {
            return Err(Failure::usage(format!("{flag} needs a path")));
        }
        if text == "-" {
            return Err(Failure::usage(format!("{flag} takes a path, not -"))
                .hint(format!("without {flag} it goes to standard output")));
        }
        let refuse = |why: &str| Failure::usage(format!("{flag} {}: {why}", path.display()));
        if text.ends_with('/') {
            return Err(refuse("names a directory; name a file in it"));
        }
        if path == Path::new("/dev/null") {
            return Err(refuse("keeps nothing, and the secret would be lost"));
        }
        if let Some(standard) = standard_stream(path) {
            return Ok(Self { shown: path.to_owned(), target: Target::Standard(standard) });
        }
        match fs::metadata(path) {
            Ok(existing) if existing.is_dir() => return Err(refuse("is a directory; name a file")),
            Ok(existing) if existing.permissions().readonly() => {
                return Err(refuse("is read-only").hint(format!(
                    "allow writing with `chmod u+w {}`, or name another file",
                    shell_word(path.as_os_str())
                )));
            }
            Ok(existing) if !existing.file_type().is_file() || is_descriptor(path) => {
                // Not blocking: a FIFO that nobody reads is told at once.
                let flags = OFlags::NONBLOCK.bits() as i32;
                let file = OpenOptions::new().append(true).custom_flags(flags).open(path);
                let file = file.map_err(|error| refuse("cannot be written to now").source(error))?;
                return Ok(Self { shown: path.to_owned(), target: Target::WriteTo(file) });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refuse("cannot be written").source(error)),
        }
        let target = resolve(path).map_err(|error| refuse("cannot be written").source(error))?;
        let directory = parent(&target);
        if !directory.exists() {
            return Err(refuse("its directory does not exist")
                .hint(format!("create it with `mkdir -p {}`", shell_word(directory.as_os_str()))));
        }
        let temporary = create_beside(&target).map_err(|error| refuse("cannot be written").source(error))?;
        Ok(Self { shown: path.to_owned(), target: Target::Replace { temporary, path: target } })
    }

    /// The path as the user named it.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// Writes the content and puts the file in its place, durably.
    ///
    /// # Errors
    /// Whatever writing, syncing or renaming says; the old file then stands.
    pub fn commit(self, content: &[u8]) -> io::Result<()> {
        match self.target {
            Target::WriteTo(mut file) => file.write_all(content),
            Target::Standard(Standard::Output) => {
                let mut stdout = io::stdout();
                stdout.write_all(content)?;
                stdout.flush()
            }
            Target::Standard(Standard::Error) => io::stderr().write_all(content),
            Target::Replace { temporary, path } => finish(temporary, &path, content),
        }
    }
}

/// Replaces a file of our own in one step. It may be lost with the power, as
/// a cache may.
///
/// # Errors
/// Whatever creating, writing or renaming says.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = create_beside(path)?;
    temporary.write_all(content)?;
    temporary.persist(path)?;
    Ok(())
}

/// Puts a file beside others under a name that none of them has:
/// `stem.extension`, else `stem-2.extension` and so on. It may be lost with the
/// power until [`sync`].
///
/// # Errors
/// Whatever creating, writing or renaming says.
pub fn add(directory: &Path, stem: &str, extension: &str, content: &[u8]) -> io::Result<PathBuf> {
    let mut temporary = create_beside(&directory.join(stem))?;
    temporary.write_all(content)?;
    for number in 1u32.. {
        let name = if number == 1 { format!("{stem}.{extension}") } else { format!("{stem}-{number}.{extension}") };
        let path = directory.join(name);
        match temporary.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => temporary = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes a file outlast a loss of power.
///
/// # Errors
/// Whatever opening or syncing it says.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_directory(path);
    Ok(())
}

fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    // tempfile creates with mode 0600 and a name of its own, so that two
    // writers never share one.
    let temporary = tempfile::Builder::new().prefix(".nscred-").tempfile_in(parent(path))?;
    // A umask may have taken more away.
    temporary.as_file().set_permissions(Permissions::from_mode(0o600))?;
    Ok(temporary)
}

fn finish(mut temporary: NamedTempFile, path: &Path, content: &[u8]) -> io::Result<()> {
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    sync_directory(path);
    Ok(())
}

/// Makes a rename last. The file is in its place by now, and a directory that
/// may not be read cannot be synced: no reason to call it a failure.
fn sync_directory(path: &Path) {
    let _ = File::open(parent(path)).and_then(|directory| directory.sync_all());
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Follows links to where the file is or would be, so that a link is kept and
/// its target replaced.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    /// What Linux allows in one look-up.
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = parent(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Whether a path is another name for a descriptor of this process.
fn is_descriptor(path: &Path) -> bool {
    path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

fn standard_stream(path: &Path) -> Option<Standard> {
    match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(Standard::Output),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(Standard::Error),
        _ => None,
    }
}
