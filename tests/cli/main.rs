//! The real binary against its own sandbox, over real HTTP.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod accounts;
mod accounts_docs;
mod accounts_documents;
mod accounts_many;
mod accounts_misplaced;
mod accounts_terminal;
mod auth;
mod auth_expiry;
mod children;
mod completions;
mod crash;
mod create;
mod credentials;
mod delivery;
mod docs;
mod durable;
mod errors;
mod faults;
mod help;
mod layers;
mod leaks;
mod life;
mod list;
mod man;
mod names;
mod permissions;
mod picture;
mod places;
mod places_mounted;
mod places_shared;
mod places_traced;
mod readme;
mod refresh;
mod revoke;
mod sandbox;
mod sandbox_command;
mod sandbox_environment;
mod sandbox_namespace;
mod sandbox_nscale;
mod sandbox_nscale_access;
mod sandbox_nscale_changes;
mod sandbox_nscale_roles;
mod sandbox_resilience;
mod spellings;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod token_file;
