//! The request of an update, and how it differs from the current account.

use crate::nscale::document::AccountDocument;
use crate::nscale::groups::Groups;
use crate::nscale::messages::{Account, AccountSpec, AccountWrite, Tag, WriteMetadata};
use crate::text::sanitize::{cut, escape, shortened};

/// A field that an update sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Name,
    Description,
    Tags,
    Groups,
}

impl Field {
    const ALL: [Self; 4] = [Self::Name, Self::Description, Self::Tags, Self::Groups];

    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Description => "description",
            Self::Tags => "tags",
            Self::Groups => "groups",
        }
    }
}

/// The request for a document. With `is_merge` the fields that the document leaves out are
/// kept, otherwise they are erased.
pub fn message(document: &AccountDocument, current: Option<&Account>, is_merge: bool) -> AccountWrite {
    let Some(current) = current.filter(|_| is_merge) else { return document.clone().into_message() };
    let current = as_message(current);
    AccountWrite {
        metadata: WriteMetadata {
            name: document.name.clone().unwrap_or(current.metadata.name),
            description: document.description.clone().or(current.metadata.description),
            tags: document.tags.clone().or(current.metadata.tags),
        },
        spec: AccountSpec { group_ids: document.group_ids.clone().unwrap_or(current.spec.group_ids) },
    }
}

/// The request that changes nothing of an account.
fn as_message(account: &Account) -> AccountWrite {
    let tags = account.metadata.tags.clone();
    AccountWrite {
        metadata: WriteMetadata {
            name: account.metadata.name.clone(),
            description: account.metadata.description.clone(),
            tags: (!tags.is_empty()).then_some(tags),
        },
        spec: account.spec.clone(),
    }
}

pub struct Changes {
    pub lines: Vec<String>,
    /// The values that are lost: of fields that have one now and none after the update.
    pub erased: Vec<String>,
}

impl Changes {
    pub fn between(current: &Account, message: &AccountWrite, groups: &Groups) -> Self {
        let now = as_message(current);
        let mut changes = Self { lines: Vec::new(), erased: Vec::new() };
        for field in Field::ALL.into_iter().filter(|field| differs(*field, &now, message)) {
            if field == Field::Groups {
                changes.compare_groups(&now.spec.group_ids, &message.spec.group_ids, groups);
            } else {
                changes.compare(field.name(), show(field, &now), show(field, message));
            }
        }
        changes
    }

    fn compare(&mut self, name: &str, before: Option<String>, after: Option<String>) {
        self.lines.push(match (before, after) {
            (Some(before), Some(after)) => format!("{name}: {before} -> {after}"),
            (None, Some(after)) => format!("{name}: {after}"),
            (before, None) => {
                let before = before.unwrap_or_default();
                self.erased.push(format!("{name} {before}"));
                format!("{name}: {before} -> erased")
            }
        });
    }

    fn compare_groups(&mut self, before: &[String], after: &[String], groups: &Groups) {
        for id in before.iter().filter(|id| !after.contains(id)) {
            self.lines.push(format!("groups: leaves {}", groups.show(id)));
            self.erased.push(format!("membership of {}", groups.show(id)));
        }
        for id in after.iter().filter(|id| !before.contains(id)) {
            self.lines.push(format!("groups: joins {}", groups.show(id)));
        }
    }
}

