//! Text: made safe to show, coloured, quoted; times; similar names.

pub mod base64;
pub mod label;
pub mod nearest;
pub mod sanitize;
pub mod shell;
pub mod time;
