//! Reads the document of a create or an update.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::input::document::Document;

#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// Path to a JSON file, or - for standard input.
    #[arg(short, long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Read JSON from standard input. A pipe is read without this flag too.
    #[arg(long, conflicts_with = "file")]
    stdin: bool,
}

impl InputArgs {
    /// The document; `None` if no flag asks for one and standard input is not a pipe.
    ///
    /// # Errors
    /// Usage: it cannot be read, or the pipe sends nothing.
    pub(super) async fn read(&self, ctx: &mut Context) -> Result<Option<Document>> {
        const STDIN: &str = "standard input";
        match &self.file {
            Some(path) if path != Path::new("-") => {
                let document = Document::from_file(format!("--file {}", path.display()), path);
                return document.map(Some);
            }
            file if self.stdin || file.is_some() => {
                if ctx.stdin.is_terminal() {
                    ctx.show("type the JSON document, and end it with Ctrl-D on a line of its own");
                }
                return Document::from_stdin(STDIN, &ctx.stdin).map(Some);
            }
            _ if !ctx.stdin.is_piped() => return Ok(None),
            _ => {}
        }
        // Reading a pipe without a flag has a time limit: it may be unintended.
        let stdin = ctx.stdin.clone();
        let (done, read) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .spawn(move || done.send(Document::from_stdin(STDIN, &stdin)))
            .map_err(|error| Failure::unexpected("standard input cannot be read").source(error))?;
        let limit = ctx.settings.timeout;
        match tokio::time::timeout(limit, read).await {
            Ok(Ok(document)) => document.map(Some),
            _ => Err(Failure::usage(format!(
                "the pipe on standard input sent nothing within {}",
                humantime::format_duration(limit)
            ))),
        }
        .map_err(|failure| failure.hint(INPUT_HINT))
    }
}

/// The hint on how to pass a document.
pub(super) const INPUT_HINT: &str = "give the document with --file PATH or --stdin";
