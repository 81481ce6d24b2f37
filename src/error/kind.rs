//! The kinds of failure, and the one table of their names, exit codes and meanings.

/// The kinds of failure that a caller may want to distinguish, in ascending order of
/// severity. The most severe failure of a run sets its exit code: one that must be
/// looked into is more severe than one after which the command can be run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The reader of the output has closed the pipe: the command ends silently.
    BrokenPipe,
    /// Flags, files or variables that cannot be used. Nothing was sent.
    Usage,
    /// The server is unreachable, unavailable or limits the rate. Nothing was
    /// changed: safe to run again.
    Temporary,
    NotFound,
    /// It exists already, or is not in a state that allows this.
    Conflict,
    /// The server understood the request and refused it.
    Refused,
    /// The credential is valid, but lacks a permission.
    NotPermitted,
    /// Something that should not happen: an unreadable response, a failed write.
    Unexpected,
    /// No credential, or one that was rejected.
    NotAuthenticated,
    /// A change was sent, and it is unknown whether it was carried out.
    OutcomeUnknown,
    /// Stopped by the user.
    Interrupted,
}

/// An exit code of the process.
pub struct ExitCode {
    pub code: u8,
    /// The kinds that end with it, and their names in JSON errors.
    pub kinds: &'static [(Kind, &'static str)],
    pub meaning: &'static str,
}

const fn row(code: u8, kinds: &'static [(Kind, &'static str)], meaning: &'static str) -> ExitCode {
    ExitCode { code, kinds, meaning }
}

/// Every exit code, in ascending order. Names and codes are stable across versions.
pub const EXIT_CODES: [ExitCode; 10] = [
    row(0, &[(Kind::BrokenPipe, "broken_pipe")], "done (an empty list is done)"),
    row(
        1,
        &[(Kind::Refused, "refused"), (Kind::Unexpected, "unexpected")],
        "the server refused, or something unexpected",
    ),
    row(2, &[(Kind::Usage, "usage")], "bad usage or invalid input; nothing was sent"),
    row(3, &[(Kind::NotPermitted, "not_permitted")], "not permitted"),
    row(4, &[(Kind::NotAuthenticated, "not_authenticated")], "not authenticated: no credential, or a rejected one"),
    row(5, &[(Kind::NotFound, "not_found")], "not found"),
    row(6, &[(Kind::Conflict, "conflict")], "conflict or failed precondition"),
    row(
        7,
        &[(Kind::Temporary, "temporary")],
        "temporary: unreachable, timed out, rate limited; nothing was changed; safe to run again",
    ),
    row(
        8,
        &[(Kind::OutcomeUnknown, "outcome_unknown")],
        "outcome unknown: a change may have been carried out; look before running again",
    ),
    row(130, &[(Kind::Interrupted, "interrupted")], "interrupted, or the question was declined"),
];

impl Kind {
    /// The name that JSON errors carry.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    pub fn exit_code(self) -> u8 {
        self.entry().0
    }

    fn entry(self) -> (u8, &'static str) {
        let named =
            |row: &ExitCode| row.kinds.iter().find(|(kind, _)| *kind == self).map(|(_, name)| (row.code, *name));
        // Every kind is in the table, which a test checks.
        EXIT_CODES.iter().find_map(named).unwrap_or((1, "unexpected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_in_the_table_once() {
        let kinds: Vec<Kind> = EXIT_CODES.iter().flat_map(|row| row.kinds).map(|(kind, _)| *kind).collect();
        let mut sorted = kinds.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((kinds.len(), sorted.len()), (11, 11));
        assert_eq!((sorted[0], sorted[10]), (Kind::BrokenPipe, Kind::Interrupted));
        for kind in kinds {
            assert_eq!(kind.exit_code() == 0, kind == Kind::BrokenPipe, "{}", kind.name());
        }
    }

    #[test]
    fn kinds_are_in_order_of_severity() {
        use Kind::{Conflict, Interrupted, NotAuthenticated, NotFound, NotPermitted, OutcomeUnknown, Refused};
        let order = [
            Kind::Usage,
            Kind::Temporary,
            NotFound,
            Conflict,
            Refused,
            NotPermitted,
            Kind::Unexpected,
            NotAuthenticated,
            OutcomeUnknown,
            Interrupted,
        ];
        assert!(order.is_sorted());
    }
}
