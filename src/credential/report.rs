//! The report of `auth status` on a credential.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::cloud::Cloud;
use crate::context::Context;
use crate::credential::Credential;
use crate::delivery::undelivered;
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::output::table;
use crate::output::view::{Cell, Details, Tone};
use crate::text::shell::shell_word;
use crate::text::time::rfc3339;

/// Whether a credential can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The server accepts it.
    Valid,
    /// No server was asked, and no problem is known.
    NotChecked,
    Missing,
    /// The value in its place cannot be sent.
    Unusable,
    /// It has expired by its own claims.
    Expired,
    /// It expires sooner than is required.
    Expiring,
    /// Its expiry is unknown, and a minimum is required.
    ExpiryUnknown,
    Rejected,
    /// The server accepts it, but the variable names an organization that it does not
    /// belong to.
    WrongOrganization,
    /// The server could not be reached.
    Unreachable,
    /// The server gave another answer.
    Unclear,
}

impl Status {
    /// The name in JSON, which is stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotChecked => "not_checked",
            Self::Missing => "missing",
            Self::Unusable => "unusable",
            Self::Expired => "expired",
            Self::Expiring => "expiring",
            Self::ExpiryUnknown => "expiry_unknown",
            Self::Rejected => "rejected",
            Self::WrongOrganization => "wrong_organization",
            Self::Unreachable => "unreachable",
            Self::Unclear => "unclear",
        }
    }

    fn cell(self) -> Cell {
        match self {
            Self::Valid => Cell::toned("Valid", Tone::Good),
            Self::NotChecked => Cell::toned("Not checked (offline)", Tone::Plain),
            Self::Missing => Cell::toned("Missing", Tone::Faint),
            Self::Unusable => Cell::toned("Unusable", Tone::Bad),
            Self::Expired => Cell::toned("Expired", Tone::Bad),
            Self::Expiring => Cell::toned("Ends sooner than --min-validity asks", Tone::Warning),
            Self::ExpiryUnknown => Cell::toned("Not known to live as long as --min-validity asks", Tone::Warning),
            Self::Rejected => Cell::toned("Rejected by the server", Tone::Bad),
            Self::WrongOrganization => Cell::toned("Valid, but not in the organization that is set", Tone::Bad),
            Self::Unreachable => Cell::toned("Unknown: the server could not be reached", Tone::Warning),
            Self::Unclear => Cell::toned("Unknown: the server gave no clear answer", Tone::Warning),
        }
    }
}

pub struct Report {
    pub cloud: &'static Cloud,
    pub status: Status,
    /// The server that it is sent to.
    pub endpoint: Option<String>,
    /// Where it comes from, as messages name it.
    pub source: Option<String>,
    /// The file that it was read from.
    pub path: Option<PathBuf>,
    /// Sources that are set too, but not used.
    pub overrides: Vec<String>,
    /// The kind of credential: its name in JSON, which is stable, and for people.
    pub kind: Option<(&'static str, &'static str)>,
    /// Whom it belongs to: stable names with values.
    pub identity: Vec<(&'static str, String)>,
    pub expires_at: Option<Timestamp>,
    /// The hint on how to get a credential that is valid for longer.
    pub renewal: String,
    pub warnings: Vec<String>,
    /// Why it cannot be used.
    pub failure: Option<Failure>,
}

impl Report {
    /// Starts a report from all sources that are set, the one that is used first, and
    /// from the result of reading the credential, which is returned too.
    pub fn begin<T>(
        cloud: &'static Cloud,
        endpoint: &Endpoint,
        sources: Vec<String>,
        credential: Result<Credential<T>>,
    ) -> (Self, Option<Credential<T>>) {
        let mut sources = sources.into_iter();
        let source = sources.next();
        let status_if_failed = if source.is_some() { Status::Unusable } else { Status::Missing };
        let mut report = Self {
            cloud,
            status: Status::NotChecked,
            endpoint: source.is_some().then(|| endpoint.authority()),
            source,
            path: None,
            overrides: sources.collect(),
            kind: None,
            identity: Vec::new(),
            expires_at: None,
            renewal: String::new(),
            warnings: Vec::new(),
            failure: None,
        };
        match credential {
            Ok(credential) => {
                report.path = credential.path.clone();
                report.warn_if_readable_by_others();
                (report, Some(credential))
            }
            Err(failure) => (report.failed(status_if_failed, failure), None),
        }
    }

