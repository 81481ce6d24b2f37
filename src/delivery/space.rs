//! Reserves disk space for a secret before there is one.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use rustix::process::{Resource, getrlimit};

/// In bytes: many times as much as any secret needs.
const RESERVED_BYTES: u64 = 64 * 1024;

/// The first bytes of a file without a secret, on file systems where space is reserved
/// by writing bytes.
pub const PLACEHOLDER: &[u8] = b"nscred: room for a secret, which this file does not hold yet\n";

/// Replaces the content of a file.
///
/// # Errors
/// The file cannot be written, and may be incomplete.
pub fn overwrite(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)
}

/// Reserves space in a file without changing its content.
///
/// # Errors
/// There is not enough space. `Unsupported`: the file system cannot reserve any.
pub fn reserve_in_place(file: &File) -> io::Result<()> {
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < RESERVED_BYTES) {
        let limit = "the limit on file sizes (ulimit -f) is too low for a secret";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, limit));
    }
    allocate(file)
}

/// Reserves space in an empty file.
///
/// # Errors
/// There is not enough space.
pub fn reserve(mut file: &File) -> io::Result<()> {
    match reserve_in_place(file) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        result => return result,
    }
    // Random bytes, since compressed ones would take less space.
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

/// Whether a file contains more than reserved space.
///
/// # Errors
/// The file cannot be read.
pub fn contains_secret(mut file: &File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.rewind()?;
    file.take(PLACEHOLDER.len() as u64).read_to_end(&mut start)?;
    Ok(!start.is_empty() && start != PLACEHOLDER)
}
