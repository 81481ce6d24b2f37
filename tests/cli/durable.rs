//! The sandbox keeps what it acknowledged with `--data`.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use insta::assert_snapshot;
use serde_json::json;

use crate::sandbox::{Sandbox, text};
use crate::support::{World, mode};

#[test]
fn nothing_acknowledged_is_lost_by_a_kill_during_many_creates() {
    const WRITERS: usize = 4;
    const CREATES_BEFORE_KILL: usize = 60;
    let world = World::new();
    let data = world.path("box.db").to_str().unwrap().to_owned();
    let mut sandbox = Sandbox::with(world, &["--data", &data]);
    let mut acknowledged = HashSet::new();
    for round in 0..3 {
        let (enough, wait) = mpsc::channel();
        let seen = Mutex::new(Vec::new());
        let count = AtomicUsize::new(0);
        let bearer = sandbox.bearer();
        let pid = sandbox.id();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (enough, seen, count, bearer, sandbox) = (enough.clone(), &seen, &count, &bearer, &sandbox);
                scope.spawn(move || {
                    for index in 0.. {
                        let request = json!({
                            "name": format!("{round}-{writer}-{index}"), "scope": 2,
                            "access": {"grants": [{"resourceType": "builder", "resourceId": "*", "actions": ["ensure"]}]},
                        });
                        // The kill ends the loop: there is no response, or a part of it.
                        let Some((200, body)) = sandbox.try_tokens("CreateRevokableToken", bearer, &request) else { return };
                        seen.lock().unwrap().push((text(&body["token"]["tokenId"]), text(&body["bearerToken"])));
                        if count.fetch_add(1, Ordering::Relaxed) + 1 == CREATES_BEFORE_KILL {
                            enough.send(()).unwrap();
                        }
                    }
                });
            }
            // If every writer stops early, `recv` fails.
            drop(enough);
            wait.recv().unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        acknowledged.extend(seen.into_inner().unwrap());
        sandbox = Sandbox::with(sandbox.kill(), &["--data", &data]);
    }
    assert!(acknowledged.len() >= 3 * CREATES_BEFORE_KILL);
    let listed: HashSet<String> = sandbox.nsc("token list -q .[].token_id").ok().lines().map(str::to_owned).collect();
    let lost: Vec<&String> = acknowledged.iter().map(|(id, _)| id).filter(|id| !listed.contains(*id)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    for (_, secret) in acknowledged.iter().take(5) {
        let (status, _) = sandbox.tokens("ListRevokableTokens", Some(secret), json!({}));
        assert_eq!(status, 403, "it is known, and not permitted to list");
    }
}

#[test]
fn data_survive_a_kill_and_contain_no_secrets() {
    let world = World::new();
    let data = world.path("box.db").to_str().unwrap().to_owned();
    let mut sandbox = Sandbox::with(world, &["--data", &data]);
    let (id, secret) = sandbox.mint("kept", "");
    let (gone, _) = sandbox.mint("gone", "");
    sandbox.nsc(&format!("token revoke --token_id {gone}")).ok();
    let bearer = sandbox.bearer();
    assert_eq!(mode(&data), 0o600);
    sandbox = Sandbox::with(sandbox.kill(), &["--data", &data]);
    assert_eq!(sandbox.nsc("token list -q .[].token_id").ok().trim(), id);
    assert_eq!(sandbox.tokens("ListRevokableTokens", Some(&bearer), json!({})).0, 200, "the old login still works");
    for name in sandbox.files() {
        let content = std::fs::read(sandbox.path(&name)).unwrap();
        let found = content.windows(secret.len() - 5).any(|part| part == &secret.as_bytes()[5..]);
        assert!(!found, "{name}");
    }
}

#[test]
fn special_names_of_sqlite_are_ordinary_files() {
    for name in ["file:box.db", ":memory:"] {
        let world = World::new();
        let mut sandbox = Sandbox::with(world, &["--data", name]);
        let (id, _) = sandbox.mint("kept", "");
        sandbox = Sandbox::with(sandbox.kill(), &["--data", name]);
        assert_eq!(sandbox.nsc("token list -q .[].token_id").ok().trim(), id);
        assert!(sandbox.files().iter().all(|file| file.starts_with(name)), "{:?}", sandbox.files());
        assert_eq!(mode(sandbox.path(name)), 0o600);
    }
}

#[test]
fn unusable_files_are_refused_and_not_changed() {
    let world = World::new();
    let other = world.path("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE t (x); PRAGMA application_id = 7;").unwrap();
    drop(connection);
    world.write("garbage.db", "this is no database, and was never meant to be one, whatever its name says".repeat(100));
    let files = ["other.db", "garbage.db", "missing/box.db", "home"];
    let stderr = files.map(|file| {
        let before = std::fs::read(world.path(file)).ok();
        let stderr = world.run("nscred", ["sandbox", "--data", file, "--", "true"]).fails(2);
        assert!(std::fs::read(world.path(file)).ok() == before, "{file} was changed");
        stderr
    });
    assert_snapshot!(stderr.join("\n"), @"
    error: --data other.db is a database of another program
    hint: use another file; this one was not changed

    error: --data garbage.db is damaged or not a database
    hint: use another file; this one was not changed

    error: --data missing/box.db cannot be created
      cause: No such file or directory (os error 2)

    error: --data home cannot be opened
      cause: unable to open database file: ./home
      cause: Error code 14: unable to open database file
    ");
    let sandbox = Sandbox::with(world, &["--data", "box.db"]);
    let stderr = sandbox.run("nscred", ["sandbox", "--data", "box.db", "--", "true"]).fails(2);
    assert_snapshot!(stderr, @"
    error: --data box.db is in use by another sandbox
    hint: stop that sandbox, or use another file
    ");
}
