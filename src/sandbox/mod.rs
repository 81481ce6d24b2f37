//! A local server of both clouds' APIs. The tokens that it mints authenticate
//! against it, and its errors are those of the real servers. It serves plain
//! HTTP, on loopback addresses unless the user allows others, and never logs a
//! credential.
//!
//! `server` finds the API of a request and applies `faults`. `namespace` and
//! `nscale` each have a table of what they serve: a new call is a row there and
//! a function. `store` is the state in SQLite; `commit_queue` writes to a file
//! for many requests at once. `shell` is what a command inside gets: links,
//! credentials and variables.

mod clock;
pub mod command;
mod commit_queue;
mod faults;
mod keys;
mod namespace;
mod nscale;
mod server;
mod shell;
mod store;
