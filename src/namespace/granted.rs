//! Compares what a server granted with what was requested. An older server ignores
//! fields that it does not know, and then creates a token for the whole workspace
//! where one for a user was requested.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::http::clock_reading::ClockReading;
use crate::namespace::messages::{CreateRequest, Permission, RevokableToken, Scope};
use crate::namespace::proto::Time;
use crate::text::sanitize::shortened;
use crate::text::time::rfc3339;

/// Times that differ by less count as the same.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Sentences about what differs from the request.
    pub granted: Vec<String>,
    /// What the server did not say, as the object of a sentence.
    pub unsaid: Vec<String>,
}

/// Whether a token is valid for the whole workspace, and one for a user was requested.
pub fn is_too_wide(request: &CreateRequest, token: &RevokableToken) -> bool {
    request.scope == Scope::Membership && token.scope == Scope::Tenant
}

pub fn compare(request: &CreateRequest, token: &RevokableToken, clocks: Option<ClockReading>) -> Differences {
    let mut differences = Differences::default();
    differences.compare_scope(&request.scope, &token.scope);
    differences.compare_expiry(request.expires_at, token.expires_at, clocks);
    differences.compare_grants(&request.access.grants, &token.permissions);
    differences
}

impl Differences {
    fn compare_scope(&mut self, asked: &Scope, granted: &Scope) {
        let difference = match (asked, granted) {
            (Scope::Membership, Scope::Membership)
            | (Scope::Unknown | Scope::Tenant, Scope::Tenant | Scope::Unknown) => return,
            (Scope::Membership, Scope::Unknown) => {
                "the server did not say that the token is bound to your own membership, as --user asks: \
                 an older server makes it good for the whole workspace"
                    .to_owned()
            }
            (Scope::Membership, Scope::Tenant) => {
                "the token is good for the whole workspace, and not bound to your own membership, as --user asks"
                    .to_owned()
            }
            (_, Scope::Membership) => {
                "the token is bound to your own membership, though it was to be good for the workspace".to_owned()
            }
            (Scope::Membership, Scope::Other(other)) => {
                format!("the token's scope is {other}, and not your own membership, as --user asks")
            }
            (_, Scope::Other(other)) => {
                format!("the token's scope is {other}, though it was to be good for the workspace")
            }
            // Never requested.
            (Scope::Other(_), _) => return,
        };
        self.granted.push(difference);
    }

    fn compare_expiry(&mut self, asked: Option<Time>, granted: Option<Time>, clocks: Option<ClockReading>) {
        if granted == Some(Time::UNREADABLE) {
            self.unsaid.push("when the token expires, or not in a form that is known here".to_owned());
            return;
        }
        let (asked, granted) = match (asked, granted) {
            (None, None) => return,
            (None, Some(granted)) => {
                let granted = rfc3339(granted.0);
                return self.granted.push(format!("the token expires at {granted}, though --no_expiry was given"));
            }
            (Some(asked), None) => {
                let asked = rfc3339(asked.0);
                return self.granted.push(format!(
                    "the server did not say that the token expires, and may have made one that never does; {asked} was asked for"
                ));
            }
            (Some(asked), Some(granted)) => (asked.0, granted.0),
        };
        let difference = granted.duration_since(asked);
        if difference.abs() > MAX_CLOCK_SKEW {
            let than = if difference.is_positive() { "later" } else { "sooner" };
            self.granted.push(format!(
                "the token expires {than} than was asked for: at {}, not at {}",
                rfc3339(granted),
                rfc3339(asked)
            ));
        } else if let Some(ClockReading { server, local }) = clocks
            && server.duration_since(local).abs() > MAX_CLOCK_SKEW
        {
            let (local, server) = (rfc3339(local), rfc3339(server));
            self.granted.push(format!(
                "the clock of this machine says {local}, and the server's {server}: \
                 the token expires at {}, which by the server's clock is another lifetime than was asked for",
                rfc3339(granted)
            ));
        }
    }

    fn compare_grants(&mut self, asked: &[Permission], granted: &[Permission]) {
        if granted.is_empty() {
            self.unsaid.push("what the token may do".to_owned());
            return;
        }
        let (asked, granted) = (actions(asked), actions(granted));
        for (what, these, those) in [
            ("the token may not do all that was asked for: it lacks", &asked, &granted),
            ("the token may do more than was asked for:", &granted, &asked),
        ] {
            let is_covered = |one: &&Action| those.iter().any(|other| covers(other, one));
            let all: Vec<&Action> = these.iter().filter(|one| !is_covered(one)).collect();
            if !all.is_empty() {
                self.granted.push(format!("{what} {}", list(&all)));
            }
        }
    }
}

/// Resource type, resource id and action.
type Action = (String, String, String);

/// Whether one permission includes another; `*` includes all.
fn covers(one: &Action, other: &Action) -> bool {
    let is_in = |one: &str, other: &str| one == "*" || one == other;
    one.0 == other.0 && is_in(&one.1, &other.1) && is_in(&one.2, &other.2)
}

