//! What mints, and an answer that has arrived in a way that nobody asked for:
//! while the process was stopped, in part while it was asked to end, encoded,
//! too long, or with the secret in another place. None of it is thrown away.

use insta::assert_snapshot;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::account_errors::{document, sa};
use crate::accounts::{CREATED, ID, MINTED, ORG, TOKEN};
use crate::server::{Server, answer, json};
use crate::support::{GRANT, Run, World};
use crate::{nscale_world, world};

const SECRET: &str = "nsrt_arrivalarrival";

fn created() -> String {
    format!(
        r#"{{"bearerToken":"{SECRET}","token":{{"tokenId":"tok_a","name":"ci","createdAt":"2026-11-22T10:00:00Z","expiresAt":"2026-11-23T10:00:00Z"}}}}"#
    )
}

/// An answer without its last byte, after which nothing more comes.
fn unended(body: &str) -> String {
    let whole = json(200, body);
    whole[..whole.len() - 1].to_owned()
}

/// A world that leads to a server of both clouds.
fn leads_to(server: &Server) -> World {
    let mut world = World::new();
    let path = world.write("token", "nsrt_wirewirewire");
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", &server.url);
    world.set("NSCALE_SERVICE_TOKEN", TOKEN).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url);
    world
}

/// A command that mints, how its answer goes on, and the secret in it.
struct Mint {
    program: &'static str,
    args: Vec<&'static str>,
    body: String,
    secret: &'static str,
}

fn mints() -> Vec<Mint> {
    let create = ["token", "create", "--name", "ci", "--grant", GRANT];
    let rotate = ["sa", "rotate", "--org", ORG, "--id", ID, "--yes"];
    let mint = |words: &[&'static str], flags: &[&'static str]| {
        let is_create = words == create;
        Mint {
            program: if is_create { "nsc" } else { "nscale" },
            args: [words, flags].concat(),
            body: if is_create { created() } else { CREATED.to_owned() },
            secret: if is_create { SECRET } else { MINTED },
        }
    };
    vec![
        mint(&create, &["--output", "token"]),
        mint(&create, &["--token_file", "here"]),
        mint(&rotate, &[]),
        mint(&rotate, &["--token-file", "here"]),
    ]
}

