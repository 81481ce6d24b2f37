//! Notes and warnings, on standard error. Where an error must be one line of JSON
//! they are deferred until the command has ended.

#[derive(Debug)]
pub struct Note {
    /// `note` or `warning`.
    pub label: &'static str,
    pub text: String,
}

#[derive(Debug, Default)]
pub enum Notes {
    /// Each is shown at once.
    #[default]
    Immediate,
    /// These are shown when the command has ended.
    Deferred(Vec<Note>),
}

impl Notes {
    pub fn deferred() -> Self {
        Self::Deferred(Vec::new())
    }

    pub fn are_deferred(&self) -> bool {
        matches!(self, Self::Deferred(_))
    }

    /// Becomes [`Notes::Immediate`], and returns the notes that were deferred.
    pub fn make_immediate(&mut self) -> Vec<Note> {
        match std::mem::take(self) {
            Self::Immediate => Vec::new(),
            Self::Deferred(notes) => notes,
        }
    }
}
