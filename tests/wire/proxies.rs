//! Proxies, as the environment names them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use insta::assert_snapshot;

use crate::server::Server;
use crate::support::World;

/// A host that only a proxy can find.
const HOST: &str = "identity.example.test";

/// A world with a server at that host, which trusts its authority. Gives the
/// server's real address too.
fn world() -> (World, String) {
    let (url, pem) = crate::tls::server(HOST);
    let address = url.trim_start_matches("https://").to_owned();
    let mut world = World::new();
    let token = world.write("token", "nsrt_wirewirewire");
    let authority = world.write("ca.pem", pem);
    world.set("NSC_TOKEN_FILE", token).set("NSC_IAM_ENDPOINT", format!("https://{HOST}"));
    world.set("SSL_CERT_FILE", authority);
    (world, address)
}

/// A proxy that takes everybody to one address, once `greet` has had a word
/// with them.
fn proxy(address: String, greet: fn(&mut TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            greet(&mut client);
            let server = TcpStream::connect(&address).unwrap();
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    own
}

/// Reads this many bytes.
fn take(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_proxy_takes_the_call_there() {
    let (mut world, address) = world();
    let proxy = proxy(address, |client| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(take(client, 1));
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("CONNECT identity.example.test:443 HTTP/1.1\r\n"), "{head}");
        assert!(!head.contains("nsrt_"), "{head}");
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    });
    world.set("HTTPS_PROXY", format!("http://{proxy}"));
    assert_eq!(world.nsc("token list -o json").ok(), "[]\n");
}

#[test]
fn a_socks_proxy_takes_the_call_there() {
    let (mut world, address) = world();
    let proxy = proxy(address, |client| {
        // RFC 1928: the methods, and a request to connect to a name.
        let methods = take(client, 2)[1].into();
        take(client, methods);
        client.write_all(&[5, 0]).unwrap();
        assert_eq!(take(client, 4), [5, 1, 0, 3]);
        let length = take(client, 1)[0].into();
        assert_eq!(take(client, length), HOST.as_bytes());
        assert_eq!(take(client, 2), [1, 187]);
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    });
    world.set("ALL_PROXY", format!("socks5h://{proxy}"));
    assert_eq!(world.nsc("token list -o json").ok(), "[]\n");
}

#[test]
fn a_proxy_that_is_not_there_or_says_no_is_named_without_its_login() {
    let (mut world, _) = world();
    world.set("HTTPS_PROXY", "http://user:CANARY@127.0.0.1:1");
    let stderr = world.create("t", "--timeout 1s").says(7);
    assert_snapshot!(stderr, @"
    error: the proxy 127.0.0.1:1 refused the connection
    hint: the proxy comes from HTTPS_PROXY or ALL_PROXY; NO_PROXY names the hosts that need none
    ");
    assert!(stderr.contains("HTTPS_PROXY") && !stderr.contains("CANARY"), "{stderr}");
    let server = Server::start((0..9).map(|_| "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n".to_owned()));
    world.set("HTTPS_PROXY", server.url.replace("http://", "http://user:CANARY@"));
    let stderr = world.create("t", "--timeout 1s").fails_with(7, &format!("could not connect to {HOST}"));
    assert!(stderr.contains("the proxy 127.0.0.1:") && !stderr.contains("CANARY"), "{stderr}");
}

#[test]
fn a_proxy_that_asks_for_a_login_does_not_pass() {
    let (mut world, _) = world();
    let server = Server::start(["HTTP/1.1 407 Whatever\r\nConnection: close\r\n\r\n".to_owned()]);
    world.set("HTTPS_PROXY", &server.url);
    assert_snapshot!(world.create("t", "").says(1), @"
    error: the proxy 127.0.0.1:PORT asks for a login
    hint: put the login into the proxy's address, as in http://USER:PASSWORD@proxy.example.com:3128
    hint: the proxy comes from HTTPS_PROXY or ALL_PROXY; NO_PROXY names the hosts that need none
    ");
    server.requests(1);
}

#[test]
fn a_host_that_needs_no_proxy_is_called_without() {
    let (mut world, _) = world();
    world.set("HTTPS_PROXY", "http://127.0.0.1:1").set("NO_PROXY", "example.test");
    let stderr = world.nsc("token list --timeout 2s").says(7);
    assert_snapshot!(stderr, @"
    error: the name identity.example.test cannot be resolved
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
    assert!(!stderr.contains("proxy") && stderr.contains(HOST), "{stderr}");
}

#[test]
fn what_is_no_address_of_a_proxy_is_told_without_being_shown() {
    let (mut world, _) = world();
    for (value, words) in [
        ("\"http://user:CANARY@127.0.0.1:1\"", "HTTPS_PROXY has quotes around the proxy's address"),
        ("http://user:CANARY@", "HTTPS_PROXY is not the address of a proxy"),
        ("ftp://user:CANARY@127.0.0.1", "HTTPS_PROXY names a proxy of the kind ftp, which nscred cannot use"),
    ] {
        world.set("HTTPS_PROXY", value);
        let stderr = world.nsc("token list").fails_with(2, words);
        assert!(!stderr.contains("CANARY"), "{stderr}");
    }
    // White space around it does not matter, nor an @ in the password.
    world.set("HTTPS_PROXY", " http://user:p@ss@127.0.0.1:1\n");
    world.create("t", "--timeout 1s").fails_with(7, "the proxy 127.0.0.1:1 refused the connection");
    for entry in ["*.example.test", "identity.example.test:443"] {
        world.set("NO_PROXY", entry);
        let stderr = world.nsc("token list --timeout 2s").fails(7);
        assert!(!stderr.contains("proxy"), "{entry}: {stderr}");
    }
}
