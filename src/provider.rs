//! What the module of each cloud offers to commands for all clouds.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::cloud::Cloud;
use crate::context::{Context, Environment};
use crate::credential::report::Report;
use crate::error::Result;
use crate::http::endpoint::Endpoint;

/// The flags of `auth status`.
#[derive(Clone, Copy)]
pub struct StatusOptions<'a> {
    /// How long a credential must stay valid from now, and the text of the flag.
    pub min_validity: Option<(Duration, &'a str)>,
    /// Whether no server may be contacted.
    pub is_offline: bool,
}

pub type ReportFuture<'a> = LocalBoxFuture<'a, Report>;

pub struct Provider {
    pub cloud: &'static Cloud,
    /// The address of its server; a usage failure if a variable holds no address.
    pub endpoint: fn(&Environment) -> Result<Endpoint>,
    /// Examines its credential locally and, unless offline, asks the server.
    pub report: for<'a> fn(Endpoint, StatusOptions<'a>, &'a Context) -> ReportFuture<'a>,
}
