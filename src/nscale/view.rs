//! How a service account is shown.

use crate::context::Context;
use crate::nscale::messages::Account;
use crate::nscale::plan::show_tags;
use crate::output::view::{Cell, Details, Listing, Tone};

/// A table of accounts, yet without rows.
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

/// One account as labelled lines, its groups as given. What a server does not
/// tell is left out.
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
        details.line("Modified At", ctx.format_time(time));
    }
    details.line("Expires At", expires(account, ctx));
    details.line("Status", status(account, ctx));
    details
}

fn created(account: &Account, ctx: &Context) -> String {
    account.metadata.creation_time.map(|time| ctx.format_time(time)).unwrap_or_default()
}

fn expires(account: &Account, ctx: &Context) -> Cell {
    /// What is left of the usual 90 days when they want attention.
    const SOON: i64 = 9 * 86_400;
    let Some(time) = account.status.expiry else { return "unknown".into() };
    let left = time.as_second() - ctx.now().as_second();
    Cell::toned(ctx.format_time(time), if (0..SOON).contains(&left) { Tone::Warning } else { Tone::Plain })
}

/// Whether its token can be used, else what the server says of it: what a newer
/// server may say is shown as it came, and taken for nothing else.
fn status(account: &Account, ctx: &Context) -> Cell {
    let is_over = account.status.expiry.is_some_and(|expiry| expiry <= ctx.now());
    match (account.metadata.provisioning_status.as_str(), account.metadata.health_status.as_str()) {
        ("error", _) => Cell::toned("Error", Tone::Bad),
        ("pending" | "provisioning", _) => Cell::toned("Pending", Tone::Warning),
        ("deprovisioning", _) => Cell::toned("Deleting", Tone::Faint),
        (said, _) if !matches!(said, "" | "provisioned" | "unknown") => said.into(),
        _ if is_over => Cell::toned("Expired", Tone::Bad),
        (_, "degraded" | "error") => Cell::toned("Degraded", Tone::Warning),
        (_, said) if !matches!(said, "" | "healthy" | "unknown") => said.into(),
        _ if account.status.expiry.is_none() => "Unknown".into(),
        // What an older server calls unknown.
        _ => Cell::toned("Active", Tone::Good),
    }
}
