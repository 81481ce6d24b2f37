//! What can go wrong between a request and the API's own response, as values;
//! [`explain`](crate::http::explain) has the words.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::content::Content;
use crate::http::endpoint::Endpoint;
use crate::http::retry::{AttemptOutcome, Effect};

/// Why a call has no result.
#[derive(Debug)]
pub enum CallError<E> {
    /// The API answered with an error of its own.
    Api(E),
    Http(Error),
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self::Http(error)
    }
}

/// Why there is no response of the API's own, or none that can be used.
#[derive(Debug)]
pub struct Error {
    pub cause: Cause,
    pub effect: Effect,
    pub outcome: AttemptOutcome,
    /// Whether a change may have been carried out although no success is known.
    pub may_have_been_processed: bool,
    pub route: Box<Route>,
}

/// Where a request goes.
#[derive(Debug)]
pub struct Route {
    pub host: String,
    /// The environment variable that the host comes from.
    pub variable: Option<String>,
    /// The proxy before the host, without the login in its address.
    pub proxy: Option<String>,
}

impl Route {
    pub fn new(endpoint: &Endpoint, proxy: Option<String>) -> Box<Self> {
        let variable = endpoint.variable().map(str::to_owned);
        Box::new(Self { host: endpoint.authority(), variable, proxy })
    }
}

/// What went wrong. Text of others in it is redacted.
#[derive(Debug)]
pub enum Cause {
    /// The request cannot be written as JSON.
    Encode(serde_json::Error),
    /// The credential has characters that a header cannot carry.
    CredentialCharacters,
    /// Too little is left of the timeout, which is this, to begin a change.
    NoTimeLeft(Duration),
    Resolve,
    ConnectionRefused,
    /// No connection within this time.
    ConnectTimeout(Duration),
    /// No response within the timeout, which is this.
    Timeout(Duration),
    Tls(rustls::Error),
    /// The port answers, and not in TLS.
    NotTls,
    /// The proxy did not connect to the host.
    Proxy(anyhow::Error),
    ProxyLogin,
    ConnectionBroken(anyhow::Error),
    /// The command was asked to end, and no response came in the time that was left.
    Interrupted,
    /// The body is over [`MAX_BODY`](crate::http::client::MAX_BODY).
    TooLarge,
    /// To this host, where it can be read.
    Redirected {
        status: u16,
        target: Option<String>,
    },
    /// Something else answered in the API's place.
    Foreign {
        status: u16,
        content: Content,
        retry_after: Option<Duration>,
    },
    BadResponse(BadResponse),
}

/// Why a success cannot be used.
#[derive(Debug)]
pub enum BadResponse {
    /// The body is in this encoding, which was not asked for.
    Encoding(String),
    NotUtf8,
    Html,
    NotAnObject,
    /// The JSON does not fit the message. serde_json's own words would quote a value.
    Mismatch {
        line: usize,
        column: usize,
    },
    /// It lacks this field.
    Missing(&'static str),
    UnusableToken,
}

impl Error {
    /// Nothing was sent.
    pub fn not_sent(cause: Cause, effect: Effect, endpoint: &Endpoint) -> Self {
        Self {
            cause,
            effect,
            outcome: AttemptOutcome::NotSent,
            may_have_been_processed: false,
            route: Route::new(endpoint, None),
        }
    }

    /// The server reported success in a response that cannot be used.
    pub fn bad_response(why: BadResponse, effect: Effect, endpoint: &Endpoint) -> Self {
        Self {
            outcome: AttemptOutcome::Answered,
            may_have_been_processed: effect != Effect::Read,
            ..Self::not_sent(Cause::BadResponse(why), effect, endpoint)
        }
    }

    /// Whether the connection broke, here or behind a proxy, which says so with
    /// a 502.
    pub fn is_broken_connection(&self) -> bool {
        matches!(self.cause, Cause::ConnectionBroken(_) | Cause::Foreign { status: 502, .. })
    }
}

/// An attempt that brought no response.
#[derive(Debug)]
pub struct TransportError {
    pub outcome: AttemptOutcome,
    pub cause: Cause,
}

impl TransportError {
    /// `is_proxied` is whether a proxy is used, `connect_timeout` and `timeout`
    /// are those that were set.
    pub fn new(error: reqwest::Error, is_proxied: bool, connect_timeout: Duration, timeout: Duration) -> Self {
        let is_connect = error.is_connect();
        let is_unsent = is_connect || error.is_builder();
        let outcome = if is_unsent { AttemptOutcome::NotSent } else { AttemptOutcome::NoResponse };
        let tls = causes(&error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        let cause = if let Some(rustls::Error::InvalidMessage(_)) = tls {
            Cause::NotTls
        } else if let Some(tls) = tls {
            Cause::Tls(tls.clone())
        } else if causes(&error).any(|cause| cause.to_string().ends_with("proxy authorization required")) {
            // The library's type for it cannot be named.
            Cause::ProxyLogin
        } else if error.is_dns() {
            Cause::Resolve
        } else if error.is_timeout() {
            if is_connect { Cause::ConnectTimeout(connect_timeout) } else { Cause::Timeout(timeout) }
        } else if is_connection_refused(&error) {
            Cause::ConnectionRefused
        } else {
            let error = anyhow::Error::from(error.without_url());
            if is_unsent && is_proxied { Cause::Proxy(error) } else { Cause::ConnectionBroken(error) }
        };
        Self { outcome, cause }
    }

    pub fn no_response(cause: Cause) -> Self {
        Self { outcome: AttemptOutcome::NoResponse, cause }
    }

    pub fn is_unknown_authority(&self) -> bool {
        matches!(self.cause, Cause::Tls(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)))
    }

    /// Whether another attempt would end the same way.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.cause,
            Cause::Tls(_) | Cause::NotTls | Cause::ProxyLogin | Cause::TooLarge | Cause::BadResponse(_)
        )
    }
}

/// The errors beneath, those wrapped in an [`io::Error`] included.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
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

fn is_connection_refused(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Why no client can be made.
#[derive(Debug)]
pub enum SetupError {
    Certificates {
        source: CertificateSource,
        path: PathBuf,
        problem: CertificateProblem,
    },
    /// The value of the variable cannot be used.
    Proxy {
        variable: &'static str,
        problem: ProxyProblem,
    },
    Tls(anyhow::Error),
    Client(reqwest::Error),
}

/// What names certificates: `--ca-file`, `SSL_CERT_FILE` or `SSL_CERT_DIR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    Flag,
    File,
    Directory,
}

/// Why a variable does not name a proxy. Its value may hold a password.
#[derive(Debug)]
pub enum ProxyProblem {
    Quoted,
    NotAnAddress,
    /// The client cannot speak this.
    Scheme(String),
}

/// Why a file of certificates cannot be used.
#[derive(Debug)]
pub enum CertificateProblem {
    Error(anyhow::Error),
    TooLarge,
    /// It holds no PEM certificate.
    Empty,
    /// None of its certificates can be used.
    Unusable,
}
