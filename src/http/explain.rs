//! The words for what goes wrong on the way to either cloud, and the flags and
//! variables that mend it.

use std::path::Path;
use std::time::Duration;

use humantime::format_duration;
use jiff::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use crate::error::{Failure, Kind};
use crate::http::content::Content;
use crate::http::error::{BadResponse, Cause, CertificateProblem, CertificateSource, Error, Route, SetupError};
use crate::http::retry::{AttemptOutcome, Effect, kind};
use crate::interrupt::IN_FLIGHT;

const PROXY_LOGIN: &str = "put the login into the proxy's address, as in http://USER:PASSWORD@proxy.example.com:3128";

const PROXY_VARIABLES: &str =
    "proxies come from HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY names the hosts that need none";

const MORE_TIME: &str = "allow more time with --timeout 2m";

/// Begins the sentence where a change may have been made.
pub const OUTCOME_UNKNOWN: &str = "the request was sent and its outcome is unknown";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = kind(said(&error), error.may_have_been_processed);
        let message = sentence(&error, kind);
        let says_outcome = matches!(&error.cause, Cause::Interrupted)
            || matches!(&error.cause, Cause::BadResponse(why) if !matches!(why, BadResponse::Html));
        let failure = match kind {
            Kind::OutcomeUnknown if !says_outcome => Self::new(kind, format!("{OUTCOME_UNKNOWN}: {message}")),
            _ => Self::new(kind, message),
        };
        let failure = hints(&error, kind).into_iter().fold(failure, Self::hint);
        match error.cause {
            Cause::Encode(source) => failure.source(source),
            Cause::Proxy(source) | Cause::ConnectionBroken(source) => failure.source(source),
            Cause::Redirected { status, .. } | Cause::Foreign { status, .. } => failure.http_status(status),
            _ => failure,
        }
    }
}

/// The kind of failure, as far as the cause alone tells. What something else
/// answers in the API's place is no verdict on the credential, on rights or on
/// the thing asked for, whatever its status.
fn said(error: &Error) -> Kind {
    match &error.cause {
        Cause::CredentialCharacters => Kind::NotAuthenticated,
        Cause::Redirected { .. } => Kind::Refused,
        Cause::Encode(_) | Cause::ProxyLogin | Cause::TooLarge | Cause::BadResponse(_) => Kind::Unexpected,
        Cause::Foreign { .. } if !error.outcome.is_temporary() => Kind::Unexpected,
        _ => Kind::Temporary,
    }
}

fn sentence(error: &Error, kind: Kind) -> String {
    let Route { host, proxy, .. } = &*error.route;
    // What is connected to first.
    let peer = proxy.as_ref().map_or_else(|| host.clone(), |proxy| format!("the proxy {proxy}"));
    match &error.cause {
        Cause::Encode(_) => "the request cannot be written as JSON".to_owned(),
        Cause::CredentialCharacters => {
            "the credential contains characters that no token has, and cannot be sent".to_owned()
        }
        Cause::NoTimeLeft(timeout) => format!(
            "not enough of --timeout ({}) is left to send the change; nothing was sent",
            format_duration(*timeout)
        ),
        // Most SOCKS proxies are given an address that was resolved here.
        Cause::Resolve if proxy.is_some() => format!("the name of {peer} or of {host} cannot be resolved"),
        Cause::Resolve => format!("the name {host} cannot be resolved"),
        Cause::ConnectionRefused => format!("{peer} refused the connection"),
        Cause::ConnectTimeout(limit) => format!("no connection to {peer} within {}", format_duration(*limit)),
        Cause::Timeout(limit) => format!("no answer from {host} within {}", format_duration(*limit)),
        Cause::Tls(error) => format!("no secure connection to {host}: {}", handshake(error)),
        Cause::Proxy(_) => format!("{peer} could not connect to {host}"),
        Cause::ProxyLogin => format!("{peer} asks for a login"),
        Cause::ConnectionBroken(_) => format!("the connection to {host} broke"),
        Cause::Interrupted => IN_FLIGHT.to_owned(),
        Cause::TooLarge => format!("the answer of {host} is over 256 MiB"),
        Cause::Redirected { target, .. } => {
            let target = target.as_deref().unwrap_or("elsewhere");
            format!("{host} redirects to {target}, which is not followed: the credential would go with it")
        }
        Cause::Foreign { status, content, .. } => {
            let what = format!("HTTP {status} from {host} {}", with(content));
            match kind {
                Kind::Temporary => format!("the server cannot answer now: {what}"),
                _ => format!("something other than the API answered: {what}"),
            }
        }
        Cause::BadResponse(BadResponse::Html) => {
            format!("something other than the API answered: an HTML page from {host}")
        }
        Cause::BadResponse(why) => bad_response(why, error.effect, host),
    }
}

