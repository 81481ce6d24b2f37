//! Rescue files: where a secret is kept until it has arrived, and for good
//! where it does not.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::context::Environment;
use crate::delivery::leftovers::{is_undelivered, remove_unused, undelivered_in};
use crate::delivery::reserved::ReservedFile;

/// What the names of directories in everybody's temporary directory begin with.
const TEMPORARY: &str = "nscred-undelivered-";

/// The directory under the state directory.
const DIRECTORY: &str = "nscred/undelivered";

/// A file with room for a secret, away from where that is to go.
pub struct RescueFile {
    file: ReservedFile,
    /// What ends with it: directories that are of no use without it.
    directory: OwnDirectories,
}

/// A directory, and how many of its path, itself the last, are nscred's own.
struct OwnDirectories(PathBuf, usize);

impl Drop for OwnDirectories {
    fn drop(&mut self) {
        for directory in self.0.ancestors().take(self.1) {
            // One that is in use is not empty.
            let _ = fs::remove_dir(directory);
        }
    }
}

impl RescueFile {
    /// Makes one: under the state directory, else in a temporary one.
    ///
    /// # Errors
    /// No directory has room for it; the reason is that of the last.
    pub fn prepare(env: &Environment) -> io::Result<Self> {
        let in_state = |state: PathBuf| {
            let directory = state.join(DIRECTORY);
            DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
            if !is_own(&directory) {
                return Err(io::Error::other("the directory for it belongs to another user"));
            }
            remove_unused(&directory);
            Self::in_directory(OwnDirectories(directory, 2))
        };
        // A temporary directory is everybody's: a new one in it, that nobody
        // else can have made ready.
        let in_temporary = |temporary: PathBuf| {
            let directory = temporary.join(format!("{TEMPORARY}{:016x}", fastrand::u64(..)));
            DirBuilder::new().mode(0o700).create(&directory)?;
            Self::in_directory(OwnDirectories(directory, 1))
        };
        let mut made = state(env).map_or(Err(io::ErrorKind::NotFound.into()), in_state);
        for temporary in temporaries(env) {
            made = made.or_else(|_| in_temporary(temporary));
        }
        made
    }

    fn in_directory(directory: OwnDirectories) -> io::Result<Self> {
        Ok(Self { file: ReservedFile::new_in(&directory.0)?, directory })
    }

    /// Puts the secret into it, under a name that says what it is: that of
    /// `id`, as far as it is fit for one, and the ending for its content.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(&mut self, id: &str, extension: &str, content: &[u8]) -> io::Result<()> {
        self.file.write(content)?;
        // The id is the server's text: only what is plain in a file name is kept.
        let stem: String = id.chars().filter(|c| super::is_plain(*c)).take(100).collect();
        let stem = if stem.is_empty() { "secret" } else { &stem };
        for number in 1u32.. {
            let name = if number == 1 { format!("{stem}.{extension}") } else { format!("{stem}-{number}.{extension}") };
            match self.file.rename(&self.directory.0.join(name), true) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // It holds the secret under any name, if it is still there.
                Err(error) if !self.file.path().exists() => return Err(error),
                _ => break,
            }
        }
        Ok(())
    }

    /// Makes the content outlast a loss of power.
    pub fn sync(&self) {
        let _ = self.file.sync();
        let _ = fs::File::open(&self.directory.0).and_then(|directory| directory.sync_all());
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The secret has arrived: the file is of no use, and its directories
    /// neither where there is nothing else in them.
    pub fn discard(mut self) {
        self.file.discard();
    }
}

fn state(env: &Environment) -> Option<PathBuf> {
    let absolute = |name| env.path(name).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))
}

fn temporaries(env: &Environment) -> Vec<PathBuf> {
    let named = env.path("TMPDIR").filter(|path| path.is_absolute());
    let mut all: Vec<PathBuf> = named.into_iter().chain([PathBuf::from("/tmp")]).collect();
    all.dedup();
    all
}

/// Whether a directory belongs to the user.
fn is_own(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == user)
}

/// The secrets that were kept and are there still, in all places where they are
/// looked for.
pub fn kept(env: &Environment) -> Vec<PathBuf> {
    let in_temporaries = temporaries(env).into_iter().flat_map(|temporary| {
        let entries = fs::read_dir(temporary).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY)).map(|entry| entry.path())
    });
    let directories = state(env).map(|state| state.join(DIRECTORY)).into_iter().chain(in_temporaries);
    let mut found = Vec::new();
    for directory in directories.filter(|directory| is_own(directory)) {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let is_named = |path: &PathBuf| ["json", "token"].iter().any(|known| path.extension() == Some(known.as_ref()));
        let mut named: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_named).collect();
        named.retain(|path| is_undelivered(path));
        named.sort();
        found.extend(named);
        found.extend(undelivered_in(&directory));
    }
    found
}
