//! Filters over an answer with a secret run in a process of their own: one that
//! overflows its stack or takes all memory ends that process, and not the one
//! that knows where the secret is kept.

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

/// What such a process is called by.
const NAME: &str = "nscred-filter";

/// The most memory that it may take, in bytes.
const MAX_MEMORY: u64 = 4 * 1024 * 1024 * 1024;

/// The exit code of one that says why it failed on standard error.
const FAILED: u8 = 1;

/// Why a filter failed, as it is handed over.
#[derive(Deserialize)]
struct Told {
    message: String,
    hints: Vec<String>,
}

impl Query {
    /// As [`Query::run`], in a process of its own.
    ///
    /// # Errors
    /// As [`Query::run`], and where that process does not end by itself.
    pub async fn run_apart(self, json: String, limit: Duration) -> Result<Vec<u8>> {
        let cannot = |error: std::io::Error| Failure::unexpected("the filter cannot be started").source(error);
        let filters = self.filters.iter().map(|program| program.code.as_str());
        let mut child = Command::new(executable().map_err(cannot)?)
            .arg0(NAME)
            .arg(limit.as_millis().to_string())
            .arg(self.whole)
            .args(filters)
            .env_clear()
            // What the terminal sends is for this process to answer.
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let stdin = child.stdin.take();
        let feed = async move {
            // A process that reads no more has ended, and says why.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(json.as_bytes()).await;
            }
        };
        let both = async { tokio::join!(feed, child.wait_with_output()).1 };
        let Ok(output) = tokio::time::timeout(limit, both).await else {
            return Err(super::too_long(limit));
        };
        let output = output.map_err(|error| Failure::unexpected("the filter cannot be waited for").source(error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        match serde_json::from_slice::<Told>(&output.stderr) {
            Ok(told) => Err(told.hints.into_iter().fold(Failure::unexpected(told.message), Failure::hint)),
            Err(_) if output.status.signal().is_some() => {
                Err(Failure::unexpected("the filter ran out of stack or memory, and was ended"))
            }
            Err(_) => Err(Failure::unexpected("the filter ended without a result")),
        }
    }
}

/// This program, also where its file has been replaced meanwhile.
fn executable() -> std::io::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() { Ok(own) } else { std::env::current_exe() }
}

/// The whole of such a process, where this is one.
pub fn serve(argv: &[OsString]) -> Option<ExitCode> {
    let [name, limit, whole, filters @ ..] = argv else { return None };
    if name != NAME {
        return None;
    }
    let limit = Duration::from_millis(limit.to_str()?.parse().ok()?);
    // The flag's name lives as long as the process.
    let whole: &'static str = Box::leak(whole.to_str()?.to_owned().into_boxed_str());
    let filters: Vec<String> = filters.iter().filter_map(|filter| Some(filter.to_str()?.to_owned())).collect();
    Some(match run(filters, whole, limit) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = std::io::stderr().write_all(failure.to_json().as_bytes());
            FAILED.into()
        }
    })
}

fn run(filters: Vec<String>, whole: &'static str, limit: Duration) -> Result<()> {
    let mut memory = getrlimit(Resource::As);
    memory.current = Some(memory.current.unwrap_or(MAX_MEMORY).min(MAX_MEMORY));
    // Without it the system's own limit holds.
    let _ = setrlimit(Resource::As, Rlimit { ..memory });
    let (done, result) = mpsc::channel();
    std::thread::Builder::new()
        .stack_size(super::RUN_STACK)
        .spawn(move || {
            let mut json = String::new();
            let read = std::io::stdin().read_to_string(&mut json);
            let read = read.map_err(|error| Failure::unexpected("the answer cannot be read").source(error));
            let _ = done.send(read.and_then(|_| Query::compile(&filters, whole)?.results(json)));
        })
        .map_err(|error| Failure::unexpected("the filter cannot be started").source(error))?;
    // Whoever asked for it may be gone by now.
    let results = result.recv_timeout(limit).map_err(|_| super::too_long(limit))??;
    let mut stdout = std::io::stdout();
    let written = stdout.write_all(&results).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::unexpected("the results cannot be handed over").source(error))
}
