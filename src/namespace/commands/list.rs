//! `token list`.

use std::collections::HashSet;
use std::io::Write;

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::namespace::api::TokensApi;
use crate::namespace::commands::{Format, OutputArgs, WHOLE};
use crate::namespace::message::ListRequest;
use crate::namespace::view;
use crate::output::json::laid_out;
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
    let query = args.output.query.compile(WHOLE)?;
    let api = TokensApi::connect(ctx).await?;
    let mut request = ListRequest { include_revoked: args.include_revoked, ..ListRequest::default() };
    let (mut tokens, mut json) = (Vec::new(), String::from("["));
    let mut seen = HashSet::new();
    loop {
        let reply = api.list(&request).await?;
        if args.output.wants_json() {
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
        // A server that sends the same cursor twice would be asked for ever.
        if !seen.insert(cursor.0.clone()) {
            return Err(Failure::unexpected("the server repeats a page of the list without end"));
        }
        request.pagination_cursor = cursor;
    }
    json.push(']');
    let plain = ctx.stdout.escaper();
    let shown = match (query, args.output.output) {
        (Some(query), _) => plain(query.run(json, ctx.settings.timeout).await?),
        (None, Format::Json) => {
            let mut json = laid_out(&json);
            json.push('\n');
            plain(json.into_bytes())
        }
        (None, Format::Table) if tokens.is_empty() => {
            ctx.note("no tokens found");
            Vec::new()
        }
        (None, Format::Table) => {
            tokens.sort_by_key(|token| token.created_at);
            table::listing(&ctx.stdout, view::listing(&tokens, ctx)).into_bytes()
        }
    };
    written(ctx.stdout.write_all(&shown).and_then(|()| ctx.stdout.flush()))
}
