//! The names that the binary is called by: `nscred`, or `nsc` or `nscale` through a
//! link. The official programs are called nsc and nscale too. If a link is called
//! with a command that only the official program has, the binary runs the official
//! program, which is the next one of that name on the PATH.

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
    /// Also the name of Namespace's official program.
    Nsc,
    /// Also the name of Nscale's official program.
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

/// A family of commands that the official programs have too. Its unknown commands are
/// passed to them.
pub const SHARED_FAMILY: &str = "auth";

/// Set for the official program if this binary did not find itself on the PATH. If
/// that program is a script that calls this binary again, it fails instead of
/// running the script again, without end.
const LOOP_GUARD: &str = "NSCRED_HANDED_ON";

/// Replaces this process with the official program that comes next on the PATH, with
/// the same arguments and environment. Returns only if that fails.
///
/// `word` is the command or option that this binary does not have, and `suggestion`
/// a similar one that it has.
pub fn exec_official(program: Program, argv: &[OsString], word: &str, suggestion: Option<String>) -> Failure {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = Vec::new();
    for file in env::split_paths(&path).map(|directory| directory.join(program.name())) {
        // The PATH may contain a directory twice.
        if is_executable(&file) && !candidates.contains(&file) {
            candidates.push(file);
        }
    }
    let argv0 = argv.first().map(PathBuf::from).unwrap_or_default();
    let own = env::current_exe().ok().and_then(|exe| identity(&exe));
    let Some(next) = next_on_path(&candidates, &argv0, |file| own.is_some() && identity(file) == own) else {
        return no_official_program(program, word, suggestion);
    };
    let mut command = Command::new(&next.path);
    command.args(argv.get(1..).unwrap_or_default());
    if !next.is_after_own {
        if env::var_os(LOOP_GUARD).is_some() {
            return no_official_program(program, word, suggestion);
        }
        command.env(LOOP_GUARD, program.name());
    }
    let error = command.exec();
    Failure::new(Kind::Unexpected, format!("{} cannot be run", next.path.display())).source(error)
}

struct Next {
    path: PathBuf,
    /// Whether this binary was found on the PATH, before it.
    is_after_own: bool,
}

/// The first candidate after this binary that is not this binary.
///
/// This binary is the candidate that `argv0` names, else the first one that is the
/// same file. Only later candidates count, so that two copies of it do not run each
/// other.
fn next_on_path(candidates: &[PathBuf], argv0: &Path, is_self: impl Fn(&Path) -> bool) -> Option<Next> {
    let by_argv0 = candidates.iter().position(|candidate| candidate == argv0);
    let own_index = by_argv0.or_else(|| candidates.iter().position(|candidate| is_self(candidate)));
    let start = own_index.map_or(0, |index| index + 1);
    let path = candidates.get(start..)?.iter().find(|candidate| !is_self(candidate))?;
    Some(Next { path: path.clone(), is_after_own: own_index.is_some() })
}

fn no_official_program(program: Program, word: &str, suggestion: Option<String>) -> Failure {
    let what = if word.starts_with('-') { "option" } else { "command" };
    let failure = Failure::usage(format!(
        "nscred has no {what} `{word}`, and no official {program} was found after it on the PATH"
    ));
    match suggestion {
        Some(suggestion) => failure.hint(format!("did you mean `{program} {suggestion}`?")),
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
        Some((next.path.display().to_string(), next.is_after_own))
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
