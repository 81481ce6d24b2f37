//! Private files that may be lost, as a cache may: mode 0600 from birth,
//! replaced whole or not at all. A secret that exists once goes through
//! [`crate::delivery`] instead.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Replaces a file in one step.
///
/// # Errors
/// Whatever creating, writing or renaming says.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // tempfile creates with mode 0600 and a name of its own, so that two
    // writers never share one.
    let mut temporary = tempfile::Builder::new().prefix(".nscred-").tempfile_in(directory)?;
    // A umask may have taken more away.
    temporary.as_file().set_permissions(Permissions::from_mode(0o600))?;
    temporary.write_all(content)?;
    temporary.persist(path)?;
    Ok(())
}
