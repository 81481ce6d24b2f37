//! `token list`.

use std::collections::HashSet;
use std::io::Write;

use clap::Args;
use serde_json::Value;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::namespace::api::TokensApi;
use crate::namespace::commands::{Format, OutputArgs};
use crate::namespace::message::ListRequest;
use crate::namespace::view;
use crate::output::json::pretty;
use crate::output::{table, written};

/// Flags of `token list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  {program} token list
  {program} token list --include_revoked --output json
  {program} token list -q '.[] | select(.name == \"ci\") | .token_id'")]
pub struct ListArgs {
    /// List revoked tokens too.
    #[arg(long = "include_revoked", alias = "include-revoked")]
    include_revoked: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Follows the pages to the end and shows all of them.
pub(super) async fn run(args: ListArgs, ctx: &mut Context) -> Result<()> {
    let query = args.output.query.compile()?;
    let api = TokensApi::connect(ctx).await?;
    let raw_wanted = args.output.wants_json();
    let mut request = ListRequest { include_revoked: args.include_revoked, ..ListRequest::default() };
    let (mut tokens, mut raw) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    loop {
        let reply = api.list(&request).await?;
        if raw_wanted && let Some(Value::Array(page)) = reply.json()?.get_mut("tokens").map(Value::take) {
            raw.extend(page);
        }
        tokens.extend(reply.message.tokens);
        let cursor = reply.message.pagination_cursor;
        if cursor.0.is_empty() {
            break;
        }
        // A server that sends the same cursor twice would be asked for ever.
        if !seen.insert(cursor.0.clone()) {
            return Err(Failure::unexpected("the server repeats a page of the list without end"));
        }
        request.pagination_cursor = cursor;
    }
    let raw = Value::Array(raw);
    match (query, args.output.output) {
        (Some(query), _) => query.run(raw.to_string().as_bytes(), &mut ctx.stdout)?,
        (None, Format::Json) => written(writeln!(ctx.stdout, "{}", pretty(&raw)))?,
        (None, Format::Table) if tokens.is_empty() => ctx.note("no tokens found"),
        (None, Format::Table) => {
            tokens.sort_by_key(|token| token.created_at);
            let listing = view::listing(&tokens, ctx);
            written(table::listing(&mut ctx.stdout, &listing))?;
        }
    }
    written(ctx.stdout.flush())
}
