//! Input: JSON documents from flags, files and pipes, durations, and questions.

pub mod document;
pub mod duration;
pub mod node;
pub mod prompt;
