//! The delivery of a new token, after a create or a rotate.

use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::delivery::{Delivery, Minted, Purpose, Undelivered};
use crate::error::{Failure, Result};
use crate::nscale::accounts::AccountReply;
use crate::nscale::view;
use crate::output::rendering::Output;
use crate::output::table;
use crate::secret::Secret;

#[derive(Debug, Args)]
pub(super) struct TokenFileArgs {
    /// Write the token to this file (mode 0600), ready for NSCALE_SERVICE_TOKEN_FILE.
    #[arg(long = "token-file", value_name = "PATH")]
    token_file: Option<PathBuf>,
}

impl TokenFileArgs {
    /// Prepares the delivery to the file, else to standard output.
    pub(super) fn prepare(&self, no_clobber: bool, purpose: Purpose, ctx: &mut Context) -> Result<Delivery> {
        Delivery::prepare("--token-file", self.token_file.as_deref(), no_clobber, purpose, ctx)
    }

    /// The note about the token that the file held before it was replaced.
    pub(super) fn replaced(&self, delivery: &Delivery) -> Option<String> {
        let path = self.token_file.as_ref()?.display();
        let Some(previous) = delivery.previous() else {
            return Some(format!("{path} could not be read before it was replaced"));
        };
        let previous = str::from_utf8(previous).ok()?.trim();
        let is_token = !previous.is_empty() && previous.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| {
            format!(
                "{path} held another token before, of an unknown account: it works until it expires, or its account is rotated or deleted"
            )
        })
    }
}

/// Delivers the token. `groups` are those of the account, for people; `undo` is the hint if
/// the token is lost or not wanted; `replaced` is the note about the previous token.
///
/// # Errors
/// [`Undelivered`]: it could not be written. The hints say where the token is.
pub(super) async fn deliver(
    reply: AccountReply,
    groups: &[String],
    undo: String,
    replaced: Option<String>,
    rendering: Output,
    delivery: Delivery,
    ctx: &mut Context,
) -> std::result::Result<(), Undelivered> {
    let AccountReply { account, json } = reply;
    let token = account.status.access_token.as_ref().map(Secret::expose).unwrap_or_default();
    let id = &account.metadata.id;
    let minted = Minted {
        what: format!("the access token of service account {id}"),
        id: id.clone(),
        extension: "token",
        file_content: format!("{token}\n"),
        undo,
        replaced,
        secret: Secret::new(token),
    };
    let (in_file, is_for_people) = (delivery.has_file(), rendering.is_for_people());
    let details = table::details(&ctx.stdout, &view::details(&account, groups, ctx));
    let shown = async {
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::unexpected("the access token contains characters that no token has"));
        }
        let view = || if in_file { details } else { format!("{details}\nAccess Token: {token}\n") };
        rendering.bytes(|| Ok(json), view).await
    };
    let is_kept = delivery.deliver(ctx, &minted, shown).await?;
    if is_for_people && !in_file && !is_kept {
        ctx.note("store the access token now: it is shown only once");
    }
    Ok(())
}
