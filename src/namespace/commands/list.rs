//! `token list`.

use std::collections::HashSet;

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::namespace::api::TokensApi;
use crate::namespace::messages::ListRequest;
use crate::namespace::view;
use crate::output::rendering::{OutputArgs, write_out};
use crate::output::table;
use crate::verb::{Variables, Verb};

const EXIT_CODES: &[Kind] =
    &[Kind::Unexpected, Kind::Usage, Kind::NotPermitted, Kind::NotAuthenticated, Kind::Temporary, Kind::Interrupted];

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Namespace, Variables::Http], exit_codes: EXIT_CODES })]
#[command(after_help = "\
Examples:
  {program} token list
  {program} token list --include_revoked --output json
  {program} token list -q '.[] | select(.name == \"ci\") | .token_id'")]
pub struct ListArgs {
    /// Include revoked tokens.
    #[arg(long = "include_revoked")]
    include_revoked: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ListArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let api = TokensApi::connect(ctx).await?;
    let mut request = ListRequest { include_revoked: args.include_revoked, ..ListRequest::default() };
    let (mut tokens, mut json) = (Vec::new(), String::from("["));
    let mut seen = HashSet::new();
    loop {
        let reply = api.list(&request).await?;
        if !rendering.is_for_people() {
            for token in reply.tokens()? {
                json.push_str(if json.len() > 1 { "," } else { "" });
                json.push_str(&token);
            }
        } else {
            tokens.extend(reply.message.tokens);
        }
        let cursor = reply.message.pagination_cursor;
        if cursor.0.is_empty() {
            break;
        }
        // A repeated cursor would loop forever.
        if !seen.insert(cursor.0.clone()) {
            return Err(Failure::unexpected("the server sent the same page of the list twice"));
        }
        request.pagination_cursor = cursor;
    }
    json.push(']');
    if rendering.is_for_people() && tokens.is_empty() {
        ctx.note("no tokens found");
        return Ok(());
    }
    tokens.sort_by_key(|token| token.created_at);
    let table = || table::listing(&ctx.stdout, view::listing(&tokens, ctx));
    let bytes = rendering.bytes(|| Ok(json), table).await?;
    write_out(&bytes, ctx)
}