impl Mint {
    fn spawn(&self, world: &World, timeout: &str) -> Child {
        let mut command = world.command(self.program);
        command.args(&self.args).args(["--timeout", timeout]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The secret is where it was to go.
    fn check(&self, world: &World, child: Child) -> String {
        let output = child.wait_with_output().unwrap();
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{:?}: {stderr}", self.args);
        let place = if self.args.contains(&"here") { world.read("here") } else { stdout };
        assert!(place.contains(self.secret), "{:?}: {place} {stderr}", self.args);
        stderr
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn an_answer_that_came_while_the_process_was_stopped_is_taken() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    std::thread::scope(|scope| {
        for mint in mints() {
            scope.spawn(move || {
                let (server, heard, gate) = Server::gated([json(200, &mint.body)]);
                let world = leads_to(&server);
                let began = Instant::now();
                let child = mint.spawn(&world, "1s");
                heard.recv().unwrap();
                signal(&child, Signal::STOP);
                waitpid(Some(Pid::from_child(&child)), WaitOptions::UNTRACED).unwrap();
                drop(gate);
                // It is the time itself that is to be over.
                std::thread::sleep((TIMEOUT + Duration::from_millis(200)).saturating_sub(began.elapsed()));
                signal(&child, Signal::CONT);
                mint.check(&world, child);
                server.requests(1);
            });
        }
    });
}

#[test]
fn a_secret_that_is_here_is_delivered_to_whoever_is_asked_to_end() {
    std::thread::scope(|scope| {
        for mint in mints() {
            scope.spawn(move || {
                let (server, heard, gate) = Server::gated([unended(&mint.body)]);
                let world = leads_to(&server);
                let child = mint.spawn(&world, "60s");
                heard.recv().unwrap();
                drop(gate);
                signal(&child, Signal::TERM);
                let stderr = mint.check(&world, child);
                assert!(stderr.contains("note: interrupted; the change had been sent already"), "{stderr}");
            });
        }
    });
}

#[test]
fn a_secret_that_is_here_is_delivered_when_the_time_is_over() {
    std::thread::scope(|scope| {
        for mint in mints() {
            scope.spawn(move || {
                let (server, heard, gate) = Server::gated([unended(&mint.body)]);
                let world = leads_to(&server);
                let child = mint.spawn(&world, "1s");
                heard.recv().unwrap();
                drop(gate);
                mint.check(&world, child);
            });
        }
    });
}

#[test]
fn what_cannot_be_shown_of_a_part_is_kept() {
    let (server, heard, gate) = Server::gated([unended(CREATED)]);
    let world = leads_to(&server);
    let mut command = world.command("nscale");
    command.args(["sa", "rotate", "--org", ORG, "--id", ID, "--yes", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    heard.recv().unwrap();
    drop(gate);
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(error["hints"].to_string().contains("is kept in "), "{error}");
    assert_eq!(world.read(&format!("home/.local/state/nscred/undelivered/{ID}.token")), format!("{MINTED}\n"));
}

#[test]
fn nothing_is_sent_again_by_whoever_was_asked_to_end() {
    let server = Server::start([answer(502, "Retry-After: 1\r\n", ""), json(200, "{}"), json(200, "{}")]);
    let world = leads_to(&server);
    let mut command = world.command("nsc");
    command.args(["token", "revoke", "--token_id", "tok_a", "-v"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.by_ref().any(|line| line.starts_with("< 502 ")));
    // It waits before another try.
    signal(&child, Signal::TERM);
    let errors: Vec<String> = log.collect();
    assert_eq!(child.wait().unwrap().code(), Some(8), "{errors:?}");
    server.requests(1);
}

fn encoded(encoder: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    BufReader::new(encoder).read_to_end(&mut bytes).unwrap();
    bytes
}

/// An answer with a body in an encoding, of which `length` bytes are announced.
fn in_encoding(status: u16, name: &str, body: &[u8], length: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Encoding: {name}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn an_answer_that_was_encoded_unasked_is_read() {
    let body = created();
    let gzip = encoded(GzEncoder::new(body.as_bytes(), Compression::best()));
    for (name, bytes) in [
        ("gzip", gzip.clone()),
        ("x-gzip", gzip.clone()),
        ("deflate", encoded(ZlibEncoder::new(body.as_bytes(), Compression::best()))),
        ("deflate", encoded(DeflateEncoder::new(body.as_bytes(), Compression::best()))),
    ] {
        let server = Server::of_bytes(vec![in_encoding(200, name, &bytes, bytes.len())]);
        assert_eq!(leads_to(&server).create("ci", "--output json -q .bearer_token").ok(), format!("{SECRET}\n"));
        assert_eq!(server.requests(1)[0].headers["accept-encoding"], "identity");
    }
    // The secret comes first; the checksum and more have not come.
    for cut in [1, 12] {
        let server = Server::of_bytes(vec![in_encoding(200, "gzip", &gzip[..gzip.len() - cut], gzip.len())]);
        assert_eq!(leads_to(&server).create("ci", "--output token").ok(), format!("{SECRET}\n"), "{cut}");
    }
    let rotated = encoded(GzEncoder::new(CREATED.as_bytes(), Compression::best()));
    let server = Server::of_bytes(vec![in_encoding(200, "gzip", &rotated, rotated.len())]);
    let run = sa(&leads_to(&server), "rotate", &format!("--id {ID} --yes -q .status.accessToken"));
    assert_eq!(run.ok(), format!("{MINTED}\n"));
}

#[test]
fn what_else_was_encoded_unasked_is_read_too() {
    let list = encoded(GzEncoder::new(&b"{\"tokens\":[]}"[..], Compression::best()));
    let denied = br#"{"code":"permission_denied","message":"not allowed"}"#;
    let denied = encoded(GzEncoder::new(&denied[..], Compression::best()));
    let server = Server::of_bytes(vec![in_encoding(200, "gzip", &list, list.len())]);
    assert_eq!(leads_to(&server).nsc("token list -o json").ok(), "[]\n");
    let server = Server::of_bytes(vec![in_encoding(403, "gzip", &denied, denied.len())]);
    assert_snapshot!(leads_to(&server).nsc("token list").says(3), @"error: not permitted: not allowed");
}

#[test]
fn an_encoding_that_is_not_known_is_named() {
    let strange = |status| in_encoding(status, "br", b"\x0b\x02\x80CANARY", 9);
    for (run, code, words) in [
        (
            (|world| world.create("ci", "")) as fn(&World) -> Run,
            8,
            "reported success, but its answer cannot be read (unexpected encoding br): the secret in it is lost",
        ),
        (|world| world.nsc("token revoke --token_id tok_a"), 8, "unexpected encoding br"),
        (|world| world.nsc("token list"), 1, "unexpected encoding br"),
    ] {
        let server = Server::of_bytes(vec![strange(200)]);
        let stderr = run(&leads_to(&server)).fails_with(code, words);
        assert!(!stderr.contains("CANARY"), "{stderr}");
        server.requests(1);
    }
    let server = Server::of_bytes(vec![strange(403)]);
    assert_snapshot!(leads_to(&server).nsc("token list").says(1), @"
    error: something other than the API answered: HTTP 403 from 127.0.0.1:PORT with a body in an unexpected encoding (br)
    hint: a proxy, a web filter or a gateway may have answered in its place: that says nothing about the credential, its rights or what was asked for
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
}

#[test]
fn a_token_in_another_place_is_found() {
    for body in [
        format!(r#"{{"metadata":{{"id":"{ID}","name":"ci"}},"spec":{{"groupIDs":[]}},"accessToken":"{MINTED}"}}"#),
        format!(r#"{{"metadata":{{"id":"{ID}","name":"ci"}},"status":{{"token":{{"accessToken":"{MINTED}"}}}}}}"#),
        format!(r#"{{"serviceAccount":{{"metadata":{{"id":"{ID}"}},"status":{{"access_token":"{MINTED}"}}}}}}"#),
    ] {
        let (world, _server) = nscale_world([json(200, &body)]);
        sa(&world, "rotate", &format!("--id {ID} --yes --token-file here")).ok();
        assert_eq!(world.read("here"), format!("{MINTED}\n"), "{body}");
        let (world, _server) = nscale_world([json(201, &body)]);
        let path = document(&world);
        let run = sa(&world, "create", &format!("--file {path} --yes"));
        assert!(run.stdout.contains(&format!("Access Token: {MINTED}")), "{run:#?}");
    }
    for body in [
        format!(r#"{{"token":{{"tokenId":"tok_a","name":"ci","bearerToken":"{SECRET}"}}}}"#),
        format!(r#"{{"bearerToken":"","token":{{"tokenId":"tok_a"}},"credential":{{"bearer_token":"{SECRET}"}}}}"#),
        format!(r#"{{"result":{{"bearerToken":"{SECRET}","token":{{"tokenId":"tok_a"}}}}}}"#),
    ] {
        let (world, _server) = world([json(200, &body)]);
        let run = world.create("ci", "--token_file here");
        assert!(run.stderr.contains("token tok_a written to here") || run.stderr.contains("token ci"), "{run:#?}");
        run.ok();
        assert!(world.read("here").contains(SECRET), "{body}");
    }
}

#[test]
fn a_length_without_measure_does_not_cost_the_secret() {
    let endless = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300000000\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let (world, _server) = nscale_world([endless(CREATED)]);
    sa(&world, "rotate", &format!("--id {ID} --yes --token-file here")).ok();
    assert_eq!(world.read("here"), format!("{MINTED}\n"));
    let (world, _server) = crate::world([endless(&created())]);
    assert_eq!(world.create("ci", "--output token").ok(), format!("{SECRET}\n"));
}

/// Waits for a command that must not hang; `None` where it does.
fn end_of(child: &mut Child) -> Option<i32> {
    let limit = Instant::now() + Duration::from_secs(20);
    while Instant::now() < limit {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// Begins a command whose output nobody reads on after its first byte.
fn stuck(mut command: Command) -> (Child, impl Sized) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    (child, stdout)
}

fn stderr_of(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn output_that_nobody_reads_does_not_keep_a_command_from_ending() {
    let tokens: Vec<String> = (0..5_000).map(|number| format!(r#"{{"tokenId":"tok_{number:060}"}}"#)).collect();
    let list = format!(r#"{{"tokens":[{}]}}"#, tokens.join(","));
    for times in [1, 2] {
        let (world, _server) = world([json(200, &list)]);
        let mut command = world.command("nsc");
        command.args(["token", "list", "-o", "json"]);
        let (mut child, _stdout) = stuck(command);
        for _ in 0..times {
            signal(&child, Signal::TERM);
        }
        assert_eq!(end_of(&mut child), Some(130), "{times}");
        let stderr = stderr_of(&mut child);
        assert!(stderr.contains(r#""kind":"interrupted""#), "{stderr}");
    }
}

#[test]
fn a_secret_that_nobody_reads_is_kept_and_named_when_the_command_is_ended() {
    let (world, _server) = nscale_world([json(200, CREATED)]);
    let mut command = world.command("nscale");
    let filter = r#".status.accessToken, ("x" * 1000000)"#;
    command.args(["sa", "rotate", "--org", ORG, "--id", ID, "--yes", "-q", filter]);
    let (mut child, _stdout) = stuck(command);
    signal(&child, Signal::INT);
    signal(&child, Signal::TERM);
    assert_eq!(end_of(&mut child), Some(130));
    let file = world.path(&format!("home/.local/state/nscred/undelivered/{ID}.token"));
    let stderr = stderr_of(&mut child);
    assert!(stderr.contains(&format!("is kept in {}", file.display())), "{stderr}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{MINTED}\n"));
}
