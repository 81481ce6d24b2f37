//! The table of environment variables. Help, the manual pages and the README show
//! it, and a test compares it with what the source reads.

use crate::verb::Variables;

pub struct Variable {
    pub names: &'static [&'static str],
    pub groups: &'static [Variables],
    pub meaning: &'static str,
}

impl Variable {
    pub fn title(&self) -> String {
        self.names.join(", ")
    }
}

const fn variable(names: &'static [&'static str], groups: &'static [Variables], meaning: &'static str) -> Variable {
    Variable { names, groups, meaning }
}

/// Every variable that nscred reads. An empty one counts as unset.
pub const VARIABLES: [Variable; 19] = [
    variable(&["NSC_TOKEN_FILE"], &[Variables::Namespace], "path of a token file"),
    variable(
        &["NSC_TOKEN_SPEC", "NSC_TOKEN_SPEC_FILE"],
        &[Variables::Namespace],
        "not supported; an error unless NSC_TOKEN_FILE is set",
    ),
    variable(
        &["NSC_IMPERSONATE_TENANT_ID"],
        &[Variables::Namespace],
        "not supported; an error unless NSC_TOKEN_FILE is set",
    ),
    variable(
        &["NSC_IAM_ENDPOINT", "NSC_GLOBAL_ENDPOINT"],
        &[Variables::Namespace],
        "address of Namespace's API; http:// on loopback only",
    ),
    variable(&["XDG_CONFIG_HOME"], &[Variables::Namespace], "directory of the official login; else ~/.config"),
    variable(&["NSCALE_SERVICE_TOKEN"], &[Variables::Nscale], "a service token"),
    variable(&["NSCALE_SERVICE_TOKEN_FILE"], &[Variables::Nscale], "path of a file with a service token"),
    variable(&["NSCALE_ORGANIZATION_ID"], &[Variables::Nscale], "the organization, unless --org is given"),
    variable(
        &["NSCALE_IDENTITY_SERVICE_API_ENDPOINT"],
        &[Variables::Nscale],
        "address of Nscale's identity API; http:// on loopback only",
    ),
    variable(&["SSL_CERT_FILE"], &[Variables::Http], "the certificates to trust, in place of all others"),
    variable(&["SSL_CERT_DIR"], &[Variables::Http], "directories of such certificates"),
    variable(&["HTTPS_PROXY", "ALL_PROXY"], &[Variables::Http], "a proxy, also SOCKS; never used for loopback"),
    variable(&["NO_PROXY"], &[Variables::Http], "hosts to reach without a proxy"),
    variable(&["XDG_STATE_HOME"], &[Variables::Delivery], "where undelivered secrets are kept; else ~/.local/state"),
    variable(&["GITHUB_ACTIONS"], &[Variables::Delivery], "if true, a printed secret is masked in the job's log"),
    variable(&["SHELL"], &[Variables::Sandbox], "the shell that `nscred sandbox` opens"),
    variable(
        &["TMPDIR"],
        &[Variables::Sandbox, Variables::Delivery],
        "for the sandbox, and secrets as a last resort; else /tmp",
    ),
    variable(
        &["NO_COLOR", "CLICOLOR_FORCE"],
        &[Variables::Terminal],
        "the first disables colours, the second forces them",
    ),
    variable(&["TERM"], &[Variables::Terminal], "if dumb, no colours and no animations"),
];

/// A line for each: names and meaning.
pub fn variable_lines(variables: &[&Variable]) -> String {
    let width = variables.iter().map(|variable| variable.title().len()).max().unwrap_or(0);
    variables.iter().map(|variable| format!("  {:<width$}  {}\n", variable.title(), variable.meaning)).collect()
}
