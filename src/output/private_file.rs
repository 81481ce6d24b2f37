//! Files that hold a secret: mode 0600 from birth, replaced whole or not at
//! all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Failure, Result};

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
    WriteTo(PathBuf),
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
            return Err(
                Failure::usage(format!("{flag} takes a path, not -")).hint("for standard output use --output token")
            );
        }
        let refuse = |why: &str| Failure::usage(format!("{flag} {}: {why}", path.display()));
        if text.ends_with('/') {
            return Err(refuse("is a directory; name a file"));
        }
        match fs::metadata(path) {
            Ok(existing) if existing.is_dir() => return Err(refuse("is a directory; name a file")),
            Ok(existing) if existing.permissions().readonly() => {
                return Err(refuse("is read-only")
                    .hint(format!("allow writing with `chmod u+w {}`, or name another file", path.display())));
            }
            Ok(existing)
                if existing.file_type().is_fifo() || existing.file_type().is_char_device() || is_descriptor(path) =>
            {
                return Ok(Self { shown: path.to_owned(), target: Target::WriteTo(path.to_owned()) });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refuse("cannot be written").source(error)),
        }
        let target = resolve(path).map_err(|error| refuse("cannot be written").source(error))?;
        let directory = parent(&target);
        if !directory.exists() {
            return Err(refuse("its directory does not exist")
                .hint(format!("create it with `mkdir -p {}`", directory.display())));
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
            Target::WriteTo(path) => {
                let mut file = OpenOptions::new().append(true).open(path)?;
                file.write_all(content)?;
                file.flush()
            }
            Target::Replace { temporary, path } => finish(temporary, &path, content),
        }
    }
}

/// Replaces a file of our own, such as a cache, in one step.
///
/// # Errors
/// Whatever creating, writing or renaming says.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    finish(create_beside(path)?, path, content)
}

fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    // tempfile creates with mode 0600 and a name of its own, so that two
    // writers never share one.
    tempfile::Builder::new().prefix(".nscred-").tempfile_in(parent(path))
}

fn finish(mut temporary: NamedTempFile, path: &Path, content: &[u8]) -> io::Result<()> {
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    File::open(parent(path))?.sync_all()
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

fn is_descriptor(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name))
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}
