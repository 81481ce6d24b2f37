//! Space in a file for a secret, reserved before there is one.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use rustix::process::{Resource, getrlimit};

/// How much room is made, in bytes: many times what any secret has needed.
const RESERVED_BYTES: u64 = 64 * 1024;

/// What a file begins with that holds room and no secret, on file systems that
/// reserve room only for bytes that are written.
pub const PLACEHOLDER: &[u8] = b"nscred: room for a secret, which this file does not hold yet\n";

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

pub fn reserve(mut file: &File) -> io::Result<()> {
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

/// Whether a file holds more than room.
pub fn contains_secret(mut file: &File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.rewind()?;
    file.take(PLACEHOLDER.len() as u64).read_to_end(&mut start)?;
    Ok(!start.is_empty() && start != PLACEHOLDER)
}
