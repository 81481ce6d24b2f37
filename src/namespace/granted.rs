//! Compares a new token with the request. An older server ignores unknown fields, and may
//! create a token for the whole workspace instead of one for a user.

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
    pub mismatches: Vec<String>,
    /// What the server did not return, each as the object of a sentence.
    pub unreported: Vec<String>,
}

/// Whether a token is valid for the whole workspace although one for a user was requested.
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
    fn compare_scope(&mut self, requested: &Scope, granted: &Scope) {
        let difference = match (requested, granted) {
            (Scope::Membership, Scope::Membership)
            | (Scope::Unknown | Scope::Tenant, Scope::Tenant | Scope::Unknown) => return,
            (Scope::Membership, Scope::Unknown) => {
                "the server did not say that the token is bound to your own membership, as --user requires: \
                 an older server makes it valid for the whole workspace"
                    .to_owned()
            }
            (Scope::Membership, Scope::Tenant) => {
                "the token is valid for the whole workspace, although --user requires one that is bound to your own membership"
                    .to_owned()
            }
            (_, Scope::Membership) => {
                "the token is bound to your own membership, although one for the whole workspace was asked for".to_owned()
            }
            (Scope::Membership, Scope::Other(other)) => {
                format!("the token's scope is {other}, although --user requires your own membership")
            }
            (_, Scope::Other(other)) => {
                format!("the token's scope is {other}, although one for the whole workspace was asked for")
            }
            // Is never requested.
            (Scope::Other(_), _) => return,
        };
        self.mismatches.push(difference);
    }

    fn compare_expiry(&mut self, requested: Option<Time>, granted: Option<Time>, clocks: Option<ClockReading>) {
        if granted == Some(Time::UNREADABLE) {
            self.unreported.push("a readable expiry".to_owned());
            return;
        }
        let (requested, granted) = match (requested, granted) {
            (None, None) => return,
            (None, Some(granted)) => {
                let granted = rfc3339(granted.0);
                return self.mismatches.push(format!("the token expires at {granted}, though --no_expiry was given"));
            }
            (Some(requested), None) => {
                let requested = rfc3339(requested.0);
                return self.mismatches.push(format!(
                    "the server did not say that the token expires, and may have made one that never does; {requested} was asked for"
                ));
            }
            (Some(requested), Some(granted)) => (requested.0, granted.0),
        };
        let difference = granted.duration_since(requested);
        if difference.abs() > MAX_CLOCK_SKEW {
            let than = if difference.is_positive() { "later" } else { "sooner" };
            self.mismatches.push(format!(
                "the token expires {than} than was asked for: at {}, not at {}",
                rfc3339(granted),
                rfc3339(requested)
            ));
        } else if let Some(ClockReading { server, local }) = clocks
            && server.duration_since(local).abs() > MAX_CLOCK_SKEW
        {
            let (local, server) = (rfc3339(local), rfc3339(server));
            self.mismatches.push(format!(
                "the clock of this machine says {local}, and the server's {server}: \
                 the token expires at {}, which by the server's clock is not the lifetime that was asked for",
                rfc3339(granted)
            ));
        }
    }

    fn compare_grants(&mut self, requested: &[Permission], granted: &[Permission]) {
        if granted.is_empty() {
            self.unreported.push("the permissions of the token".to_owned());
            return;
        }
        let (requested, granted) = (actions(requested), actions(granted));
        for (what, actions, others) in [
            ("the token may not do all that was asked for: it lacks", &requested, &granted),
            ("the token may do more than was asked for:", &granted, &requested),
        ] {
            let is_covered = |action: &&Action| others.iter().any(|other| covers(other, action));
            let uncovered: Vec<&Action> = actions.iter().filter(|action| !is_covered(action)).collect();
            if !uncovered.is_empty() {
                self.mismatches.push(format!("{what} {}", list(&uncovered)));
            }
        }
    }
}

/// Resource type, resource id and action.
type Action = (String, String, String);

/// Whether an action includes another; `*` includes all.
fn covers(one: &Action, other: &Action) -> bool {
    let is_in = |one: &str, other: &str| one == "*" || one == other;
    one.0 == other.0 && is_in(&one.1, &other.1) && is_in(&one.2, &other.2)
}

/// The single actions of grants, so that order and grouping do not matter. An empty id
/// means `*`.
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
        return Some("the server returned an expiry that cannot be read".to_owned());
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

    fn requested() -> CreateRequest {
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
        assert_eq!(compare(&requested(), &granted(), None), Differences::default());
        let old = RevokableToken { scope: Scope::Unknown, permissions: Vec::new(), ..granted() };
        let differences = compare(&requested(), &old, None);
        assert_eq!(
            (differences.mismatches.len(), differences.unreported),
            (0, vec!["the permissions of the token".to_owned()])
        );
    }

    #[test]
    fn each_difference_is_reported() {
        let user = CreateRequest { scope: Scope::Membership, ..requested() };
        let never = CreateRequest { expires_at: None, ..requested() };
        let at = |text| RevokableToken { expires_at: Some(Time(time(text))), ..granted() };
        let of = |scope| RevokableToken { scope, ..granted() };
        let may = |permissions| RevokableToken { permissions, ..granted() };
        let clocks = ClockReading { server: time("2026-11-23T10:00:00Z"), local: time("2026-11-25T10:00:00Z") };
        for (request, token, clocks, words) in [
            (&user, of(Scope::Unknown), None, "did not say that the token is bound"),
            (&requested(), of(Scope::Membership), None, "bound to your own membership, although"),
            (
                &requested(),
                at("2026-11-26T10:01:01Z"),
                None,
                "later than was asked for: at 2026-11-26T10:01:01Z, not at",
            ),
            (&requested(), at("2026-11-25T11:00:00Z"), None, "sooner than was asked for"),
            (
                &requested(),
                RevokableToken { expires_at: None, ..granted() },
                None,
                "did not say that the token expires",
            ),
            (&never, granted(), None, "though --no_expiry was given"),
            (&requested(), granted(), Some(clocks), "says 2026-11-25T10:00:00Z, and the server's 2026-11-23T10:00:00Z"),
            (&requested(), may(vec![permission("builder", "*", &["ensure"])]), None, "lacks access of builder on *"),
            (
                &requested(),
                may(vec![permission("builder", "*", &["ensure", "access"]), permission("instance", "i", &["list"])]),
                None,
                "more than was asked for: list of instance on i",
            ),
        ] {
            let differences = compare(request, &token, clocks);
            assert_eq!(differences.mismatches.len(), 1, "{words}: {differences:?}");
            assert!(differences.mismatches[0].contains(words), "{words}: {differences:?}");
        }
        assert!(is_too_wide(&user, &granted()) && !is_too_wide(&requested(), &granted()));
    }
}
