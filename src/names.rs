//! The names that the binary answers to. Called as `nsc` or `nscale` with a
//! command that it does not have, it hands the line to the official program
//! of that name further down the PATH: a link shadows nothing.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Failure, Kind};

/// The names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Its own.
    Nscred,
    /// That of Namespace's official program.
    Nsc,
    /// That of Nscale's official program.
    Nscale,
}

impl Program {
    /// Every name.
    pub const ALL: [Self; 3] = [Self::Nscred, Self::Nsc, Self::Nscale];

    /// The name that a command line calls.
    pub fn called_by(argv0: Option<&OsStr>) -> Self {
        let name = argv0.map(Path::new).and_then(Path::file_stem).unwrap_or_default();
        Self::ALL.into_iter().find(|program| name == program.name()).unwrap_or(Self::Nscred)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nscred => "nscred",
            Self::Nsc => "nsc",
            Self::Nscale => "nscale",
        }
    }

    /// Whether it is the name of an official program too.
    pub fn is_alias(self) -> bool {
        self != Self::Nscred
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Marks a line that was handed on from a place where this binary could not
/// find itself on the PATH, so that a script in between cannot send it round
/// for ever.
const HANDED_ON: &str = "NSCRED_HANDED_ON";

/// Becomes the official program further down the PATH, with the same
/// arguments and environment. Comes back only with the reason why not.
///
/// `word` is what of the line is foreign, and `meant` a command of this binary
/// that may have been meant.
pub fn exec_official(program: Program, argv: &[OsString], word: &str, meant: Option<String>) -> Failure {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = Vec::new();
    for file in env::split_paths(&path).map(|directory| directory.join(program.name())) {
        // A directory named twice adds nothing, and would lead back.
        if is_executable(&file) && !candidates.contains(&file) {
            candidates.push(file);
        }
    }
    let argv0 = argv.first().map(PathBuf::from).unwrap_or_default();
    let own = env::current_exe().ok().and_then(|exe| identity(&exe));
    let found = next_on_path(&candidates, &argv0, |file| own.is_some() && identity(file) == own);
    let Some((official, lost)) = found else {
        return no_official_program(program, word, meant);
    };
    let mut command = Command::new(&official);
    command.args(argv.get(1..).unwrap_or_default());
    if lost {
        if env::var_os(HANDED_ON).is_some() {
            return no_official_program(program, word, meant);
        }
        command.env(HANDED_ON, program.name());
    }
    let error = command.exec();
    Failure::new(Kind::Unexpected, format!("{} cannot be run", official.display())).source(error)
}

/// The first candidate behind this binary's own place that is not this binary
/// again, and whether its own place could not be told.
///
/// The own place is where `argv0` names it, else the first candidate that is
/// this very file. Starting behind it, and not merely passing over the same
/// file, keeps two copies from calling each other.
fn next_on_path(candidates: &[PathBuf], argv0: &Path, is_self: impl Fn(&Path) -> bool) -> Option<(PathBuf, bool)> {
    let named = candidates.iter().position(|candidate| candidate == argv0);
    let place = named.or_else(|| candidates.iter().position(|candidate| is_self(candidate)));
    let start = place.map_or(0, |place| place + 1);
    let official = candidates.get(start..)?.iter().find(|candidate| !is_self(candidate))?;
    Some((official.clone(), place.is_none()))
}

fn no_official_program(program: Program, word: &str, meant: Option<String>) -> Failure {
    let what = if word.starts_with('-') { "an option" } else { "a command" };
    let failure = Failure::usage(format!(
        "`{word}` is not {what} of nscred, and there is no official {program} further down the PATH"
    ));
    match meant {
        Some(meant) => failure.hint(format!("did you mean `{program} {meant}`?")),
        None => failure,
    }
    .hint(format!("`{program} --help` lists what there is; install the official {program} for the rest"))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// What tells two names of one file from two files.
fn identity(file: &Path) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(candidates: &[&str], argv0: &str, selves: &[&str]) -> Option<(String, bool)> {
        let candidates: Vec<PathBuf> = candidates.iter().map(PathBuf::from).collect();
        next_on_path(&candidates, Path::new(argv0), |file| selves.iter().any(|known| file == Path::new(known)))
            .map(|(path, lost)| (path.display().to_string(), lost))
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
    fn the_search_starts_behind_its_own_place() {
        assert_eq!(find(&["/a/nsc", "/b/nsc"], "nsc", &["/a/nsc"]), Some(("/b/nsc".into(), false)));
        assert_eq!(find(&["/b/nsc", "/a/nsc"], "nsc", &["/a/nsc"]), None);
        assert_eq!(find(&["/a/nsc", "/b/nsc", "/c/nsc"], "nsc", &["/a/nsc", "/b/nsc"]), Some(("/c/nsc".into(), false)));
        assert_eq!(find(&["/a/nsc", "/b/nsc"], "/b/nsc", &["/b/nsc"]), None);
        assert_eq!(find(&["/b/nsc"], "/elsewhere/nsc", &[]), Some(("/b/nsc".into(), true)));
        assert_eq!(find(&[], "nsc", &[]), None);
    }
}
