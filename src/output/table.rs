//! Draws views with comfy-table. On a terminal a listing is fitted to the width; on
//! a pipe no column is left out or wrapped. No line ends in a space.

use std::borrow::Cow;

use comfy_table::{ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

use crate::context::Stream;
use crate::output::view::{Cell, Details, Listing, Tone};
use crate::text::sanitize::sanitize;

/// Of a column that wraps, in characters. On a terminal with less space the lines
/// are longer than the terminal is wide.
const MIN_WRAPPED_WIDTH: usize = 12;

/// The length of a cell's text, in characters. comfy-table can measure 65,535
/// columns, and a character takes three at most.
const MAX_CELL_ON_TERMINAL: usize = 400;
const MAX_CELL_ON_PIPE: usize = 20_000;

/// The borders that comfy-table draws between cells and between rows. After the
/// table is laid out they show where each cell is, so that it can be coloured; then
/// they are removed. No cell contains one: they are control characters, which
/// [`sanitize`] removes.
const CELL_BORDER: char = '\u{1f}';
const ROW_BORDER: char = '\u{1e}';

/// The spaces between the columns of a listing.
const GAP: usize = 2;

/// Rows that are laid out at a time for a pipe, because comfy-table takes several
/// times the memory of the text.
const MAX_BATCH_ON_PIPE: usize = 1_000;

/// Draws a listing, for the stream that it will be written to.
pub fn listing(stream: &Stream, mut listing: Listing) -> String {
    listing.rows.insert(0, listing.header.iter().copied().map(Cell::from).collect());
    for cell in listing.rows.iter_mut().flatten() {
        cell.text = clip(std::mem::take(&mut cell.text), stream);
    }
    let mut columns = columns(&listing, stream.width().is_some());
    let mut batch = MAX_BATCH_ON_PIPE;
    if let Some(width) = stream.width() {
        // The width of a column that wraps depends on all rows.
        batch = listing.rows.len();
        for optional in listing.optional {
            let gaps = GAP * columns.len().saturating_sub(1);
            if columns.iter().map(|column| column.min_width).sum::<usize>() + gaps <= width.into() {
                break;
            }
            columns.retain(|column| column.name != *optional);
        }
    }
    let mut out = String::new();
    for rows in listing.rows.chunks(batch) {
        let mut drawing = Drawing::new(stream.color());
        for row in rows {
            drawing.add_row(columns.iter().filter_map(|column| row.get(column.index)));
        }
        if let Some(width) = stream.width() {
            let borders = u16::try_from(columns.len().saturating_sub(1)).unwrap_or_default();
            drawing.table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.saturating_add(borders));
        }
        for (index, (drawn, column)) in drawing.table.column_iter_mut().zip(&columns).enumerate() {
            let padding = if index + 1 == columns.len() { 0 } else { GAP };
            drawn.set_padding((0, u16::try_from(padding).unwrap_or_default()));
            let width = Width::Fixed(u16::try_from(column.min_width + padding).unwrap_or(u16::MAX));
            drawn.set_constraint(if column.may_wrap {
                ColumnConstraint::LowerBoundary(width)
            } else {
                ColumnConstraint::Absolute(width)
            });
        }
        drawing.draw(&mut out);
    }
    out
}

/// Draws `Label: value` lines, the values aligned, for the stream that they
/// will be written to.
pub fn details(stream: &Stream, details: &Details) -> String {
    let mut drawing = Drawing::new(stream.color());
    for (label, cell) in &details.0 {
        let label = if label.is_empty() { String::new() } else { format!("{label}:") };
        let value = Cell { text: clip(cell.text.clone(), stream), ..*cell };
        drawing.add_row([&label.into(), &value]);
    }
    for column in drawing.table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    let mut out = String::new();
    drawing.draw(&mut out);
    out
}

/// A column that is shown.
struct Column {
    index: usize,
    name: &'static str,
    /// In characters.
    min_width: usize,
    may_wrap: bool,
}

fn columns(listing: &Listing, has_width: bool) -> Vec<Column> {
    let column = |(index, name): (usize, &&'static str)| {
        let cells = listing.rows.iter().filter_map(|row| row.get(index));
        let width = cells.map(|cell| cell.text.width()).max().unwrap_or(0);
        let may_wrap = has_width && listing.wrapping.contains(name);
        // The header is never wrapped.
        let min_width = if may_wrap { MIN_WRAPPED_WIDTH.min(width).max(name.width()) } else { width };
        Column { index, name, min_width, may_wrap }
    };
    listing.header.iter().enumerate().map(column).collect()
}

/// A table that is being filled, and the tones of its cells.
struct Drawing {
    table: Table,
    tones: Vec<Vec<Tone>>,
    color: bool,
}

impl Drawing {
    fn new(color: bool) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.style_mut().content_lines = ContentLineStyle::none().junction(CELL_BORDER);
        if color {
            table.style_mut().row_separator = LineStyle::none().fill(ROW_BORDER).junction(ROW_BORDER);
        }
        Self { table, tones: Vec::new(), color }
    }

    fn add_row<'a>(&mut self, cells: impl IntoIterator<Item = &'a Cell>) {
        let (texts, tones): (Vec<&str>, Vec<Tone>) = cells.into_iter().map(|cell| (&*cell.text, cell.tone)).unzip();
        self.table.add_row(texts);
        if self.color {
            self.tones.push(tones);
        }
    }

    fn draw(self, out: &mut String) {
        let mut rows = self.tones.iter();
        let mut tones = rows.next();
        for line in self.table.lines() {
            if line.starts_with(ROW_BORDER) {
                tones = rows.next();
                continue;
            }
            let start = out.len();
            for (index, cell) in line.split(CELL_BORDER).enumerate() {
                let tone = tones.and_then(|tones| tones.get(index)).copied().unwrap_or_default();
                colorize(cell, tone, out);
            }
            out.truncate(start + out[start..].trim_end().len());
            out.push('\n');
        }
    }
}

/// The text of a cell without control characters, and cut if it is too long.
fn clip(text: String, stream: &Stream) -> String {
    let max = if stream.is_terminal() { MAX_CELL_ON_TERMINAL } else { MAX_CELL_ON_PIPE };
    let text = match sanitize(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(safe) => safe,
    };
    // A text has no more characters than bytes.
    match if text.len() > max { text.char_indices().nth(max) } else { None } {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Appends a cell in its colour, and without colour the spaces after it.
fn colorize(cell: &str, tone: Tone, out: &mut String) {
    let code = match tone {
        Tone::Plain => return out.push_str(cell),
        Tone::Good => "\u{1b}[32m",
        Tone::Warning => "\u{1b}[33m",
        Tone::Bad => "\u{1b}[31m",
        Tone::Faint => "\u{1b}[2m",
    };
    let (text, spaces) = cell.split_at(cell.trim_end().len());
    if !text.is_empty() {
        out.extend([code, text, "\u{1b}[0m"]);
    }
    out.push_str(spaces);
}
