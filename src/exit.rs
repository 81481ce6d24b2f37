//! The exit codes, as one table: the help prints it, a test pins it, and
//! [`Kind::exit_code`](crate::error::Kind::exit_code) answers out of it.

/// Every exit code with its meaning, in ascending order.
pub const CODES: [(u8, &str); 10] = [
    (0, "done (an empty list is done)"),
    (1, "the server refused, or something unexpected"),
    (2, "bad usage or invalid input; nothing was sent"),
    (3, "not permitted"),
    (4, "not authenticated: no credential, or a rejected one"),
    (5, "not found"),
    (6, "conflict or failed precondition"),
    (7, "temporary: unreachable, timed out, rate limited; nothing was changed; safe to run again"),
    (8, "outcome unknown: a change may have been carried out; look before running again"),
    (130, "interrupted, or the question was declined"),
];

/// What the table leaves to be said.
pub const NOTES: &str = "\
Of several ids the worst outcome decides, and it is never 0. A listing whose
reader goes away ends with 0. `auth status` ends with 4 where a credential is
missing, malformed, expired, rejected, or not known to live as long as
--min-validity asks.

  nsc token revoke --token_id \"$ID\" || case $? in
    5) ;;                                              # it is gone already
    7) echo \"nothing was done; try again later\" ;;
    8) nsc token list ;;                               # it may be done: look
    *) exit 1 ;;
  esac
";

/// The table as help shows it, one code a line.
pub fn help() -> String {
    format!("Exit codes:\n{}", lines(&CODES))
}

/// Codes with their meanings, one a line.
pub fn lines(codes: &[(u8, &str)]) -> String {
    codes.iter().map(|(code, meaning)| format!("  {code:<4} {meaning}\n")).collect()
}
