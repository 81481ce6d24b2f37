//! The command tree, and the one way through it: parse, run, tell, exit.

#[cfg(feature = "docs")]
mod completions;
pub mod environment;
mod help;
#[cfg(feature = "docs")]
mod man;
mod parse;
mod run;
mod tree;

pub use run::{main, run};

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::auth::AuthCommand;
use crate::context::ColorChoice;
use crate::namespace::commands::TokenCommand;
use crate::namespace::commands::permissions::PermissionsArgs;
use crate::nscale::commands::ServiceAccountsCommand;
#[cfg(feature = "sandbox")]
use crate::sandbox::command::SandboxArgs;

/// Mint, list, refresh, rotate and revoke machine credentials.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct GlobalArgs {
    /// How long all requests of the command may take together, as in 30s or 2m.
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s")]
    timeout: String,
    /// Log each request on stderr, without credentials and bodies.
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Trust the certificates in this PEM file too.
    #[arg(long = "ca-file", alias = "ca_file", global = true, value_name = "PEM")]
    ca_file: Option<PathBuf>,
    /// When to colour output.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Show the help; -h shows a shorter one.
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Show the version.
    #[arg(short = 'V', long, global = true, action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create, list, revoke and refresh Namespace's revokable tokens.
    #[command(
        subcommand,
        after_help = "\
Examples:
  {program} token create --name ci --grant @grants.json --token_file token.json
  {program} token list

The credential is the file that NSC_TOKEN_FILE names, else /var/run/nsc/token.json,
else the official login."
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

The token is that in NSCALE_SERVICE_TOKEN, else in the file that
NSCALE_SERVICE_TOKEN_FILE names; the organization that of --org, else of
NSCALE_ORGANIZATION_ID, else the only one that the credential can see."
    )]
    ServiceAccounts(ServiceAccountsCommand),
    /// Tell which credentials are in use, whose they are and whether they work.
    #[command(
        subcommand,
        after_help = "\
Examples:
  {program} auth status
  {program} auth status --min-validity 7d"
    )]
    Auth(AuthCommand),
    /// Show the published resource types and actions that a grant may name.
    Permissions(PermissionsArgs),
    /// Run a local server of both APIs, and a shell or a command inside it.
    #[cfg(feature = "sandbox")]
    Sandbox(SandboxArgs),
    /// Print a script that completes command lines in a shell.
    #[cfg(feature = "docs")]
    Completions(completions::CompletionsArgs),
    /// Print or write the manual pages.
    #[cfg(feature = "docs")]
    Man(man::ManArgs),
    /// Show the help of a command or of a topic.
    Help(help::HelpArgs),
}

impl Command {
    fn wants_json(&self) -> bool {
        match self {
            Self::Token(command) => command.wants_json(),
            Self::ServiceAccounts(command) => command.wants_json(),
            Self::Auth(command) => command.wants_json(),
            Self::Permissions(args) => args.wants_json(),
            #[cfg(feature = "sandbox")]
            Self::Sandbox(_) => false,
            #[cfg(feature = "docs")]
            Self::Completions(_) | Self::Man(_) => false,
            Self::Help(_) => false,
        }
    }
}
