//! Draws views. On a terminal a table fits the width and is coloured; on a
//! pipe the same table is whole: untruncated, unwrapped, no trailing blanks.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::context::Stream;
use crate::output::sanitize::sanitize;
use crate::output::view::{Cell, Details, Listing, Tone};

/// How narrow a column that wraps may become, in characters. On a terminal
/// that leaves less, lines run over rather than fall to single letters.
const NARROWEST: u16 = 12;

/// Draws a listing, for the stream that it will be written to.
pub fn listing(stream: &Stream, listing: &Listing) -> String {
    let mut gone = 0;
    let table = loop {
        let shown = |head: &str| !listing.optional.iter().take(gone).any(|optional| *optional == head);
        let (table, least) = laid_out(stream, listing, shown);
        let fits = stream.width().is_none_or(|width| least <= width);
        if fits || gone == listing.optional.len() {
            break table;
        }
        gone += 1;
    };
    table.lines().map(|line| format!("{}\n", paint(line.trim_end()))).collect()
}

/// The table of the columns that are shown, and its least width.
fn laid_out(stream: &Stream, listing: &Listing, shown: impl Fn(&str) -> bool) -> (Table, u16) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match stream.width() {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let heads: Vec<&'static str> = listing.header.iter().copied().filter(|head| shown(head)).collect();
    table.set_header(heads.clone());
    for row in &listing.rows {
        let cells = row.iter().zip(&listing.header).filter(|(_, head)| shown(head));
        table.add_row(cells.map(|(cell, _)| mark(cell, stream)));
    }
    let widest = table.column_max_content_widths();
    let last = heads.last();
    let mut least = 0;
    for ((column, head), widest) in table.column_iter_mut().zip(&heads).zip(widest) {
        let padding = if Some(head) == last { 0 } else { 2 };
        column.set_padding((0, padding));
        let narrowest = if listing.wrapping.contains(head) {
            // A head is never wrapped.
            let narrowest = widest.min(NARROWEST).max(u16::try_from(head.len()).unwrap_or(NARROWEST)) + padding;
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(narrowest)));
            narrowest
        } else {
            column.set_constraint(ColumnConstraint::ContentWidth);
            widest + padding
        };
        least += narrowest;
    }
    (table, least)
}

/// Draws `Label: value` lines, the values aligned, for the stream that they
/// will be written to.
pub fn details(stream: &Stream, details: &Details) -> String {
    let mut text = String::new();
    let width = details.0.iter().map(|(label, _)| label.len() + 1).max().unwrap_or(0);
    for (label, cell) in &details.0 {
        let value = paint(&mark(cell, stream));
        let label = if label.is_empty() { String::new() } else { format!("{label}:") };
        let line = format!("{label:<width$} {value}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Invisible stand-ins for colours while widths are measured: comfy-table
/// takes real escape codes for text. They are unassigned, have no width, and
/// [`sanitize`] lets none of them through from outside.
const MARKS: [(Tone, char, &str); 4] = [
    (Tone::Good, '\u{e0f01}', "\u{1b}[32m"),
    (Tone::Warning, '\u{e0f02}', "\u{1b}[33m"),
    (Tone::Bad, '\u{e0f03}', "\u{1b}[31m"),
    (Tone::Faint, '\u{e0f04}', "\u{1b}[2m"),
];
const END: (char, &str) = ('\u{e0f00}', "\u{1b}[0m");

/// What is shown of a cell, in characters: enough for people on a terminal,
/// and on a pipe all that can be laid out at all.
fn longest(stream: &Stream) -> usize {
    if stream.is_terminal() { 400 } else { 20_000 }
}

fn mark(cell: &Cell, stream: &Stream) -> String {
    let mut text = sanitize(&cell.text);
    if let Some((end, _)) = text.char_indices().nth(longest(stream)) {
        text = format!("{}…", &text[..end]).into();
    }
    let color = stream.color();
    match MARKS.iter().find(|(tone, ..)| *tone == cell.tone) {
        Some((_, mark, _)) if color => format!("{mark}{text}{}", END.0),
        _ => text.into_owned(),
    }
}

fn paint(line: &str) -> String {
    let mut painted = line.replace(END.0, END.1);
    for (_, mark, code) in MARKS {
        painted = painted.replace(mark, code);
    }
    painted
}
