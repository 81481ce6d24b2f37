//! Nscale's wing: `serviceaccounts list | get | create | update | rotate |
//! delete`.

pub mod accounts;
pub mod api;
pub mod commands;
pub mod credential;
pub mod document;
pub mod failure;
pub mod groups;
pub mod message;
pub mod organization;
pub mod plan;
pub mod validate;
pub mod view;
