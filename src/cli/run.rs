//! The one way through a command line: parse, run, report, exit.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::cli::help;
use crate::cli::output_mode::OutputMode;
use crate::cli::parse::{ParseOutcome, one_sentence, parse};
use crate::cli::tree::{Cli, Command, GlobalArgs, tree};
#[cfg(feature = "docs")]
use crate::cli::{completions, man};
use crate::context::{Context, Notes, Settings, Stream};
use crate::error::{Failure, Kind, Result};
use crate::interrupt::{self, Interrupt, Signals};
use crate::names::{Program, exec_official};
use crate::namespace::commands::permissions;
use crate::output::map_write_error;
use crate::output::query::subprocess;
use crate::secret::forbid_core_dumps;
use crate::spinner::Spinner;
use crate::text::label;

type ForcedExit = Box<dyn FnOnce(&Failure) + Send>;

/// Runs the process's command line and gives its exit code.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    // The environment may hold a secret already.
    forbid_core_dumps();
    if let Some(code) = subprocess::serve(&argv) {
        return code;
    }
    let program = Program::called_by(argv.first().map(OsString::as_os_str));
    ExitCode::from(run(&argv, &mut Context::of_process(program)))
}

/// Runs a command line, the program's name first, and gives its exit code. All
/// that it reads and writes beside files and the network is the context's.
pub fn run(argv: &[OsString], ctx: &mut Context) -> u8 {
    let (outcome, OutputMode { is_json, color }) = parse(ctx.program, argv);
    ctx.stdout.configure(color, &ctx.env);
    ctx.stderr.configure(color, &ctx.env);
    let result = match outcome {
        ParseOutcome::Run(cli) => execute(*cli, argv, is_json, ctx),
        ParseOutcome::Print(text) => {
            let text = if ctx.stdout.color() { text.ansi().to_string() } else { text.to_string() };
            let result = ctx.stdout.write_all(text.as_bytes()).and_then(|()| ctx.stdout.flush());
            map_write_error(result).map(|()| 0)
        }
        ParseOutcome::Usage(text) if is_json => Err(Failure::usage(one_sentence(&text))),
        ParseOutcome::Usage(text) => {
            print_error(&text, &mut ctx.stderr);
            return Kind::Usage.exit_code();
        }
        ParseOutcome::Failed(failure) => Err(failure),
    };
    result.unwrap_or_else(|failure| report(&failure, is_json, &mut ctx.stderr))
}

/// The one place where a failure is shown and becomes an exit code.
fn report(failure: &Failure, is_json: bool, stderr: &mut Stream) -> u8 {
    match failure.kind() {
        Kind::BrokenPipe => {}
        // Where standard error is gone too, the exit code still tells.
        _ if is_json => {
            let _ = stderr.write_line(&failure.to_json()).and_then(|()| stderr.flush());
        }
        _ => print_error(&failure.to_text(), stderr),
    }
    failure.kind().exit_code()
}

/// Shows lines of which some begin with a label.
fn print_error(text: &str, stderr: &mut Stream) {
    let _ = stderr.write_all(label::painted(text, stderr.color()).as_bytes()).and_then(|()| stderr.flush());
}

fn execute(cli: Cli, argv: &[OsString], is_json: bool, ctx: &mut Context) -> Result<u8> {
    ctx.settings = settings(cli.global, ctx)?;
    if is_json {
        ctx.notes = Notes::deferred();
    }
    match cli.command {
        Command::Token(command) => run_async(ctx, async |ctx| command.run(ctx).await),
        Command::ServiceAccounts(command) => run_async(ctx, async |ctx| command.run(ctx).await),
        Command::Auth(command) => run_async(ctx, async |ctx| command.run(ctx).await),
        Command::Permissions(args) => run_async(ctx, async |ctx| permissions::run(args, ctx).await),
        #[cfg(feature = "docs")]
        Command::Completions(args) => completions::run(&args, tree(ctx.program), ctx).map(|()| 0),
        #[cfg(feature = "docs")]
        Command::Man(args) => man::run(args, tree(ctx.program), ctx).map(|()| 0),
        Command::Help(args) => match help::run(&args, tree(ctx.program), ctx)? {
            None => Ok(0),
            Some(foreign) => Err(exec_official(ctx.program, argv, &foreign, None)),
        },
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => block_on(crate::sandbox::command::run(args, ctx)).flatten(),
    }
}

/// The global flags, checked.
fn settings(global: GlobalArgs, ctx: &Context) -> Result<Settings> {
    /// Longer ones could not be added to the clock.
    const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);
    let example = "write a number and a unit, as in --timeout 30s or --timeout 2m";
    let timeout: Duration = humantime::parse_duration(&global.timeout)
        .map_err(|error| Failure::usage(format!("--timeout \"{}\": {error}", global.timeout)).hint(example))?;
    if timeout.is_zero() {
        return Err(Failure::usage("--timeout is zero; no request could be made").hint(example));
    }
    Ok(Settings {
        timeout: timeout.min(MAX_TIMEOUT),
        verbose: global.verbose,
        ca_file: global.ca_file,
        // The log of the requests would write into its line.
        spinner: Spinner::new(ctx.stderr.can_erase() && !global.verbose),
    })
}

/// Runs a command that talks to a server, until it ends or is interrupted, and
/// shows the notes that waited for its end.
fn run_async(ctx: &mut Context, command: impl AsyncFnOnce(&mut Context) -> Result<()>) -> Result<u8> {
    let interrupt = ctx.interrupt.clone();
    let (is_json, mut stderr) = (ctx.notes.are_deferred(), ctx.stderr.clone());
    let exit = move |failure: &Failure| exit_at_once(failure, is_json, &mut stderr);
    let result = supervise(Box::pin(command(ctx)), &interrupt, Box::new(exit));
    if interrupt.is_requested() && result.is_ok() {
        ctx.note("interrupted; the change had been sent already, and was finished");
    }
    ctx.finish(result).map(|()| 0)
}

/// Not generic, so that it is in the binary once.
fn supervise(command: LocalBoxFuture<'_, Result<()>>, interrupt: &Interrupt, exit: ForcedExit) -> Result<()> {
    block_on(async {
        interrupt::catch_sigxfsz();
        interruptible(command, interrupt, exit).await
    })
    .flatten()
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

/// Runs a command until it ends or a signal asks it to end (Ctrl-C, SIGTERM,
/// SIGHUP). A change that was sent gets a moment for its answer, nothing new is
/// begun, and what was prepared is cleaned up.
async fn interruptible(
    mut command: LocalBoxFuture<'_, Result<()>>,
    interrupt: &Interrupt,
    exit: ForcedExit,
) -> Result<()> {
    if !interrupt.handles_signals() {
        return command.await;
    }
    let shutdown_signal = async {
        let mut signals = Signals::listen()?;
        interrupt.start_watchdog(exit)?;
        signals.any().await;
        interrupt.request();
        Result::Ok(())
    };
    // The command first: until it waits for something, signals end the
    // process as they always did.
    tokio::select! {
        biased;
        result = &mut command => return result,
        result = shutdown_signal => result?,
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
            () = interrupt.forced() => {}
        }
    }
    Err(interrupt.failure())
}

/// Ends the process where the command does not end.
fn exit_at_once(failure: &Failure, is_json: bool, stderr: &mut Stream) {
    /// Nobody may be reading standard error.
    const MAX_WAIT: Duration = Duration::from_millis(500);
    let code = failure.kind().exit_code().into();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(MAX_WAIT);
            std::process::exit(code);
        });
        report(failure, is_json, stderr);
        std::process::exit(code);
    });
}
