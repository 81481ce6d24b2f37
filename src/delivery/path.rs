//! What the path for a secret leads to, and whether a file can be replaced there.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// What a path leads to after all links are followed.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file, which may not exist yet.
    File(PathBuf),
    Stdout,
    Stderr,
    /// Another open descriptor, of this process or another.
    Descriptor(PathBuf),
}

/// Follows the links of a path, so that their target is replaced and not the link.
///
/// # Errors
/// A link leads in a circle, or to the name of a directory.
pub fn resolve(path: &Path) -> io::Result<Destination> {
    /// As in Linux.
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if names_directory(&path) {
            return Err(io::Error::other("it is a directory's name"));
        }
        let Ok(directory) = fs::canonicalize(parent(&path)) else { return Ok(Destination::File(path)) };
        if is_descriptors(&directory) {
            let is_own = fs::canonicalize("/proc/self")
                .map_or(directory == Path::new("/dev/fd"), |own| directory.starts_with(own));
            return Ok(match path.file_name().and_then(|name| name.to_str()) {
                Some("1") if is_own => Destination::Stdout,
                Some("2") if is_own => Destination::Stderr,
                _ => Destination::Descriptor(path),
            });
        }
        match fs::read_link(&path) {
            Ok(_) if is_foreign_link(&path) => {
                return Err(io::Error::other("it is another user's link in a directory that everybody can write to"));
            }
            Ok(target) => path = parent(&path).join(target),
            Err(_) => return Ok(Destination::File(path)),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Whether another user may have created a link to redirect the secret. Linux does
/// not follow such links by default (`fs.protected_symlinks`).
fn is_foreign_link(link: &Path) -> bool {
    let (Ok(link), Ok(directory)) = (fs::symlink_metadata(link), fs::metadata(parent(link))) else { return false };
    let user = rustix::process::geteuid().as_raw();
    directory.mode() & (STICKY | 0o002) == STICKY | 0o002 && ![user, directory.uid()].contains(&link.uid())
}

/// Whether only a directory can have this path.
pub fn names_directory(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    matches!(bytes, b"." | b"..") || [&b"/"[..], b"/.", b"/.."].iter().any(|end| bytes.ends_with(end))
}

/// Whether a directory lists the open descriptors of a process.
fn is_descriptors(directory: &Path) -> bool {
    directory == Path::new("/dev/fd") || (directory.starts_with("/proc") && directory.ends_with("fd"))
}

pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether a device discards what is written to it.
pub fn discards_data(metadata: &Metadata) -> bool {
    let is_device = |name: &&str| fs::metadata(name).is_ok_and(|known| known.rdev() == metadata.rdev());
    metadata.file_type().is_char_device()
        && ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"].iter().any(is_device)
}

/// In a directory with this mode bit users can remove and replace only their own files.
const STICKY: u32 = 0o1000;

/// Why a rename cannot or must not replace the file.
pub fn obstacle(path: &Path, existing: Option<&Metadata>) -> Option<&'static str> {
    let directory = fs::metadata(parent(path)).ok()?;
    let user = rustix::process::geteuid().as_raw();
    let is_foreign = existing.is_some_and(|existing| existing.uid() != user);
    // root could replace it, but the new file would belong to the user who created the old one.
    let is_forbidden = user == 0 || directory.uid() != user;
    if directory.mode() & STICKY != 0 && is_foreign && is_forbidden {
        return Some("belongs to another user, in a directory where only the owner may replace a file (sticky bit)");
    }
    attribute(path, parent(path))
}

#[cfg(target_os = "linux")]
fn attribute(path: &Path, directory: &Path) -> Option<&'static str> {
    use rustix::fs::StatxAttributes;
    let has = |path, attribute| attributes(path).is_some_and(|(attributes, _)| attributes.contains(attribute));
    if has(path, StatxAttributes::IMMUTABLE) {
        Some("is immutable (chattr +i) and cannot be replaced")
    } else if has(path, StatxAttributes::APPEND) {
        Some("is append-only (chattr +a) and cannot be replaced")
    } else if has(directory, StatxAttributes::APPEND) {
        Some("is in an append-only directory (chattr +a) and cannot be replaced")
    } else {
        None
    }
}

#[cfg(target_os = "linux")]
fn attributes(path: &Path) -> Option<(rustix::fs::StatxAttributes, rustix::fs::StatxAttributes)> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let stat = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS).ok()?;
    Some((stat.stx_attributes, stat.stx_attributes_mask))
}

/// Whether a file is a mount point, as in containers. It can be written but not
/// replaced.
#[cfg(target_os = "linux")]
pub fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::StatxAttributes;
    match attributes(path) {
        Some((attributes, known)) if known.contains(StatxAttributes::MOUNT_ROOT) => {
            attributes.contains(StatxAttributes::MOUNT_ROOT)
        }
        _ => is_in_mountinfo(path, &fs::read("/proc/self/mountinfo").unwrap_or_default()),
    }
}

/// For Linux before 5.8. The path is the fifth column, with spaces and the like as
/// `\040` (proc_pid_mountinfo(5)).
#[cfg(target_os = "linux")]
fn is_in_mountinfo(path: &Path, table: &[u8]) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    let mut escaped = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => escaped.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => escaped.push(*byte),
        }
    }
    table.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').nth(4) == Some(&escaped))
}

#[cfg(not(target_os = "linux"))]
fn attribute(_path: &Path, _directory: &Path) -> Option<&'static str> {
    None
}

/// Other systems do not mount single files.
#[cfg(not(target_os = "linux"))]
pub fn is_mount_point(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_directories() {
        for path in ["a/", "a/.", "a/..", ".", "..", "/", "a//"] {
            assert!(names_directory(Path::new(path)), "{path}");
        }
        for path in ["a", "a.", ".a", "a/.b", "..a", "a/b.."] {
            assert!(!names_directory(Path::new(path)), "{path}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn standard_streams_by_any_name() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("out");
        std::os::unix::fs::symlink("/dev/stdout", &link).unwrap();
        for path in ["/dev/stdout", "/dev/fd/1", "/dev/../dev/stdout", "/proc/self/fd/1", "/proc/thread-self/fd/1"] {
            assert_eq!(resolve(Path::new(path)).unwrap(), Destination::Stdout, "{path}");
        }
        assert_eq!(resolve(&link).unwrap(), Destination::Stdout);
        assert_eq!(resolve(Path::new("/dev/fd/2")).unwrap(), Destination::Stderr);
        assert_eq!(resolve(Path::new("/proc/self/fd/7")).unwrap(), Destination::Descriptor("/proc/self/fd/7".into()));
        assert_eq!(resolve(Path::new("/proc/1/fd/1")).unwrap(), Destination::Descriptor("/proc/1/fd/1".into()));
        let file = directory.path().join("file");
        assert_eq!(resolve(&file).unwrap(), Destination::File(file));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_table_of_mounts() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a b\\c");
        fs::write(&file, "").unwrap();
        let place = fs::canonicalize(&file).unwrap().display().to_string().replace('\\', "\\134").replace(' ', "\\040");
        let table = format!("21 1 0:5 / / rw - ext4 /dev/a rw\n22 21 0:6 /x {place} rw - ext4 /dev/a rw\n");
        assert!(is_in_mountinfo(&file, table.as_bytes()));
        assert!(!is_in_mountinfo(directory.path(), table.as_bytes()));
        assert!(!is_mount_point(&file) && is_mount_point(Path::new("/proc")));
    }
}
