//! TLS, against a server with certificates made here.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use insta::assert_snapshot;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server::{Server, json};
use crate::support::World;

/// An HTTPS server on loopback with a certificate for this name; gives its
/// address and the certificate of its authority.
pub fn server(name: &str) -> (String, String) {
    server_until(name, 2126)
}

/// As [`server`], with a certificate that ends with this year's beginning.
fn server_until(name: &str, year: i32) -> (String, String) {
    server_with(name, |params| params.not_after = date_time_ymd(year, 1, 1))
}

fn server_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            // A client that does not trust the certificate ends it here.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(json(200, "{}").as_bytes());
            }
        }
    });
    (url, authority.pem())
}

fn world(url: &str) -> World {
    let mut world = World::new();
    let path = world.write("token", "nsrt_wirewirewire");
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", url);
    world
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_named() {
    let (url, pem) = server("127.0.0.1");
    let mut world = world(&url);
    world.write("ca.pem", &pem);
    assert_eq!(world.nsc("token list -o json --ca-file ca.pem").ok(), "[]\n");
    // In the variable a damaged neighbour does no harm.
    world.write("bundle.pem", format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{pem}"));
    world.set("SSL_CERT_FILE", "bundle.pem");
    assert_eq!(world.nsc("token list -o json").ok(), "[]\n");
    // It may be in a directory beside a bundle without it.
    let (_, other) = server("127.0.0.1");
    world.write("other.pem", &other);
    world.write("authorities/0a1b2c3d.0", &pem);
    world.set("SSL_CERT_FILE", "other.pem").set("SSL_CERT_DIR", "authorities");
    assert_eq!(world.nsc("token list -o json").ok(), "[]\n");
    // What a variable names takes the place of what the system has.
    world.write("others/0a1b2c3d.0", &other);
    world.set("SSL_CERT_DIR", "others");
    assert_snapshot!(world.nsc("token list").says(7), @"
    error: no secure connection to 127.0.0.1:PORT: its certificate is not signed by the authority that it names
    hint: if your network has its own certificate authority, name its certificate with --ca-file
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    let (url, _) = server("127.0.0.1");
    let world = world(&url);
    assert_snapshot!(world.nsc("token list").says(7), @"
    error: no secure connection to 127.0.0.1:PORT: its certificate is from an unknown authority
    hint: if your network has its own certificate authority, name its certificate with --ca-file
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
    let (_, other) = server("127.0.0.1");
    world.write("other.pem", other);
    assert_snapshot!(world.nsc("token list --ca-file other.pem").says(7), @"
    error: no secure connection to 127.0.0.1:PORT: its certificate is not signed by the authority that it names
    hint: if your network has its own certificate authority, name its certificate with --ca-file
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
}

#[test]
fn another_name_is_not_trusted() {
    let (url, pem) = server("elsewhere.example");
    let world = world(&url);
    world.write("ca.pem", pem);
    assert_snapshot!(world.create("t", "--ca-file ca.pem").says(7), @"
    error: no secure connection to 127.0.0.1:PORT: its certificate is for another name: elsewhere.example
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
}

#[test]
fn an_expired_certificate_says_since_when() {
    let (url, pem) = server_until("127.0.0.1", 2020);
    let world = world(&url);
    world.write("ca.pem", pem);
    assert_snapshot!(world.create("t", "--ca-file ca.pem").says(7), @"
    error: no secure connection to 127.0.0.1:PORT: its certificate expired on 2020-01-01, or the clock of this machine is wrong
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
}

#[test]
fn an_authority_that_only_the_system_knows_is_trusted() {
    let (url, pem) = server("127.0.0.1");
    let mut world = world(&url);
    world.write("certificates/authority.pem", pem);
    let directory = world.path("certificates");
    world.set("SSL_CERT_DIR", directory.to_str().unwrap());
    assert_eq!(world.nsc("token list -o json").ok(), "[]\n");
}

#[test]
fn a_certificate_of_an_authority_is_no_server_s() {
    let (url, pem) = server_with("127.0.0.1", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let world = world(&url);
    world.write("ca.pem", pem);
    let stderr = world.nsc("token list --ca-file ca.pem").fails(1);
    let (_, words) = stderr.split_once(": ").unwrap();
    assert!(words.contains("its certificate is an authority's own (CA:TRUE), which cannot be a server's"), "{stderr}");
    assert!(!stderr.contains("Other") && !stderr.contains("--ca-file"), "{stderr}");
}

#[test]
fn a_port_for_plain_http_is_told_and_not_tried_again() {
    // A web server answers what is no request to it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").unwrap();
    });
    let world = world(&url);
    let stderr = world.nsc("token list").fails_with(1, "does not speak TLS: its port may be one for plain http");
    assert!(stderr.contains("the address comes from NSC_IAM_ENDPOINT"), "{stderr}");
}

#[test]
fn a_bundle_may_be_long_and_begin_with_a_mark() {
    let (url, pem) = server("127.0.0.1");
    let mut world = world(&url);
    let padding = "# a comment of an authority that is not here\n".repeat(50_000);
    world.write("bundle.pem", format!("\u{feff}{padding}{pem}"));
    world.set("SSL_CERT_FILE", "bundle.pem");
    let run = world.nsc("token list -o json -v");
    assert!(
        run.stderr.contains("* the certificates of SSL_CERT_FILE and SSL_CERT_DIR accept the server's"),
        "{run:#?}"
    );
    assert_eq!(run.ok(), "[]\n");
    // What is named must be there, since nothing else is trusted.
    world.set("SSL_CERT_FILE", "missing.pem");
    world.nsc("token list").fails_with(2, "SSL_CERT_FILE missing.pem: no certificate in it can be used");
    world.set("SSL_CERT_FILE", "").set("SSL_CERT_DIR", "nowhere");
    world.nsc("token list").fails_with(2, "SSL_CERT_DIR nowhere: no certificate in it can be used");
}

#[test]
fn a_certificate_file_that_is_not_used_is_noted() {
    let server = Server::start([json(200, "{}")]);
    let world = world(&server.url);
    let run = world.nsc("token list -o json --ca-file ca.pem");
    let host = server.url.trim_start_matches("http://");
    assert_eq!(run.stderr, format!("note: --ca-file is not used: {host} is reached by plain http\n"));
    assert_eq!(run.ok(), "[]\n");
}
