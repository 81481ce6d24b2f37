//! Tokens as tables and details.

use crate::context::Context;
use crate::namespace::messages::{Permission, RevokableToken, Scope, State};
use crate::output::view::{Cell, Details, Listing, Tone};

pub fn listing(tokens: &[RevokableToken], ctx: &Context) -> Listing {
    Listing {
        header: vec!["TOKEN ID", "NAME", "DESCRIPTION", "CREATED", "EXPIRES", "STATUS", "SCOPE"],
        wrapping: &["NAME", "DESCRIPTION"],
        optional: &["DESCRIPTION", "CREATED"],
        rows: tokens
            .iter()
            .map(|token| {
                vec![
                    token.token_id.as_str().into(),
                    token.name.as_str().into(),
                    token.description.as_str().into(),
                    created(token, ctx).into(),
                    expires(token, ctx),
                    status(token, ctx),
                    scope(&token.scope).into(),
                ]
            })
            .collect(),
    }
}

/// Fields that an older server does not return are left out.
pub fn details(token: &RevokableToken, ctx: &Context) -> Details {
    let mut details = Details::default();
    details.line("Token ID", token.token_id.as_str());
    details.line("Name", token.name.as_str());
    details.line("Description", token.description.as_str());
    details.line("Created At", created(token, ctx));
    details.line("Expires At", expires(token, ctx));
    if token.scope != Scope::Unknown {
        details.line("Scope", scope(&token.scope));
    }
    for (index, grant) in token.permissions.iter().enumerate() {
        details.line(if index == 0 { "Grants" } else { "" }, self::grant(grant));
    }
    details
}

fn created(token: &RevokableToken, ctx: &Context) -> String {
    token.created_at.map(|time| ctx.time(time.0)).unwrap_or_default()
}

fn expires(token: &RevokableToken, ctx: &Context) -> Cell {
    let Some(time) = token.expires_at else {
        // Only a token that is bound to a user may never expire.
        let may_never_expire = matches!(token.scope, Scope::Unknown | Scope::Membership);
        return if may_never_expire { "never" } else { "unknown" }.into();
    };
    let left = time.0.as_second() - ctx.now().as_second();
    let lifetime = token.created_at.map_or(0, |created| time.0.as_second() - created.0.as_second());
    // The last tenth of the lifetime is highlighted.
    let tone = if (0..lifetime / 10).contains(&left) { Tone::Warning } else { Tone::Plain };
    Cell::toned(ctx.time(time.0), tone)
}

fn status(token: &RevokableToken, ctx: &Context) -> Cell {
    match token.state_at(ctx.now()) {
        State::Active => Cell::toned("Active", Tone::Good),
        State::Expired => Cell::toned("Expired", Tone::Bad),
        State::Revoked => Cell::toned("Revoked", Tone::Faint),
        State::Unknown => "Unknown".into(),
        State::Other(text) => text.into(),
    }
}

fn scope(scope: &Scope) -> &str {
    match scope {
        Scope::Unknown => "",
        Scope::Tenant => "workspace",
        Scope::Membership => "user",
        Scope::Other(text) => text,
    }
}

/// A grant as `type on id: actions`.
fn grant(grant: &Permission) -> String {
    let id = if grant.resource_id.is_empty() { String::new() } else { format!(" on {}", grant.resource_id) };
    format!("{}{id}: {}", grant.resource_type, grant.actions.join(", "))
}
