//! Input from flags, files and people.

pub mod document;
pub mod duration;
pub mod node;
pub mod prompt;
