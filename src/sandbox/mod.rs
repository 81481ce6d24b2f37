//! A local server of both clouds' APIs: tokens that it mints authenticate
//! against it, and its refusals are those of the real ones. It speaks plain
//! HTTP on loopback only and never logs a credential.

pub mod clock;
pub mod command;
pub mod commit_queue;
pub mod faults;
pub mod keys;
pub mod namespace;
pub mod nscale;
pub mod server;
pub mod shell;
pub mod store;
