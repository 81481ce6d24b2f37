//! Messages about certificates, those of a server and those in files, and about the
//! addresses of proxies.

use std::path::Path;

use jiff::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use crate::error::Failure;
use crate::http::error::{CertificateProblem, CertificateSource, ProxyProblem, SetupError};

/// Why a TLS handshake failed.
pub(super) fn handshake(error: &rustls::Error) -> String {
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
            let names: Vec<&str> = presented.iter().map(|name| plain_name(name)).collect();
            format!("its certificate is for another name: {}", names.join(", "))
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "its certificate is for another name".to_owned(),
        Bad::BadSignature => "its certificate is not signed by the authority that it names".to_owned(),
        _ if is_authority(bad) => {
            "its certificate is an authority's own (CA:TRUE), which cannot be a server's; the server needs one with CA:FALSE"
                .to_owned()
        }
        other => format!("its certificate cannot be used ({other})"),
    }
}

/// Whether the server's certificate must change, whatever is trusted here.
pub(super) fn is_permanent(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(bad) if is_authority(bad))
}

/// The library's type for it cannot be named.
fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}

/// Whether another authority that is trusted would change it.
pub(super) fn is_about_authority(error: &rustls::Error) -> bool {
    use CertificateError::{BadSignature, UnknownIssuer};
    matches!(error, rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature))
}

/// The name alone, where the library has it as `DnsName("name")`.
fn plain_name(presented: &str) -> &str {
    presented.split('"').nth(1).unwrap_or(presented)
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
            SetupError::Proxy { variable, problem } => proxy(variable, problem),
            SetupError::Tls(error) => Self::unexpected("TLS cannot be set up").source(error),
            SetupError::Client(error) => Self::unexpected("the HTTP client cannot be set up").source(error),
        }
    }
}

fn certificates(source: CertificateSource, path: &Path, problem: CertificateProblem) -> Failure {
    let name = match source {
        CertificateSource::Flag => "--ca-file",
        CertificateSource::File => "SSL_CERT_FILE",
        CertificateSource::Directory => "SSL_CERT_DIR",
    };
    let failure = Failure::usage(format!("{name} {}: no certificate in it can be used", path.display()));
    match problem {
        CertificateProblem::Error(error) => failure.source(error),
        CertificateProblem::TooLarge => failure.hint("it is over 16 MiB"),
        CertificateProblem::Empty => failure.hint("it holds no PEM certificate (-----BEGIN CERTIFICATE-----)"),
        CertificateProblem::Unusable => failure,
    }
}

fn proxy(variable: &str, problem: ProxyProblem) -> Failure {
    let example = "write it as http://proxy.example.com:3128";
    match problem {
        ProxyProblem::Quoted => {
            Failure::usage(format!("{variable} has quotes around the proxy's address")).hint("set it without them")
        }
        ProxyProblem::NotAnAddress => Failure::usage(format!("{variable} is not the address of a proxy")).hint(example),
        ProxyProblem::Scheme(scheme) => {
            Failure::usage(format!("{variable} names a proxy of the kind {scheme}, which nscred cannot use"))
                .hint("it can use http, https, socks4, socks4a, socks5 and socks5h")
        }
    }
}
