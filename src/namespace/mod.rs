//! Namespace's wing: `token create | list | revoke | refresh`.

pub mod api;
pub mod commands;
pub mod credential;
pub mod detail;
pub mod failure;
pub mod grant;
pub mod granted;
pub mod jwt;
pub mod message;
pub mod permissions;
pub mod proto;
pub mod session;
mod token_file;
pub mod view;
