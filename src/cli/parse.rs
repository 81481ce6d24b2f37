//! From the words of a line to a command, or to why there is none.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use crate::cli::tree::{SHARED, tree};
use crate::cli::{Cli, help};
use crate::context::{ColorChoice, Environment, Stream};
use crate::error::Failure;
use crate::names::{Program, hand_on};
use crate::secret::redact;
use crate::text::nearest::nearest;

/// Why a command line does not lead to a command.
pub(super) enum Stop {
    /// Help or the version was asked for.
    Print(String),
    /// It does not fit the tree.
    Usage(String),
    /// It was another program's, which could not be run.
    Failed(Failure),
}

pub(super) fn parse(program: Program, argv: &[OsString]) -> Result<Cli, Stop> {
    let argv = help_first(argv);
    let argv = argv.as_ref();
    let matches = match tree(program).try_get_matches_from(argv) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => return Err(Stop::Print(error.render().to_string())),
        // The texts are made ready for people only where they are shown.
        Err(_) => help::decorated(program, tree(program))
            .try_get_matches_from(argv)
            .map_err(|error| refuse(program, argv, &error))?,
    };
    Cli::from_arg_matches(&matches).map_err(|error| refuse(program, argv, &error))
}

/// The line with `token help list` as `help token list`.
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

fn refuse(program: Program, argv: &[OsString], error: &clap::Error) -> Stop {
    if error.kind() == ErrorKind::DisplayHelp {
        let text = error.render();
        let mut stdout = Stream::stdout();
        stdout.configure(color_choice(argv), &Environment::Process);
        return Stop::Print(if stdout.color() { text.ansi().to_string() } else { text.to_string() });
    }
    match program.is_borrowed().then(|| foreign_word(argv, error)).flatten() {
        Some(word) => {
            let meant = match error.get(ContextKind::SuggestedSubcommand) {
                Some(ContextValue::Strings(names)) => {
                    nearest(&word, names.iter().map(String::as_str)).map(str::to_owned)
                }
                _ => None,
            };
            Stop::Failed(hand_on(program, argv, &word, meant))
        }
        // Clap quotes what it refuses, and that may be a secret in the wrong place.
        None => Stop::Usage(redact(&error.render().to_string())),
    }
}

/// What clap does not know, a command or a flag, where it stands before any of
/// this tree's commands, as in `nsc instance list` or `nsc --region eu login`.
fn foreign_word(argv: &[OsString], error: &clap::Error) -> Option<String> {
    let context = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let Some(ContextValue::String(unknown)) = error.get(context) else { return None };
    let short = unknown.strip_prefix('-').filter(|letter| letter.chars().count() == 1 && *letter != "-");
    let root = Cli::command();
    let (mut tree, mut path) = (&root, String::new());
    for word in argv.iter().skip(1).map(|word| word.to_string_lossy()) {
        let named = tree
            .get_subcommands()
            .find(|command| command.get_name_and_visible_aliases().iter().any(|name| *name == word));
        match named {
            Some(command) if command.get_name() == SHARED => {
                tree = command;
                path = format!("{SHARED} ");
                continue;
            }
            Some(_) => return None,
            None => {}
        }
        // Short flags may stand together in one word.
        let is_cluster = word.starts_with('-') && !word.starts_with("--");
        if word.starts_with(unknown.as_str()) || (is_cluster && short.is_some_and(|letter| word.contains(letter))) {
            return Some(format!("{path}{unknown}"));
        }
    }
    None
}

/// What `--color` says, in a line that need not be sound.
pub(super) fn color_choice(argv: &[OsString]) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    let mut words = before_dashes(argv).peekable();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color") {
            Some("") => words.peek().cloned().unwrap_or_default(),
            Some(value) => value.trim_start_matches('=').into(),
            None => continue,
        };
        choice = <ColorChoice as clap::ValueEnum>::from_str(&value, false).unwrap_or(choice);
    }
    choice
}

/// Whether a line that could not be parsed asks for JSON, and so for its
/// error in JSON too.
pub(super) fn names_json(argv: &[OsString]) -> bool {
    let words: Vec<_> = before_dashes(argv).collect();
    words.iter().enumerate().any(|(index, word)| {
        let next_is_json = words.get(index + 1).is_some_and(|next| next == "json");
        matches!(word.as_ref(), "--json" | "--query" | "--output=json" | "-ojson" | "-o=json")
            || word.trim_start_matches(['-', 'v', 'y']).starts_with('q')
                && word.starts_with('-')
                && !word.starts_with("--")
            || word.starts_with("--query=")
            || (matches!(word.as_ref(), "-o" | "--output") && next_is_json)
    })
}

/// The words of a line that are nscred's own.
fn before_dashes(argv: &[OsString]) -> impl Iterator<Item = Cow<'_, str>> {
    argv.iter().skip(1).map(|word| word.to_string_lossy()).take_while(|word| word != "--")
}

/// Clap's first paragraph on one line, without its label.
pub(super) fn one_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_line_that_asks_for_json_is_told_apart() {
        for yes in [
            "nsc token list -o json",
            "nsc x --output json",
            "nsc --output=json",
            "nsc sa list --json",
            "nsc token list -q .",
            "nscale sa rotate -yq .",
        ] {
            assert!(names_json(&line(yes)), "{yes}");
        }
        for no in [
            "nsc token list",
            "nsc token list -o table",
            "nsc sandbox -- nsc token list -o json",
            "json",
            "nsc --quiet",
        ] {
            assert!(!names_json(&line(no)), "{no}");
        }
    }

    #[test]
    fn the_colour_of_a_line_that_is_not_sound() {
        for (text, choice) in [
            ("nsc --help", ColorChoice::Auto),
            ("nsc --color never --nosuch", ColorChoice::Never),
            ("nsc --color=always --color", ColorChoice::Always),
            ("nsc --color sometimes", ColorChoice::Auto),
            ("nsc sandbox -- --color never", ColorChoice::Auto),
        ] {
            assert_eq!(color_choice(&line(text)), choice, "{text}");
        }
    }
}
