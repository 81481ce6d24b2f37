//! Private files that may be lost, such as a cache: with mode 0600 from the start,
//! replaced completely or not at all. A secret that cannot be fetched again goes
//! through [`crate::delivery`] instead.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// # Errors
/// The file cannot be written, and is unchanged.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // tempfile creates files with mode 0600 and a random name, so that two processes
    // never write the same file.
    let mut temporary = tempfile::Builder::new().prefix(".nscred-").tempfile_in(directory)?;
    // The umask may have removed more.
    temporary.as_file().set_permissions(Permissions::from_mode(0o600))?;
    temporary.write_all(content)?;
    temporary.persist(path)?;
    Ok(())
}
