//! The groups that a document names, looked up before they are sent: the
//! server passes over ids that it does not know without a word.

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::nscale::api::IdentityApi;
use crate::nscale::messages::ReadMetadata;

/// The groups of an organization, as far as they are known.
pub enum Groups {
    /// Nothing gave cause to read them.
    Unread,
    /// The caller may not read them.
    Unreadable,
    /// All of them.
    Known(Vec<ReadMetadata>),
}

impl Groups {
    /// Reads them, for ids that a document gives.
    ///
    /// # Errors
    /// As the server or the way there says. Not being permitted is a note.
    pub async fn read(organization: &str, api: &IdentityApi, ctx: &mut Context) -> Result<Self> {
        match api.groups(organization).await {
            Ok(groups) => Ok(Self::Known(groups)),
            Err(failure) if failure.kind() == Kind::NotPermitted => {
                ctx.note("this credential may not read groups, so the ids were not checked: the server passes over unknown ones without a word");
                Ok(Self::Unreadable)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Refuses ids that belong to no group.
    ///
    /// # Errors
    /// Usage, with the groups that there are.
    pub fn check(&self, ids: &[String]) -> Result<()> {
        let Self::Known(groups) = self else { return Ok(()) };
        /// More than this are no help.
        const MOST: usize = 20;
        let unknown: Vec<&str> = ids.iter().map(String::as_str).filter(|id| self.name(id).is_none()).collect();
        let what = match unknown.as_slice() {
            [] => return Ok(()),
            [one] => format!("there is no group with the id {one}"),
            few if few.len() <= MOST => format!("there are no groups with the ids {}", few.join(", ")),
            many => {
                format!("there are no groups with {} of the ids, {} among them", many.len(), many[..MOST].join(", "))
            }
        };
        let known: Vec<String> = groups.iter().take(MOST).map(ReadMetadata::show).collect();
        let known = match groups.len() {
            0 => "the organization has no groups".to_owned(),
            1..=MOST => format!("the groups are {}", known.join(", ")),
            more => format!("some of the {more} groups are {}", known.join(", ")),
        };
        Err(Failure::usage(what).hint(known))
    }

    /// A group's id with its name, where that is known.
    pub fn show(&self, id: &str) -> String {
        match self.name(id) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_owned(),
        }
    }

    /// The groups that a create or an update asked for, for people, beside
    /// those that its answer names.
    pub fn show_asked_for(&self, ids: &[String], answered: &[String]) -> Vec<String> {
        let show = |id: &String| match self.is_unchecked(id, answered) {
            true => format!("{id} (asked for; could not be checked)"),
            false => self.show(id),
        };
        ids.iter().map(show).collect()
    }

    /// What to know of the groups that an answer to a create or an update
    /// names, which are those from before.
    pub fn note(&self, ids: &[String], answered: &[String]) -> Option<&'static str> {
        if ids.iter().any(|id| self.is_unchecked(id, answered)) {
            Some(
                "the server's answer shows the groups from before; those that were asked for could not be checked, and a server may pass over ids that it does not know",
            )
        } else if answered.len() != ids.len() || answered.iter().any(|id| !ids.contains(id)) {
            Some("the server's answer shows the groups from before; those that were asked for have been set")
        } else {
            None
        }
    }

    /// Whether nobody knows that there is such a group.
    fn is_unchecked(&self, id: &String, answered: &[String]) -> bool {
        matches!(self, Self::Unreadable) && !answered.contains(id)
    }

    fn name(&self, id: &str) -> Option<&str> {
        let Self::Known(groups) = self else { return None };
        groups.iter().find(|group| group.id.eq_ignore_ascii_case(id)).map(|group| group.name.as_str())
    }
}
