//! What every cloud's module offers to the commands over all clouds.

use std::pin::Pin;
use std::time::Duration;

use crate::cloud::Cloud;
use crate::context::{Context, Environment};
use crate::credential::report::Report;
use crate::error::Result;
use crate::http::endpoint::Endpoint;

/// What is asked of a credential.
#[derive(Clone, Copy)]
pub struct Demand<'a> {
    /// How long it must live from now on, and how that was written.
    pub min_validity: Option<(Duration, &'a str)>,
    /// Whether no server is to be asked.
    pub is_offline: bool,
}

/// A report that is being made.
pub type Reporting<'a> = Pin<Box<dyn Future<Output = Report> + 'a>>;

pub struct Provider {
    pub cloud: &'static Cloud,
    /// The address of its server; a usage failure where a variable holds none.
    pub endpoint: fn(&Environment) -> Result<Endpoint>,
    /// Looks at its credential from here and, unless offline, asks the server.
    pub report: for<'a> fn(Endpoint, Demand<'a>, &'a Context) -> Reporting<'a>,
}
