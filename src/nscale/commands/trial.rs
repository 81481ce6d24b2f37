//! Whether the server takes a token that it has just made, once that is in its
//! owner's hands.

use crate::context::Context;
use crate::interrupt::Signals;
use crate::nscale::api::IdentityApi;
use crate::secret::Secret;

/// Tries the token, and warns where it is refused to the end. It is delivered
/// by now: whoever does not want to wait for this loses nothing by a signal.
pub(super) async fn try_out(token: Option<Secret>, api: &IdentityApi, ctx: &mut Context) {
    let Some(token) = token.filter(|_| !ctx.interrupt.is_requested()) else { return };
    let is_accepted = match Signals::listen() {
        Ok(mut signals) => tokio::select! {
            biased;
            () = signals.any() => {
                ctx.interrupt.request();
                true
            }
            is_accepted = api.accepts(&token) => is_accepted,
        },
        Err(_) => true,
    };
    if !is_accepted {
        let look = format!("`{} auth status nscale` with it in NSCALE_SERVICE_TOKEN tells", ctx.program);
        ctx.warn(&format!("the server does not accept the new token yet: it should in a moment, and {look}"));
    }
}
