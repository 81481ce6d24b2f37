//! Checks the groups of a document before they are sent, since the server silently ignores
//! unknown ids.

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::nscale::api::IdentityApi;
use crate::nscale::messages::ReadMetadata;

/// The groups of an organization.
pub enum Groups {
    /// They were not needed.
    Unread,
    /// The caller may not read them.
    Unreadable,
    Known(Vec<ReadMetadata>),
}

impl Groups {
    /// Reads the groups. If the caller may not read them, that is only a note.
    ///
    /// # Errors
    /// The failure of any other kind.
    pub async fn read(organization: &str, api: &IdentityApi, ctx: &mut Context) -> Result<Self> {
        match api.groups(organization).await {
            Ok(groups) => Ok(Self::Known(groups)),
            Err(failure) if failure.kind() == Kind::NotPermitted => {
                ctx.note("this credential may not read groups, so the ids were not checked: the server silently ignores unknown ids");
                Ok(Self::Unreadable)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Checks that each id belongs to a group.
    ///
    /// # Errors
    /// Usage, with the existing groups.
    pub fn check(&self, ids: &[String]) -> Result<()> {
        let Self::Known(groups) = self else { return Ok(()) };
        const MAX_SHOWN: usize = 20;
        let unknown: Vec<&str> = ids.iter().map(String::as_str).filter(|id| self.name(id).is_none()).collect();
        let what = match unknown.as_slice() {
            [] => return Ok(()),
            [one] => format!("there is no group with the id {one}"),
            few if few.len() <= MAX_SHOWN => format!("there are no groups with the ids {}", few.join(", ")),
            many => {
                format!(
                    "there are no groups with {} of the ids, {} among them",
                    many.len(),
                    many[..MAX_SHOWN].join(", ")
                )
            }
        };
        let known: Vec<String> = groups.iter().take(MAX_SHOWN).map(ReadMetadata::show).collect();
        let known = match groups.len() {
            0 => "the organization has no groups".to_owned(),
            1..=MAX_SHOWN => format!("the groups are {}", known.join(", ")),
            more => format!("some of the {more} groups are {}", known.join(", ")),
        };
        Err(Failure::usage(what).hint(known))
    }

    /// A group with its name, if that is known.
    pub fn show(&self, id: &str) -> String {
        match self.name(id) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_owned(),
        }
    }

    /// The groups of an account after a create or an update, for people. `returned` are those
    /// in the response, which are the previous ones.
    pub fn show_requested(&self, requested: &[String], returned: &[String]) -> Vec<String> {
        let show = |id: &String| {
            if self.is_unchecked(id, returned) {
                format!("{id} (requested; could not be checked)")
            } else {
                self.show(id)
            }
        };
        requested.iter().map(show).collect()
    }

    /// The note on a response to a create or an update, which shows the previous groups.
    pub fn note(&self, requested: &[String], returned: &[String]) -> Option<&'static str> {
        if requested.iter().any(|id| self.is_unchecked(id, returned)) {
            Some(
                "the server's answer shows the previous groups; the requested groups could not be checked, and the server ignores unknown ids",
            )
        } else if returned.len() != requested.len() || returned.iter().any(|id| !requested.contains(id)) {
            Some("the server's answer shows the previous groups; the requested groups have been set")
        } else {
            None
        }
    }

    /// Whether it is unknown if the group exists.
    fn is_unchecked(&self, id: &String, returned: &[String]) -> bool {
        matches!(self, Self::Unreadable) && !returned.contains(id)
    }

    fn name(&self, id: &str) -> Option<&str> {
        let Self::Known(groups) = self else { return None };
        groups.iter().find(|group| group.id.eq_ignore_ascii_case(id)).map(|group| group.name.as_str())
    }
}
