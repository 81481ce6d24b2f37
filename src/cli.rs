//! The command tree, and the one way through it: parse, run, tell, exit.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::context::{ColorChoice, Context, Environment, Settings, Stream};
use crate::error::{Failure, Kind, Result};
use crate::exit;
use crate::input::nearest::nearest;
use crate::interrupt::{Interrupt, Signals};
use crate::names::{Program, hand_on};
use crate::namespace::commands::TokenCommand;
use crate::nscale::commands::ServiceAccountsCommand;
#[cfg(feature = "sandbox")]
use crate::sandbox::command::SandboxArgs;
use crate::secret::redact;

/// Mint, list, refresh, rotate and revoke machine credentials.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = exit::help())]
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
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Namespace's revokable tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Nscale's service accounts.
    #[command(
        subcommand,
        name = "serviceaccounts",
        visible_alias = "sa",
        after_help = "\
The token is that in NSCALE_SERVICE_TOKEN, else in the file that
NSCALE_SERVICE_TOKEN_FILE names; the organization that of --org, else of
NSCALE_ORGANIZATION_ID, else the only one that the credential can see."
    )]
    ServiceAccounts(ServiceAccountsCommand),
    /// Run a local server of both APIs, and a shell or a command inside it.
    #[cfg(feature = "sandbox")]
    Sandbox(SandboxArgs),
}

impl Command {
    fn wants_json(&self) -> bool {
        match self {
            Self::Token(command) => command.wants_json(),
            Self::ServiceAccounts(command) => command.wants_json(),
            #[cfg(feature = "sandbox")]
            Self::Sandbox(_) => false,
        }
    }
}

/// Runs a command line and gives the process its exit code.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    let program = Program::called_by(argv.first().map(OsString::as_os_str));
    match parse(program, &argv) {
        Ok(cli) => {
            let as_json = cli.command.wants_json();
            match run(program, cli) {
                Ok(code) => ExitCode::from(code),
                Err(failure) => tell(&failure, as_json),
            }
        }
        Err(Stop::Print(text)) => {
            let written = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
            match crate::output::written(written) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => tell(&failure, false),
            }
        }
        Err(Stop::Usage(text)) if names_json(&argv) => tell(&Failure::usage(one_sentence(&text)), true),
        Err(Stop::Usage(text)) => {
            let _ = std::io::stderr().write_all(text.as_bytes());
            ExitCode::from(Kind::Usage.exit_code())
        }
        Err(Stop::Failed(failure)) => tell(&failure, names_json(&argv)),
    }
}

/// The one place where a failure is shown and becomes an exit code.
fn tell(failure: &Failure, as_json: bool) -> ExitCode {
    if failure.is_quiet() {
        return ExitCode::SUCCESS;
    }
    let text = if as_json { format!("{}\n", failure.to_json()) } else { failure.to_text() };
    // Where stderr is gone too, the exit code still tells.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(failure.kind().exit_code())
}

/// Why a command line does not lead to a command.
enum Stop {
    /// Help or the version was asked for.
    Print(String),
    /// It does not fit the tree.
    Usage(String),
    /// It was another program's, which could not be run.
    Failed(Failure),
}

fn parse(program: Program, argv: &[OsString]) -> std::result::Result<Cli, Stop> {
    let matches = match tree(program).try_get_matches_from(argv) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => return Err(Stop::Print(error.render().to_string())),
        // The texts are made ready for people only where they are shown.
        Err(_) => shown_to_people(program).try_get_matches_from(argv).map_err(|error| refuse(program, argv, &error))?,
    };
    Cli::from_arg_matches(&matches).map_err(|error| refuse(program, argv, &error))
}

fn tree(program: Program) -> clap::Command {
    Cli::command().name(program.name()).bin_name(program.name())
}

fn shown_to_people(program: Program) -> clap::Command {
    let tree = in_the_name_of(program, tree(program));
    if !program.is_borrowed() {
        return tree;
    }
    tree.before_help(format!("Any other command is handed on to the official {program} further down the PATH.\n"))
}

/// Puts the name that was called into the examples.
fn in_the_name_of(program: Program, command: clap::Command) -> clap::Command {
    let examples = command.get_after_help().map(|text| text.to_string().replace("{program}", program.name()));
    let command = match examples {
        Some(examples) => command.after_help(examples),
        None => command,
    };
    command.mut_subcommands(|subcommand| in_the_name_of(program, subcommand))
}

fn refuse(program: Program, argv: &[OsString], error: &clap::Error) -> Stop {
    // Clap quotes what it refuses, and that may be a secret in the wrong place.
    let text = redact(&error.render().to_string());
    match error.kind() {
        ErrorKind::DisplayHelp => Stop::Print(text),
        _ => match program.is_borrowed().then(|| foreign_word(argv, error)).flatten() {
            Some(word) => {
                let meant = match error.get(ContextKind::SuggestedSubcommand) {
                    Some(ContextValue::Strings(names)) => {
                        nearest(word, names.iter().map(String::as_str)).map(str::to_owned)
                    }
                    _ => None,
                };
                Stop::Failed(hand_on(program, argv, word, meant))
            }
            None => Stop::Usage(text),
        },
    }
}

