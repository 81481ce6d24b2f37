//! Whether a command line asks for JSON and for colour. Its errors follow that too,
//! even the error of a line that clap rejects.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum};

use crate::context::ColorChoice;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutputMode {
    pub is_json: bool,
    pub color: ColorChoice,
}

impl OutputMode {
    /// Of the deepest subcommand: `--json`, `--output json`, `--query` and `--color`.
    pub fn of(mut matches: &ArgMatches) -> Self {
        while let Some((_, below)) = matches.subcommand() {
            matches = below;
        }
        let values = |id| matches.try_get_raw(id).ok().flatten().into_iter().flatten();
        let mut colors = values("color").filter_map(|value| ColorChoice::from_str(value.to_str()?, false).ok());
        Self {
            is_json: values("json").any(|value| value == "true")
                || values("output").last().is_some_and(|value| value == "json")
                || matches.try_contains_id("filters").unwrap_or(false),
            color: colors.next_back().unwrap_or_default(),
        }
    }

    /// Of a line that clap rejects, as far as it can be understood.
    pub fn of_rejected(tree: &Command, argv: &[OsString]) -> Self {
        // Clap reports an argument that is not UTF-8 before it has parsed all others.
        let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let matches = lenient_command(tree, &words).try_get_matches_from(words);
        matches.map(|matches| Self::of(&matches)).unwrap_or_default()
    }
}

/// A command that accepts any line with these words. It has every option of a tree, and
/// every letter in the words as a flag. Other options count as positional arguments.
/// Options with the same id are the same in all verbs.
fn lenient_command(tree: &Command, words: &[String]) -> Command {
    let (mut options, mut commands) = (BTreeMap::new(), vec![tree]);
    while let Some(command) = commands.pop() {
        let own_options = command.get_arguments().filter(|arg| !arg.is_positional());
        options.extend(own_options.map(|option| (option.get_id().as_str(), option)));
        commands.extend(command.get_subcommands());
    }
    let known: Vec<char> = options.values().filter_map(|option| option.get_short()).collect();
    let letters: BTreeSet<char> = words.iter().flat_map(|word| word.chars()).collect();
    let unknown = letters.into_iter().filter(|letter| *letter != '-' && !known.contains(letter));
    let positional = |index: usize| Arg::new(format!("word {index}")).allow_hyphen_values(true);
    Command::new("lenient")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .ignore_errors(true)
        .args(options.into_values().map(lenient_option))
        .args(unknown.map(|letter| flag(format!("-{letter}")).short(letter)))
        .args((0..words.len()).map(positional))
}

/// The option, which may be repeated and have any value or none.
fn lenient_option(option: &Arg) -> Arg {
    let mut arg = flag(option.get_id().to_string());
    if option.get_action().takes_values() {
        arg = arg.require_equals(false).allow_hyphen_values(option.is_allow_hyphen_values_set());
    }
    let aliases = option.get_all_aliases().unwrap_or_default();
    arg = arg.aliases(aliases.into_iter().map(str::to_owned)).short(option.get_short());
    match option.get_long() {
        Some(long) => arg.long(long.to_owned()),
        None => arg,
    }
}

