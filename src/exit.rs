//! The exit codes as help shows them.

use crate::error::EXIT_CODES;

/// What the table leaves to be said.
pub const NOTES: &str = "\
With several ids the exit code is that of the worst failure. A listing whose
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
    format!("Exit codes:\n{}", lines(EXIT_CODES.iter().map(|row| (row.code, row.meaning))))
}

/// Codes with their meanings, one a line.
pub fn lines<'a>(codes: impl Iterator<Item = (u8, &'a str)>) -> String {
    codes.map(|(code, meaning)| format!("  {code:<4} {meaning}\n")).collect()
}
