//! A create without a document: the user is asked for each field.

use crate::context::Context;
use crate::error::{Kind, Result};
use crate::input::prompt::{choose_any, line};
use crate::nscale::api::IdentityApi;
use crate::nscale::groups::Groups;
use crate::nscale::messages::{AccountSpec, AccountWrite, ReadMetadata, WriteMetadata};
use crate::nscale::validate::{check_description, check_name};

/// Asks for name, description and groups.
///
/// # Errors
/// Interrupted. Else the failure to list the groups.
pub(super) async fn ask(organization: &str, api: &IdentityApi, ctx: &mut Context) -> Result<(AccountWrite, Groups)> {
    let mut groups = match api.groups(organization).await {
        Ok(groups) => groups,
        Err(failure) if failure.kind() == Kind::NotPermitted => {
            ctx.note("this credential may not read groups; the account can be added to some later");
            Vec::new()
        }
        Err(failure) => return Err(failure),
    };
    let name = line(ctx, "Name", check_name).await?;
    let description = line(ctx, "Description (may be empty)", check_description).await?;
    let mut group_ids = Vec::new();
    if !groups.is_empty() {
        groups.sort_unstable_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        // Names need not be unique.
        let has_namesake = |name: &str| groups.iter().filter(|group| group.name == name).count() > 1;
        let show = |group: &ReadMetadata| if has_namesake(&group.name) { group.show() } else { group.name.clone() };
        let shown: Vec<String> = groups.iter().map(show).collect();
        let chosen = choose_any(ctx, "Groups", &shown).await?;
        group_ids.extend(chosen.iter().filter_map(|index| groups.get(*index)).map(|group| group.id.clone()));
    }
    let message = AccountWrite {
        metadata: WriteMetadata { name, description: Some(description).filter(|text| !text.is_empty()), tags: None },
        spec: AccountSpec { group_ids },
    };
    Ok((message, Groups::Known(groups)))
}
