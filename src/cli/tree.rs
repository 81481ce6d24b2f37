//! The tree of commands as lines are parsed by it and help is made of it.

use clap::{Command, CommandFactory};

use crate::cli::Cli;
use crate::names::Program;

/// The tree as lines are parsed by it, under the name that was called.
pub(super) fn tree(program: Program) -> Command {
    let tree = with_both_separators(Cli::command()).name(program.name()).bin_name(program.name());
    // Beside the official program of that name it says which it is.
    if program.is_alias() { tree.version(concat!(env!("CARGO_PKG_VERSION"), " (nscred)")) } else { tree }
}

/// The tree in which each long flag may be written with `-` or `_` between its words.
fn with_both_separators(command: Command) -> Command {
    command
        .mut_args(|arg| match arg.get_long().and_then(with_other_separator) {
            Some(alias) => arg.alias(alias),
            None => arg,
        })
        .mut_subcommands(with_both_separators)
}

fn with_other_separator(flag: &str) -> Option<String> {
    let hyphens = flag.replace('_', "-");
    let other = if hyphens == flag { flag.replace('-', "_") } else { hyphens };
    (other != flag).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        tree(Program::Nscred).debug_assert();
    }

    #[test]
    fn every_long_flag_is_known_with_both_separators() {
        let mut commands = vec![tree(Program::Nscred)];
        let mut count = 0;
        while let Some(command) = commands.pop() {
            for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
                let long = arg.get_long().unwrap();
                let aliases = arg.get_all_aliases().unwrap_or_default();
                if long.contains(['-', '_']) {
                    let other = long.replace(['-', '_'], if long.contains('-') { "_" } else { "-" });
                    assert!(aliases.contains(&other.as_str()), "--{long} of {command}: {aliases:?}");
                    count += 1;
                }
            }
            commands.extend(command.get_subcommands().cloned());
        }
        assert!(count > 10, "{count}");
    }
}