/// What clap does not know, a command or a flag, where it stands before any of
/// this tree's commands, as in `nsc instance list` or `nsc --region eu login`.
fn foreign_word<'a>(argv: &[OsString], error: &'a clap::Error) -> Option<&'a str> {
    let context = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let Some(ContextValue::String(unknown)) = error.get(context) else { return None };
    let short = unknown.strip_prefix('-').filter(|letter| letter.chars().count() == 1 && *letter != "-");
    let tree = Cli::command();
    for word in argv.iter().skip(1).map(|word| word.to_string_lossy()) {
        if tree.get_subcommands().any(|command| command.get_name_and_visible_aliases().iter().any(|name| *name == word))
        {
            return None;
        }
        // Short flags may stand together in one word.
        let is_cluster = word.starts_with('-') && !word.starts_with("--");
        if word.starts_with(unknown.as_str()) || (is_cluster && short.is_some_and(|letter| word.contains(letter))) {
            return Some(unknown);
        }
    }
    None
}

/// Whether a line that could not be parsed asks for JSON, and so for its
/// error in JSON too.
fn names_json(argv: &[OsString]) -> bool {
    let words: Vec<_> =
        argv.iter().skip(1).map(|word| word.to_string_lossy()).take_while(|word| word != "--").collect();
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

/// Clap's first paragraph on one line, without its label.
fn one_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn run(program: Program, cli: Cli) -> Result<u8> {
    let mut ctx = context(program, cli.global)?;
    ctx.held = cli.command.wants_json().then(Vec::new);
    match cli.command {
        Command::Token(command) => to_its_end(&mut ctx, async |ctx| command.run(ctx).await),
        Command::ServiceAccounts(command) => to_its_end(&mut ctx, async |ctx| command.run(ctx).await),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => block_on(crate::sandbox::command::run(args, &mut ctx)).flatten(),
    }
}

/// Runs a command of a wing, and lets go of what it held back.
fn to_its_end(ctx: &mut Context, command: impl AsyncFnOnce(&mut Context) -> Result<()>) -> Result<u8> {
    let interrupt = ctx.interrupt.clone();
    let result = block_on(interruptible(command(ctx), &interrupt)).flatten();
    ctx.release(result).map(|()| 0)
}

fn context(program: Program, global: GlobalArgs) -> Result<Context> {
    let example = "write a number and a unit, as in --timeout 30s or --timeout 2m";
    let timeout: Duration = humantime::parse_duration(&global.timeout)
        .map_err(|error| Failure::usage(format!("--timeout \"{}\": {error}", global.timeout)).hint(example))?;
    if timeout.is_zero() {
        return Err(Failure::usage("--timeout is zero; no request could be made").hint(example));
    }
    let env = Environment::Process;
    let (mut stdout, mut stderr) = (Stream::stdout(), Stream::stderr());
    stdout.settle(global.color, &env);
    stderr.settle(global.color, &env);
    /// Longer than any deadline can be reckoned with.
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);
    Ok(Context {
        program,
        env,
        stdout,
        stderr,
        settings: Settings { timeout: timeout.min(LONGEST), verbose: global.verbose, ca_file: global.ca_file },
        interrupt: Interrupt::default(),
        held: None,
    })
}

/// Builds the runtime, which only commands that talk to a server need.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected("the runtime cannot be set up").source(error))?;
    let result = runtime.block_on(future);
    // A resolver that hangs in its thread is not waited for.
    runtime.shutdown_background();
    Ok(result)
}

/// Runs a command until it ends or is asked to (Ctrl-C, SIGTERM, SIGHUP). A
/// change that is on its way gets a moment for its answer, nothing new is
/// begun, and what was prepared is cleaned up.
async fn interruptible(command: impl Future<Output = Result<()>>, interrupt: &Interrupt) -> Result<()> {
    /// Long enough for a server that is there.
    const GRACE: Duration = Duration::from_secs(2);
    tokio::pin!(command);
    // The command first: until it waits for something, signals end the
    // process as they always did.
    tokio::select! {
        biased;
        result = &mut command => return result,
        result = asked_to_end() => result?,
    }
    interrupt.request();
    if interrupt.in_flight()
        && let Ok(result) = tokio::time::timeout(GRACE, command).await
    {
        return result;
    }
    // By now an answer may have come, and what is left is to show it.
    let failure = if interrupt.in_flight() {
        let what = "interrupted while a change was on its way; its outcome is unknown";
        Failure::new(Kind::OutcomeUnknown, what)
    } else {
        Failure::new(Kind::Interrupted, "interrupted")
    };
    Err(interrupt.advice().into_iter().fold(failure, Failure::hint))
}

async fn asked_to_end() -> Result<()> {
    Signals::listen()?.any().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_line_that_asks_for_json_is_told_apart() {
        let line = |text: &str| names_json(&text.split(' ').map(OsString::from).collect::<Vec<_>>());
        for yes in [
            "nsc token list -o json",
            "nsc x --output json",
            "nsc --output=json",
            "nsc sa list --json",
            "nsc token list -q .",
            "nscale sa rotate -yq .",
        ] {
            assert!(line(yes), "{yes}");
        }
        for no in [
            "nsc token list",
            "nsc token list -o table",
            "nsc sandbox -- nsc token list -o json",
            "json",
            "nsc --quiet",
        ] {
            assert!(!line(no), "{no}");
        }
    }
}
