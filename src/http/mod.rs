//! The way to a server and back, without knowing which cloud it is.

pub mod client;
pub mod clocks;
pub mod connect;
pub mod endpoint;
pub mod json;
pub mod rest;
pub mod retry;
pub mod tls;
pub mod wire;
