//! The tree of commands: it parses command lines, and help is generated from it.

use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};

use crate::auth::AuthCommand;
#[cfg(feature = "docs")]
use crate::cli::completions;
use crate::cli::help;
#[cfg(feature = "docs")]
use crate::cli::man;
use crate::context::ColorChoice;
use crate::names::Program;
use crate::namespace::commands::TokenCommand;
use crate::namespace::commands::permissions::PermissionsArgs;
use crate::nscale::commands::ServiceAccountsCommand;
#[cfg(feature = "sandbox")]
use crate::sandbox::command::SandboxArgs;

/// Mint, list, refresh, rotate and revoke machine credentials.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Time limit for all requests of the command together, such as 30s or 2m.
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s")]
    pub timeout: String,
    /// Log each request to standard error, without credentials and bodies.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Trust the certificates in this PEM file as well.
    #[arg(long = "ca-file", global = true, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// When to colour output.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Show this help; -h shows a shorter one.
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Show the version.
    #[arg(short = 'V', long, global = true, action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create, list, revoke and refresh Namespace's revokable tokens.
    #[command(
        subcommand,
        after_help = "\
Examples:
  {program} token create --name ci --grant @grants.json --token_file token.json
  {program} token list

The credential is read from the file that NSC_TOKEN_FILE names, else from
/var/run/nsc/token.json, else from the official login."
    )]
    Token(TokenCommand),
    /// Create, list, update, rotate and delete Nscale's service accounts.
    #[command(
        subcommand,
        name = "serviceaccounts",
        visible_alias = "sa",
        after_help = "\
Examples:
  {program} serviceaccounts list
  {program} serviceaccounts rotate --id self --yes -q .status.accessToken

The token is read from NSCALE_SERVICE_TOKEN, else from the file that
NSCALE_SERVICE_TOKEN_FILE names. The organization is that of --org, else of
NSCALE_ORGANIZATION_ID, else the only one that the credential can access."
    )]
    ServiceAccounts(ServiceAccountsCommand),
    /// Show which credentials are in use, whose they are and whether they work.
    #[command(
        subcommand,
        after_help = "\
Examples:
  {program} auth status
  {program} auth status --min-validity 7d"
    )]
    Auth(AuthCommand),
    /// Show the published resource types and actions for grants.
    Permissions(PermissionsArgs),
    /// Run a local server of both APIs, and a shell or a command that uses it.
    #[cfg(feature = "sandbox")]
    Sandbox(SandboxArgs),
    /// Print a completion script for a shell.
    #[cfg(feature = "docs")]
    Completions(completions::CompletionsArgs),
    /// Print or write the manual pages.
    #[cfg(feature = "docs")]
    Man(man::ManArgs),
    /// Show the help of a command or of a topic.
    Help(help::HelpArgs),
}

/// The tree under the name that the program was called by.
pub fn tree(program: Program) -> clap::Command {
    // As in the official programs, the last of a repeated flag wins.
    let tree = with_both_separators(Cli::command()).args_override_self(true);
    let tree = tree.name(program.name()).bin_name(program.name());
    // The official program of that name has a version too.
    if program.is_alias() { tree.version(concat!(env!("CARGO_PKG_VERSION"), " (nscred)")) } else { tree }
}

/// The tree in which each long flag may be written with `-` or `_` between its words.
fn with_both_separators(mut command: clap::Command) -> clap::Command {
    let is_compound = |arg: &&clap::Arg| arg.get_long().is_some_and(|long| long.contains(['-', '_']));
    let ids: Vec<clap::Id> = command.get_arguments().filter(is_compound).map(|arg| arg.get_id().clone()).collect();
    for id in ids {
        command = command.mut_arg(id, |arg| match arg.get_long().map(with_other_separator) {
            Some(alias) => arg.alias(alias),
            None => arg,
        });
    }
    if command.has_subcommands() { command.mut_subcommands(with_both_separators) } else { command }
}

fn with_other_separator(flag: &str) -> String {
    if flag.contains('_') { flag.replace('_', "-") } else { flag.replace('-', "_") }
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
