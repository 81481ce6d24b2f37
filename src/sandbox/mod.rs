//! A local server for both clouds' APIs. It accepts the tokens that it mints, and its
//! errors are those of the real servers. It serves plain HTTP, on loopback addresses
//! unless the user allows others, and never logs a credential.
//!
//! `server` finds the API of a request and applies `faults`. `namespace` and
//! `nscale` each have a table of the calls that they serve: a new call is a row
//! there and a function. `store` is the state in SQLite; `commit_queue` commits the
//! changes of many requests to a file at once. `shell` is the environment of a command
//! in the sandbox: links, credentials and variables.

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
