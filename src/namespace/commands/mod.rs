//! The commands `token` and `permissions`.

mod create;
mod list;
pub mod permissions;
mod refresh;
mod revoke;

use clap::Subcommand;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::secret::looks_secret;

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a revokable token with specific permissions and expiration.
    Create(create::CreateArgs),
    /// List the revokable tokens of the workspace.
    List(list::ListArgs),
    /// Revoke one or more tokens.
    Revoke(revoke::RevokeArgs),
    /// Extend the expiry of a token. Its secret stays the same.
    Refresh(refresh::RefreshArgs),
}

impl TokenCommand {
    /// # Errors
    /// Those of the verb.
    pub async fn run(self, ctx: &mut Context) -> Result<()> {
        match self {
            Self::Create(args) => create::run(args, ctx).await,
            Self::List(args) => list::run(args, ctx).await,
            Self::Revoke(args) => revoke::run(args, ctx).await,
            Self::Refresh(args) => refresh::run(args, ctx).await,
        }
    }
}

/// The hint if there is no token with an id.
fn not_found_hint(id: &str, otherwise: &str, ctx: &Context) -> String {
    if id.starts_with("tok_") {
        format!("{otherwise}: `{} token list --include_revoked` shows all tokens", ctx.program)
    } else {
        format!("--token_id takes an id (tok_…), not a name: `{} token list` shows the ids", ctx.program)
    }
}

/// Checks an id of `--token_id`. A secret in its place is not shown.
fn parse_token_id(value: &str, ctx: &Context) -> Result<String> {
    let id = value.trim();
    let list = format!("`{} token list` shows the ids", ctx.program);
    if id.is_empty() {
        return Err(Failure::usage("--token_id is empty").hint(list));
    }
    if looks_secret(id) {
        return Err(Failure::usage("--token_id was given a secret; it takes the token's id (tok_…)").hint(list).hint(
            "a secret on a command line can be read by others: revoke that token if anyone else uses this machine",
        ));
    }
    if id.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '[' | ']')) {
        return Err(Failure::usage("--token_id was given several ids, or more than an id; it takes one id")
            .hint("repeat it for each: --token_id ID --token_id ID")
            .hint(list));
    }
    if ["null", "undefined", "none"].iter().any(|null| id.eq_ignore_ascii_case(null)) {
        return Err(Failure::usage(format!(
            "--token_id is \"{id}\", not an id: the command that should print an id found none"
        ))
        .hint(list));
    }
    Ok(id.to_owned())
}
