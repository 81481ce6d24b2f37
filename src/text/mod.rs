//! Text: escaping, colours, shell quoting, base64, times, and similar names.

pub mod base64;
pub mod label;
pub mod nearest;
pub mod sanitize;
pub mod shell;
pub mod time;
