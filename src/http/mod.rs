//! HTTP calls: the same for every cloud.

pub mod client;
pub mod clock_reading;
pub mod connect;
pub mod content;
pub mod encoding;
pub mod endpoint;
pub mod error;
pub mod explain;
pub mod json;
pub mod log;
pub mod proxy;
pub mod rest;
pub mod retry;
pub mod tls;
