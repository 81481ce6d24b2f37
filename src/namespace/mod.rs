//! The provider module of Namespace: the commands `token` and `permissions`.

pub mod api;
pub mod commands;
pub mod credential;
pub mod detail;
pub mod explain;
pub mod grant;
pub mod granted;
pub mod jwt;
pub mod messages;
mod minted;
pub mod permissions;
pub mod proto;
pub mod session;
pub mod status;
mod token_file;
pub mod view;

use crate::cloud::NAMESPACE;
use crate::provider::Provider;

/// What this module offers to commands for all clouds.
pub const PROVIDER: Provider = Provider {
    cloud: &NAMESPACE,
    endpoint: api::endpoint,
    report: |endpoint, options, ctx| Box::pin(status::report(endpoint, options, ctx)),
};
