//! The environment variables, as one table: help, the manual pages and the
//! README show it, and a test holds it against the source.

/// What reads a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Commands that call Namespace.
    Namespace,
    /// Commands that call Nscale.
    Nscale,
    /// Commands that call either.
    Network,
    /// Commands that mint a secret.
    Mint,
    /// The sandbox.
    Sandbox,
    /// Every command.
    Everyone,
}

/// Variables that belong together.
pub struct Variable {
    /// Their names.
    pub names: &'static [&'static str],
    /// What reads them.
    pub readers: &'static [Reader],
    /// What they mean.
    pub meaning: &'static str,
}

impl Variable {
    /// The names as one text.
    pub fn title(&self) -> String {
        self.names.join(", ")
    }
}

const fn variable(names: &'static [&'static str], readers: &'static [Reader], meaning: &'static str) -> Variable {
    Variable { names, readers, meaning }
}

/// Every variable that means something to nscred. One that is set to nothing
/// counts as unset.
pub const VARIABLES: [Variable; 19] = [
    variable(&["NSC_TOKEN_FILE"], &[Reader::Namespace], "path of a token file"),
    variable(
        &["NSC_TOKEN_SPEC", "NSC_TOKEN_SPEC_FILE"],
        &[Reader::Namespace],
        "official programs' own; refused without NSC_TOKEN_FILE",
    ),
    variable(&["NSC_IMPERSONATE_TENANT_ID"], &[Reader::Namespace], "likewise"),
    variable(
        &["NSC_IAM_ENDPOINT", "NSC_GLOBAL_ENDPOINT"],
        &[Reader::Namespace],
        "address of Namespace's API; http:// on loopback only",
    ),
    variable(&["XDG_CONFIG_HOME"], &[Reader::Namespace], "where the official login is looked for; else ~/.config"),
    variable(&["NSCALE_SERVICE_TOKEN"], &[Reader::Nscale], "a service token"),
    variable(&["NSCALE_SERVICE_TOKEN_FILE"], &[Reader::Nscale], "path of a file with one"),
    variable(&["NSCALE_ORGANIZATION_ID"], &[Reader::Nscale], "the organization where --org is not given"),
    variable(
        &["NSCALE_IDENTITY_SERVICE_API_ENDPOINT"],
        &[Reader::Nscale],
        "address of Nscale's identity API; http:// on loopback only",
    ),
    variable(&["SSL_CERT_FILE"], &[Reader::Network], "further certificates to trust, as --ca-file"),
    variable(&["SSL_CERT_DIR"], &[Reader::Network], "where the system's certificates are looked for"),
    variable(
        &["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"],
        &[Reader::Network],
        "proxies, SOCKS too; never used for loopback",
    ),
    variable(&["NO_PROXY"], &[Reader::Network], "hosts that need none"),
    variable(&["XDG_STATE_HOME"], &[Reader::Mint], "where undelivered secrets are kept; else ~/.local/state"),
    variable(&["GITHUB_ACTIONS"], &[Reader::Mint], "true: a secret that is printed is masked in the job's log"),
    variable(&["SHELL"], &[Reader::Sandbox], "the shell that `nscred sandbox` opens"),
    variable(
        &["TMPDIR"],
        &[Reader::Sandbox, Reader::Mint],
        "the sandbox's directory, and secrets that can be kept nowhere else; else /tmp",
    ),
    variable(&["NO_COLOR", "CLICOLOR_FORCE"], &[Reader::Everyone], "no colours; colours off a terminal too"),
    variable(&["TERM"], &[Reader::Everyone], "dumb: a terminal without colours and moving parts"),
];
