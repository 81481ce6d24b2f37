//! Runs the real binary in a world of its own: an empty home, nothing of the
//! caller's environment, and a server to talk to.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod terminal;

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The binary under test.
pub const NSCRED: &str = env!("CARGO_BIN_EXE_nscred");

/// A grant that is fine.
pub const GRANT: &str = r#"{"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}"#;

/// A directory to work in, with a home and links for the binary's names.
pub struct World {
    pub directory: TempDir,
    vars: Vec<(String, String)>,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("home/tmp")).unwrap();
        let bin = directory.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for name in ["nsc", "nscale", "nscred"] {
            symlink(NSCRED, bin.join(name)).unwrap();
        }
        Self { directory, vars: Vec::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Sets a variable for every run from here on.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        self.vars.retain(|(known, _)| known != name);
        self.vars.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub fn get(&self, name: &str) -> &str {
        self.vars.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Writes a file and gives its path as text.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A call of one of the names, which are the first on the PATH.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path("bin").join(program));
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("home/tmp"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run<A: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command(program).args(args))
    }

    /// Runs `nsc` with the words of a line.
    pub fn nsc(&self, line: &str) -> Run {
        self.run("nsc", line.split_whitespace())
    }

    /// Runs `nscale serviceaccounts` with the words of a line.
    pub fn sa(&self, line: &str) -> Run {
        self.run("nscale", ["sa"].into_iter().chain(line.split_whitespace()))
    }

    /// Runs a script in a shell, where the names are on the PATH.
    pub fn sh(&self, script: &str) -> Run {
        Run::of(&mut self.shell(script))
    }

    /// A shell with a script, where the names are on the PATH.
    pub fn shell(&self, script: &str) -> Command {
        let command = self.command("nsc");
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.current_dir(self.directory.path()).stdin(Stdio::null()).args(["-c", script]);
        shell
    }

    /// `nsc token create` with a good grant and these further words.
    pub fn create(&self, name: &str, line: &str) -> Run {
        let mut args = vec!["token", "create", "--name", name, "--grant", GRANT];
        args.extend(line.split_whitespace());
        self.run("nsc", args)
    }

    /// Everything that lies in the working directory, by name.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["home", "bin"].contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    directory: Option<PathBuf>,
    /// Whether ids are random.
    is_sandboxed: bool,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self::new(output, command)
    }

    /// The end of a command that was started.
    pub fn new(output: Output, command: &Command) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            directory: command.get_current_dir().map(Path::to_owned),
            is_sandboxed: command.get_envs().any(|(name, _)| name == "NSCRED_SANDBOX"),
        }
    }

    /// Gives stdout of a run that succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }

    /// Gives stderr of a run that failed with this code and left stdout empty.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        self.stderr
    }

    /// As [`Run::fails`], for a snapshot: what differs from run to run is replaced.
    #[track_caller]
    pub fn says(self, code: i32) -> String {
        let stderr = self.scrubbed();
        self.fails(code);
        stderr
    }

    /// Stderr with ports, times, durations, the sandbox's ids and the test's own directory replaced.
    pub fn scrubbed(&self) -> String {
        let text = scrub_numbers(&self.stderr, "127.0.0.1:", 4, "", "PORT");
        let text = scrub_numbers(&text, " in ", 1, " ms;", "N");
        let text = scrub_times(&text);
        let text = if self.is_sandboxed { scrub_ids(&text) } else { text };
        self.directory.iter().fold(text, |text, path| text.replace(path.to_str().unwrap(), "DIRECTORY"))
    }

    /// As [`Run::fails`], and stderr holds these words.
    #[track_caller]
    pub fn fails_with(self, code: i32, words: &str) -> String {
        let stderr = self.fails(code);
        assert!(stderr.contains(words), "no {words:?} in: {stderr}");
        stderr
    }

    /// Stdout of a run that succeeded, as JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

/// The text with what differs from run to run, such as ports and paths, replaced by names.
pub fn scrub(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (value, name)| text.replace(value, name))
}

/// The text with the numbers between two strings replaced, if they have this many digits.
fn scrub_numbers(text: &str, before: &str, digits: usize, after: &str, name: &str) -> String {
    let mut parts = text.split(before);
    let mut scrubbed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_number = part.len() - rest.len() >= digits && rest.starts_with(after);
        scrubbed += before;
        scrubbed += &if is_number { format!("{name}{rest}") } else { part.to_owned() };
    }
    scrubbed
}

/// The text with times such as 2026-11-25T14:42:16Z replaced.
fn scrub_times(text: &str) -> String {
    let is_other = |c: char| !c.is_ascii_digit() && !"-:TZ".contains(c);
    let words = text.split_inclusive(is_other).map(|word| {
        let time = word.trim_end_matches(is_other);
        if time.parse::<jiff::Timestamp>().is_ok() { word.replace(time, "TIME") } else { word.to_owned() }
    });
    words.collect()
}

/// The text with long hexadecimal numbers and UUIDs replaced.
fn scrub_ids(text: &str) -> String {
    let is_other = |c: char| !c.is_ascii_hexdigit() && c != '-';
    let words = text.split_inclusive(is_other).map(|word| {
        let id = word.trim_end_matches(is_other);
        if id.len() >= 20 { word.replace(id, "ID") } else { word.to_owned() }
    });
    words.collect()
}

/// The permission bits of a file.
pub fn mode(path: impl AsRef<Path>) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Writes a script that can be run.
pub fn script(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Says, past the capture of a test's output, that a test is skipped and why.
pub fn skip(test: &str, why: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {test}: {why}\n").as_bytes()).unwrap();
}

/// Whether a command is there and succeeds.
pub fn succeeds(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
