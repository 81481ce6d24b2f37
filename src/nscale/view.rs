//! Service accounts as tables and details.

use crate::context::Context;
use crate::nscale::messages::Account;
use crate::nscale::plan::show_tags;
use crate::output::view::{Cell, Details, Listing, Tone};

/// A table without rows.
pub fn listing() -> Listing {
    Listing {
        header: vec!["ID", "NAME", "DESCRIPTION", "GROUPS", "CREATED", "EXPIRES", "STATUS"],
        wrapping: &["DESCRIPTION"],
        optional: &["DESCRIPTION", "CREATED", "GROUPS"],
        rows: Vec::new(),
    }
}

pub fn row(account: Account, ctx: &Context) -> Vec<Cell> {
    let (created, expires, status) = (created(&account, ctx), expires(&account, ctx), status(&account, ctx));
    vec![
        account.metadata.id.into(),
        account.metadata.name.into(),
        account.metadata.description.unwrap_or_default().into(),
        account.spec.group_ids.len().to_string().into(),
        created.into(),
        expires,
        status,
    ]
}

/// `groups` are shown in place of the ids in the account. Fields that the server does not
/// return are left out.
pub fn details(account: &Account, groups: &[String], ctx: &Context) -> Details {
    let metadata = &account.metadata;
    let mut details = Details::default();
    details.line("ID", metadata.id.as_str());
    details.line("Name", metadata.name.as_str());
    details.line("Description", metadata.description.as_deref().unwrap_or_default());
    if let Some(organization) = &metadata.organization_id {
        details.line("Organization", organization.as_str());
    }
    if !metadata.tags.is_empty() {
        details.line("Tags", show_tags(&metadata.tags));
    }
    for (index, group) in groups.iter().enumerate() {
        details.line(if index == 0 { "Groups" } else { "" }, group.as_str());
    }
    details.line("Created At", created(account, ctx));
    if let Some(time) = metadata.modified_time {
        details.line("Modified At", ctx.time(time));
    }
    details.line("Expires At", expires(account, ctx));
    details.line("Status", status(account, ctx));
    details
}

fn created(account: &Account, ctx: &Context) -> String {
    account.metadata.creation_time.map(|time| ctx.time(time)).unwrap_or_default()
}

fn expires(account: &Account, ctx: &Context) -> Cell {
    /// The last tenth of the usual 90 days is highlighted, in seconds.
    const SOON: i64 = 9 * 86_400;
    let Some(time) = account.status.expiry else { return "unknown".into() };
    let left = time.as_second() - ctx.now().as_second();
    Cell::toned(ctx.time(time), if (0..SOON).contains(&left) { Tone::Warning } else { Tone::Plain })
}

/// Whether the token can be used, unless the server reports something else about the
/// account. Unknown values of a newer server are shown unchanged.
fn status(account: &Account, ctx: &Context) -> Cell {
    let is_expired = account.status.expiry.is_some_and(|expiry| expiry <= ctx.now());
    match (account.metadata.provisioning_status.as_str(), account.metadata.health_status.as_str()) {
        ("error", _) => Cell::toned("Error", Tone::Bad),
        ("pending" | "provisioning", _) => Cell::toned("Pending", Tone::Warning),
        ("deprovisioning", _) => Cell::toned("Deleting", Tone::Faint),
        (provisioning, _) if !matches!(provisioning, "" | "provisioned" | "unknown") => provisioning.into(),
        _ if is_expired => Cell::toned("Expired", Tone::Bad),
        (_, "degraded" | "error") => Cell::toned("Degraded", Tone::Warning),
        (_, health) if !matches!(health, "" | "healthy" | "unknown") => health.into(),
        _ if account.status.expiry.is_none() => "Unknown".into(),
        // Older servers report "unknown" for an account without problems.
        _ => Cell::toned("Active", Tone::Good),
    }
}
