//! `permissions`.

use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::namespace::permissions::{PUBLISHED, UNPUBLISHED, nearest_type, template};
use crate::output::rendering::{OutputArgs, write_out};
use crate::output::table;
use crate::output::view::{Cell, Details, Listing, Tone};
use crate::verb::Verb;

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[], exit_codes: &[Kind::Unexpected, Kind::Usage, Kind::NotFound, Kind::Interrupted] })]
#[command(after_help = "\
Examples:
  {program} permissions
  {program} permissions builder
  {program} token create --name ci --grant \"$({program} permissions builder -q .grant)\"

The list is the one that Namespace publishes; no server is asked. Types that were
seen in use but are not published are marked. The server may know others.")]
pub struct PermissionsArgs {
    /// Show the actions of this resource type, and a grant for all of them.
    #[arg(value_name = "TYPE")]
    resource_type: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// A resource type of the catalogue.
struct Entry {
    resource_type: &'static str,
    actions: &'static [&'static str],
    is_published: bool,
}

impl Entry {
    /// A grant of all its actions, if any are known.
    fn grant(&self) -> Option<Value> {
        (!self.actions.is_empty()).then(|| template(self.resource_type, self.actions))
    }

    fn actions(&self) -> String {
        if self.actions.is_empty() { "unknown".to_owned() } else { self.actions.join(", ") }
    }

    fn note(&self) -> Cell {
        if self.is_published { "".into() } else { Cell::toned("not published", Tone::Faint) }
    }

    fn to_json(&self) -> Value {
        json!({
            "resource_type": self.resource_type,
            "actions": self.actions,
            "published": self.is_published,
        })
    }
}

/// The catalogue, sorted by type.
fn catalogue() -> Vec<Entry> {
    let entries = |part: &'static [(&'static str, &'static [&'static str])], is_published| {
        part.iter().map(move |(resource_type, actions)| Entry { resource_type, actions, is_published })
    };
    let mut all: Vec<Entry> = entries(&PUBLISHED, true).chain(entries(&UNPUBLISHED, false)).collect();
    all.sort_unstable_by_key(|entry| entry.resource_type);
    all
}

/// # Errors
/// Not found: the type is not in the catalogue. Usage: a filter does not
/// compile.
pub async fn run(args: PermissionsArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let all = catalogue();
    let bytes = match args.resource_type.as_deref().map(str::trim) {
        Some(name) => {
            let entry = all.iter().find(|entry| entry.resource_type == name).ok_or_else(|| unknown_type(name, ctx))?;
            rendering.bytes(|| to_json_with_grant(entry), || table::details(&ctx.stdout, &details(entry))).await?
        }
        None => {
            let json = || to_json(&all.iter().map(Entry::to_json).collect());
            rendering.bytes(json, || table::listing(&ctx.stdout, listing(&all))).await?
        }
    };
    write_out(&bytes, ctx)
}

fn unknown_type(name: &str, ctx: &Context) -> Failure {
    let failure = Failure::new(Kind::NotFound, format!("there is no resource type \"{name}\" in the catalogue"));
    match nearest_type(name) {
        Some(near) => failure.hint(format!("did you mean `{} permissions {near}`?", ctx.program)),
        None => failure,
    }
    .hint(format!("`{} permissions` lists the types; the server may know others", ctx.program))
}

fn to_json_with_grant(entry: &Entry) -> Result<String> {
    let mut json = entry.to_json();
    json["grant"] = entry.grant().unwrap_or_default();
    to_json(&json)
}

fn to_json(value: &Value) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Failure::unexpected("the catalogue cannot be written").source(error))
}

fn details(entry: &Entry) -> Details {
    let mut details = Details::default();
    details.line("Type", entry.resource_type);
    details.line("Actions", entry.actions());
    if !entry.is_published {
        details.line("Note", entry.note());
    }
    if let Some(grant) = entry.grant() {
        details.line("Grant", grant.to_string());
    }
    details
}

fn listing(all: &[Entry]) -> Listing {
    Listing {
        header: vec!["TYPE", "ACTIONS", "NOTE"],
        wrapping: &["ACTIONS"],
        optional: &[],
        rows: all.iter().map(|entry| vec![entry.resource_type.into(), entry.actions().into(), entry.note()]).collect(),
    }
}