/// Each action by itself, so that order and grouping do not matter. An empty id is
/// the same as `*`.
fn actions(grants: &[Permission]) -> BTreeSet<Action> {
    let mut all = BTreeSet::new();
    for grant in grants {
        let id = if grant.resource_id.is_empty() { "*" } else { &grant.resource_id };
        all.extend(grant.actions.iter().map(|action| (grant.resource_type.clone(), id.to_owned(), action.clone())));
    }
    all
}

fn list(actions: &[&Action]) -> String {
    const MAX_SHOWN: usize = 10;
    let mut shown: Vec<String> = actions
        .iter()
        .take(MAX_SHOWN)
        .map(|(kind, id, action)| shortened(&format!("{action} of {kind} on {id}")))
        .collect();
    if actions.len() > MAX_SHOWN {
        shown.push(format!("{} more", actions.len() - MAX_SHOWN));
    }
    shown.join(", ")
}

/// The warning if a refreshed token expires sooner than was requested.
pub fn refreshed(minimum: std::time::Duration, expires_at: Time, clocks: ClockReading) -> Option<String> {
    if expires_at == Time::UNREADABLE {
        return Some("the server says when the token expires in a form that is not known here".to_owned());
    }
    let now: Timestamp = clocks.server;
    let needed = SignedDuration::try_from(minimum).ok()?;
    let left = expires_at.0.duration_since(now);
    (needed - left > MAX_CLOCK_SKEW).then(|| {
        format!("the token expires at {}, which is sooner than --minimum_duration asks", rfc3339(expires_at.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::messages::AccessPolicy;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap_or_default()
    }

    fn permission(kind: &str, id: &str, actions: &[&str]) -> Permission {
        Permission {
            resource_type: kind.into(),
            resource_id: id.into(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }
    }

    fn asked() -> CreateRequest {
        CreateRequest {
            expires_at: Some(Time(time("2026-11-26T10:00:00.5Z"))),
            access: AccessPolicy { grants: vec![permission("builder", "", &["ensure", "access"])] },
            ..CreateRequest::default()
        }
    }

    fn granted() -> RevokableToken {
        RevokableToken {
            expires_at: Some(Time(time("2026-11-26T10:00:00Z"))),
            permissions: vec![permission("builder", "*", &["access"]), permission("builder", "*", &["ensure"])],
            scope: Scope::Tenant,
            ..RevokableToken::default()
        }
    }

    #[test]
    fn equivalent_grants_are_the_same() {
        assert_eq!(compare(&asked(), &granted(), None), Differences::default());
        let old = RevokableToken { scope: Scope::Unknown, permissions: Vec::new(), ..granted() };
        let differences = compare(&asked(), &old, None);
        assert_eq!((differences.granted.len(), differences.unsaid), (0, vec!["what the token may do".to_owned()]));
    }

    #[test]
    fn each_difference_is_reported() {
        let user = CreateRequest { scope: Scope::Membership, ..asked() };
        let never = CreateRequest { expires_at: None, ..asked() };
        let at = |text| RevokableToken { expires_at: Some(Time(time(text))), ..granted() };
        let of = |scope| RevokableToken { scope, ..granted() };
        let may = |permissions| RevokableToken { permissions, ..granted() };
        let clocks = ClockReading { server: time("2026-11-23T10:00:00Z"), local: time("2026-11-25T10:00:00Z") };
        for (request, token, clocks, words) in [
            (&user, of(Scope::Unknown), None, "did not say that the token is bound"),
            (&asked(), of(Scope::Membership), None, "bound to your own membership, though"),
            (&asked(), at("2026-11-26T10:01:01Z"), None, "later than was asked for: at 2026-11-26T10:01:01Z, not at"),
            (&asked(), at("2026-11-25T11:00:00Z"), None, "sooner than was asked for"),
            (&asked(), RevokableToken { expires_at: None, ..granted() }, None, "did not say that the token expires"),
            (&never, granted(), None, "though --no_expiry was given"),
            (&asked(), granted(), Some(clocks), "says 2026-11-25T10:00:00Z, and the server's 2026-11-23T10:00:00Z"),
            (&asked(), may(vec![permission("builder", "*", &["ensure"])]), None, "lacks access of builder on *"),
            (
                &asked(),
                may(vec![permission("builder", "*", &["ensure", "access"]), permission("instance", "i", &["list"])]),
                None,
                "more than was asked for: list of instance on i",
            ),
        ] {
            let differences = compare(request, &token, clocks);
            assert_eq!(differences.granted.len(), 1, "{words}: {differences:?}");
            assert!(differences.granted[0].contains(words), "{words}: {differences:?}");
        }
        assert!(is_too_wide(&user, &granted()) && !is_too_wide(&asked(), &granted()));
    }
}
