//! `man`: a manual page for every command.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use crate::cli::help::{Sections, find, punctuated};
use crate::cli::tree::tree;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::names::Program;
use crate::output::map_write_error;

/// Flags of `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  {program} man --dir ~/.local/share/man/man1    # then: man {program}-token-create
  {program} man token create | man -l -          # one page, at once")]
pub struct ManArgs {
    /// Write the page of every command into this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "words")]
    dir: Option<PathBuf>,
    /// The command whose page is printed.
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
}

/// Prints one page, or writes all.
///
/// # Errors
/// Usage: there is no such command, or the directory cannot be written.
pub fn run(args: ManArgs, ctx: &mut Context) -> Result<()> {
    let mut tree = punctuated(tree(ctx.program));
    tree.build();
    match args.dir {
        Some(directory) => {
            let count = write_all(ctx.program, &tree, &directory)
                .map_err(|error| Failure::usage(format!("--dir {}: no pages", directory.display())).source(error))?;
            ctx.note(&format!("{count} pages written to {}", directory.display()));
            Ok(())
        }
        None => {
            let command = find(&tree, &args.words).map_err(|lost| lost.explain(ctx.program, "man", &args.words))?;
            let page = page(ctx.program, command).map_err(|error| Failure::unexpected("no page").source(error))?;
            map_write_error(ctx.stdout.write_all(&page).and_then(|()| ctx.stdout.flush()))
        }
    }
}

/// Writes the pages of a command and of all below it. Gives how many.
fn write_all(program: Program, command: &Command, directory: &Path) -> io::Result<usize> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join(format!("{}.1", title(command))), page(program, command)?)?;
    command.get_subcommands().try_fold(1, |count, below| Ok(count + write_all(program, below, directory)?))
}

/// The name of a command's page.
fn title(command: &Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).replace(' ', "-")
}

fn page(program: Program, command: &Command) -> io::Result<Vec<u8>> {
    let title = title(command);
    let path: Vec<String> = command.get_bin_name().unwrap_or_default().split(' ').skip(1).map(str::to_owned).collect();
    let sections = Sections::of(program, &path, command);
    let man = Man::new(command.clone())
        .title(title.to_uppercase())
        // An empty date would be left out, and what follows move to its place.
        .date(" ")
        .source(format!("nscred {}", env!("CARGO_PKG_VERSION")))
        .manual("nscred");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    // As help shows it, with the names of values.
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
    let mut behind = Roff::new();
    let mut heading = "";
    // Examples stand as they are typed.
    for block in sections.notes.split("\n\n") {
        let (next, block) = match block.strip_prefix("Examples:\n") {
            Some(lines) => ("EXAMPLES", lines),
            None => ("NOTES", block),
        };
        match next == heading {
            true => behind.control("PP", []),
            false => behind.control("SH", [next]),
        };
        heading = next;
        behind.control("nf", []);
        for line in block.lines() {
            behind.text([roman(line)]);
        }
        behind.control("fi", []);
    }
    behind.control("SH", ["ENVIRONMENT"]);
    for variable in &sections.environment {
        behind.control("TP", []).text([bold(variable.title())]).text([roman(variable.meaning)]);
    }
    if !sections.codes.is_empty() {
        behind.control("SH", ["EXIT STATUS"]);
        for (code, meaning) in &sections.codes {
            behind.control("TP", []).text([bold(code.to_string())]).text([roman(*meaning)]);
        }
    }
    behind.to_writer(&mut page)?;
    // What reads the page need not know UTF-8.
    Ok(String::from_utf8_lossy(&page).replace('…', "\\[u2026]").into_bytes())
}
