//! Makes the library's client, for each store of certificates its own.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::context::Environment;
use crate::http::error::SetupError;
use crate::http::proxy::Proxy;
use crate::http::tls::{self, Store};

pub(super) struct Connector {
    pub proxy: Proxy,
    pub is_https: bool,
    pub ca_file: Option<PathBuf>,
    pub env: Environment,
    pub connect_timeout: Duration,
}

impl Connector {
    /// # Errors
    /// A certificate file cannot be used.
    pub fn client(&self, store: Store) -> Result<reqwest::Client, SetupError> {
        let config = if self.is_https {
            tls::client_config(store, self.ca_file.as_deref(), &self.env)?
        } else {
            tls::unused_config()?
        };
        let proxy = self.proxy.clone();
        reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .user_agent(concat!("nscred/", env!("CARGO_PKG_VERSION")))
            // `localhost` is always loopback, whatever a resolver returns.
            .resolve_to_addrs(
                "localhost",
                &[SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))],
            )
            .no_proxy()
            .proxy(reqwest::Proxy::custom(move |url| proxy.for_server(url).cloned()))
            .build()
            .map_err(SetupError::Client)
    }
}
