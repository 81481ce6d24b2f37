//! Whether the server accepts a new token, once it is delivered.

use crate::context::Context;
use crate::interrupt::Signals;
use crate::nscale::api::IdentityApi;
use crate::secret::Secret;

/// Tries the token, and warns where it stays refused. It is delivered already, so
/// a signal that ends the wait loses nothing.
pub(super) async fn check_token(token: Option<Secret>, api: &IdentityApi, ctx: &mut Context) {
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
