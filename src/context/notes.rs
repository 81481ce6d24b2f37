//! What is said beside the data: notes and warnings, on standard error. Where an
//! error must be one line of JSON they wait until the command has ended.

/// Label and text.
pub type Note = (&'static str, String);

/// When notes are shown.
#[derive(Debug, Default)]
pub enum Notes {
    /// At once.
    #[default]
    Immediate,
    /// When the command has ended; these wait.
    Deferred(Vec<Note>),
}

impl Notes {
    pub fn deferred() -> Self {
        Self::Deferred(Vec::new())
    }

    pub fn are_deferred(&self) -> bool {
        matches!(self, Self::Deferred(_))
    }

    /// Takes a note that has to wait; gives it back where it is to be shown now.
    pub fn defer(&mut self, note: Note) -> Option<Note> {
        match self {
            Self::Immediate => Some(note),
            Self::Deferred(waiting) => {
                waiting.push(note);
                None
            }
        }
    }

    /// From now on notes are shown at once. Gives those that waited.
    pub fn show_from_now_on(&mut self) -> Vec<Note> {
        match std::mem::take(self) {
            Self::Immediate => Vec::new(),
            Self::Deferred(waiting) => waiting,
        }
    }
}
