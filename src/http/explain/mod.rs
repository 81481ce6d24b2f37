//! Messages and hints for HTTP errors, the same for every cloud.

mod tls;

use std::time::Duration;

use humantime::format_duration;

use crate::context::Context;
use crate::error::{Failure, Kind};
use crate::http::content::Content;
use crate::http::endpoint::Endpoint;
use crate::http::error::{BadResponse, Cause, Error, Route};
use crate::http::retry::{AttemptOutcome, Effect, failure_kind};
use crate::interrupt::INTERRUPTED_IN_FLIGHT;

const PROXY_LOGIN: &str = "put the login into the proxy's address, as in http://USER:PASSWORD@proxy.example.com:3128";

const PROXY_VARIABLES: &str = "the proxy comes from HTTPS_PROXY or ALL_PROXY; NO_PROXY names the hosts that need none";

const MORE_TIME: &str = "allow more time with --timeout 2m";

/// Begins the message if a change may have been carried out.
pub const OUTCOME_UNKNOWN: &str = "the request was sent and its outcome is unknown";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = failure_kind(kind_of_cause(&error), error.may_have_been_processed);
        let message = message(&error, kind);
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

/// The kind of failure by its cause alone. A response that did not come from the API says
/// nothing about the credential, its permissions or the resource, whatever its status.
fn kind_of_cause(error: &Error) -> Kind {
    match &error.cause {
        Cause::CredentialCharacters => Kind::NotAuthenticated,
        Cause::Redirected { .. } => Kind::Refused,
        Cause::Tls(error) if tls::is_permanent(error) => Kind::Unexpected,
        Cause::Encode(_) | Cause::NotTls | Cause::ProxyLogin | Cause::TooLarge | Cause::BadResponse(_) => {
            Kind::Unexpected
        }
        Cause::Foreign { .. } if !error.outcome.is_temporary() => Kind::Unexpected,
        _ => Kind::Temporary,
    }
}

