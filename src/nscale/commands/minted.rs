//! The way of a new token to its owner, after a create or a rotate.

use crate::context::Context;
use crate::error::Failure;
use crate::nscale::api::Reply;
use crate::nscale::view;
use crate::output::deliver::{Delivery, Minted, Undelivered};
use crate::output::rendering::Rendering;
use crate::output::table;
use crate::secret::Secret;

/// Delivers the token. `groups` are the account's as people are to see them,
/// and `undo` is what to do where the token is lost or not wanted.
///
/// # Errors
/// [`Undelivered`]: it could not be made or written; the hints say where it is.
pub(super) async fn hand_over(
    reply: Reply,
    groups: &[String],
    undo: String,
    rendering: Rendering,
    delivery: Delivery,
    ctx: &mut Context,
) -> Result<(), Undelivered> {
    let Reply { account, json } = reply;
    let token = account.status.access_token.as_ref().map(Secret::expose).unwrap_or_default();
    let id = &account.metadata.id;
    let minted = Minted {
        what: format!("the access token of service account {id}"),
        id: id.clone(),
        extension: "token",
        file_content: format!("{token}\n"),
        undo,
        secret: Secret::new(token),
    };
    let is_for_people = rendering.is_for_people();
    let details = table::details(&ctx.stdout, &view::details(&account, groups, ctx));
    let shown = async {
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::unexpected("the access token contains characters that no token has"));
        }
        rendering.bytes(|| Ok(json), || format!("{details}\nAccess Token: {token}\n")).await
    };
    let is_kept = delivery.deliver(ctx, &minted, shown).await?;
    if is_for_people && !is_kept {
        ctx.note("store the access token now: it is shown only once");
    }
    Ok(())
}
