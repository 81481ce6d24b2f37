//! The one way through a command line: parse, run, report, exit.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::parse::{Stop, color_choice, names_json, one_sentence, parse};
use crate::cli::{Cli, Command, GlobalArgs, help};
#[cfg(feature = "docs")]
use crate::cli::{completions, man};
use crate::context::{Context, Environment, Notes, Settings, Stream};
use crate::error::{Failure, Kind, Result};
use crate::interrupt::{self, Interrupt, Signals};
use crate::names::{Program, hand_on};
use crate::namespace::commands::permissions;
use crate::output::query::apart;
use crate::secret::forbid_core_dumps;
use crate::spinner::Spinner;
use crate::text::label;

/// Runs a command line and gives the process its exit code.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    // The environment may hold a secret already.
    forbid_core_dumps();
    if let Some(code) = apart::serve(&argv) {
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
            match crate::output::written(written) {
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
    if failure.kind() == Kind::BrokenPipe {
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
    stderr.configure(color_choice(argv), &Environment::Process);
    let _ = stderr.write_all(label::painted(text, stderr.color()).as_bytes()).and_then(|()| stderr.flush());
}

fn run(program: Program, cli: Cli, argv: &[OsString]) -> Result<u8> {
    let mut ctx = context(program, cli.global)?;
    if cli.command.wants_json() {
        ctx.notes = Notes::deferred();
    }
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
    let (as_json, argv) = (ctx.notes.are_deferred(), argv.to_vec());
    let give_up = move |failure: &Failure| give_up(failure, as_json, &argv);
    let result = block_on(async {
        interrupt::outlive_size_limit();
        interruptible(command(ctx), &interrupt, give_up).await
    })
    .flatten();
    if interrupt.is_requested() && result.is_ok() {
        ctx.note("interrupted; the change had been sent already, and was finished");
    }
    ctx.finish(result).map(|()| 0)
}

fn context(program: Program, global: GlobalArgs) -> Result<Context> {
    let example = "write a number and a unit, as in --timeout 30s or --timeout 2m";
    let timeout: Duration = humantime::parse_duration(&global.timeout)
        .map_err(|error| Failure::usage(format!("--timeout \"{}\": {error}", global.timeout)).hint(example))?;
    if timeout.is_zero() {
        return Err(Failure::usage("--timeout is zero; no request could be made").hint(example));
    }
    let mut ctx = Context::of_process(program);
    ctx.stdout.configure(global.color, &ctx.env);
    ctx.stderr.configure(global.color, &ctx.env);
    /// Longer than any deadline can be reckoned with.
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);
    // The log of the wire would write into its line.
    let spinner = Spinner::new(ctx.stderr.can_erase() && !global.verbose);
    let timeout = timeout.min(LONGEST);
    ctx.settings = Settings { timeout, verbose: global.verbose, ca_file: global.ca_file, spinner };
    Ok(ctx)
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