fn message(error: &Error, kind: Kind) -> String {
    let Route { host, proxy, .. } = &*error.route;
    // The host that the connection goes to.
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
        // With most SOCKS proxies the name of the host is resolved here.
        Cause::Resolve if proxy.is_some() => format!("the name of {peer} or of {host} cannot be resolved"),
        Cause::Resolve => format!("the name {host} cannot be resolved"),
        Cause::ConnectionRefused => format!("{peer} refused the connection"),
        Cause::ConnectTimeout(limit) => format!("no connection to {peer} within {}", format_duration(*limit)),
        Cause::Timeout(limit) => format!("no answer from {host} within {}", format_duration(*limit)),
        Cause::Tls(error) => format!("no secure connection to {host}: {}", tls::handshake(error)),
        Cause::NotTls => format!("{host} does not speak TLS: its port may be one for plain http"),
        Cause::Proxy(_) => format!("{peer} could not connect to {host}"),
        Cause::ProxyLogin => format!("{peer} asks for a login"),
        Cause::ConnectionBroken(_) => format!("the connection to {host} broke"),
        Cause::Interrupted => INTERRUPTED_IN_FLIGHT.to_owned(),
        Cause::TooLarge => format!("the answer of {host} is over 256 MiB"),
        Cause::Redirected { target, .. } => {
            let target = target.as_deref().unwrap_or("elsewhere");
            format!("{host} redirects to {target}, which is not followed: the credential would go with it")
        }
        Cause::Foreign { status, content, .. } => {
            let what = format!("HTTP {status} from {host} {}", describe(content));
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
        Cause::Tls(error) if tls::is_about_authority(error) => hints.push(
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

/// After a mint, a new secret exists and is lost.
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

fn describe(content: &Content) -> String {
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

/// Notes the flags that have no effect on calls to this endpoint.
pub fn note_unused_flags(endpoint: &Endpoint, ctx: &mut Context) {
    if ctx.settings.ca_file.is_some() && !endpoint.is_https() {
        ctx.note(&format!("--ca-file is not used: {} is reached by plain http", endpoint.authority()));
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

#[cfg(test)]
mod tests {
    use rustls::CertificateError;
    use rustls::pki_types::UnixTime;

    use super::*;
    use crate::context::Environment;

    /// A change to a host that a variable names.
    fn error(cause: Cause, outcome: AttemptOutcome) -> Error {
        let env = Environment::Fixed(vec![("NSC_IAM_ENDPOINT", "https://iam.example.com".into())]);
        let endpoint = Endpoint::from_env(&env, &["NSC_IAM_ENDPOINT"], "").unwrap();
        Error { outcome, ..Error::not_sent(cause, Effect::Change, &endpoint) }
    }

    fn foreign(status: u16, content: Content, retry_after: Option<Duration>) -> Error {
        let outcome = AttemptOutcome::of_status(status, retry_after.is_some());
        error(Cause::Foreign { status, content, retry_after }, outcome)
    }

    fn broken() -> Cause {
        Cause::ConnectionBroken(anyhow::anyhow!("unexpected end of file"))
    }

    #[test]
    fn each_cause_in_whole_messages() {
        use AttemptOutcome::{NoResponse, NotSent};
        let limit = Duration::from_secs(30);
        let expired = CertificateError::ExpiredContext {
            time: UnixTime::since_unix_epoch(Duration::ZERO),
            not_after: UnixTime::since_unix_epoch(Duration::from_secs(86_400)),
        };
        let invalid = |bad| Cause::Tls(rustls::Error::InvalidCertificate(bad));
        let from = "hint: the address comes from NSC_IAM_ENDPOINT\n";
        for (error, kind, text) in [
            (
                error(Cause::CredentialCharacters, NotSent),
                Kind::NotAuthenticated,
                "error: the credential contains characters that no token has, and cannot be sent\n".to_owned(),
            ),
            (
                error(Cause::NoTimeLeft(limit), NotSent),
                Kind::Temporary,
                "error: not enough of --timeout (30s) is left to send the change; nothing was sent\nhint: allow more time with --timeout 2m\n".to_owned(),
            ),
            (
                error(Cause::Resolve, NotSent),
                Kind::Temporary,
                format!("error: the name iam.example.com cannot be resolved\n{from}"),
            ),
            (
                error(Cause::ConnectionRefused, NotSent),
                Kind::Temporary,
                format!("error: iam.example.com refused the connection\n{from}"),
            ),
            (
                error(Cause::ConnectTimeout(limit), NotSent),
                Kind::Temporary,
                format!("error: no connection to iam.example.com within 30s\n{from}"),
            ),
            (
                error(Cause::Timeout(limit), NoResponse),
                Kind::Temporary,
                "error: no answer from iam.example.com within 30s\nhint: allow more time with --timeout 2m\n".to_owned(),
            ),
            (
                error(invalid(expired), NotSent),
                Kind::Temporary,
                format!("error: no secure connection to iam.example.com: its certificate expired on 1970-01-02, or the clock of this machine is wrong\n{from}"),
            ),
            (
                error(broken(), NoResponse),
                Kind::Temporary,
                "error: the connection to iam.example.com broke\n  cause: unexpected end of file\n".to_owned(),
            ),
            (
                error(Cause::Redirected { status: 302, target: Some("b.example.com".into()) }, AttemptOutcome::Answered),
                Kind::Refused,
                "error: iam.example.com redirects to b.example.com, which is not followed: the credential would go with it\n".to_owned(),
            ),
            (
                foreign(429, Content::Json, Some(Duration::from_millis(89_001))),
                Kind::Temporary,
                format!("error: the server cannot answer now: HTTP 429 from iam.example.com with JSON of an unknown shape\nhint: run it again in 1m 30s, as the server asks\n{from}"),
            ),
            (
                foreign(403, Content::Html { title: Some("No entry".into()) }, None),
                Kind::Unexpected,
                format!("error: something other than the API answered: HTTP 403 from iam.example.com with an HTML page titled \"No entry\"\nhint: a proxy, a web filter or a gateway may have answered in its place: that says nothing about the credential, its rights or what was asked for\n{from}"),
            ),
        ] {
            let failure = Failure::from(error);
            assert_eq!((failure.kind(), failure.to_text()), (kind, text));
        }
    }

    #[test]
    fn an_unknown_outcome_is_reported_first() {
        let unknown = |error| Failure::from(Error { may_have_been_processed: true, ..error });
        for (failure, text) in [
            (
                unknown(error(broken(), AttemptOutcome::NoResponse)),
                "error: the request was sent and its outcome is unknown: the connection to iam.example.com broke\n  cause: unexpected end of file\n",
            ),
            (
                unknown(error(Cause::BadResponse(BadResponse::NotAnObject), AttemptOutcome::Answered)),
                "error: iam.example.com reported success, but its answer cannot be read: not a JSON object\n",
            ),
            (
                unknown(error(Cause::Interrupted, AttemptOutcome::NoResponse)),
                "error: interrupted while waiting for the answer to a change; its outcome is unknown\n",
            ),
        ] {
            assert_eq!((failure.kind(), failure.to_text().as_str()), (Kind::OutcomeUnknown, text));
        }
    }

    #[test]
    fn a_proxy_is_named_as_the_peer() {
        let proxied = |cause| {
            let mut error = error(cause, AttemptOutcome::NotSent);
            error.route.proxy = Some("proxy.example.com:3128".into());
            Failure::from(error).to_text()
        };
        let hint = format!("hint: {PROXY_VARIABLES}\n");
        for (cause, text) in [
            (Cause::Resolve, "the name of the proxy proxy.example.com:3128 or of iam.example.com cannot be resolved"),
            (Cause::ConnectionRefused, "the proxy proxy.example.com:3128 refused the connection"),
            (
                Cause::Proxy(anyhow::anyhow!("unsuccessful tunnel")),
                "the proxy proxy.example.com:3128 could not connect to iam.example.com\n  cause: unsuccessful tunnel",
            ),
            (
                Cause::ProxyLogin,
                "the proxy proxy.example.com:3128 asks for a login\nhint: put the login into the proxy's address, as in http://USER:PASSWORD@proxy.example.com:3128",
            ),
        ] {
            assert_eq!(proxied(cause), format!("error: {text}\n{hint}"));
        }
    }
}
