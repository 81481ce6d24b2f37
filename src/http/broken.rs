//! AttemptLimit that brought no answer, and why.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use humantime::format_duration;

use crate::error::{Failure, Kind};
use crate::http::json::unreadable;
use crate::http::page::excerpt;
use crate::http::retry::{AttemptOutcome, Effect, kind};
use crate::http::tls;
use crate::interrupt::IN_FLIGHT;
use crate::redactor::Redactor;

/// What to do about a proxy that lets nobody through unknown.
pub const PROXY_LOGIN: &str =
    "the login goes into the proxy's address, as in http://USER:PASSWORD@proxy.example.com:3128";

/// A try that brought no answer.
pub struct Broken {
    /// Whether it had left by then.
    pub ending: AttemptOutcome,
    /// What stopped it.
    pub cause: Cause,
}

/// Why.
pub enum Cause {
    /// The name is not known.
    Resolve,
    /// Nobody listens there.
    Refused,
    /// No connection in time.
    ConnectTimeout,
    /// No answer in time.
    Timeout,
    /// No secure connection, with the reason.
    Tls(String),
    /// The proxy wants a login.
    ProxyLogin,
    /// The command was asked to end, and no answer came in the time that was left.
    Interrupted,
    /// The answer is larger than what is read.
    TooLarge,
    /// The answer came in an encoding that is not known.
    Encoding(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl Cause {
    /// Whether another try would end the same way.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::ProxyLogin | Self::TooLarge | Self::Encoding(_))
    }
}

/// What was to lead to the answer.
pub struct Way {
    /// The server.
    pub host: String,
    /// The proxy before it.
    pub proxy: Option<String>,
    /// How long all requests together may take.
    pub timeout: Duration,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// What keeps secrets out of what is said.
    pub redactor: Redactor,
}

impl Broken {
    /// One sentence for a request with this effect that was given up, after
    /// earlier tries that may have been carried out or not.
    pub fn explain(self, way: Way, effect: Effect, repeated: bool) -> Failure {
        let (host, proxy) = (way.host, way.proxy);
        let said = match self.cause {
            Cause::TooLarge | Cause::Encoding(_) | Cause::ProxyLogin => Kind::Unexpected,
            _ => self.ending.kind(),
        };
        let kind = kind(said, effect, self.ending, repeated);
        let prefix = match kind {
            Kind::OutcomeUnknown => "the request was sent and its outcome is unknown: ",
            _ => "",
        };
        let failure = |what: String| Failure::new(kind, format!("{prefix}{what}"));
        // The first stop on the way, which is what could not be reached.
        let stop = proxy.as_ref().map_or_else(|| host.clone(), |proxy| format!("the proxy {proxy}"));
        match self.cause {
            // Most SOCKS proxies are given an address that was looked up here.
            Cause::Resolve if proxy.is_some() => failure(format!("the name of {stop} or of {host} cannot be resolved")),
            Cause::Resolve => failure(format!("the name {host} cannot be resolved")),
            Cause::Refused => failure(format!("{stop} refused the connection")),
            Cause::ConnectTimeout => {
                failure(format!("no connection to {stop} within {}", format_duration(way.connect_timeout)))
            }
            Cause::Timeout => failure(format!("no answer from {host} within {}", format_duration(way.timeout)))
                .hint("allow more time with --timeout 2m"),
            Cause::Interrupted => Failure::new(kind, IN_FLIGHT),
            Cause::Tls(why) => failure(format!("no secure connection to {host}: {why}"))
                .hint("if your network has its own certificate authority, name its certificate with --ca-file"),
            Cause::ProxyLogin => failure(format!("{stop} asks for a login")).hint(PROXY_LOGIN),
            Cause::TooLarge => failure(format!("the answer of {host} is over 256 MiB")),
            Cause::Encoding(name) => {
                let why = format!("it came in the encoding {}, which was not asked for", excerpt(&name, &way.redactor));
                unreadable(effect, &host, &why)
            }
            Cause::Other(error) if self.ending == AttemptOutcome::NotSent && proxy.is_some() => {
                failure(format!("{stop} opened no way to {host}")).source(error)
            }
            Cause::Other(error) => failure(format!("the connection to {host} broke")).source(error).broken(),
        }
    }
}

/// Tells what stopped a try, and whether the request had left by then.
pub fn broken(error: reqwest::Error) -> Broken {
    let connecting = error.is_connect();
    let ending = if connecting || error.is_builder() { AttemptOutcome::NotSent } else { AttemptOutcome::NoResponse };
    let cause = if let Some(tls) = find_tls(&error) {
        Cause::Tls(tls)
    } else if causes(&error).any(|cause| cause.to_string().ends_with("proxy authorization required")) {
        // The library's type for it cannot be named.
        Cause::ProxyLogin
    } else if error.is_dns() {
        Cause::Resolve
    } else if error.is_timeout() {
        if connecting { Cause::ConnectTimeout } else { Cause::Timeout }
    } else if has_io(&error, io::ErrorKind::ConnectionRefused) {
        Cause::Refused
    } else {
        Cause::Other(anyhow::Error::from(error.without_url()))
    };
    Broken { ending, cause }
}

/// The errors beneath, those wrapped in an [`io::Error`] included.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let current = next?;
        next = match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        };
        Some(current)
    })
}

fn find_tls(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(tls::explain)
}

fn has_io(error: &reqwest::Error, kind: io::ErrorKind) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|io| io.kind() == kind)
}
