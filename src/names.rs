//! The names that the binary is called by. Called as `nsc` or `nscale` with a
//! command that it does not have, it becomes the official program of that name
//! that comes after it on the PATH, so that a link hides nothing.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Failure, Kind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Nscred,
    /// Namespace's official program has this name too.
    Nsc,
    /// Nscale's official program has this name too.
    Nscale,
}

impl Program {
    pub const ALL: [Self; 3] = [Self::Nscred, Self::Nsc, Self::Nscale];

    /// By the file name in `argv[0]`; [`Self::Nscred`] where that is none of the names.
    pub fn called_by(argv0: Option<&OsStr>) -> Self {
        let name = argv0.map(Path::new).and_then(Path::file_stem).unwrap_or_default();
        Self::ALL.into_iter().find(|program| name == program.name()).unwrap_or(Self::Nscred)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Nscred => "nscred",
            Self::Nsc => "nsc",
            Self::Nscale => "nscale",
        }
    }

    /// Whether an official program has this name too.
    pub fn is_alias(self) -> bool {
        self != Self::Nscred
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A family of commands that the official programs have too: those that are not
/// here are theirs.
pub const SHARED_FAMILY: &str = "auth";

/// Set where this binary did not find itself on the PATH before it ran the next
/// program: a script in between that calls it again would go round for ever.
const HANDED_ON: &str = "NSCRED_HANDED_ON";

/// Becomes the official program that comes next on the PATH, with the same
/// arguments and environment. Returns only why it could not.
///
/// `word` is the command or option that this binary does not have, and `meant` one
/// that it has and that may have been meant.
pub fn exec_official(program: Program, argv: &[OsString], word: &str, meant: Option<String>) -> Failure {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = Vec::new();
    for file in env::split_paths(&path).map(|directory| directory.join(program.name())) {
        // A directory that is named twice would lead back.
        if is_executable(&file) && !candidates.contains(&file) {
            candidates.push(file);
        }
    }
    let argv0 = argv.first().map(PathBuf::from).unwrap_or_default();
    let own = env::current_exe().ok().and_then(|exe| identity(&exe));
    let Some(next) = next_on_path(&candidates, &argv0, |file| own.is_some() && identity(file) == own) else {
        return no_official_program(program, word, meant);
    };
    let mut command = Command::new(&next.path);
    command.args(argv.get(1..).unwrap_or_default());
    if !next.is_behind_own {
        if env::var_os(HANDED_ON).is_some() {
            return no_official_program(program, word, meant);
        }
        command.env(HANDED_ON, program.name());
    }
    let error = command.exec();
    Failure::new(Kind::Unexpected, format!("{} cannot be run", next.path.display())).source(error)
}

struct Next {
    path: PathBuf,
    /// Whether this binary's own place on the PATH is known, and before it.
    is_behind_own: bool,
}

/// The first candidate after this binary's own place that is not this binary.
///
/// Its own place is where `argv0` names it, else the first candidate that is this
/// very file. To start after it, instead of only skipping the same file, keeps two
/// copies from running each other.
fn next_on_path(candidates: &[PathBuf], argv0: &Path, is_self: impl Fn(&Path) -> bool) -> Option<Next> {
    let named = candidates.iter().position(|candidate| candidate == argv0);
    let own = named.or_else(|| candidates.iter().position(|candidate| is_self(candidate)));
    let start = own.map_or(0, |own| own + 1);
    let path = candidates.get(start..)?.iter().find(|candidate| !is_self(candidate))?;
    Some(Next { path: path.clone(), is_behind_own: own.is_some() })
}

fn no_official_program(program: Program, word: &str, meant: Option<String>) -> Failure {
    let what = if word.starts_with('-') { "option" } else { "command" };
    let failure = Failure::usage(format!(
        "nscred has no {what} `{word}`, and no official {program} was found after it on the PATH"
    ));
    match meant {
        Some(meant) => failure.hint(format!("did you mean `{program} {meant}`?")),
        None => failure,
    }
    .hint(format!("`{program} --help` lists what nscred has; install the official {program} for the rest"))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Device and inode, which all names of one file share.
fn identity(file: &Path) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(candidates: &[&str], argv0: &str, selves: &[&str]) -> Option<(String, bool)> {
        let candidates: Vec<PathBuf> = candidates.iter().map(PathBuf::from).collect();
        let is_self = |file: &Path| selves.iter().any(|known| file == Path::new(known));
        let next = next_on_path(&candidates, Path::new(argv0), is_self)?;
        Some((next.path.display().to_string(), next.is_behind_own))
    }

    #[test]
    fn names_are_read_off_the_call() {
        for (argv0, program) in [
            ("nsc", Program::Nsc),
            ("/usr/bin/nscale", Program::Nscale),
            ("./nscred", Program::Nscred),
            ("other", Program::Nscred),
            ("", Program::Nscred),
        ] {
            assert_eq!(Program::called_by(Some(OsStr::new(argv0))), program, "{argv0}");
        }
    }

    #[test]
    fn the_search_starts_after_its_own_place() {
        assert_eq!(find(&["/a/nsc", "/b/nsc"], "nsc", &["/a/nsc"]), Some(("/b/nsc".into(), true)));
        assert_eq!(find(&["/b/nsc", "/a/nsc"], "nsc", &["/a/nsc"]), None);
        assert_eq!(find(&["/a/nsc", "/b/nsc", "/c/nsc"], "nsc", &["/a/nsc", "/b/nsc"]), Some(("/c/nsc".into(), true)));
        assert_eq!(find(&["/a/nsc", "/b/nsc"], "/b/nsc", &["/b/nsc"]), None);
        assert_eq!(find(&["/b/nsc"], "/elsewhere/nsc", &[]), Some(("/b/nsc".into(), false)));
        assert_eq!(find(&[], "nsc", &[]), None);
    }
}
