//! `token` and its verbs, and `permissions`.

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
    /// Revoke one or several tokens for good.
    Revoke(revoke::RevokeArgs),
    /// Make sure that a token lives on for some time. Its secret stays the same.
    Refresh(refresh::RefreshArgs),
}

impl TokenCommand {
    /// Whether the caller reads output by machine, and so errors too.
    pub fn wants_json(&self) -> bool {
        match self {
            Self::Create(args) => args.wants_json(),
            Self::List(args) => args.output.wants_json(),
            Self::Revoke(args) => args.wants_json(),
            Self::Refresh(args) => args.output.wants_json(),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// As the verb says.
    pub async fn run(self, ctx: &mut Context) -> Result<()> {
        match self {
            Self::Create(args) => create::run(args, ctx).await,
            Self::List(args) => list::run(args, ctx).await,
            Self::Revoke(args) => revoke::run(args, ctx).await,
            Self::Refresh(args) => refresh::run(args, ctx).await,
        }
    }
}

/// What to do where there is no token with an id.
fn if_not_found(id: &str, otherwise: &str, ctx: &Context) -> String {
    if id.starts_with("tok_") {
        format!("{otherwise}: `{} token list --include_revoked` shows all tokens", ctx.program)
    } else {
        format!("--token_id takes an id (tok_…), not a name: `{} token list` shows the ids", ctx.program)
    }
}

/// A token's id out of `--token_id`. A secret in its place is refused without
/// being shown.
fn token_id(given: &str, ctx: &Context) -> Result<String> {
    let id = given.trim();
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
    if ["null", "undefined", "none"].iter().any(|nothing| id.eq_ignore_ascii_case(nothing)) {
        return Err(Failure::usage(format!("--token_id is \"{id}\": whatever was to give an id found none")).hint(list));
    }
    Ok(id.to_owned())
}
