//! Text in and out, for every module above: made safe to show, coloured,
//! quoted; times; the nearest of several names.

pub mod label;
pub mod nearest;
pub mod sanitize;
pub mod shell;
pub mod time;
