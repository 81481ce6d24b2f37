//! A local server of both clouds' APIs: tokens that it mints authenticate
//! against it, and its refusals are those of the real ones. It speaks plain
//! HTTP on loopback only and never logs a credential.

pub mod auth;
pub mod clock;
pub mod command;
pub mod faults;
pub mod journal;
pub mod namespace;
pub mod nscale;
pub mod reply;
pub mod server;
pub mod shell;
pub mod store;
