//! The proxy that requests go through, by the variables that curl and Go read.

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::context::Environment;
use crate::denylist::has_quotes_around;
use crate::http::endpoint::authority;
use crate::http::error::{ProxyProblem, SetupError};

/// The first that is set wins. Servers are reached by https, but for those on loopback,
/// which need no proxy: HTTP_PROXY means nothing here.
const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The schemes of proxies that the client can use.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// The proxy of the environment.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    address: Option<Url>,
    /// The hosts that are reached without one, as they are written.
    no_proxy: String,
}

impl Proxy {
    /// # Errors
    /// A variable that would be used is not the address of a proxy.
    pub fn from_env(env: &Environment) -> Result<Self, SetupError> {
        let no_proxy = NO_PROXY.iter().find_map(|name| env.var_os(name)).unwrap_or_default();
        Ok(Self { address: first(env)?, no_proxy: no_proxy.to_string_lossy().into_owned() })
    }

    /// The proxy for a server; the login for it is in its address.
    pub fn for_server(&self, server: &Url) -> Option<&Url> {
        self.address.as_ref().filter(|_| !self.excludes(server))
    }

    /// The proxy as messages name it, without a login.
    pub fn name_for(&self, server: &Url) -> Option<String> {
        self.for_server(server).map(authority)
    }

    /// Whether a server is reached without a proxy. Beside the hosts, domains and
    /// networks that the library knows, an entry may be `*.example.com`, and it may
    /// end in a port.
    fn excludes(&self, server: &Url) -> bool {
        let Ok(uri) = server.as_str().parse() else { return false };
        let port = server.port_or_known_default().map(|port| port.to_string());
        let entries = self.no_proxy.split(',').map(str::trim).filter_map(|entry| {
            let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
            match entry.rsplit_once(':') {
                // More than one colon is an IPv6 address.
                Some((host, digits)) if !host.contains(':') || host.ends_with(']') => {
                    (port.as_deref() == Some(digits)).then(|| host.trim_matches(['[', ']']))
                }
                _ => Some(entry),
            }
        });
        let entries = entries.collect::<Vec<_>>().join(",");
        Matcher::builder().all("http://proxy").no(entries).build().intercept(&uri).is_none()
    }
}

fn first(env: &Environment) -> Result<Option<Url>, SetupError> {
    for name in PROXY {
        let Some(value) = env.var_os(name) else { continue };
        let problem = |problem| SetupError::Proxy { variable: name, problem };
        let value = value.into_string().map_err(|_| problem(ProxyProblem::NotAnAddress))?;
        match value.trim() {
            "" => {}
            value => return parse(value).map(Some).map_err(problem),
        }
    }
    Ok(None)
}

/// Reads a proxy's address, which is plain http where it has no scheme.
fn parse(value: &str) -> Result<Url, ProxyProblem> {
    if has_quotes_around(value) {
        return Err(ProxyProblem::Quoted);
    }
    let url = if value.contains("://") { Url::parse(value) } else { Url::parse(&format!("http://{value}")) };
    match url {
        Ok(url) if !url.has_host() => Err(ProxyProblem::NotAnAddress),
        Ok(url) if !SCHEMES.contains(&url.scheme()) => Err(ProxyProblem::Scheme(url.scheme().to_owned())),
        Ok(url) => Ok(url),
        Err(_) => Err(ProxyProblem::NotAnAddress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(vars: &[(&'static str, &str)], server: &str) -> Option<String> {
        let env = Environment::Fixed(vars.iter().map(|(name, value)| (*name, value.into())).collect());
        Proxy::from_env(&env).unwrap().for_server(&server.parse().unwrap()).map(ToString::to_string)
    }

    #[test]
    fn the_first_variable_that_is_set_wins() {
        let https = "https://iam.example.com";
        for (vars, server, expected) in [
            (vec![("HTTPS_PROXY", "http://p:3128")], https, Some("http://p:3128/")),
            (vec![("https_proxy", "p:3128")], https, Some("http://p:3128/")),
            (vec![("HTTPS_PROXY", "  http://p:3128\n")], https, Some("http://p:3128/")),
            (vec![("HTTPS_PROXY", " "), ("ALL_PROXY", "socks5h://p:1080")], https, Some("socks5h://p:1080")),
            (vec![("HTTPS_PROXY", "http://user:p@ss@p:3128")], https, Some("http://user:p%40ss@p:3128/")),
            (vec![("HTTP_PROXY", "http://p:3128")], https, None),
        ] {
            assert_eq!(proxy(&vars, server).as_deref(), expected, "{vars:?}");
        }
    }

    #[test]
    fn hosts_without_a_proxy() {
        for (no_proxy, is_excluded) in [
            ("", false),
            ("*", true),
            ("example.com", true),
            (".example.com", true),
            ("*.example.com", true),
            ("iam.example.com", true),
            ("iam.example.com:443", true),
            ("*.example.com:443", true),
            ("iam.example.com:8443", false),
            ("other.example.com, example.com", true),
            ("ample.com", false),
            ("10.0.0.0/8,iam.example.org", false),
        ] {
            let vars = [("HTTPS_PROXY", "http://p:3128"), ("NO_PROXY", no_proxy)];
            assert_eq!(proxy(&vars, "https://iam.example.com").is_none(), is_excluded, "{no_proxy}");
        }
        for (no_proxy, is_excluded) in [("10.0.0.0/8", true), ("10.1.2.3:8080", true), ("10.1.2.3:80", false)] {
            let vars = [("ALL_PROXY", "http://p:3128"), ("NO_PROXY", no_proxy)];
            assert_eq!(proxy(&vars, "https://10.1.2.3:8080").is_none(), is_excluded, "{no_proxy}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_proxy() {
        for value in ["\"http://p:3128\"", "'p:3128'", "http://", "ftp://p", "http://p:port", "a b"] {
            let env = Environment::Fixed(vec![("HTTPS_PROXY", value.into())]);
            assert!(Proxy::from_env(&env).is_err(), "{value}");
        }
    }
}
