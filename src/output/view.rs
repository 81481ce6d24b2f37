//! What a command shows to people. Each kind of resource has one view, which
//! [`crate::output::table`] draws.

/// What a text means, which decides its colour on a terminal.
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

/// Several resources, a row for each.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub header: Vec<&'static str>,
    /// The heads of the columns that may wrap on a narrow terminal. Ids and times do
    /// not, so that they can be copied.
    pub wrapping: &'static [&'static str],
    /// The heads of the columns that a narrow terminal leaves out, the first one first.
    pub optional: &'static [&'static str],
    /// Each as long as the header.
    pub rows: Vec<Vec<Cell>>,
}

/// One resource: labels with values.
#[derive(Clone, Debug, Default)]
pub struct Details(pub Vec<(&'static str, Cell)>);

impl Details {
    pub fn line(&mut self, label: &'static str, value: impl Into<Cell>) {
        self.0.push((label, value.into()));
    }
}
