//! What comes in from flags and files.

pub mod document;
pub mod duration;
pub mod node;
pub mod prompt;