/// The fields that the request sets, but that someone else has changed from `before` to
/// another value than that in the request.
pub fn conflicting_fields(
    before: &Account,
    now: &Account,
    message: &AccountWrite,
    document: Option<&AccountDocument>,
) -> Vec<Field> {
    let (before, now) = (as_message(before), as_message(now));
    let is_set = |field: Field| match (field, document) {
        // Without a merge all fields are set, or erased.
        (_, None) => true,
        (Field::Name, Some(document)) => document.name.is_some(),
        (Field::Description, Some(document)) => document.description.is_some(),
        (Field::Tags, Some(document)) => document.tags.is_some(),
        (Field::Groups, Some(document)) => document.group_ids.is_some(),
    };
    // The server writes groups one by one, so each is compared separately.
    let is_in = |message: &AccountWrite, id: &String| message.spec.group_ids.contains(id);
    let mut ids = [&before, &now, message].into_iter().flat_map(|message| &message.spec.group_ids);
    let groups_conflict = ids.any(|id| is_in(&now, id) != is_in(&before, id) && is_in(&now, id) != is_in(message, id));
    let is_other = |field: &Field| match field {
        Field::Groups => groups_conflict,
        field => differs(*field, &before, &now) && differs(*field, &now, message),
    };
    Field::ALL.into_iter().filter(|field| is_set(*field)).filter(is_other).collect()
}

/// Whether all fields that can be set are equal.
pub fn is_same(one: &Account, other: &Account) -> bool {
    let (one, other) = (as_message(one), as_message(other));
    !Field::ALL.into_iter().any(|field| differs(field, &one, &other))
}

fn differs(field: Field, one: &AccountWrite, other: &AccountWrite) -> bool {
    let groups = |message: &AccountWrite| {
        let mut ids = message.spec.group_ids.clone();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let (a, b) = (&one.metadata, &other.metadata);
    match field {
        Field::Name => a.name != b.name,
        Field::Description => a.description != b.description,
        // The server does not distinguish an absent list from an empty one.
        Field::Tags => a.tags.as_deref().unwrap_or_default() != b.tags.as_deref().unwrap_or_default(),
        Field::Groups => groups(one) != groups(other),
    }
}

/// The value of a field for people; `None` if it is not set.
fn show(field: Field, message: &AccountWrite) -> Option<String> {
    match field {
        Field::Name => Some(message.metadata.name.clone()),
        Field::Description => message.metadata.description.as_ref().map(|text| quoted(text)),
        Field::Tags => {
            let tags = message.metadata.tags.as_deref().unwrap_or_default();
            (!tags.is_empty()).then(|| shortened(&show_tags(tags)))
        }
        Field::Groups => None,
    }
}

/// In quotes, with invisible characters escaped.
fn quoted(text: &str) -> String {
    let (beginning, rest) = cut(text);
    escape(format!("\"{}\"{rest}", beginning.replace('\n', "\\n")).as_bytes())
}

pub fn show_tags(tags: &[Tag]) -> String {
    tags.iter().map(|tag| format!("{}={}", tag.name, tag.value)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, description: Option<&str>, groups: &[&str]) -> Account {
        let mut account = Account::default();
        account.metadata.name = name.into();
        account.metadata.description = description.map(str::to_owned);
        account.spec.group_ids = groups.iter().map(|id| (*id).to_owned()).collect();
        account
    }

    #[test]
    fn a_conflict_is_a_value_that_neither_side_has() {
        let before = account("a", Some("one"), &["g", "h"]);
        let document = AccountDocument { name: Some("b".into()), ..AccountDocument::default() };
        let message = message(&document, Some(&before), true);
        assert_eq!(message.metadata.description.as_deref(), Some("one"));
        let merged = |now: &Account| conflicting_fields(&before, now, &message, Some(&document));
        assert_eq!(merged(&account("a", Some("two"), &["h", "g"])), []);
        assert_eq!(merged(&account("b", Some("one"), &[])), []);
        assert_eq!(merged(&account("c", Some("one"), &[])), [Field::Name]);
        let message = super::message(&document, None, false);
        let whole = |now: &Account| conflicting_fields(&before, now, &message, None);
        assert_eq!(whole(&account("a", Some("two"), &["h", "g"])), [Field::Description]);
        // The update removes both groups, of which one is removed already.
        assert_eq!(whole(&account("a", Some("one"), &["g"])), []);
        assert_eq!(whole(&account("a", Some("one"), &["g", "h", "i"])), [Field::Groups]);
    }
}
