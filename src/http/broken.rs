//! Tries that brought no answer, and why.

use std::error::Error as _;
use std::io;

use crate::http::retry::Ending;
use crate::http::tls;

/// What to do about a proxy that lets nobody through unknown.
pub const PROXY_LOGIN: &str =
    "the login goes into the proxy's address, as in http://USER:PASSWORD@proxy.example.com:3128";

/// A try that brought no answer.
pub struct Broken {
    /// Whether it had left by then.
    pub ending: Ending,
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
    /// The answer is larger than what is read.
    TooLarge,
    /// Anything else.
    Other(anyhow::Error),
}

impl Cause {
    /// Whether another try would end the same way.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::ProxyLogin | Self::TooLarge)
    }
}

/// Tells what stopped a try, and whether the request had left by then.
pub fn broken(error: reqwest::Error) -> Broken {
    let connecting = error.is_connect();
    let ending = if connecting || error.is_builder() { Ending::NotSent } else { Ending::NoAnswer };
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
