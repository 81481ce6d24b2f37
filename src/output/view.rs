//! What a command has to show, before it is known where it is shown. Each
//! noun has one view; [`crate::output::table`] draws it.

/// What a cell's text means, which decides its colour on a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say about it.
    #[default]
    Plain,
    /// In order.
    Good,
    /// Wants attention soon.
    Warning,
    /// No longer of use.
    Bad,
    /// Of little interest.
    Faint,
}

/// A text with its tone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The text, not yet sanitized.
    pub text: String,
    /// What it means.
    pub tone: Tone,
}

impl Cell {
    /// A text with a tone.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// Several things of one kind: a header and a row for each.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The column heads.
    pub header: Vec<&'static str>,
    /// The heads of the columns that may wrap where space is short. Ids and
    /// times stay whole, so that they can be copied.
    pub wrapping: &'static [&'static str],
    /// The heads of the columns that a narrow terminal goes without, the first
    /// to go first.
    pub optional: &'static [&'static str],
    /// The rows, each as long as the header.
    pub rows: Vec<Vec<Cell>>,
}

/// One thing: labels with values.
#[derive(Clone, Debug, Default)]
pub struct Details(pub Vec<(&'static str, Cell)>);

impl Details {
    /// Adds a line.
    pub fn line(&mut self, label: &'static str, value: impl Into<Cell>) {
        self.0.push((label, value.into()));
    }
}
