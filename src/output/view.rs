//! What a command shows to people: a listing of several resources or the details
//! of one. [`crate::output::table`] draws both.

/// Decides the colour of a text on a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    /// Needs attention soon.
    Warning,
    /// No longer usable.
    Bad,
    /// Of little interest.
    Faint,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Not yet sanitized.
    pub text: String,
    pub tone: Tone,
}

impl Cell {
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// A table with a row for each resource.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub header: Vec<&'static str>,
    /// The names of the columns that may wrap on a narrow terminal. Ids and times do
    /// not, so that they can be copied.
    pub wrapping: &'static [&'static str],
    /// The names of the columns that are left out on a narrow terminal, in the order
    /// in which they are left out.
    pub optional: &'static [&'static str],
    /// Each as long as the header.
    pub rows: Vec<Vec<Cell>>,
}

/// The labels and values of one resource.
#[derive(Clone, Debug, Default)]
pub struct Details(pub Vec<(&'static str, Cell)>);

impl Details {
    pub fn line(&mut self, label: &'static str, value: impl Into<Cell>) {
        self.0.push((label, value.into()));
    }
}
