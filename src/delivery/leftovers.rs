//! Reserved files of processes that were killed, with or without a secret in them.

use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::delivery::reserved::{PREFIX, open};
use crate::delivery::space::contains_secret;

/// Removes the reserved files without a secret.
pub fn remove_unused(directory: &Path) {
    for path in reserved_files(directory) {
        let Ok(file) = open(&path, &mut OpenOptions::new()) else { continue };
        if file.try_lock().is_ok() && contains_secret(&file).is_ok_and(|is_secret| !is_secret) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// The reserved files with a secret.
pub fn undelivered_in(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = reserved_files(directory).filter(|path| is_undelivered(path)).collect();
    files.sort_unstable();
    files
}

/// Whether a file contains a secret and no process is using it.
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;
    use crate::delivery::space::PLACEHOLDER;

    #[test]
    fn reserved_space_is_no_secret() {
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
}
