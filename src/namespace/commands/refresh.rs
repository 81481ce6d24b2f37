//! `token refresh`.

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::clock_reading::ClockReading;
use crate::input::duration::lifetime;
use crate::namespace::api::TokensApi;
use crate::namespace::commands::{not_found_hint, parse_token_id};
use crate::namespace::messages::RefreshRequest;
use crate::namespace::proto::Span;
use crate::namespace::{granted, view};
use crate::output::rendering::{OutputArgs, write_out};
use crate::output::table;
use crate::verb::{CHANGE, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Namespace, Variables::Http], exit_codes: CHANGE })]
#[command(after_help = "\
Examples:
  {program} token refresh --token_id tok_abc
  {program} token refresh --token_id tok_abc --minimum_duration 30d")]
pub struct RefreshArgs {
    /// The id of the token.
    #[arg(long = "token_id", value_name = "ID")]
    token_id: String,
    /// Minimum lifetime from now, at most 1y. A longer one is never shortened.
    #[arg(long = "minimum_duration", value_name = "DURATION", default_value = "24h", allow_hyphen_values = true)]
    minimum_duration: String,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: RefreshArgs, ctx: &mut Context) -> Result<()> {
    let id = parse_token_id(&args.token_id, ctx)?;
    let minimum = lifetime("--minimum_duration", &args.minimum_duration)?;
    let rendering = args.output.prepare(ctx)?;
    let api = TokensApi::connect(ctx).await?;
    let request = RefreshRequest { token_id: id.clone(), minimum_duration: Some(Span::from(minimum)) };
    let program = ctx.program;
    let reply = api.refresh(&request).await.map_err(|failure| {
        failure
            .hint_on(Kind::NotFound, || not_found_hint(&id, "a revoked token cannot be refreshed", ctx))
            .hint_on(Kind::Conflict, || {
                format!("an expired token cannot be refreshed: make another with `{program} token create`")
            })
            .hint_on(Kind::OutcomeUnknown, || "run it again: that can do no harm".to_owned())
            .about(&id)
    })?;
    if reply.message.token.as_ref().is_some_and(|token| !token.token_id.is_empty() && token.token_id != id) {
        return Err(Failure::new(
            Kind::OutcomeUnknown,
            "the server's answer is about another token, so it is unknown whether this one was refreshed",
        )
        .hint(format!("check its expiry with `{program} token list`"))
        .about(&id));
    }
    let expires_at = reply.message.token.as_ref().and_then(|token| token.expires_at);
    let clocks = api.clocks().unwrap_or(ClockReading { server: ctx.now(), local: ctx.now() });
    let warning = expires_at.and_then(|expires_at| granted::refreshed(minimum, expires_at, clocks));
    let view = || {
        let details = reply.message.token.as_ref().map(|token| table::details(&ctx.stdout, &view::details(token, ctx)));
        let details = details.map(|details| format!("\n{details}")).unwrap_or_default();
        format!("Token {id} refreshed.\n{details}")
    };
    let bytes = rendering.bytes(|| reply.json(), view).await?;
    write_out(&bytes, ctx)?;
    match warning {
        Some(warning) => ctx.warn(&warning),
        None if reply.message.token.is_none() => ctx.note("the server did not say when the token expires now"),
        None => {}
    }
    Ok(())
}
