//! The provider module of Nscale: the command `serviceaccounts`.

pub mod accounts;
pub mod api;
pub mod commands;
pub mod credential;
pub mod document;
pub mod explain;
pub mod groups;
pub mod messages;
mod minted;
pub mod organization;
pub mod plan;
pub mod status;
pub mod validate;
pub mod view;

use crate::cloud::NSCALE;
use crate::provider::Provider;

/// What this module offers to commands for all clouds.
pub const PROVIDER: Provider = Provider {
    cloud: &NSCALE,
    endpoint: api::endpoint,
    report: |endpoint, options, ctx| Box::pin(status::report(endpoint, options, ctx)),
};
