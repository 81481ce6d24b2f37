//! Rescue files, in the state directory. A secret is in one until it is delivered,
//! and stays there if it cannot be delivered.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::context::Environment;
use crate::delivery::leftovers::{is_undelivered, remove_unused, undelivered_in};
use crate::delivery::reserved::ReservedFile;
use crate::text::shell::is_shell_safe;

/// The prefix of directories in a temporary directory.
const DIRECTORY_PREFIX: &str = "nscred-undelivered-";

/// The directory in the state directory.
const STATE_DIRECTORY: &str = "nscred/undelivered";

/// A file with space for a secret, in a directory of its own.
pub struct RescueFile {
    file: ReservedFile,
    directory: RescueDirectory,
}

/// A directory that is removed when it is no longer used.
struct RescueDirectory {
    path: PathBuf,
    /// How many of the last directories in the path are nscred's own.
    depth: usize,
}

impl Drop for RescueDirectory {
    fn drop(&mut self) {
        for directory in self.path.ancestors().take(self.depth) {
            // This fails for one that is in use, which is not empty.
            let _ = fs::remove_dir(directory);
        }
    }
}

impl RescueFile {
    /// Creates one in the state directory, or else in a temporary directory.
    ///
    /// # Errors
    /// It cannot be created in any of the directories. The error is that of the last.
    pub fn prepare(env: &Environment) -> io::Result<Self> {
        let in_state = |state: PathBuf| {
            let directory = state.join(STATE_DIRECTORY);
            DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
            if !is_own(&directory) {
                return Err(io::Error::other("its directory belongs to another user"));
            }
            remove_unused(&directory);
            Self::in_directory(RescueDirectory { path: directory, depth: 2 })
        };
        // Every user can write to a temporary directory. A new directory in it cannot
        // have been prepared by another user.
        let in_temporary = |temporary: PathBuf| {
            let directory = temporary.join(format!("{DIRECTORY_PREFIX}{:016x}", fastrand::u64(..)));
            DirBuilder::new().mode(0o700).create(&directory)?;
            Self::in_directory(RescueDirectory { path: directory, depth: 1 })
        };
        let mut created = state_home(env).map_or(Err(io::ErrorKind::NotFound.into()), in_state);
        for temporary in temporary_directories(env) {
            created = created.or_else(|_| in_temporary(temporary));
        }
        created
    }

    fn in_directory(directory: RescueDirectory) -> io::Result<Self> {
        Ok(Self { file: ReservedFile::new_in(&directory.path)?, directory })
    }

    /// Writes the secret and names the file after `id`.
    ///
    /// # Errors
    /// The secret is not in the file.
    pub fn write(&mut self, id: &str, extension: &str, content: &[u8]) -> io::Result<()> {
        self.file.write(content)?;
        // The id comes from the server, so only characters that are safe in a file name are used.
        const MAX_STEM_LENGTH: usize = 100;
        let stem: String = id.chars().filter(|c| is_shell_safe(*c)).take(MAX_STEM_LENGTH).collect();
        let stem = if stem.is_empty() { "secret" } else { &stem };
        for number in 1u32.. {
            let name = if number == 1 { format!("{stem}.{extension}") } else { format!("{stem}-{number}.{extension}") };
            match self.file.rename(&self.directory.path.join(name), true) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if !self.file.path().exists() => return Err(error),
                // If it cannot be renamed, the file has the secret under its old name.
                _ => break,
            }
        }
        Ok(())
    }

    /// Flushes the file and its directory to disk, where that is possible.
    pub fn sync(&self) {
        let _ = self.file.sync();
        let _ = fs::File::open(&self.directory.path).and_then(|directory| directory.sync_all());
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Removes the file, and its directories where they are empty.
    pub fn discard(mut self) {
        self.file.discard();
    }
}

fn state_home(env: &Environment) -> Option<PathBuf> {
    let absolute = |name| env.path(name).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))
}

fn temporary_directories(env: &Environment) -> Vec<PathBuf> {
    let from_env = env.path("TMPDIR").filter(|path| path.is_absolute());
    let mut all: Vec<PathBuf> = from_env.into_iter().chain([PathBuf::from("/tmp")]).collect();
    all.dedup();
    all
}

/// Whether this is a directory that belongs to the user.
fn is_own(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == user)
}

/// All files with an undelivered secret.
pub fn rescued_files(env: &Environment) -> Vec<PathBuf> {
    let in_temporary = temporary_directories(env).into_iter().flat_map(|temporary| {
        let entries = fs::read_dir(temporary).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(DIRECTORY_PREFIX))
            .map(|entry| entry.path())
    });
    let directories = state_home(env).map(|state| state.join(STATE_DIRECTORY)).into_iter().chain(in_temporary);
    let mut files = Vec::new();
    for directory in directories.filter(|directory| is_own(directory)) {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let is_rescue_file =
            |path: &PathBuf| ["json", "token"].iter().any(|known| path.extension() == Some(known.as_ref()));
        let mut rescued: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_rescue_file).collect();
        rescued.retain(|path| is_undelivered(path));
        rescued.sort_unstable();
        files.extend(rescued);
        files.extend(undelivered_in(&directory));
    }
    files
}
