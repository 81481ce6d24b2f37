//! The wire, as literal fixtures written from the documents: the exact
//! requests, and answers of old and new servers. Nothing here comes from the
//! sandbox, so that the client and the sandbox cannot share one
//! misunderstanding.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod account_conflicts;
mod account_errors;
mod accounts;
mod arrivals;
mod asked_for;
mod denied;
mod echoes;
mod errors;
mod granted;
mod in_memory;
mod middlebox;
mod organizations;
mod other_identities;
mod proxies;
mod server;
mod sessions;
mod status;
mod strange_values;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod tokens;
mod trials;

use server::Server;
use support::World;

/// A world with a token that leads to a server with these answers.
fn world(answers: impl IntoIterator<Item = String>) -> (World, Server) {
    let server = Server::start(answers);
    let mut world = World::new();
    let path = world.write("token", "nsrt_wirewirewire");
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", &server.url);
    (world, server)
}

/// A world with a service token that leads to a server with these answers.
fn nscale_world(answers: impl IntoIterator<Item = String>) -> (World, Server) {
    let server = Server::start(answers);
    let mut world = World::new();
    world.set("NSCALE_SERVICE_TOKEN", accounts::TOKEN).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url);
    (world, server)
}
