//! Filters over an answer with a secret run in a subprocess: if one overflows its
//! stack or takes all memory, the process that has to deliver the secret survives.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::error::{Failure, Result};
use crate::output::query::Query;

/// The `argv[0]` of the subprocess.
const NAME: &str = "nscred-filter";

/// In bytes.
const MAX_MEMORY: u64 = 4 * 1024 * 1024 * 1024;

/// The failure of a filter, as the subprocess prints it on standard error.
#[derive(Deserialize)]
struct ErrorMessage {
    message: String,
    hints: Vec<String>,
}

impl Query {
    /// As [`Query::run`], in a subprocess.
    ///
    /// # Errors
    /// As [`Query::run`], and where the subprocess is killed.
    pub async fn run_in_subprocess(self, json: String, limit: Duration) -> Result<Vec<u8>> {
        let cannot = |error: std::io::Error| Failure::unexpected("the filter cannot be started").source(error);
        let filters = self.filters.iter().map(|program| program.code.as_str());
        let mut child = Command::new(executable().map_err(cannot)?)
            .arg0(NAME)
            .arg(limit.as_millis().to_string())
            .arg(&self.json_flag)
            .args(filters)
            .env_clear()
            // Ctrl-C is for the parent, which ends the subprocess.
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let stdin = child.stdin.take();
        let feed = async move {
            // A subprocess that stops reading has failed, and has printed why.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(json.as_bytes()).await;
            }
        };
        let both = async { tokio::join!(feed, child.wait_with_output()).1 };
        let Ok(output) = tokio::time::timeout(limit, both).await else {
            return Err(super::timeout_error(limit));
        };
        let output = output.map_err(|error| Failure::unexpected("the filter cannot be waited for").source(error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        match serde_json::from_slice::<ErrorMessage>(&output.stderr) {
            Ok(error) => Err(error.hints.into_iter().fold(Failure::unexpected(error.message), Failure::hint)),
            Err(_) if output.status.signal().is_some() => {
                Err(Failure::unexpected("the filter ran out of stack or memory and was killed"))
            }
            Err(_) => Err(Failure::unexpected("the filter ended without a result")),
        }
    }
}

/// This program, even if its file was replaced since it started.
fn executable() -> std::io::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() { Ok(own) } else { std::env::current_exe() }
}

/// Runs the filters, if this process is the subprocess.
pub fn serve(argv: &[OsString]) -> Option<ExitCode> {
    let [name, limit, json_flag, filters @ ..] = argv else { return None };
    if name != NAME {
        return None;
    }
    let limit = Duration::from_millis(limit.to_str()?.parse().ok()?);
    let json_flag = json_flag.to_str()?.to_owned();
    let filters: Vec<String> = filters.iter().filter_map(|filter| Some(filter.to_str()?.to_owned())).collect();
    Some(match run(filters, json_flag, limit) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = std::io::stderr().write_all(failure.to_json().as_bytes());
            ExitCode::FAILURE
        }
    })
}

fn run(filters: Vec<String>, json_flag: String, limit: Duration) -> Result<()> {
    let mut memory = getrlimit(Resource::As);
    memory.current = Some(memory.current.unwrap_or(MAX_MEMORY).min(MAX_MEMORY));
    // If it cannot be set, the system's limit applies.
    let _ = setrlimit(Resource::As, Rlimit { ..memory });
    let (done, result) = mpsc::channel();
    std::thread::Builder::new()
        .stack_size(super::RUN_STACK)
        .spawn(move || {
            let mut json = String::new();
            let read = std::io::stdin().read_to_string(&mut json);
            let read = read.map_err(|error| Failure::unexpected("the answer cannot be read").source(error));
            let _ = done.send(read.and_then(|_| Query::compile(&filters, &json_flag)?.results(json)));
        })
        .map_err(|error| Failure::unexpected("the filter cannot be started").source(error))?;
    let results = result.recv_timeout(limit).map_err(|_| super::timeout_error(limit))??;
    let mut stdout = std::io::stdout();
    let written = stdout.write_all(&results).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::unexpected("the results cannot be written").source(error))
}
