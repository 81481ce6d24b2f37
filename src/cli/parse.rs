//! Parses a command line.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use crate::cli::help;
use crate::cli::output_mode::OutputMode;
use crate::cli::tree::{Cli, tree};
use crate::error::Failure;
use crate::names::{Program, SHARED_FAMILY, exec_official};
use crate::secret::redact;
use crate::text::nearest::nearest;

pub(super) enum ParseOutcome {
    Run(Box<Cli>),
    /// The help or the version that the line asks for.
    Print(StyledStr),
    /// Clap's error message.
    Usage(String),
    /// The line is one of the official program, which could not be run.
    Failed(Failure),
}

pub(super) fn parse(program: Program, argv: &[OsString]) -> (ParseOutcome, OutputMode) {
    let argv = help_first(argv);
    let argv = argv.as_ref();
    let mut commands = tree(program);
    let matches = match commands.try_get_matches_from_mut(argv) {
        Ok(matches) => Ok(matches),
        // The version has no colours.
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return (ParseOutcome::Print(error.render()), OutputMode::default());
        }
        // Help and errors need the help sections, which take time to build.
        Err(_) => help::with_help_sections(program, tree(program)).try_get_matches_from(argv),
    };
    match matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, OutputMode::of(&matches)))) {
        Ok((cli, mode)) => (ParseOutcome::Run(Box::new(cli)), mode),
        Err(error) => (rejected(program, argv, &error), OutputMode::of_rejected(&commands, argv)),
    }
}

/// Rewrites `token help list` as `help token list`.
fn help_first(argv: &[OsString]) -> Cow<'_, [OsString]> {
    let is_family = |word: &OsString| {
        let root = Cli::command();
        word.to_str().and_then(|word| root.find_subcommand(word)).is_some_and(clap::Command::has_subcommands)
    };
    match argv {
        [program, family, help, rest @ ..] if help == "help" && is_family(family) => {
            let words = [program, help, family].into_iter().chain(rest);
            Cow::Owned(words.cloned().collect())
        }
        _ => Cow::Borrowed(argv),
    }
}

fn rejected(program: Program, argv: &[OsString], error: &clap::Error) -> ParseOutcome {
    if !error.use_stderr() {
        return ParseOutcome::Print(error.render());
    }
    match program.is_alias().then(|| unknown_command(program, argv, error)).flatten() {
        Some(word) => {
            let suggestion = match error.get(ContextKind::SuggestedSubcommand) {
                Some(ContextValue::Strings(names)) => {
                    nearest(&word, names.iter().map(String::as_str)).map(str::to_owned)
                }
                _ => None,
            };
            ParseOutcome::Failed(exec_official(program, argv, &word, suggestion))
        }
        // Clap quotes what it rejects, which may be a secret in the wrong place.
        None => ParseOutcome::Usage(redact(&error.render().to_string())),
    }
}

/// The command or flag that clap does not know, if it comes before any command of
/// this tree, as in `nsc instance list` or `nsc --region eu login`.
fn unknown_command(program: Program, argv: &[OsString], error: &clap::Error) -> Option<String> {
    let context = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let Some(ContextValue::String(unknown)) = error.get(context) else { return None };
    let root = tree(program);
    // Clap stops at it, so that only the commands before it are parsed.
    let before = root.clone().ignore_errors(true).try_get_matches_from(argv).ok()?;
    let (parent, path) = match before.subcommand() {
        None => (&root, String::new()),
        Some((SHARED_FAMILY, family)) if family.subcommand().is_none() => {
            (root.find_subcommand(SHARED_FAMILY)?, format!("{SHARED_FAMILY} "))
        }
        Some(_) => return None,
    };
    // After `--` clap rejects the commands of this tree too.
    parent.find_subcommand(unknown).is_none().then(|| format!("{path}{unknown}"))
}

/// The first paragraph of clap's message on one line, without its label.
pub(super) fn one_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
