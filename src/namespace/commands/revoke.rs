//! `token revoke`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::namespace::api::TokensApi;
use crate::namespace::commands::{not_found_hint, parse_token_id};
use crate::namespace::messages::RevokeRequest;
use crate::output::map_write_error;
use crate::output::rendering::OutputFormat;
use crate::verb::{CHANGE, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Namespace, Variables::Http], exit_codes: CHANGE })]
#[command(after_help = "\
Examples:
  {program} token revoke --token_id tok_abc
  {program} token revoke --token_id tok_abc --token_id tok_def")]
pub struct RevokeArgs {
    /// The id of the token to revoke. Repeatable.
    #[arg(long = "token_id", value_name = "ID", required = true)]
    token_id: Vec<String>,
    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: OutputFormat,
}

/// Revokes one after the other, and goes on if one fails.
pub(super) async fn run(args: RevokeArgs, ctx: &mut Context) -> Result<()> {
    let mut ids: Vec<String> = Vec::new();
    for value in &args.token_id {
        let id = parse_token_id(value, ctx)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let api = TokensApi::connect(ctx).await?;
    let (mut revoked, mut failures) = (Vec::new(), Vec::new());
    // If the output cannot be written, the other tokens are revoked too.
    let mut output = Ok(());
    for id in &ids {
        if ctx.interrupt.is_requested() {
            failures.push(Failure::new(Kind::Interrupted, "interrupted before it was revoked").about(id));
            continue;
        }
        match api.revoke(&RevokeRequest { token_id: id.clone() }).await {
            Ok(()) => {
                if args.output == OutputFormat::Table {
                    output = output.and_then(|()| writeln!(ctx.stdout, "Successfully revoked token {id}"));
                    output = output.and_then(|()| ctx.stdout.flush());
                }
                revoked.push(id.as_str());
            }
            Err(failure) => {
                failures.push(
                    failure
                        .hint_on(Kind::NotFound, || not_found_hint(id, "it may be revoked already", ctx))
                        .hint_on(Kind::OutcomeUnknown, || {
                            format!("run `{} token revoke --token_id {id}` again: that can do no harm", ctx.program)
                        })
                        .about(id),
                );
            }
        }
    }
    if !failures.is_empty() {
        return Err(match (failures.len(), ids.len()) {
            (1, 1) => failures.remove(0),
            (failed, all) => {
                let done = if revoked.is_empty() { "none".to_owned() } else { revoked.join(", ") };
                Failure::of_several(
                    format!("{failed} of {all} tokens could not be revoked (revoked: {done})"),
                    failures,
                )
            }
        });
    }
    if args.output == OutputFormat::Json {
        output = writeln!(ctx.stdout, "{:#}", json!({ "revoked_token_ids": revoked }));
    }
    map_write_error(output.and_then(|()| ctx.stdout.flush()))
}
