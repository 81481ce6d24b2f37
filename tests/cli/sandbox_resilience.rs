//! The sandbox under misbehaving clients, many clients, and on a full disk.

use std::io::{Read, Write};
use std::net::TcpStream;

use insta::assert_snapshot;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;

use crate::sandbox::Sandbox;
use crate::support::{World, scrub};

fn connect(sandbox: &Sandbox) -> TcpStream {
    TcpStream::connect(&sandbox.address).unwrap()
}

#[test]
fn incomplete_requests_do_not_block_other_clients() {
    let sandbox = Sandbox::start();
    let beginnings = [
        "",
        "G",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost:",
        "POST /api/version HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ];
    let held: Vec<TcpStream> = beginnings
        .iter()
        .map(|beginning| {
            let mut stream = connect(&sandbox);
            stream.write_all(beginning.as_bytes()).unwrap();
            stream
        })
        .collect();
    sandbox.nsc("token list").ok();
    sandbox.sa("list").ok();
    // Nor do clients that disconnect in the middle of a request.
    drop(held);
    sandbox.sa("list").ok();
}

#[test]
fn bytes_that_are_not_http_are_refused() {
    let sandbox = Sandbox::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = connect(&sandbox);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    sandbox.sa("list").ok();
}

#[test]
fn requests_over_the_size_limit_are_refused() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let name = "x".repeat(1024 * 1024);
    let (status, body) = sandbox.tokens("CreateRevokableToken", Some(&bearer), json!({ "name": name }));
    assert_eq!((status, &body["code"]), (429, &json!("resource_exhausted")));
    let organization = sandbox.get("NSCALE_ORGANIZATION_ID");
    let path = format!("/api/v1/organizations/{organization}/serviceaccounts");
    let document = json!({ "metadata": { "name": "a", "description": name }, "spec": { "groupIDs": [] } });
    let (status, body) = sandbox.post(&path, Some(sandbox.get("NSCALE_SERVICE_TOKEN")), &document.to_string());
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    assert_eq!(sandbox.sa("list -q length").ok(), "1\n");
}

#[test]
fn a_thousand_clients_at_once() {
    const CLIENTS: usize = 1_000;
    // One descriptor for each client, and those of the other tests.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let sandbox = Sandbox::start();
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(&sandbox)).collect();
    let request = format!(
        "GET /api/version HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        sandbox.get("NSCALE_SERVICE_TOKEN")
    );
    for client in &mut clients {
        client.write_all(request.as_bytes()).unwrap();
    }
    for client in &mut clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with('}'), "{answer}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    // A limit on the size of files, which fails as a full disk does.
    let script = "trap '' XFSZ; ulimit -f 300; exec nscred sandbox --listen 127.0.0.1:0 --data box.db";
    let sandbox = Sandbox::in_shell(script);
    let bearer = sandbox.bearer();
    let mut made = Vec::new();
    let refused = loop {
        let request = json!({
            "name": format!("t{}", made.len()), "scope": 2, "description": "x".repeat(4_000),
            "access": {"grants": [{"resourceType": "builder", "resourceId": "*", "actions": ["ensure"]}]},
        });
        match sandbox.tokens("CreateRevokableToken", Some(&bearer), request) {
            (200, body) => made.push(body["token"]["tokenId"].as_str().unwrap().to_owned()),
            refused => break refused,
        }
        assert!(made.len() < 10_000, "the disk is never full");
    };
    assert_eq!((refused.0, &refused.1["code"]), (500, &json!("internal")));
    let path = format!("/api/v1/organizations/{}/serviceaccounts", sandbox.get("NSCALE_ORGANIZATION_ID"));
    let document = json!({ "metadata": { "name": "a", "description": "x".repeat(9_000) }, "spec": { "groupIDs": [] } });
    let (status, body) = sandbox.post(&path, Some(sandbox.get("NSCALE_SERVICE_TOKEN")), &document.to_string());
    assert_eq!((status, &body["error"]), (500, &json!("server_error")));
    let world = sandbox.kill();
    let data = world.path("box.db").to_str().unwrap().to_owned();
    let sandbox = Sandbox::with(world, &["--data", &data]);
    let listed = sandbox.nsc("token list -q .[].token_id").ok();
    assert_eq!(listed.lines().collect::<Vec<_>>(), made);
    assert_eq!(sandbox.sa("list -q length").ok(), "1\n");
}

#[test]
fn other_machines_are_served_only_with_allow_remote_and_a_warning() {
    let world = World::new();
    world.run("nscred", ["sandbox", "--listen", "0.0.0.0:0"]).fails(2);
    let inside = ["--", "nscale", "sa", "list", "-q", "length"];
    let run = world.run("nscred", ["sandbox", "--listen", "0.0.0.0:0", "--allow-remote"].iter().chain(&inside));
    let port: String = run.stderr.split("0.0.0.0:").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    assert_snapshot!(scrub(&run.stderr, &[(&port, "PORT")]), @"warning: others on the network can reach 0.0.0.0:PORT: they can use the sandbox, and read every credential sent to it, because it serves plain HTTP");
    // Inside, the address is that of loopback.
    assert_eq!(run.ok(), "1\n");
}