/// A flag that may be repeated, and may have a value after `=`.
fn flag(id: String) -> Arg {
    Arg::new(id)
        .action(ArgAction::Append)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(ValueParser::string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::cli::tree::tree;
    use crate::names::Program;

    fn mode(words: impl IntoIterator<Item = OsString>) -> OutputMode {
        let argv: Vec<OsString> = std::iter::once("nsc".into()).chain(words).collect();
        let tree = tree(Program::Nsc);
        match tree.clone().try_get_matches_from(&argv) {
            Ok(matches) => OutputMode::of(&matches),
            Err(_) => OutputMode::of_rejected(&tree, &argv),
        }
    }

    fn mode_of(line: &str) -> OutputMode {
        mode(line.split(' ').map(OsString::from))
    }

    #[test]
    fn a_line_that_parses() {
        for yes in [
            "token list -o json",
            "token list -ojson",
            "token create --name a --grant {} --output=json",
            "token revoke --token_id a -o json",
            "token list -q .",
            "sa list --json",
            "sa rotate --id self -yq .",
            "sa get --id self -vq.",
            "permissions -o json",
            "auth status --query=.",
        ] {
            assert!(mode_of(yes).is_json, "{yes}");
        }
        for no in [
            "token list",
            "token list -o table",
            "token create --name json --grant {} -o token",
            "sa delete --id self -y",
            "sandbox -- nsc token list -o json",
            "help token list",
        ] {
            assert!(!mode_of(no).is_json, "{no}");
        }
    }

    #[test]
    fn a_line_that_does_not_parse() {
        for yes in [
            "x --output json",
            "--output=json",
            "token lst -o json",
            "token list -o xml -q .",
            "token list --nosuch -q .",
            "token list --nosuch=1 --other x -ojson",
            "token list --nosuch --output json --other",
            "token list -xq .",
            "token list -o=json -z",
            "token list --nosuch -q.é",
            "token list --nosuch -vq.\u{3000}x",
            "--nosuch --include_revoked token list -q.",
            "token list --color -q .",
            "token list --timeout --json",
            "token list -q",
            "token list --json -o table",
            "token list --nosuch -o table -o json",
            "sa delete --id self -yq .",
            "sa list --json --json",
            "sandbox --json",
        ] {
            assert!(mode_of(yes).is_json, "{yes}");
        }
        for no in [
            "",
            "json",
            "--quiet",
            "token create",
            "token list --nosuch -o table",
            "token list --nosuch -o json -o table",
            "token list --output",
            "sa list --json=false",
            "token list -- -o json",
            "sandbox --nosuch -- nsc token list -o json",
            "token list --nosuch -- -q .",
            "token refresh --minimum_duration -q . --nosuch",
        ] {
            assert!(!mode_of(no).is_json, "{no}");
        }
    }

    #[test]
    fn the_colour_of_a_line() {
        for (line, color) in [
            ("--help", ColorChoice::Auto),
            ("--color never token list", ColorChoice::Never),
            ("token list --color never", ColorChoice::Never),
            ("--color never token list --color always", ColorChoice::Always),
            ("--color never --nosuch", ColorChoice::Never),
            ("token list --nosuch --color=never", ColorChoice::Never),
            ("token -h --color always", ColorChoice::Always),
            ("--color=always --color", ColorChoice::Always),
            ("--color --color=always", ColorChoice::Always),
            ("--color sometimes", ColorChoice::Auto),
            ("--color=never --color sometimes", ColorChoice::Never),
            ("sandbox -- --color never", ColorChoice::Auto),
            ("sandbox --nosuch -- --color never", ColorChoice::Auto),
        ] {
            assert_eq!(mode_of(line).color, color, "{line}");
        }
    }

    #[test]
    fn words_that_are_not_unicode() {
        let odd = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        for word in [&b"--\xff"[..], b"-\xff", b"\xff", b"--name=\xff", b"--color=\xff"] {
            let line = ["token".into(), "create".into(), odd(word), "-o".into(), "json".into()];
            assert!(mode(line).is_json, "{word:?}");
        }
    }

    #[test]
    fn options_of_one_id_are_the_same_in_all_verbs() {
        let tree = tree(Program::Nsc);
        let line = lenient_command(&tree, &["nsc".to_owned()]);
        line.clone().debug_assert();
        let mut commands = vec![&tree];
        while let Some(command) = commands.pop() {
            for option in command.get_arguments().filter(|arg| !arg.is_positional()) {
                let known = line.get_arguments().find(|known| known.get_id() == option.get_id()).unwrap();
                let longs = |arg: &Arg| {
                    let aliases = arg.get_all_aliases().unwrap_or_default().into_iter();
                    aliases.chain(arg.get_long()).map(str::to_owned).collect::<BTreeSet<_>>()
                };
                let takes_value = !known.is_require_equals_set();
                assert_eq!(known.get_short(), option.get_short(), "{option} of {command}");
                assert_eq!(longs(known), longs(option), "{option} of {command}");
                assert_eq!(takes_value, option.get_action().takes_values(), "{option} of {command}");
                // The ids that are read here.
                for (long, id) in [("json", "json"), ("output", "output"), ("query", "filters"), ("color", "color")] {
                    assert_eq!(option.get_long() == Some(long), option.get_id() == id, "{option} of {command}");
                }
            }
            commands.extend(command.get_subcommands());
        }
    }
}
