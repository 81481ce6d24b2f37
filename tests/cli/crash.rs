//! `kill -9` at any instant: the old file or the new one, never half of it.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::support::{GRANT, mode};

/// How many processes are killed.
const KILLS: u64 = 1_000;

#[test]
fn a_token_file_is_never_torn() {
    /// Each in a directory of its own.
    const WORKERS: u64 = 8;
    let sandbox = Sandbox::start();
    // The kills are spread over the run time of such a process.
    let started = Instant::now();
    sandbox.create("first", "--token_file first.json").ok();
    let life = started.elapsed();
    let killed: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                scope.spawn({
                    let sandbox = &sandbox;
                    move || kill_writers(sandbox, worker, KILLS / WORKERS, life)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    // Some end before they are killed. If all did, the test would show nothing.
    assert!(killed > KILLS / 10, "{killed} of {KILLS}");
}

/// Starts writers of one file and kills them. Returns how many did not end by
/// themselves.
fn kill_writers(sandbox: &Sandbox, worker: u64, times: u64, life: Duration) -> u64 {
    let file = sandbox.path(&format!("{worker}/token.json"));
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    let mut killed = 0;
    let mut last = String::new();
    for time in 0..times {
        // At times the old file is readable by others, which the new one never is.
        if time % 10 == 0 {
            std::fs::write(&file, "{\"bearer_token\":\"old\"}").unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
            last = "old".into();
        }
        let before = mode(&file);
        let mut command = sandbox.command("nsc");
        command.args(["token", "create", "--name", &format!("t{worker}-{time}"), "--grant", GRANT, "--token_file"]);
        let mut child = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // In varying fractions of the run time.
        let part = ((time * 7_919 + worker * 1_009) % 1_000) as u32;
        std::thread::sleep(life * part / 1_000);
        let _ = child.kill();
        killed += u64::from(child.wait().unwrap().signal().is_some());
        let content: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let token = content["bearer_token"].as_str().unwrap();
        assert!(token == last || (token.starts_with("nsrt_") && token.len() == 69), "{token}");
        assert!(mode(&file) == 0o600 || (token == "old" && mode(&file) == before), "{:o}", mode(&file));
        last = token.to_owned();
        // Temporary files of killed processes are readable by their owner only.
        for entry in std::fs::read_dir(file.parent().unwrap()).unwrap() {
            let path = entry.unwrap().path();
            assert!(path == file || mode(&path) == 0o600, "{}", path.display());
        }
    }
    killed
}