fn hints(error: &Error, kind: Kind) -> Vec<String> {
    let mut hints = Vec::new();
    match &error.cause {
        Cause::NoTimeLeft(_) | Cause::Timeout(_) => hints.push(MORE_TIME.to_owned()),
        Cause::Tls(_) => hints.push(
            "if your network has its own certificate authority, name its certificate with --ca-file".to_owned(),
        ),
        Cause::ProxyLogin => hints.push(PROXY_LOGIN.to_owned()),
        Cause::Foreign { retry_after, .. } if kind == Kind::Temporary => hints.push(run_again(*retry_after)),
        Cause::Foreign { .. } if kind != Kind::OutcomeUnknown => hints.push(
            "a proxy, a web filter or a gateway may have answered in its place: that says nothing about the credential, its rights or what was asked for".to_owned(),
        ),
        _ => {}
    }
    let is_about_connection = match error.cause {
        Cause::Encode(_) | Cause::CredentialCharacters | Cause::NoTimeLeft(_) => false,
        Cause::Foreign { .. } => true,
        _ => error.outcome == AttemptOutcome::NotSent,
    };
    if is_about_connection {
        hints.extend(match (&error.route.proxy, &error.route.variable) {
            (Some(_), _) => Some(PROXY_VARIABLES.to_owned()),
            (None, variable) => variable.as_ref().map(|variable| format!("the address comes from {variable}")),
        });
    }
    if let Cause::Foreign { status: 407, .. } = error.cause {
        hints.push(format!("a proxy asks for a login: {PROXY_LOGIN}"));
    }
    hints
}

/// For a mint it is the loss of a secret that now exists.
fn bad_response(why: &BadResponse, effect: Effect, host: &str) -> String {
    let why = match why {
        BadResponse::Encoding(name) => format!("unexpected encoding {name}"),
        BadResponse::NotUtf8 => "not UTF-8".to_owned(),
        BadResponse::Html => "an HTML page".to_owned(),
        BadResponse::NotAnObject => "not a JSON object".to_owned(),
        BadResponse::Mismatch { line, column } => format!("unexpected JSON at line {line}, column {column}"),
        BadResponse::Missing(field) => format!("it has no {field}"),
        BadResponse::UnusableToken => "it has no usable token".to_owned(),
    };
    match effect {
        Effect::Mint => {
            format!("{host} reported success, but its answer cannot be read ({why}): the secret in it is lost")
        }
        Effect::Change => format!("{host} reported success, but its answer cannot be read: {why}"),
        Effect::Read => format!("the answer of {host} cannot be read: {why}"),
    }
}

fn with(content: &Content) -> String {
    match content {
        Content::Empty => "without a body".to_owned(),
        Content::Html { title: Some(title) } => format!("with an HTML page titled \"{title}\""),
        Content::Html { title: None } => "with an HTML page".to_owned(),
        Content::Json => "with JSON of an unknown shape".to_owned(),
        Content::Untyped => "with a body without a content type".to_owned(),
        Content::Typed(media) => format!("with a body of type {media}"),
        Content::Encoded(name) => format!("with a body in an unexpected encoding ({name})"),
    }
}

/// The hint for a server that cannot answer now.
pub fn run_again(after: Option<Duration>) -> String {
    match after {
        Some(wait) if !wait.is_zero() => {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            format!("run it again in {}, as the server asks", format_duration(Duration::from_secs(seconds)))
        }
        _ => "run it again in a moment".to_owned(),
    }
}

fn handshake(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else { return error.to_string() };
    match bad {
        Bad::UnknownIssuer => "its certificate is from an unknown authority".to_owned(),
        Bad::ExpiredContext { not_after, .. } => {
            format!("its certificate expired on {}, or the clock of this machine is wrong", date(*not_after))
        }
        Bad::Expired => "its certificate has expired".to_owned(),
        Bad::NotValidYetContext { not_before, .. } => {
            format!("its certificate is valid from {} on, or the clock of this machine is wrong", date(*not_before))
        }
        Bad::NotValidYet => "its certificate is not valid yet".to_owned(),
        Bad::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("its certificate is for another name: {}", presented.join(", "))
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "its certificate is for another name".to_owned(),
        Bad::BadSignature => "its certificate is not signed by the authority that it names".to_owned(),
        other => format!("its certificate cannot be used ({other})"),
    }
}

/// The day, in UTC.
fn date(time: UnixTime) -> String {
    let time = i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Certificates { source, path, problem } => certificates(source, &path, problem),
            SetupError::Tls(error) => Self::unexpected("TLS cannot be set up").source(error),
            SetupError::Client(error) => Self::unexpected("the HTTP client cannot be set up").source(error),
        }
    }
}

fn certificates(source: CertificateSource, path: &Path, problem: CertificateProblem) -> Failure {
    let name = match source {
        CertificateSource::Flag => "--ca-file",
        CertificateSource::Variable => "SSL_CERT_FILE",
    };
    let failure = Failure::usage(format!("{name}: {} cannot be used as a certificate file", path.display()));
    match problem {
        CertificateProblem::Error(error) => failure.source(error),
        CertificateProblem::TooLarge => failure.hint("it is over 1 MiB"),
        CertificateProblem::Empty => failure.hint("it holds no PEM certificate (-----BEGIN CERTIFICATE-----)"),
        CertificateProblem::Unusable => failure,
    }
}
