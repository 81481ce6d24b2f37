//! `nscred sandbox`.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::input::duration;
use crate::interrupt::Signals;
use crate::output::map_write_error;
use crate::sandbox::clock::ServerClock;
use crate::sandbox::commit_queue::CommitQueue;
use crate::sandbox::faults::Faults;
use crate::sandbox::namespace::Namespace;
use crate::sandbox::nscale::{DEFAULT_TOKEN_LIFETIME, Nscale, NscaleOptions};
use crate::sandbox::server::{self, Clouds};
use crate::sandbox::shell::ShellEnvironment;
use crate::sandbox::store::Store;
use crate::verb::{Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Sandbox], exit_codes: &[] })]
#[command(after_help = after_help())]
pub struct SandboxArgs {
    /// Serve at this loopback address instead of at a free port. Without CMD, serve until interrupted.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Let --listen be an address that others can reach. The sandbox serves plain HTTP, so they can read everything.
    #[arg(long = "allow-remote", requires = "listen")]
    allow_remote: bool,
    /// Keep the data in this SQLite file instead of in memory.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Set the server's clock ahead, to see credentials expire.
    #[arg(long = "clock-ahead", value_name = "DURATION", allow_hyphen_values = true)]
    clock_ahead: Option<String>,
    /// The lifetime of service account tokens, other than the administrator's first; without it 90d.
    #[arg(long = "token-life", value_name = "DURATION", allow_hyphen_values = true)]
    token_life: Option<String>,
    /// Show the new groups in the answers to create and update of service accounts, not the previous ones.
    #[arg(long = "fresh-groups")]
    fresh_groups: bool,
    /// Create this many service accounts in a new store, to try commands on many.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(..=MAX_ACCOUNTS))]
    accounts: u32,
    /// Append a line for each request to this file: method and path, never a credential.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Inject a fault, as in sa.rotate=drop or token.list=503:2x3. Repeatable; see below.
    #[arg(long = "fault", value_name = "OP=KIND[xN]")]
    faults: Vec<String>,
    /// A command to run inside.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const MAX_ACCOUNTS: i64 = 1_000_000;

/// For `--clock-ahead` and `--token-life`. No credential is valid for longer.
const MAX_DURATION: Duration = Duration::from_secs(10 * 365 * 86_400);

const AFTER_HELP: &str = "\
Examples:
  nscred sandbox                                        a shell inside
  nscred sandbox -- nsc token list                      one command inside
  nscred sandbox -- nscale sa list                      another one
  nscred sandbox --listen 127.0.0.1:8700 --data box.db  a server that keeps its data
  nscred sandbox --data box.db --clock-ahead 2d         the same data, two days later

Inside, nsc, nscale and nscred are this program, and NSC_TOKEN_FILE is the
credential of a workspace admin. Official programs use the sandbox too, for all
of their services; it refuses what it does not serve. $NSCRED_SANDBOX is a
directory with other credentials:
  member.json   a member who is not an admin (needs --user to create tokens)
  session.json  a login session, to be exchanged for a token

A fault is OP=KIND, followed by xN if it is to happen N times only. OP is one of
{OPERATIONS}
or a prefix and *, as in sa.*. KIND is one of
  503, 429:2     answers with that status, here with Retry-After: 2
  code=internal  answers with the API's own error of that Connect code
  html-403       answers with that status and an HTML page, as a web filter does
  acted-502      carries the request out, and answers with that status
  slow=1500      waits 1500 milliseconds first
  hang           never answers
  drop           carries the request out, and closes the connection without an answer
  truncate       carries the request out, and closes the connection in the middle of the answer
  stall          carries the request out, and never sends the answer's last byte
  gzip           carries the request out, and compresses the answer without being asked
  garbage        carries the request out, and answers with a body that is not JSON
  redirect       redirects to another host

Where Namespace's documents do not say, the sandbox decides:
  a name is in use (409) until its token is revoked, even when the token has expired
  a page has 100 tokens by default and 1000 at most, the oldest first
  refreshing a token without expiry does not give it one
  1 year is 365 days, plus a minute of tolerance
  grants with unknown types or actions are refused (400), and so is * on instance
  a grant without resource_id covers create and list only
  a token may call TokenService, and create tokens with its own grants at most
  a member may create tokens with --user, but not list, revoke or refresh tokens
  a login is the admin's, and is complete as soon as it is started

Nscale has one organization with four roles, the groups administrators, auditors
and developers, a project for the developers, and an administrator whose token
is in NSCALE_SERVICE_TOKEN. Where Nscale's documents do not say:
  every caller is a service account; there are no users
  projects are read-only, and the token endpoint issues no tokens
  group names need not be unique, and every group may be deleted
  changes are visible at once and complete
  with --data the administrator keeps its token from start to start; an expired
  token and a deleted account or group are replaced at the next start
STATUS in `nscale sa list` uses your own clock, not that of --clock-ahead.";

fn after_help() -> String {
    AFTER_HELP.replace("{OPERATIONS}", &wrap(&server::operations()))
}

/// A list in lines of at most 80 columns, indented.
fn wrap(words: &[&str]) -> String {
    let mut text = String::from(" ");
    let mut column = text.len();
    for word in words {
        // A space before it, and a comma after it.
        if column + word.len() + 2 > 80 {
            text.push_str("\n ");
            column = 1;
        }
        text.push_str(&format!(" {word},"));
        column += word.len() + 2;
    }
    text
}

/// Starts the server, then runs the command, opens a shell, or serves until interrupted. Returns the
/// exit code.
///
/// # Errors
/// Usage: a flag is invalid, or the command cannot be run. Unexpected: the server cannot be started.
pub async fn run(args: SandboxArgs, ctx: &mut Context) -> Result<u8> {
    let ahead = args.clock_ahead.as_deref().map(|text| parse_duration("--clock-ahead", text)).transpose()?;
    let clock = ServerClock { system: ctx.clock, ahead: ahead.unwrap_or_default() };
    let token_lifetime = args.token_life.as_deref().map(|text| parse_duration("--token-life", text)).transpose()?;
    let options = NscaleOptions {
        token_lifetime: token_lifetime.unwrap_or(DEFAULT_TOKEN_LIFETIME),
        has_stale_groups: !args.fresh_groups,
        accounts: args.accounts,
    };
    let faults = Faults::parse(&args.faults, &server::operations())?;
    let log = args.log.as_deref().map(open_log).transpose()?;
    let is_server_only = args.command.is_empty() && args.listen.is_some();
    let command = match args.command {
        command if !command.is_empty() || is_server_only => command,
        _ => vec![shell(ctx, args.data.is_some())?],
    };
    let listener = listen(args.listen.as_deref(), args.allow_remote)?;
    let address =
        listener.local_addr().map_err(|error| Failure::unexpected("the listener has no address").source(error))?;
    if !address.ip().is_loopback() {
        ctx.warn(&format!(
            "others on the network can reach {address}: they can use the sandbox, and read every credential sent to it, because it serves plain HTTP"
        ));
    }
    let descriptor_limit = raise_descriptor_limit();
    let store = Arc::new(args.data.as_deref().map_or_else(Store::in_memory, Store::open)?);
    let namespace = Namespace::new(Arc::clone(&store), clock)?;
    let nscale = Nscale::new(Arc::clone(&store), clock, options)?;
    let commit_queue = args.data.is_some().then(|| CommitQueue::start(store)).transpose();
    let commit_queue =
        commit_queue.map_err(|error| Failure::unexpected("cannot start the sandbox's server").source(error))?;
    let clouds = Arc::new(Clouds { namespace, nscale, faults, log, commit_queue });
    let mut signals = Signals::listen()?;
    let environment = ShellEnvironment::new(&clouds, address, descriptor_limit)?;
    tokio::select! {
        result = server::serve(listener, Arc::clone(&clouds)) => result.map(|()| 1),
        result = serve_or_run(&environment, &command, is_server_only, &mut signals, ctx) => result,
    }
}

async fn serve_or_run(
    environment: &ShellEnvironment,
    command: &[OsString],
    is_server_only: bool,
    signals: &mut Signals,
    ctx: &mut Context,
) -> Result<u8> {
    if !is_server_only {
        return environment.run(command, &ctx.env, signals).await;
    }
    map_write_error(ctx.stdout.write_all(environment.exports().as_bytes()).and_then(|()| ctx.stdout.flush()))?;
    ctx.note("serving until interrupted (Ctrl-C); a shell that runs the lines above uses the sandbox");
    signals.any().await;
    Ok(0)
}

/// The user's shell, if there is a terminal to use it in.
fn shell(ctx: &mut Context, keeps_data: bool) -> Result<OsString> {
    if !ctx.stdin.is_terminal() || !ctx.stderr.is_terminal() {
        return Err(Failure::usage("cannot open a shell: standard input or standard error is not a terminal").hint(
            "run one command with `nscred sandbox -- CMD`, or serve with `nscred sandbox --listen 127.0.0.1:8700`",
        ));
    }
    let discards = if keeps_data { "" } else { " and discards its data (--data FILE keeps it)" };
    ctx.note(&format!("this is a shell inside the sandbox; `exit` ends the sandbox{discards}"));
    Ok(ctx.env.var_os("SHELL").unwrap_or_else(|| "/bin/sh".into()))
}

/// Raises the limit of open files, so that many clients can connect. Returns the previous limit.
fn raise_descriptor_limit() -> Rlimit {
    let previous = getrlimit(Resource::Nofile);
    // If it fails, fewer clients can connect.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: previous.maximum, ..previous });
    previous
}

fn listen(address: Option<&str>, allow_remote: bool) -> Result<TcpListener> {
    let text = address.unwrap_or("127.0.0.1:0");
    let addresses: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| {
            Failure::usage(format!("--listen {text} is not an address"))
                .source(error)
                .hint("give an address and a port, as in 127.0.0.1:8700")
        })?
        .collect();
    if !allow_remote && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(Failure::usage(format!("--listen {text} is not a loopback address"))
            .hint("the sandbox hands out credentials over plain HTTP; add --allow-remote to serve others too"));
    }
    TcpListener::bind(addresses.as_slice())
        .map_err(|error| Failure::usage(format!("cannot listen on {text}")).source(error))
}

fn open_log(path: &Path) -> Result<File> {
    let opened = File::options().create(true).append(true).open(path);
    opened.map_err(|error| Failure::usage(format!("--log {} cannot be written", path.display())).source(error))
}

fn parse_duration(flag: &str, text: &str) -> Result<Duration> {
    let nanos = duration::parse(text).map_err(|error| Failure::usage(format!("{flag}: {error}")))?.0;
    match u64::try_from(nanos).map(Duration::from_nanos) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err(Failure::usage(format!("{flag} {text} is out of range: it must be from 0 to 10y"))),
    }
}
