//! The way to a server and back, without knowing which cloud it is.

pub mod broken;
pub mod client;
pub mod clocks;
pub mod connect;
pub mod encoding;
pub mod endpoint;
pub mod foreign;
pub mod json;
pub mod log;
pub mod page;
pub mod rest;
pub mod retry;
pub mod tls;
