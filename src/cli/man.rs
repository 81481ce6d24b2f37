//! `man`: a manual page for every command.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use crate::cli::help::{Sections, find, with_full_stops};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::names::Program;
use crate::output::map_write_error;
use crate::verb::{LOCAL, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[], exit_codes: LOCAL })]
#[command(after_help = "\
Examples:
  {program} man --dir ~/.local/share/man/man1    # then: man {program}-token-create
  {program} man token create | man -l -          # shows one page")]
pub struct ManArgs {
    /// Write the page of every command into this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "words")]
    dir: Option<PathBuf>,
    /// The command whose page to print.
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
}

/// # Errors
/// Usage: there is no such command, or the directory cannot be written.
pub fn run(args: ManArgs, tree: Command, ctx: &mut Context) -> Result<()> {
    let mut tree = with_full_stops(tree);
    tree.build();
    match args.dir {
        Some(directory) => {
            let count = write_all(ctx.program, &tree, &directory).map_err(|error| {
                Failure::usage(format!("--dir {}: cannot write the manual pages", directory.display())).source(error)
            })?;
            ctx.note(&format!("{count} pages written to {}", directory.display()));
            Ok(())
        }
        None => {
            let command =
                find(&tree, &args.words).map_err(|unknown| unknown.failure(ctx.program, "man", &args.words))?;
            let page = page(ctx.program, command)
                .map_err(|error| Failure::unexpected("cannot make the manual page").source(error))?;
            map_write_error(ctx.stdout.write_all(&page).and_then(|()| ctx.stdout.flush()))
        }
    }
}

/// Writes the pages of a command and of its subcommands. Returns their number.
fn write_all(program: Program, command: &Command, directory: &Path) -> io::Result<usize> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join(format!("{}.1", title(command))), page(program, command)?)?;
    command.get_subcommands().try_fold(1, |count, below| Ok(count + write_all(program, below, directory)?))
}

fn title(command: &Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).replace(' ', "-")
}

fn page(program: Program, command: &Command) -> io::Result<Vec<u8>> {
    let title = title(command);
    let sections = Sections::of(program, command);
    let man = Man::new(command.clone())
        .title(title.to_uppercase())
        // If the date were empty, man would show the source in its place.
        .date(" ")
        .source(format!("nscred {}", env!("CARGO_PKG_VERSION")))
        .manual("nscred");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    // As in help, with the names of values.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]).text([roman(usage)]);
    synopsis.to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    let mut heading = "";
    // Without filling (nf), so that the lines of examples stay lines.
    for block in sections.notes.split("\n\n") {
        let (next, block) = match block.strip_prefix("Examples:\n") {
            Some(lines) => ("EXAMPLES", lines),
            None => ("NOTES", block),
        };
        if next == heading {
            roff.control("PP", []);
        } else {
            roff.control("SH", [next]);
        }
        heading = next;
        roff.control("nf", []);
        for line in block.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    for variable in &sections.environment {
        roff.control("TP", []).text([bold(variable.title())]).text([roman(variable.meaning)]);
    }
    if !sections.exit_codes.is_empty() {
        roff.control("SH", ["EXIT STATUS"]);
        for row in &sections.exit_codes {
            roff.control("TP", []).text([bold(row.code.to_string())]).text([roman(row.meaning)]);
        }
    }
    roff.to_writer(&mut page)?;
    // man may not read UTF-8.
    Ok(String::from_utf8_lossy(&page).replace('…', "\\[u2026]").into_bytes())
}
