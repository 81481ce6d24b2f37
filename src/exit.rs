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

/// The table as help shows it, one code a line.
pub fn help() -> String {
    format!("Exit codes:\n{}", lines(&CODES))
}

/// Codes with their meanings, one a line.
pub fn lines(codes: &[(u8, &str)]) -> String {
    codes.iter().map(|(code, meaning)| format!("  {code:<4} {meaning}\n")).collect()
}
