//! Draws views. On a terminal a table fits the width and is coloured; on a
//! pipe the same table is whole: untruncated, unwrapped, no trailing blanks.

use std::borrow::Cow;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

use crate::context::Stream;
use crate::output::view::{Cell, Details, Listing, Tone};
use crate::text::sanitize::sanitize;

/// How narrow a column that wraps may become, in characters. On a terminal
/// that leaves less, lines run over rather than fall to single letters.
const NARROWEST: usize = 12;

/// The blanks between columns.
const GAP: usize = 2;

/// Draws a listing, for the stream that it will be written to.
pub fn listing(stream: &Stream, mut listing: Listing) -> String {
    let mut widths: Vec<usize> = listing.header.iter().map(|head| head.width()).collect();
    for row in &mut listing.rows {
        for (cell, widest) in row.iter_mut().zip(&mut widths) {
            cell.text = shown(std::mem::take(&mut cell.text), stream);
            *widest = cell.text.width().max(*widest);
        }
    }
    let Some(width) = stream.width() else {
        return aligned(&listing, &widths, stream.color());
    };
    let mut columns = columns(&listing, &widths);
    for optional in listing.optional {
        let gaps = GAP * columns.len().saturating_sub(1);
        if columns.iter().map(|column| column.least).sum::<usize>() + gaps <= width.into() {
            break;
        }
        columns.retain(|column| column.head != *optional);
    }
    fitted(&listing, &columns, width, stream.color())
}

/// A column that is shown.
struct Column {
    index: usize,
    head: &'static str,
    /// How narrow it may become, in characters.
    least: usize,
    wraps: bool,
}

fn columns(listing: &Listing, widths: &[usize]) -> Vec<Column> {
    let column = |(index, (head, widest)): (usize, (&&'static str, &usize))| {
        let wraps = listing.wrapping.contains(head);
        // A head is never wrapped.
        let least = if wraps { NARROWEST.min(*widest).max(head.width()) } else { *widest };
        Column { index, head, least, wraps }
    };
    listing.header.iter().zip(widths).enumerate().map(column).collect()
}

/// All of it, however wide that is.
fn aligned(listing: &Listing, widths: &[usize], color: bool) -> String {
    let mut out = String::new();
    let head: Vec<Cell> = listing.header.iter().copied().map(Cell::from).collect();
    for row in std::iter::once(&head).chain(&listing.rows) {
        let start = out.len();
        let mut blanks = 0;
        for (cell, width) in row.iter().zip(widths) {
            out.extend(std::iter::repeat_n(' ', blanks));
            painted(&cell.text, cell.tone, color, &mut out);
            blanks = width + GAP - cell.text.width();
        }
        let end = out[start..].trim_end().len();
        out.truncate(start + end);
        out.push('\n');
    }
    out
}

/// As wide as a terminal, with what is long wrapped.
fn fitted(listing: &Listing, columns: &[Column], width: u16, color: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(columns.iter().map(|column| column.head));
    for row in &listing.rows {
        table.add_row(columns.iter().filter_map(|column| row.get(column.index)).map(|cell| marked(cell, color)));
    }
    for (index, (drawn, column)) in table.column_iter_mut().zip(columns).enumerate() {
        // What stands last needs no room behind it.
        let padding = if index + 1 == columns.len() { 0 } else { GAP };
        drawn.set_padding((0, u16::try_from(padding).unwrap_or_default()));
        drawn.set_constraint(match u16::try_from(column.least + padding) {
            Ok(least) if column.wraps => ColumnConstraint::LowerBoundary(Width::Fixed(least)),
            _ => ColumnConstraint::ContentWidth,
        });
    }
    table.lines().map(|line| format!("{}\n", paint(line.trim_end()))).collect()
}

/// Draws `Label: value` lines, the values aligned, for the stream that they
/// will be written to.
pub fn details(stream: &Stream, details: &Details) -> String {
    let mut text = String::new();
    let width = details.0.iter().map(|(label, _)| label.len() + 1).max().unwrap_or(0);
    for (label, cell) in &details.0 {
        let label = if label.is_empty() { String::new() } else { format!("{label}:") };
        let mut line = format!("{label:<width$} ");
        painted(&shown(cell.text.clone(), stream), cell.tone, stream.color(), &mut line);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What is shown of a text: enough for people on a terminal, and on a pipe
/// all that can be laid out at all.
fn shown(text: String, stream: &Stream) -> String {
    let longest = if stream.is_terminal() { 400 } else { 20_000 };
    let text = match sanitize(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(safe) => safe,
    };
    // There are no more characters than bytes.
    match if text.len() > longest { text.char_indices().nth(longest) } else { None } {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The colour of each tone. While comfy-table measures widths, which takes
/// real escape codes for text, an invisible character stands for it: they are
/// unassigned, have no width, and [`sanitize`] lets none of them through.
const COLORS: [(Tone, char, &str); 4] = [
    (Tone::Good, '\u{e0f01}', "\u{1b}[32m"),
    (Tone::Warning, '\u{e0f02}', "\u{1b}[33m"),
    (Tone::Bad, '\u{e0f03}', "\u{1b}[31m"),
    (Tone::Faint, '\u{e0f04}', "\u{1b}[2m"),
];
const END: (char, &str) = ('\u{e0f00}', "\u{1b}[0m");

/// What stands for a tone's colour, and its code.
fn color_of(tone: Tone, color: bool) -> Option<(char, &'static str)> {
    COLORS.iter().find(|(known, ..)| color && *known == tone).map(|(_, mark, code)| (*mark, *code))
}

fn painted(text: &str, tone: Tone, color: bool, out: &mut String) {
    match color_of(tone, color) {
        Some((_, code)) => out.extend([code, text, END.1]),
        None => out.push_str(text),
    }
}

fn marked(cell: &Cell, color: bool) -> String {
    match color_of(cell.tone, color) {
        Some((mark, _)) => format!("{mark}{}{}", cell.text, END.0),
        None => cell.text.clone(),
    }
}

fn paint(line: &str) -> String {
    let mut painted = line.replace(END.0, END.1);
    for (_, mark, code) in COLORS {
        painted = painted.replace(mark, code);
    }
    painted
}
