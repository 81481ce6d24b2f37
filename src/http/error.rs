//! Everything that can go wrong between a request and the response of the API, as types.
//! [`explain`](crate::http::explain) has the messages.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::content::Content;
use crate::http::endpoint::Endpoint;
use crate::http::retry::{AttemptOutcome, Effect};

#[derive(Debug)]
pub enum CallError<E> {
    /// The API returned an error.
    Api(E),
    Http(Error),
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self::Http(error)
    }
}

/// Why there is no response from the API, or none that can be used.
#[derive(Debug)]
pub struct Error {
    pub cause: Cause,
    pub effect: Effect,
    pub outcome: AttemptOutcome,
    /// Whether a change may have been carried out despite this error.
    pub may_have_been_processed: bool,
    pub route: Box<Route>,
}

#[derive(Debug)]
pub struct Route {
    pub host: String,
    /// The environment variable that the host comes from.
    pub variable: Option<String>,
    /// The address of the proxy before the host, without a login.
    pub proxy: Option<String>,
}

impl Route {
    pub fn new(endpoint: &Endpoint, proxy: Option<String>) -> Box<Self> {
        let variable = endpoint.variable().map(str::to_owned);
        Box::new(Self { host: endpoint.authority(), variable, proxy })
    }
}

/// What went wrong. Text from a server is redacted.
#[derive(Debug)]
pub enum Cause {
    /// The request cannot be written as JSON.
    Encode(serde_json::Error),
    /// The credential has characters that a header cannot carry.
    CredentialCharacters,
    /// Too little of this timeout is left to start a change.
    NoTimeLeft(Duration),
    Resolve,
    ConnectionRefused,
    /// There was no connection within this time.
    ConnectTimeout(Duration),
    /// There was no response within this timeout.
    Timeout(Duration),
    Tls(rustls::Error),
    /// The port answers, and not in TLS.
    NotTls,
    /// The proxy could not connect to the host.
    Proxy(anyhow::Error),
    ProxyLogin,
    ConnectionBroken(anyhow::Error),
    /// The command was interrupted, and no response arrived within the grace period.
    Interrupted,
    /// The body is over [`MAX_BODY`](crate::http::client::MAX_BODY).
    TooLarge,
    /// `target` is the host, if it can be read.
    Redirected {
        status: u16,
        target: Option<String>,
    },
    /// Something other than the API answered.
    Foreign {
        status: u16,
        content: Content,
        retry_after: Option<Duration>,
    },
    BadResponse(BadResponse),
}

/// Why a successful response cannot be used.
#[derive(Debug)]
pub enum BadResponse {
    /// The body has this encoding, which was not requested.
    Encoding(String),
    NotUtf8,
    Html,
    NotAnObject,
    /// The JSON does not match the message. serde_json's own text would quote a value.
    Mismatch {
        line: usize,
        column: usize,
    },
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

    /// Whether the connection broke, here or behind a proxy, which then answers 502.
    pub fn is_broken_connection(&self) -> bool {
        matches!(self.cause, Cause::ConnectionBroken(_) | Cause::Foreign { status: 502, .. })
    }
}

/// An attempt that ended without a response.
#[derive(Debug)]
pub struct TransportError {
    pub outcome: AttemptOutcome,
    pub cause: Cause,
}

impl TransportError {
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
            // The library does not export the type of this error.
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

/// The underlying errors, including those wrapped in an [`io::Error`].
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

/// Why the client cannot be set up.
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

/// Why a certificate file cannot be used.
#[derive(Debug)]
pub enum CertificateProblem {
    Error(anyhow::Error),
    TooLarge,
    /// It contains no PEM certificate.
    Empty,
    /// It contains no certificate that can be used.
    Unusable,
}
