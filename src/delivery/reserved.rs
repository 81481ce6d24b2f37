//! A private file with room for a secret, made before there is one: mode 0600
//! from birth, locked while it is in use, and removed unless it holds a secret.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::{Resource, getrlimit};

/// How much room is made, in bytes: many times what any secret has needed.
const RESERVED_BYTES: u64 = 64 * 1024;

/// What a file begins with that holds room and no secret, on file systems that
/// reserve room only for bytes that are written.
const PLACEHOLDER: &[u8] = b"nscred: room for a secret, which this file does not hold yet\n";

/// What the names of these files begin with.
const PREFIX: &str = ".nscred-";

/// A private file with room for a secret.
pub struct ReservedFile {
    file: File,
    path: PathBuf,
    holds_secret: bool,
}

/// Why a file with a fixed name cannot be had.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    Busy,
    /// It belongs to another user.
    Foreign,
    /// The file cannot be made, or there is no room; with the place of a secret
    /// that was moved out of the way by then.
    Io(io::Error, Option<PathBuf>),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error, None)
    }
}

impl ReservedFile {
    /// The file beside `target`, which only one process has at a time. Comes
    /// with the place of a secret that a process left behind there when it was
    /// killed. `owner` may own such a file beside this user.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn beside(target: &Path, owner: Option<u32>) -> Result<(Self, Option<PathBuf>), LockError> {
        /// Each further try follows a process that was done in between.
        const MAX_TRIES: usize = 100;
        let path = temporary_path(target);
        let mut leftover = None;
        for _ in 0..MAX_TRIES {
            let (file, is_new) = match open(&path, OpenOptions::new().create_new(true)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    match open(&path, &mut OpenOptions::new()) {
                        // Whoever had it is done.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        opened => (opened?, false),
                    }
                }
                made => (made?, true),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::Busy),
                // Without locks only a file that was made just now is ours.
                Err(TryLockError::Error(_)) if is_new => {}
                Err(TryLockError::Error(_)) => return Err(LockError::Busy),
            }
            let metadata = file.metadata()?;
            if !fs::symlink_metadata(&path).is_ok_and(|there| is_same(&there, &metadata)) {
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

    /// A file with a name of its own in a directory.
    ///
    /// # Errors
    /// It cannot be made, or there is no room.
    pub fn new_in(directory: &Path) -> io::Result<Self> {
        loop {
            let path = directory.join(format!("{PREFIX}{:016x}", fastrand::u64(..)));
            match open(&path, OpenOptions::new().create_new(true)) {
                Ok(file) => {
                    // Tells those who remove_unused up that it is in use, unless one of
                    // them came first.
                    let is_taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
                    let is_there = fs::symlink_metadata(&path)
                        .and_then(|there| Ok(is_same(&there, &file.metadata()?)))
                        .unwrap_or_default();
                    if is_taken || !is_there {
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
        // A umask may have taken more away.
        self.file.set_permissions(Permissions::from_mode(0o600))?;
        self.file.set_len(0)?;
        reserve(&self.file)
    }

    /// Gives the file to another user.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_owner(&self, owner: &Metadata) -> io::Result<()> {
        std::os::unix::fs::fchown(&self.file, Some(owner.uid()), Some(owner.gid()))
    }

    /// Puts the secret into the room.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(&mut self, content: &[u8]) -> io::Result<()> {
        overwrite(&mut self.file, content)?;
        self.holds_secret = true;
        Ok(())
    }

    /// Makes the content outlast a loss of power.
    ///
    /// # Errors
    /// As the system says.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that its secret is elsewhere too, so that it is removed in the end.
    pub fn discard(&mut self) {
        self.holds_secret = false;
    }

    /// Takes the place of `target`, or its place where `must_be_free` and
    /// nothing is there.
    ///
    /// # Errors
    /// As the system says; it is where it was then.
    pub fn rename(&mut self, target: &Path, must_be_free: bool) -> io::Result<()> {
        if must_be_free {
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

/// Removes what killed processes left in a directory that holds no secret.
pub fn remove_unused(directory: &Path) {
    for path in reserved_files(directory) {
        let Ok(file) = open(&path, &mut OpenOptions::new()) else { continue };
        if file.try_lock().is_ok() && contains_secret(&file).is_ok_and(|is_secret| !is_secret) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// The files in a directory that are named as rooms are and hold a secret that
/// nobody is busy with.
pub fn undelivered_in(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = reserved_files(directory).filter(|path| is_undelivered(path)).collect();
    found.sort();
    found
}

/// Whether a file holds a secret, and no process that is still at it.
pub fn is_undelivered(path: &Path) -> bool {
    open(path, &mut OpenOptions::new())
        .is_ok_and(|file| file.try_lock().is_ok() && contains_secret(&file).unwrap_or_default())
}

fn reserved_files(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_reserved = |entry: &fs::DirEntry| {
        entry.file_name().as_bytes().starts_with(PREFIX.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    entries.filter(is_reserved).map(|entry| entry.path())
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.read(true).write(true).mode(0o600).custom_flags(flags.bits() as i32).open(path)
}

/// Whether a file holds more than room.
fn contains_secret(mut file: &File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.rewind()?;
    file.take(PLACEHOLDER.len() as u64).read_to_end(&mut start)?;
    Ok(!start.is_empty() && start != PLACEHOLDER)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The file beside a target: with the target's own name in its own, where there
/// is room for that.
pub fn temporary_path(target: &Path) -> PathBuf {
    /// The most that file systems take, less what may be put behind it.
    const MAX_LENGTH: usize = 255 - 16;
    let name = target.file_name().unwrap_or_default();
    let mut beside = std::ffi::OsString::from(PREFIX);
    if name.len() + PREFIX.len() <= MAX_LENGTH {
        beside.push(name);
    } else {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        beside.push(format!("{:016x}", hasher.finish()));
    }
    target.with_file_name(beside)
}

/// Moves a secret that a killed process left behind out of the way.
fn move_away(path: &Path) -> io::Result<PathBuf> {
    for number in 1u32..10_000 {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!("-{number}"));
        match rename_no_replace(path, Path::new(&aside)) {
            Ok(()) => return Ok(aside.into()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Renames to a place where nothing is.
fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot be asked for it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !to.exists() => fs::rename(from, to),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        result => Ok(result?),
    }
}

/// Overwrites a file from its start, and cuts it to the content's length.
///
/// # Errors
/// As the system says.
pub fn overwrite(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)
}

/// Reserves room in a file, whose content and length stay as they are.
///
/// # Errors
/// There is no room. `Unsupported`: the file system cannot do this.
pub fn reserve_in_place(file: &File) -> io::Result<()> {
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < RESERVED_BYTES) {
        let limit = "the limit on the size of files (ulimit -f) leaves no room for a secret";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, limit));
    }
    allocate(file)
}

fn reserve(mut file: &File) -> io::Result<()> {
    match reserve_in_place(file) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        result => return result,
    }
    // What could be compressed would reserve less than it is long.
    let mut bytes = PLACEHOLDER.to_vec();
    bytes.resize_with(RESERVED_BYTES as usize, || fastrand::u8(..));
    file.write_all(&bytes)?;
    file.sync_all()
}

#[cfg(target_os = "linux")]
fn allocate(file: &File) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, RESERVED_BYTES) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => Err(io::ErrorKind::Unsupported.into()),
        result => Ok(result?),
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(_file: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_was_only_written_is_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".nscred-a");
        for (content, holds) in [(&b""[..], false), (PLACEHOLDER, false), (b"{\"bearer_token\":\"x\"}", true)] {
            fs::write(&path, content).unwrap();
            assert_eq!(contains_secret(&File::open(&path).unwrap()).unwrap(), holds);
            assert_eq!(undelivered_in(directory.path()).len(), usize::from(holds));
        }
        let written = File::options().read(true).write(true).create_new(true).open(directory.path().join("b")).unwrap();
        (&written).write_all(PLACEHOLDER).unwrap();
        assert!(!contains_secret(&written).unwrap());
    }

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
