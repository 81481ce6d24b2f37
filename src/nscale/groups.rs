//! The groups that a document names, looked up before they are sent: the
//! server passes over ids that it does not know without a word.

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::nscale::api::IdentityApi;
use crate::nscale::message::ReadMetadata;

/// The groups of an organization, or none where they may not be read.
pub struct Groups(Option<Vec<ReadMetadata>>);

impl Groups {
    /// No groups, where no id gives cause to read them.
    pub fn unread() -> Self {
        Self(None)
    }

    /// Groups that were read already.
    pub fn known(groups: Vec<ReadMetadata>) -> Self {
        Self(Some(groups))
    }

    /// Reads them, for ids that a document gives.
    ///
    /// # Errors
    /// As the server or the way there says. Not being permitted is a note.
    pub async fn read(organization: &str, api: &IdentityApi, ctx: &mut Context) -> Result<Self> {
        match api.groups(organization).await {
            Ok(groups) => Ok(Self(Some(groups))),
            Err(failure) if failure.kind() == Kind::NotPermitted => {
                ctx.note("this credential may not read groups, so the ids were not checked: the server passes over unknown ones without a word");
                Ok(Self(None))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Refuses ids that belong to no group.
    ///
    /// # Errors
    /// Usage, with the groups that there are.
    pub fn check(&self, ids: &[String]) -> Result<()> {
        let Some(groups) = &self.0 else { return Ok(()) };
        let unknown: Vec<&str> = ids.iter().map(String::as_str).filter(|id| self.name(id).is_none()).collect();
        let what = match unknown.as_slice() {
            [] => return Ok(()),
            [one] => format!("there is no group with the id {one}"),
            several => format!("there are no groups with the ids {}", several.join(", ")),
        };
        /// More than this are no help.
        const MOST: usize = 20;
        let known: Vec<String> =
            groups.iter().take(MOST).map(|group| format!("{} ({})", group.name, group.id)).collect();
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

    fn name(&self, id: &str) -> Option<&str> {
        let group = self.0.as_ref()?.iter().find(|group| group.id.eq_ignore_ascii_case(id))?;
        Some(&group.name)
    }
}
