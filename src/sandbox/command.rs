//! `nscred sandbox`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Write};
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
use crate::sandbox::clock::Clock;
use crate::sandbox::faults::Faults;
use crate::sandbox::journal::Journal;
use crate::sandbox::namespace::Namespace;
use crate::sandbox::nscale::{Nscale, Options, TOKEN_LIFE};
use crate::sandbox::server::{self, Sides};
use crate::sandbox::shell::World;
use crate::sandbox::store::Store;

/// Flags of `sandbox`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nscred sandbox                                        a shell inside
  nscred sandbox -- nsc token list                      one command inside
  nscred sandbox -- nscale sa list                      another
  nscred sandbox --listen 127.0.0.1:8700 --data box.db  a server that stays
  nscred sandbox --data box.db --clock-ahead 2d         the same data, two days later

Inside, nsc, nscale and nscred are this program, and NSC_TOKEN_FILE is a
workspace admin's. Variables lead official programs here too, for every service
of theirs; what is not served is refused. $NSCRED_SANDBOX holds other credentials to try:
  member.json   a member who is no admin (needs --user to create tokens)
  session.json  a login session, which is exchanged for a token

A fault names an operation (token.create, token.list, token.revoke,
token.refresh, session.exchange, sa.list, sa.create, sa.update, sa.rotate,
sa.delete, groups.list, organizations.list, userinfo; sa.* is all of them), what
goes wrong, and after an x how often:
  503, 429:2     that status instead and no more, here with Retry-After: 2
  code=internal  the API's own error instead: that code of Connect, or its status
  html-403       that status with a page instead, as a web filter has it
  acted-502      does what was asked, and answers so all the same
  slow=1500      waits 1500 milliseconds first
  hang           never answers
  drop           does what was asked, and closes without an answer
  truncate       does what was asked, and closes in the middle of the answer
  stall          does what was asked, and never sends the answer's last byte
  gzip           does what was asked, and encodes the answer unasked
  garbage        does what was asked, and answers with what is no JSON
  redirect       sends the caller to another host

What the documents leave open, the sandbox decides like this:
  a name stays taken (409) until its token is revoked, even when it has expired
  a page has 100 tokens, at most 1000; the oldest comes first
  a token without expiry stays so when it is refreshed
  1 year is 365 days, and a minute for the way
  grants on unknown types or actions are refused (400), and so is the
  action * on instance
  a grant without resource_id covers only create and list
  a token may call TokenService, and mint no more than it may itself
  a member may create tokens with --user, but not list, revoke or refresh them
  a login is the admin's, and is complete as soon as it is asked for

Nscale's side begins with one organization, the four roles, the groups
administrators, auditors and developers, a project for the developers, and an
administrator whose token is in NSCALE_SERVICE_TOKEN. Of it the sandbox decides:
  every caller is a service account; there are no users
  projects are read only, and the token endpoint gives no tokens
  names of groups need not be unique, and any group may be deleted
  what is changed is seen at once: nothing lags, and no write is in part
  on a --data file the administrator has the same token at each start; where it
  has expired, or the account or its group was deleted, it is made anew
