//! Runs a command line: parse, run, report, exit.

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
use crate::text::shell::unexpanded_home;

type ForcedExit = Box<dyn FnOnce(&Failure) + Send>;

/// Runs the command line of the process and returns its exit code.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    // The environment may contain a secret.
    forbid_core_dumps();
    if let Some(code) = subprocess::serve(&argv) {
        return code;
    }
    let program = Program::called_by(argv.first().map(OsString::as_os_str));
    ExitCode::from(run(&argv, &mut Context::of_process(program)))
}

/// Runs a command line, which begins with the program's name, and returns its exit
/// code. Apart from files and the network it uses only what is in the context.
pub fn run(argv: &[OsString], ctx: &mut Context) -> u8 {
    let (outcome, OutputMode { is_json, color }) = parse(ctx.program, argv);
    ctx.stdout.configure(color, &ctx.env);
    ctx.stderr.configure(color, &ctx.env);
    let result = match outcome {
        ParseOutcome::Run(cli) => execute(*cli, argv, is_json, ctx),
        ParseOutcome::Print(text) => {
            let text = if ctx.stdout.has_color() { text.ansi().to_string() } else { text.to_string() };
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
        // If standard error cannot be written, only the exit code is left.
        _ if is_json => {
            let _ = stderr.write_line(&failure.to_json()).and_then(|()| stderr.flush());
        }
        _ => print_error(&failure.to_text(), stderr),
    }
    failure.kind().exit_code()
}

/// Prints lines and colours their labels.
fn print_error(text: &str, stderr: &mut Stream) {
    let _ = stderr.write_all(label::colorize(text, stderr.has_color()).as_bytes()).and_then(|()| stderr.flush());
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
            Some(words) => Err(exec_official(ctx.program, argv, &words, None)),
        },
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => block_on(crate::sandbox::command::run(args, ctx)).flatten(),
    }
}

/// The global flags, checked.
fn settings(global: GlobalArgs, ctx: &Context) -> Result<Settings> {
    /// A longer one could not be added to the current time.
    const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);
    let example = "write a number and a unit, as in --timeout 30s or --timeout 2m";
    let timeout: Duration = humantime::parse_duration(&global.timeout)
        .map_err(|error| Failure::usage(format!("--timeout \"{}\": {error}", global.timeout)).hint(example))?;
    if timeout.is_zero() {
        return Err(Failure::usage("--timeout is zero; no request could be made").hint(example));
    }
    if let Some(hint) = global.ca_file.as_deref().and_then(unexpanded_home) {
        return Err(Failure::usage("--ca-file begins with ~").hint(hint));
    }
    Ok(Settings {
        timeout: timeout.min(MAX_TIMEOUT),
        verbose: global.verbose,
        ca_file: global.ca_file,
        // The log of requests is written to standard error too.
        spinner: Spinner::new(ctx.stderr.can_erase() && !global.verbose),
    })
}

/// Runs a command that calls servers, until it ends or is interrupted, and then
/// shows its deferred notes.
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

/// Builds a runtime, which only commands that use the network need.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected("the runtime cannot be set up").source(error))?;
    let result = runtime.block_on(future);
    // Does not wait for a resolver that hangs in its thread.
    runtime.shutdown_background();
    Ok(result)
}

/// Runs a command until it ends or a signal interrupts it (Ctrl-C, SIGTERM, SIGHUP).
/// An interrupted command starts nothing new and removes what it prepared. It waits
/// a moment for the response to a change that was sent.
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
    // The command is polled first: until it waits for something, there are no
    // signal handlers, and a signal ends the process.
    tokio::select! {
        biased;
        result = &mut command => return result,
        result = shutdown_signal => result?,
    }
    // One more poll: the command may handle the interrupt itself.
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

/// Ends the process while the command is still running.
fn exit_at_once(failure: &Failure, is_json: bool, stderr: &mut Stream) {
    /// For writing to standard error, which may block.
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
