//! Renders the answer of a command as the flags ask: JSON, the results of filters,
//! or a view for people.

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::json::pretty;
use crate::output::map_write_error;
use crate::output::query::{Query, QueryArgs};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Table,
    /// The whole answer as JSON, with the documented field names.
    Json,
}

/// The flag that prints the JSON that filters run over, in commands with
/// [`OutputArgs`].
pub const JSON_FLAG: &str = "--output json";

/// `--output` and `--query`, as most commands have them.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
    #[command(flatten)]
    query: QueryArgs,
}

impl OutputArgs {
    /// # Errors
    /// As [`Output::prepare`].
    pub fn prepare(&self, ctx: &Context) -> Result<Output> {
        Output::prepare(self.output == Format::Json, &self.query, JSON_FLAG, ctx)
    }
}

/// How an answer is rendered.
pub struct Output {
    is_json: bool,
    query: Option<Query>,
    escape: fn(Vec<u8>) -> Vec<u8>,
    /// How long filters may run.
    time_limit: Duration,
    is_secret: bool,
}

impl Output {
    /// Called before any request, so that nothing is sent if a filter does not
    /// compile. `json_flag` is the flag that prints the JSON that filters run over.
    ///
    /// # Errors
    /// Usage: a filter does not compile.
    pub fn prepare(is_json: bool, query: &QueryArgs, json_flag: &str, ctx: &Context) -> Result<Self> {
        Ok(Self {
            is_json,
            query: query.compile(json_flag)?,
            escape: ctx.stdout.escaper(),
            time_limit: ctx.settings.timeout,
            is_secret: false,
        })
    }

    /// For an answer with a secret: filters run in a subprocess, so that the secret is
    /// not lost if one crashes.
    pub fn of_secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// With JSON instead of the view for people.
    pub fn as_json(self) -> Self {
        Self { is_json: true, ..self }
    }

    /// Whether the whole answer is printed as JSON.
    pub fn is_whole(&self) -> bool {
        self.is_json && self.query.is_none()
    }

    pub fn is_for_people(&self) -> bool {
        !self.is_json && self.query.is_none()
    }

    /// The bytes for standard output, from `payload`, which returns JSON, or from
    /// `view`. Only one of them is called.
    ///
    /// # Errors
    /// Those of `payload`. Unexpected: it is not JSON, or a filter fails on it.
    pub async fn bytes(
        self,
        payload: impl FnOnce() -> Result<String>,
        view: impl FnOnce() -> String,
    ) -> Result<Vec<u8>> {
        if self.is_for_people() {
            return Ok(view().into_bytes());
        }
        let json = payload()?;
        let bytes = match self.query {
            Some(query) if self.is_secret => query.run_in_subprocess(json, self.time_limit).await?,
            Some(query) => query.run(json, self.time_limit).await?,
            None => {
                let pretty = pretty(&json);
                let pretty = pretty.map_err(|error| Failure::unexpected("the answer is not JSON").source(error))?;
                format!("{pretty}\n").into_bytes()
            }
        };
        Ok((self.escape)(bytes))
    }
}

/// Writes data without a secret to standard output.
///
/// # Errors
/// As [`map_write_error`].
pub fn write_out(bytes: &[u8], ctx: &mut Context) -> Result<()> {
    map_write_error(ctx.stdout.write_all(bytes).and_then(|()| ctx.stdout.flush()))
}