    /// Sets a status and the reason for it.
    pub fn failed(self, status: Status, failure: Failure) -> Self {
        Self { status, failure: Some(failure), ..self }
    }

    /// Sets the status that follows from the result of a call to the server.
    pub fn with_call_result(self, result: Result<()>) -> Self {
        match result {
            Ok(()) => Self { status: Status::Valid, ..self },
            Err(failure) => match failure.kind() {
                Kind::NotAuthenticated => self.failed(Status::Rejected, failure),
                Kind::Temporary => self.failed(Status::Unreachable, failure),
                Kind::Usage | Kind::Interrupted => self.failed(Status::Unclear, failure),
                // The credential was neither accepted nor rejected.
                _ => self.failed(Status::Unclear, failure.with_kind(Kind::Unexpected)),
            },
        }
    }

    fn warn_if_readable_by_others(&mut self) {
        let Some(path) = &self.path else { return };
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            let word = shell_word(path.as_os_str());
            let path = path.display();
            self.warnings.push(format!("{path} is open to others (mode {:04o}): `chmod 600 {word}`", mode & 0o7777));
        }
    }

    /// Warns of secrets that were created but not delivered.
    pub fn warn_of_undelivered(&mut self, ctx: &Context) {
        for path in undelivered(self.path.as_deref(), self.cloud.has_json_files, &ctx.env) {
            self.warnings.push(format!(
                "{} holds a secret that was not delivered: use it or revoke it, then remove the file",
                path.display()
            ));
        }
    }

    /// Requires the credential to stay valid for a time. `text` is the value of the flag.
    pub fn require_validity(&mut self, min_validity: Duration, text: &str, now: Timestamp) {
        if !matches!(self.status, Status::Valid | Status::NotChecked) {
            return;
        }
        let why = match self.expires_at {
            Some(expiry) => {
                let left = expiry.duration_since(now);
                if SignedDuration::try_from(min_validity).is_ok_and(|min_validity| left >= min_validity) {
                    return;
                }
                format!("the credential expires at {}, which is less than {text} from now", rfc3339(expiry))
            }
            None => format!("the expiry is unknown, so the credential may not be valid for {text}"),
        };
        let failure = Failure::new(Kind::NotAuthenticated, why).hint(self.renewal.as_str());
        self.status = if self.expires_at.is_some() { Status::Expiring } else { Status::ExpiryUnknown };
        self.failure = Some(failure);
    }

    fn to_json(&self) -> Value {
        let identity: Map<String, Value> =
            self.identity.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        json!({
            "status": self.status.name(),
            "endpoint": self.endpoint,
            "source": self.source,
            "path": self.path.as_ref().map(|path| path.to_string_lossy()),
            "overrides": self.overrides,
            "credential": self.kind.map(|(name, _)| name),
            "identity": identity,
            "expires_at": self.expires_at.map(rfc3339),
            "warnings": self.warnings,
            "message": self.failure.as_ref().map(Failure::message),
        })
    }

    fn details(&self, ctx: &Context) -> Details {
        let mut details = Details::default();
        details.line("Cloud", self.cloud.name);
        details.line("Status", self.status.cell());
        if let Some((_, kind)) = self.kind {
            details.line("Credential", kind);
        }
        if let Some(source) = &self.source {
            details.line("Source", source.as_str());
        }
        if let Some(path) = &self.path {
            details.line("File", path.display().to_string());
        }
        for (index, source) in self.overrides.iter().enumerate() {
            details.line(if index == 0 { "Overrides" } else { "" }, source.as_str());
        }
        for (index, (name, value)) in self.identity.iter().enumerate() {
            details.line(if index == 0 { "Identity" } else { "" }, format!("{} {value}", name.replace('_', " ")));
        }
        if self.kind.is_some() {
            let expiry = self.expires_at.map_or_else(|| "unknown".to_owned(), |time| ctx.format_time(time));
            details.line("Expires At", expiry);
        }
        if let Some(endpoint) = &self.endpoint {
            details.line("Endpoint", endpoint.as_str());
        }
        details
    }
}

/// One JSON object with a report for each cloud.
pub fn json(reports: &[Report]) -> String {
    let all: Map<String, Value> = reports.iter().map(|report| (report.cloud.id.to_owned(), report.to_json())).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

/// The reports as text for people.
pub fn text(reports: &[Report], ctx: &Context) -> String {
    let reports: Vec<String> = reports.iter().map(|report| table::details(&ctx.stdout, &report.details(ctx))).collect();
    reports.join("\n")
}
