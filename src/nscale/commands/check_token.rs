//! Checks whether the server accepts a new token.

use crate::context::Context;
use crate::interrupt::Signals;
use crate::nscale::api::IdentityApi;
use crate::secret::Secret;

/// Tries the token, and warns if the server rejects it. The token has been delivered, so an
/// interrupt loses nothing.
pub(super) async fn check_token(token: Option<Secret>, api: &IdentityApi, ctx: &mut Context) {
    let Some(token) = token.filter(|_| !ctx.interrupt.is_requested()) else { return };
    let is_accepted = match Signals::listen() {
        Ok(mut signals) => tokio::select! {
            biased;
            () = signals.any() => {
                ctx.interrupt.request();
                true
            }
            is_accepted = api.accepts_token(&token) => is_accepted,
        },
        Err(_) => true,
    };
    if !is_accepted {
        ctx.warn(&format!(
            "the server does not accept the new token yet; in a moment, check it with `{} auth status nscale` and NSCALE_SERVICE_TOKEN set to it",
            ctx.program
        ));
    }
}
