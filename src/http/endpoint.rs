//! The base address of an API, checked before a credential may go there.

use url::{Host, Url};

use crate::context::Environment;
use crate::error::{Failure, Result};

/// A base address: `https` anywhere, or plain `http` on loopback only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    /// The variable that it comes from, if any.
    variable: Option<String>,
}

impl Endpoint {
    /// From the first of the variables that is set, else the default.
    ///
    /// # Errors
    /// As [`Endpoint::parse`].
    pub fn from_env(env: &Environment, variables: &[&str], default: &str) -> Result<Self> {
        for name in variables {
            if let Some(value) = env.var_os(name) {
                let text = value.to_str().ok_or_else(|| Failure::usage(format!("{name} is not valid UTF-8")))?;
                let endpoint = Self::parse(name, text)?;
                return Ok(Self { variable: Some((*name).to_owned()), ..endpoint });
            }
        }
        Self::parse("the built-in address", default)
    }

    /// Reads an address. A bare `host` or `host:port` means https.
    ///
    /// # Errors
    /// Usage: it is not an address, contains a path, a query or a login, or is plain http
    /// to another host. It is not quoted, since it may contain a login.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Failure::usage(format!("{name} {why}")).hint(format!("write {name} as https://host or https://host:port"))
        };
        let text = text.trim();
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
        let url = url.map_err(|_| {
            invalid(if text.is_ascii() {
                "is not an address"
            } else {
                "must be ASCII, with xn-- for other letters in a host"
            })
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("must not contain a user name or a password"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("must be a host without a path or a query"));
        }
        let endpoint = match url.scheme() {
            "https" | "http" if url.host().is_some() => Self { url, variable: None },
            _ => return Err(invalid("must be an https:// address")),
        };
        if endpoint.url.scheme() == "http" && !endpoint.is_loopback() {
            return Err(invalid("is plain http to another host, which would show the credential to the network"));
        }
        Ok(endpoint)
    }

    pub fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    /// As [`authority`].
    pub fn authority(&self) -> String {
        authority(&self.url)
    }

    /// The variable that it comes from; `None` for the default.
    pub fn variable(&self) -> Option<&str> {
        self.variable.as_deref()
    }

    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

/// The host, with the port unless it is the default of the scheme.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("the server");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted() {
        for (text, url) in [
            ("https://iam.example.com", "https://iam.example.com/a.B/C"),
            ("https://iam.example.com/", "https://iam.example.com/a.B/C"),
            ("iam.example.com:8443", "https://iam.example.com:8443/a.B/C"),
            ("http://127.0.0.1:8700", "http://127.0.0.1:8700/a.B/C"),
            ("http://[::1]:8700/", "http://[::1]:8700/a.B/C"),
            ("http://localhost", "http://localhost/a.B/C"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example/a.B/C"),
        ] {
            let joined = Endpoint::parse("X", text).map(|endpoint| endpoint.join("/a.B/C").to_string());
            assert_eq!(joined.ok().as_deref(), Some(url), "{text}");
        }
    }

    #[test]
    fn an_international_host_is_written_in_ascii() {
        let failure = Endpoint::parse("X", "https://bücher.example").err().map(|failure| failure.to_text());
        let expected = "error: X must be ASCII, with xn-- for other letters in a host\n\
                        hint: write X as https://host or https://host:port\n";
        assert_eq!(failure.as_deref(), Some(expected));
    }

    #[test]
    fn what_is_refused_without_being_quoted() {
        for text in [
            "",
            "http://iam.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://169.254.169.254",
            "https://user:CANARY@iam.example.com",
            "https://iam.example.com/CANARY",
            "https://iam.example.com?CANARY",
            "ftp://CANARY",
            "file:///CANARY",
            "https://",
            "not an address",
        ] {
            let failure = Endpoint::parse("NSC_IAM_ENDPOINT", text).err().map(|failure| failure.to_text());
            assert!(
                failure.as_deref().is_some_and(|text| text.contains("NSC_IAM_ENDPOINT") && !text.contains("CANARY")),
                "{text}"
            );
        }
    }
}
