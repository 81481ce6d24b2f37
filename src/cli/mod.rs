//! The command tree, and the one way through it: parse, run, tell, exit.

#[cfg(feature = "docs")]
mod completions;
pub mod environment;
mod help;
#[cfg(feature = "docs")]
mod man;
mod parse;
mod tree;

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::auth::AuthCommand;
use crate::cli::parse::{Stop, color_choice, names_json, one_sentence, parse};
use crate::context::{ColorChoice, Context, Environment, Settings, Stream};
use crate::error::{Failure, Kind, Result};
use crate::interrupt::{self, Interrupt, Signals};
use crate::names::{Program, hand_on};
use crate::namespace::commands::TokenCommand;
use crate::namespace::commands::permissions::{self, PermissionsArgs};
use crate::nscale::commands::ServiceAccountsCommand;
use crate::output::query::subprocess;
#[cfg(feature = "sandbox")]
use crate::sandbox::command::SandboxArgs;
use crate::secret::forbid_core_dumps;
use crate::spinner::Spinner;
use crate::text::label;

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

/// Runs a command line and gives the process its exit code.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    // The environment may hold a secret already.
    forbid_core_dumps();
    if let Some(code) = subprocess::serve(&argv) {
        return code;
    }
    let program = Program::called_by(argv.first().map(OsString::as_os_str));
    match parse(program, &argv) {
        Ok(cli) => {
            let as_json = cli.command.wants_json();
            match run(program, cli, &argv) {
                Ok(code) => ExitCode::from(code),
                Err(failure) => tell(&failure, as_json, &argv),
            }
        }
        Err(Stop::Print(text)) => {
            let written = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
            match crate::output::map_write_error(written) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => tell(&failure, false, &argv),
            }
        }
        Err(Stop::Usage(text)) if names_json(&argv) => tell(&Failure::usage(one_sentence(&text)), true, &argv),
        Err(Stop::Usage(text)) => {
            complain(&text, &argv);
            ExitCode::from(Kind::Usage.exit_code())
        }
        Err(Stop::Failed(failure)) => tell(&failure, names_json(&argv), &argv),
    }
}

/// The one place where a failure is shown and becomes an exit code.
fn tell(failure: &Failure, as_json: bool, argv: &[OsString]) -> ExitCode {
    if failure.is_quiet() {
        return ExitCode::SUCCESS;
    }
    if as_json {
        // Where stderr is gone too, the exit code still tells.
        let _ = std::io::stderr().write_all(format!("{}\n", failure.to_json()).as_bytes());
    } else {
        complain(&failure.to_text(), argv);
    }
    ExitCode::from(failure.kind().exit_code())
}

/// Shows lines of which some begin with a label.
fn complain(text: &str, argv: &[OsString]) {
    let mut stderr = Stream::stderr();
    stderr.settle(color_choice(argv), &Environment::Process);
    let _ = stderr.write_all(label::painted(text, stderr.color()).as_bytes()).and_then(|()| stderr.flush());
}

fn run(program: Program, cli: Cli, argv: &[OsString]) -> Result<u8> {
    let mut ctx = context(program, cli.global)?;
    ctx.held = cli.command.wants_json().then(Vec::new);
    match cli.command {
        Command::Token(command) => to_its_end(&mut ctx, argv, async |ctx| command.run(ctx).await),
        Command::ServiceAccounts(command) => to_its_end(&mut ctx, argv, async |ctx| command.run(ctx).await),
        Command::Auth(command) => to_its_end(&mut ctx, argv, async |ctx| command.run(ctx).await),
        Command::Permissions(args) => to_its_end(&mut ctx, argv, async |ctx| permissions::run(args, ctx).await),
        #[cfg(feature = "docs")]
        Command::Completions(args) => completions::run(&args, &mut ctx).map(|()| 0),
        #[cfg(feature = "docs")]
        Command::Man(args) => man::run(args, &mut ctx).map(|()| 0),
        Command::Help(args) => match help::run(&args, &mut ctx)? {
            None => Ok(0),
            Some(foreign) => Err(hand_on(program, argv, &foreign, None)),
        },
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => block_on(crate::sandbox::command::run(args, &mut ctx)).flatten(),
    }
}

/// Runs a command of a wing, and lets go of what it held back.
fn to_its_end(
    ctx: &mut Context,
    argv: &[OsString],
    command: impl AsyncFnOnce(&mut Context) -> Result<()>,
) -> Result<u8> {
    let interrupt = ctx.interrupt.clone();
    let (as_json, argv) = (ctx.held.is_some(), argv.to_vec());
    let give_up = move |failure: &Failure| give_up(failure, as_json, &argv);
    let result = block_on(async {
        interrupt::outlive_size_limit();
        interruptible(command(ctx), &interrupt, give_up).await
    })
    .flatten();
    if interrupt.is_requested() && result.is_ok() {
        ctx.note("interrupted; the change had been sent already, and was finished");
    }
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
    // The log of the wire would write into its line.
    let spinner = Spinner::new(stderr.can_erase() && !global.verbose);
    let timeout = timeout.min(LONGEST);
    Ok(Context {
        program,
        env,
        stdout,
        stderr,
        settings: Settings { timeout, verbose: global.verbose, ca_file: global.ca_file, spinner },
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
async fn interruptible(
    command: impl Future<Output = Result<()>>,
    interrupt: &Interrupt,
    give_up: impl FnOnce(&Failure) + Send + 'static,
) -> Result<()> {
    tokio::pin!(command);
    let asked_to_end = async {
        let mut signals = Signals::listen()?;
        interrupt.watch(give_up)?;
        signals.any().await;
        interrupt.request();
        Ok(())
    };
    // The command first: until it waits for something, signals end the
    // process as they always did.
    tokio::select! {
        biased;
        result = &mut command => return result,
        result = asked_to_end => result?,
    }
    // What hears the signal itself is let end first.
    tokio::select! {
        biased;
        result = &mut command => return result,
        () = std::future::ready(()) => {}
    }
    if interrupt.in_flight() {
        tokio::select! {
            biased;
            result = command => return result,
            () = interrupt.insisted() => {}
        }
    }
    Err(interrupt.failure())
}

/// Ends the process where the command does not end.
fn give_up(failure: &Failure, as_json: bool, argv: &[OsString]) {
    /// Standard error may be what nobody reads.
    const PATIENCE: Duration = Duration::from_millis(500);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(PATIENCE);
            std::process::exit(failure.kind().exit_code().into());
        });
        tell(failure, as_json, argv);
        std::process::exit(failure.kind().exit_code().into());
    });
}
