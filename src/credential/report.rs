//! What is known of a credential, and how it is shown.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::cloud::Cloud;
use crate::context::Context;
use crate::delivery::undelivered;
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::output::table;
use crate::output::view::{Cell, Details, Tone};
use crate::text::shell::shell_word;
use crate::text::time::rfc3339;

/// What a credential is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The server takes it.
    Valid,
    /// Nobody was asked, and nothing speaks against it.
    NotChecked,
    /// There is none.
    Missing,
    /// What stands in its place cannot be sent.
    Unusable,
    /// It says of itself that it has ended.
    Expired,
    /// It does not live as long as was asked.
    Expiring,
    /// It is not known to live as long as was asked.
    ExpiryUnknown,
    /// The server does not take it.
    Rejected,
    /// The server takes it, and the variable names an organization that it
    /// does not belong to.
    WrongOrganization,
    /// The server could not be asked.
    Unreachable,
    /// The server said something else.
    Unclear,
}

impl Status {
    /// The stable name that JSON carries.
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

/// What is known of the credential of a cloud.
pub struct Report {
    pub cloud: &'static Cloud,
    pub status: Status,
    /// The server that it is for.
    pub endpoint: Option<String>,
    /// What messages call the place that it comes from.
    pub source: Option<String>,
    /// The file that it is in.
    pub path: Option<PathBuf>,
    /// The places that were passed over for that one.
    pub overrides: Vec<String>,
    /// The kind of credential: a stable name, and one for people.
    pub kind: Option<(&'static str, &'static str)>,
    /// Whose it is: stable names with values.
    pub identity: Vec<(&'static str, String)>,
    pub expires_at: Option<Timestamp>,
    /// How to get one that lives longer, as a hint.
    pub renewal: String,
    /// What may be a mistake.
    pub warnings: Vec<String>,
    /// Why it is not good.
    pub failure: Option<Failure>,
}

impl Report {
    /// Of a credential that was looked for in these places, the one that is
    /// used first. Comes with the credential, where it was found.
    pub fn begin<T>(
        cloud: &'static Cloud,
        endpoint: &Endpoint,
        places: Vec<String>,
        found: Result<T>,
    ) -> (Self, Option<T>) {
        let mut places = places.into_iter();
        let source = places.next();
        let if_not = if source.is_some() { Status::Unusable } else { Status::Missing };
        let report = Self {
            cloud,
            status: Status::NotChecked,
            endpoint: source.is_some().then(|| endpoint.authority()),
            source,
            path: None,
            overrides: places.collect(),
            kind: None,
            identity: Vec::new(),
            expires_at: None,
            renewal: String::new(),
            warnings: Vec::new(),
            failure: None,
        };
        match found {
            Ok(found) => (report, Some(found)),
            Err(failure) => (report.failed(if_not, failure), None),
        }
    }

    /// The same, with a status and its reason.
    pub fn failed(self, status: Status, failure: Failure) -> Self {
        Self { status, failure: Some(failure), ..self }
    }

    /// The same, after what a server said to a call.
    pub fn answered(self, answer: Result<()>) -> Self {
        match answer {
            Ok(()) => Self { status: Status::Valid, ..self },
            Err(failure) => match failure.kind() {
                Kind::NotAuthenticated => self.failed(Status::Rejected, failure),
                Kind::Temporary => self.failed(Status::Unreachable, failure),
                Kind::Usage | Kind::Interrupted => self.failed(Status::Unclear, failure),
                // Neither yes nor no, whatever it was.
                _ => self.failed(Status::Unclear, failure.of_kind(Kind::Unexpected)),
            },
        }
    }

    /// Warns where others may read the file that it is in.
    pub fn warn_of_readers(&mut self, path: &Path) {
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            let word = shell_word(path.as_os_str());
            let path = path.display();
            self.warnings.push(format!("{path} is open to others (mode {:04o}): `chmod 600 {word}`", mode & 0o7777));
        }
    }

    /// Warns of secrets that were minted and not delivered.
    pub fn warn_of_undelivered(&mut self, ctx: &Context) {
        for path in undelivered(self.path.as_deref(), self.cloud.has_json_files, &ctx.env) {
            self.warnings.push(format!(
                "{} holds a secret that was not delivered: use it or revoke it, then remove the file",
                path.display()
            ));
        }
    }

    /// Checks that the credential lives long enough. `asked` is how the time was
    /// written.
    pub fn require_validity(&mut self, needed: Duration, asked: &str, now: Timestamp) {
        if !matches!(self.status, Status::Valid | Status::NotChecked) {
            return;
        }
        let why = match self.expires_at {
            Some(expiry) => {
                let left = expiry.duration_since(now);
                if SignedDuration::try_from(needed).is_ok_and(|needed| left >= needed) {
                    return;
                }
                format!("the credential ends at {}, which is less than {asked} from now", rfc3339(expiry))
            }
            None => format!("the expiry is unknown, so the credential may not live for {asked}"),
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
        for (index, place) in self.overrides.iter().enumerate() {
            details.line(if index == 0 { "Overrides" } else { "" }, place.as_str());
        }
        for (index, (name, value)) in self.identity.iter().enumerate() {
            details.line(if index == 0 { "Identity" } else { "" }, format!("{} {value}", name.replace('_', " ")));
        }
        if self.kind.is_some() {
            let expiry = self.expires_at.map_or_else(|| "unknown".to_owned(), |time| ctx.time(time));
            details.line("Expires At", expiry);
        }
        if let Some(endpoint) = &self.endpoint {
            details.line("Endpoint", endpoint.as_str());
        }
        details
    }
}

/// The reports as one JSON object, by cloud.
pub fn json(reports: &[Report]) -> String {
    let all: Map<String, Value> = reports.iter().map(|report| (report.cloud.id.to_owned(), report.to_json())).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

/// The reports as people read them.
pub fn text(reports: &[Report], ctx: &Context) -> String {
    let parts: Vec<String> = reports.iter().map(|report| table::details(&ctx.stdout, &report.details(ctx))).collect();
    parts.join("\n")
}