STATUS in `nscale sa list` goes by your own clock, which --clock-ahead leaves be.")]
pub struct SandboxArgs {
    /// Serve at this loopback address; else at a free port. Without a command: until interrupted.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Let --listen be an address that others can reach. It speaks plain http, so they can read everything.
    #[arg(long = "allow-remote", alias = "allow_remote", requires = "listen")]
    allow_remote: bool,
    /// Keep the state in this SQLite file instead of in memory.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Let the server's clock run ahead, to see what expires.
    #[arg(long = "clock-ahead", alias = "clock_ahead", value_name = "DURATION", allow_hyphen_values = true)]
    clock_ahead: Option<String>,
    /// How long the tokens of service accounts live, but for the administrator's first; else 90d.
    #[arg(long = "token-life", alias = "token_life", value_name = "DURATION", allow_hyphen_values = true)]
    token_life: Option<String>,
    /// Answer create and update of service accounts with their groups as they are now, not as they were.
    #[arg(long = "fresh-groups", alias = "fresh_groups")]
    fresh_groups: bool,
    /// Make this many service accounts in a new store, to see what many look like.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    accounts: u32,
    /// Note each request in this file: method and path, never a credential.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Misbehave on purpose, as in sa.rotate=drop or token.list=503:2x3. Repeatable; see below.
    #[arg(long = "fault", value_name = "OP=KIND[xN]")]
    faults: Vec<String>,
    /// A command to run inside.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Starts the server, then runs the command, opens a shell, or serves.
///
/// # Errors
/// Usage: a flag cannot be used. Else as the server says.
pub async fn run(args: SandboxArgs, ctx: &mut Context) -> Result<u8> {
    let clock = args.clock_ahead.as_deref().map(|text| length("--clock-ahead", text)).transpose()?;
    let clock = clock.map(Clock::ahead).unwrap_or_default();
    let options = Options {
        token_life: args.token_life.as_deref().map_or(Ok(TOKEN_LIFE), |text| length("--token-life", text))?,
        stale_groups: !args.fresh_groups,
        accounts: args.accounts,
    };
    let faults = Faults::parse(&args.faults)?;
    let log = args.log.as_deref().map(open_log).transpose()?;
    let stays = args.command.is_empty() && args.listen.is_some();
    let command = match args.command {
        command if !command.is_empty() || stays => command,
        _ => vec![shell(ctx, args.data.is_some())?],
    };
    let listener = listen(args.listen.as_deref(), args.allow_remote)?;
    let address =
        listener.local_addr().map_err(|error| Failure::unexpected("the listener has no address").source(error))?;
    if !address.ip().is_loopback() {
        ctx.warn(&format!(
            "{address} can be reached by others on the network, who can use the sandbox and read every credential on the way: it speaks plain http"
        ));
    }
    let descriptors = raise_descriptor_limit();
    let store = Arc::new(args.data.as_deref().map_or_else(Store::in_memory, Store::open)?);
    let namespace = Namespace::new(Arc::clone(&store), clock)?;
    let nscale = Nscale::new(Arc::clone(&store), clock, options)?;
    let journal = args.data.is_some().then(|| Journal::start(store)).transpose();
    let journal = journal.map_err(|error| Failure::unexpected("the sandbox cannot serve").source(error))?;
    let sides = Arc::new(Sides { namespace, nscale, faults, log, journal });
    let mut signals = Signals::listen()?;
    let world = World::new(&sides, address, descriptors)?;
    tokio::select! {
        result = server::serve(listener, Arc::clone(&sides)) => result.map(|()| 1),
        result = live(&world, &command, stays, &mut signals, ctx) => result,
    }
}

async fn live(
    world: &World,
    command: &[OsString],
    stays: bool,
    signals: &mut Signals,
    ctx: &mut Context,
) -> Result<u8> {
    if !stays {
        return world.run(command, signals).await;
    }
    map_write_error(ctx.stdout.write_all(world.exports().as_bytes()).and_then(|()| ctx.stdout.flush()))?;
    ctx.note("the sandbox serves until it is interrupted (Ctrl-C); the lines above lead a shell into it");
    signals.any().await;
    Ok(0)
}

/// The user's shell, where somebody is there to use it.
fn shell(ctx: &mut Context, keeps: bool) -> Result<OsString> {
    if !std::io::stdin().is_terminal() || !ctx.stderr.is_terminal() {
        return Err(Failure::usage("there is no terminal for a shell inside the sandbox").hint(
            "run one command with `nscred sandbox -- CMD`, or serve with `nscred sandbox --listen 127.0.0.1:8700`",
        ));
    }
    let end =
        if keeps { "`exit` leaves it" } else { "`exit` leaves it and forgets what was made (--data FILE keeps it)" };
    ctx.note(&format!("a shell inside the sandbox; {end}"));
    Ok(ctx.env.var_os("SHELL").unwrap_or_else(|| "/bin/sh".into()))
}

/// Lets as many clients in as the system allows. Gives the limit as it was.
fn raise_descriptor_limit() -> Rlimit {
    let given = getrlimit(Resource::Nofile);
    // Fewer do too.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: given.maximum, ..given });
    given
}

fn listen(asked: Option<&str>, allow_remote: bool) -> Result<TcpListener> {
    let text = asked.unwrap_or("127.0.0.1:0");
    let addresses: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| {
            Failure::usage(format!("--listen {text} is not an address"))
                .source(error)
                .hint("write it as 127.0.0.1:8700")
        })?
        .collect();
    if !allow_remote && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(Failure::usage(format!("--listen {text} is not a loopback address"))
            .hint("the sandbox speaks plain http and hands out credentials: it serves this machine only, unless --allow-remote is given"));
    }
    TcpListener::bind(addresses.as_slice())
        .map_err(|error| Failure::usage(format!("--listen {text} cannot be used")).source(error))
}

fn open_log(path: &Path) -> Result<File> {
    let opened = File::options().create(true).append(true).open(path);
    opened.map_err(|error| Failure::usage(format!("--log {} cannot be written", path.display())).source(error))
}

/// Further than any credential lives.
const FURTHEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A length of time from 0 to 10 years.
fn length(flag: &str, text: &str) -> Result<Duration> {
    let nanos = duration::parse(text).map_err(|error| Failure::usage(format!("{flag}: {error}")))?.0;
    match u64::try_from(nanos).map(Duration::from_nanos) {
        Ok(length) if length <= FURTHEST => Ok(length),
        _ => Err(Failure::usage(format!("{flag} is {text}; it goes from 0 to 10y"))),
    }
}
