//! Private files with space for a secret, created before there is one: with mode
//! 0600 from the start, locked while they are in use, and removed unless they
//! contain a secret.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::delivery::space::{contains_secret, overwrite, reserve};

/// The prefix of the names of reserved files.
pub const PREFIX: &str = ".nscred-";

pub struct ReservedFile {
    file: File,
    path: PathBuf,
    holds_secret: bool,
}

/// Why a file with a fixed name cannot be created.
#[derive(Debug)]
pub enum LockError {
    /// Another process is using it.
    Busy,
    /// It belongs to another user.
    Foreign,
    /// It cannot be created, or there is no space. With the new path of the leftover,
    /// as in [`ReservedFile::beside`].
    Io(io::Error, Option<PathBuf>),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error, None)
    }
}

impl ReservedFile {
    /// Creates and locks the temporary file in the directory of `target`, whose name
    /// depends on that of `target`, so that only one process at a time can replace
    /// `target`. If a killed process left a secret in that file, it is moved, and its
    /// new path is returned. An existing file may belong to this user or to `owner`.
    pub fn beside(target: &Path, owner: Option<u32>) -> Result<(Self, Option<PathBuf>), LockError> {
        /// It is tried again if another process removes its file in between.
        const MAX_ATTEMPTS: usize = 100;
        let path = temporary_path(target);
        let mut leftover = None;
        for _ in 0..MAX_ATTEMPTS {
            let (file, is_new) = match open(&path, OpenOptions::new().create_new(true)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    match open(&path, &mut OpenOptions::new()) {
                        // Another process removed it in between.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        opened => (opened?, false),
                    }
                }
                created => (created?, true),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::Busy),
                // On a file system without locks only a new file is not in use.
                Err(TryLockError::Error(_)) if is_new => {}
                Err(TryLockError::Error(_)) => return Err(LockError::Busy),
            }
            let metadata = file.metadata()?;
            if !fs::symlink_metadata(&path).is_ok_and(|current| is_same(&current, &metadata)) {
                continue;
            }
            let is_ours = [Some(rustix::process::geteuid().as_raw()), owner].contains(&Some(metadata.uid()));
            if !metadata.is_file() || !is_ours {
                return Err(LockError::Foreign);
            }
            if contains_secret(&file)? {
                leftover = Some(move_away(&path)?);
                continue;
            }
            let file = Self { file, path, holds_secret: false };
            return match file.reserve() {
                Ok(()) => Ok((file, leftover)),
                Err(error) => Err(LockError::Io(error, leftover)),
            };
        }
        Err(LockError::Busy)
    }

    /// Creates a file with a random name.
    ///
    /// # Errors
    /// It cannot be created, or there is no space.
    pub fn new_in(directory: &Path) -> io::Result<Self> {
        loop {
            let path = directory.join(format!("{PREFIX}{:016x}", fastrand::u64(..)));
            match open(&path, OpenOptions::new().create_new(true)) {
                Ok(file) => {
                    // Before it is locked, another process may lock or remove it as unused.
                    let is_locked_elsewhere = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
                    let still_exists = fs::symlink_metadata(&path)
                        .and_then(|current| Ok(is_same(&current, &file.metadata()?)))
                        .unwrap_or_default();
                    if is_locked_elsewhere || !still_exists {
                        continue;
                    }
                    let file = Self { file, path, holds_secret: false };
                    file.reserve()?;
                    return Ok(file);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn reserve(&self) -> io::Result<()> {
        // The umask may have removed more.
        self.file.set_permissions(Permissions::from_mode(0o600))?;
        self.file.set_len(0)?;
        reserve(&self.file)
    }

    /// # Errors
    /// The owner cannot be changed.
    pub fn set_owner(&self, owner: &Metadata) -> io::Result<()> {
        std::os::unix::fs::fchown(&self.file, Some(owner.uid()), Some(owner.gid()))
    }

    /// # Errors
    /// The secret is not in the file.
    pub fn write(&mut self, content: &[u8]) -> io::Result<()> {
        overwrite(&mut self.file, content)?;
        self.holds_secret = true;
        Ok(())
    }

    /// Flushes the content to disk.
    ///
    /// # Errors
    /// It may not survive a power failure.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file is removed when it is dropped, because its secret is elsewhere too.
    pub fn discard(&mut self) {
        self.holds_secret = false;
    }

    /// Moves the file to `target`, which it replaces unless `no_replace`.
    ///
    /// # Errors
    /// The file still has its old name.
    pub fn rename(&mut self, target: &Path, no_replace: bool) -> io::Result<()> {
        if no_replace {
            rename_no_replace(&self.path, target)?
        } else {
            fs::rename(&self.path, target)?
        }
        self.path = target.to_owned();
        Ok(())
    }
}

impl Drop for ReservedFile {
    fn drop(&mut self) {
        if !self.holds_secret {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.read(true).write(true).mode(0o600).custom_flags(flags.bits() as i32).open(path)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The temporary file in the directory of `target`. Its name contains that of
/// `target`, or the hash of it if that would be too long.
pub fn temporary_path(target: &Path) -> PathBuf {
    /// What file systems allow, less the suffix of [`move_away`].
    const MAX_LENGTH: usize = 255 - 16;
    let name = target.file_name().unwrap_or_default();
    let mut temporary = std::ffi::OsString::from(PREFIX);
    if name.len() + PREFIX.len() <= MAX_LENGTH {
        temporary.push(name);
    } else {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        temporary.push(format!("{:016x}", hasher.finish()));
    }
    target.with_file_name(temporary)
}

/// Renames a file with a secret that a killed process left behind.
fn move_away(path: &Path) -> io::Result<PathBuf> {
    const MAX_NUMBER: u32 = 9_999;
    for number in 1..=MAX_NUMBER {
        let mut renamed = path.as_os_str().to_owned();
        renamed.push(format!("-{number}"));
        match rename_no_replace(path, Path::new(&renamed)) {
            Ok(()) => return Ok(renamed.into()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Renames, and fails if `to` exists.
fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not support the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !to.exists() => fs::rename(from, to),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_as_long_as_any_has_one_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        for length in [1, 230, 232, 255] {
            let target = directory.path().join("x".repeat(length));
            let (file, leftover) = ReservedFile::beside(&target, None).map_err(|_| length).unwrap();
            assert!(leftover.is_none());
            assert!(matches!(ReservedFile::beside(&target, None), Err(LockError::Busy)));
            drop(file);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }
}
