//! What a command prints: the answer filtered, whole as JSON, or as people
//! read it.

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

/// The flag that shows what filters run over, where [`OutputArgs`] are had.
pub const JSON_FLAG: &str = "--output json";

/// `--output` and `-q`, as most commands have them.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
    #[command(flatten)]
    query: QueryArgs,
}

impl OutputArgs {
    /// As [`Output::prepare`].
    ///
    /// # Errors
    /// As [`Output::prepare`].
    pub fn prepare(&self, ctx: &Context) -> Result<Output> {
        Output::prepare(self.output == Format::Json, &self.query, JSON_FLAG, ctx)
    }
}

/// How an answer is to be printed.
pub struct Output {
    is_json: bool,
    query: Option<Query>,
    plain: fn(Vec<u8>) -> Vec<u8>,
    limit: Duration,
    /// Whether filters run in a process of their own.
    is_apart: bool,
}

impl Output {
    /// Settled before any request, so that a filter that does not compile
    /// stops the command. `whole` is the flag that shows what filters run
    /// over.
    ///
    /// # Errors
    /// Usage: a filter does not compile.
    pub fn prepare(is_json: bool, query: &QueryArgs, whole: &'static str, ctx: &Context) -> Result<Self> {
        Ok(Self {
            is_json,
            query: query.compile(whole)?,
            plain: ctx.stdout.escaper(),
            limit: ctx.settings.timeout,
            is_apart: false,
        })
    }

    /// The same for an answer with a secret, which no filter may take along when
    /// it crashes.
    pub fn of_secret(self) -> Self {
        Self { is_apart: true, ..self }
    }

    /// The same, with JSON where nothing else was asked for.
    pub fn as_json(self) -> Self {
        Self { is_json: true, ..self }
    }

    /// Whether the whole answer is printed as JSON.
    pub fn is_whole(&self) -> bool {
        self.is_json && self.query.is_none()
    }

    /// Whether people are to read it.
    pub fn is_for_people(&self) -> bool {
        !self.is_json && self.query.is_none()
    }

    /// The bytes for standard output: of the payload, which is JSON, or of
    /// the view. Only what is needed of the two is made.
    ///
    /// # Errors
    /// What a filter comes to. Unexpected: the payload is no JSON.
    pub async fn bytes(
        self,
        payload: impl FnOnce() -> Result<String>,
        view: impl FnOnce() -> String,
    ) -> Result<Vec<u8>> {
        match self.query {
            Some(query) if self.is_apart => Ok((self.plain)(query.run_apart(payload()?, self.limit).await?)),
            Some(query) => Ok((self.plain)(query.run(payload()?, self.limit).await?)),
            None if self.is_json => {
                let mut json =
                    pretty(&payload()?).map_err(|error| Failure::unexpected("the answer is not JSON").source(error))?;
                json.push('\n');
                Ok((self.plain)(json.into_bytes()))
            }
            None => Ok(view().into_bytes()),
        }
    }
}

/// Writes what is no secret to standard output.
///
/// # Errors
/// As [`map_write_error`] says.
pub fn write_out(bytes: &[u8], ctx: &mut Context) -> Result<()> {
    map_write_error(ctx.stdout.write_all(bytes).and_then(|()| ctx.stdout.flush()))
}
