//! `--query`: jq filters over a JSON answer, compiled before any request is sent.
//!
//! `compile` compiles a filter. `projection` finds out which parts of the answer the
//! filter reads, `partial` reads only these into values, and `tree` reads a whole
//! value. `subprocess` runs filters over an answer with a secret.

mod compile;
mod formats;
mod partial;
mod projection;
#[cfg(test)]
mod projection_tests;
pub mod subprocess;
mod tree;

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use jaq_core::compile::Filter;
use jaq_core::load;
use jaq_core::{Ctx, Native, Vars, data};
use jaq_json::{Val, write};

use crate::error::{Failure, Result};
use crate::output::json::each;
use crate::output::query::projection::Projection;
use crate::output::query::tree::Source;

type Data = data::JustLut<Val>;

/// In bytes, for filters that recurse. Only the part that is used takes memory.
const RUN_STACK: usize = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Run a jq filter over the JSON answer and print each result on its own line. Repeatable.
    #[arg(short = 'q', long = "query", value_name = "FILTER")]
    filters: Vec<String>,
}

impl QueryArgs {
    pub fn is_given(&self) -> bool {
        !self.filters.is_empty()
    }

    /// `None` if there are no filters. `json_flag` is as in [`Query::compile`].
    ///
    /// # Errors
    /// As [`Query::compile`].
    pub fn compile(&self, json_flag: &str) -> Result<Option<Query>> {
        self.is_given().then(|| Query::compile(&self.filters, json_flag)).transpose()
    }
}

/// Compiled filters, in the order given.
pub struct Query {
    filters: Vec<CompiledFilter>,
    json_flag: String,
}

struct CompiledFilter {
    code: String,
    filter: Filter<Native<Data>>,
    projection: Projection,
    /// What it reads of each element, if it can run over one element of an array at
    /// a time.
    per_element: Option<Projection>,
}

struct Results<'a> {
    out: Vec<u8>,
    json_flag: &'a str,
}

impl Query {
    /// `json_flag` is the flag that prints the JSON that the filters run over, for
    /// hints.
    ///
    /// # Errors
    /// Usage: a filter does not compile. The error shows where.
    pub fn compile(filters: &[String], json_flag: &str) -> Result<Self> {
        /// In bytes: the compiler recurses.
        const COMPILE_STACK: usize = 256 * 1024 * 1024;
        let filters = filters.to_vec();
        let all = move || filters.into_iter().map(compile).collect();
        let compiled = std::thread::Builder::new().stack_size(COMPILE_STACK).spawn(all);
        let compiled = compiled.map_err(|error| Failure::unexpected("the filter cannot be compiled").source(error))?;
        let filters = compiled.join().unwrap_or_else(|_| Err(Failure::unexpected("the filter cannot be compiled")))?;
        Ok(Self { filters, json_flag: json_flag.to_owned() })
    }

    /// Runs each filter over the JSON and returns each result on its own line:
    /// strings raw, everything else as compact JSON. Numbers keep their digits and
    /// objects their order.
    ///
    /// A filter may never end, so it runs in a thread that is abandoned after `limit`.
    ///
    /// # Errors
    /// Unexpected: the input is not JSON, or a filter fails on it, does not end in
    /// time, or produces too much output.
    pub async fn run(self, json: String, limit: Duration) -> Result<Vec<u8>> {
        let (done, result) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .stack_size(RUN_STACK)
            .spawn(move || {
                // Freed after the results are sent: that takes as long as building it.
                let mut trees = Vec::new();
                let _ = done.send(self.results_of(&Source::new(json), &mut trees));
            })
            .map_err(|error| Failure::unexpected("the filter cannot be started").source(error))?;
        match tokio::time::timeout(limit, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failure::unexpected("the filter ended without a result")),
            Err(_) => Err(timeout_error(limit)),
        }
    }

    /// As [`Query::run`], in this thread and without a limit on time.
    ///
    /// # Errors
    /// As [`Query::run`], without the time limit.
    pub fn results(&self, json: String) -> Result<Vec<u8>> {
        self.results_of(&Source::new(json), &mut Vec::new())
    }

    fn results_of<'a>(&'a self, source: &Source, trees: &mut Vec<(&'a Projection, Val)>) -> Result<Vec<u8>> {
        let mut results = Results { out: Vec::new(), json_flag: &self.json_flag };
        for program in &self.filters {
            match &program.per_element {
                Some(projection) if source.is_array() => results.add_each(program, projection, source)?,
                _ => {
                    let input = match trees.iter().find(|(projection, _)| **projection == program.projection) {
                        Some((_, tree)) => tree.clone(),
                        None => {
                            // Fails if a value is not the object or array that the filter reads it as.
                            let tree = program.projection.read(source).or_else(|_| Projection::All.read(source));
                            let tree = tree.map_err(input_error)?;
                            trees.push((&program.projection, tree.clone()));
                            tree
                        }
                    };
                    let _: ControlFlow<()> = results.add(program, input)?;
                }
            }
        }
        Ok(results.out)
    }
}

impl Results<'_> {
    /// Adds the results of a filter over an array, one element after another.
    fn add_each(&mut self, program: &CompiledFilter, projection: &Projection, source: &Source) -> Result<()> {
        let before = self.out.len();
        let mut failed = None;
        let read = each(source.json(), projection.of_source(source), |element| {
            self.add(program, [element].into_iter().collect()).unwrap_or_else(|failure| {
                failed = Some(failure);
                ControlFlow::Break(())
            })
        });
        match (read, failed) {
            // A value is not the object or array that the filter reads it as.
            (Err(_), _) if *projection != Projection::All => {
                self.out.truncate(before);
                self.add_each(program, &Projection::All, source)
            }
            (Err(error), _) => Err(input_error(error)),
            (Ok(()), failed) => failed.map_or(Ok(()), Err),
        }
    }

    /// Adds the results of a filter over an input. Breaks where the filter halts.
    fn add(&mut self, program: &CompiledFilter, input: Val) -> Result<ControlFlow<()>> {
        /// In bytes. A filter with more output is taken to be endless.
        const MAX_OUTPUT: usize = 1024 * 1024 * 1024;
        let CompiledFilter { code, filter, .. } = program;
        let ctx = Ctx::<Data>::new(&filter.lut, Vars::new([]));
        for result in filter.id.run((ctx, input)) {
            match result {
                Ok(value) => write_result(&mut self.out, &value)
                    .map_err(|error| Failure::unexpected("a result cannot be written").source(error))?,
                Err(exception) => match exception.get_err() {
                    // jaq's message would quote a value, which may be a secret.
                    Ok(_) => {
                        return Err(Failure::unexpected(format!("the filter `{code}` fails on the answer")).hint(
                            format!(
                                "print the whole answer with {}, then try the filter on it with jq",
                                self.json_flag
                            ),
                        ));
                    }
                    Err(exception) => match exception.get_halt() {
                        Ok(0) | Err(_) => return Ok(ControlFlow::Break(())),
                        Ok(status) => {
                            return Err(Failure::unexpected(format!(
                                "the filter `{code}` halted with status {status}"
                            )));
                        }
                    },
                },
            }
            if self.out.len() > MAX_OUTPUT {
                return Err(Failure::unexpected(format!("the filter `{code}` gives more than 1 GiB")));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn timeout_error(limit: Duration) -> Failure {
    let limit = humantime::format_duration(limit);
    Failure::unexpected(format!("the filter did not end within {limit}")).hint("allow more time with --timeout 2m")
}

fn input_error(error: impl std::fmt::Display) -> Failure {
    Failure::unexpected(format!("the answer cannot be filtered: {error}"))
}

fn write_result(out: &mut Vec<u8>, value: &Val) -> io::Result<()> {
    match value {
        Val::TStr(text) | Val::BStr(text) => out.extend_from_slice(text),
        other => write::write(out, &write::Pp::default(), 0, other)?,
    }
    out.push(b'\n');
    Ok(())
}

fn compile(code: String) -> Result<CompiledFilter> {
    let filter = compile::filter(&code)?;
    let term = load::parse(&code, |parser| parser.term()).unwrap_or_default();
    let (projection, per_element) = (Projection::of(&term), Projection::per_element(&term));
    Ok(CompiledFilter { code, filter, projection, per_element })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(filters: &[&str], json: &str) -> Result<String> {
        let filters: Vec<String> = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let out = Query::compile(&filters, "--json")?.results(json.to_owned())?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn strings_are_raw_and_the_rest_is_compact_in_order() {
        let json = r#"{"b":{"z":1,"a":2.50},"s":"a\nb","n":12345678901234567890123}"#;
        assert_eq!(
            run(&[".s", ".b", ".n"], json).ok().as_deref(),
            Some("a\nb\n{\"z\":1,\"a\":2.50}\n12345678901234567890123\n")
        );
    }

    #[test]
    fn a_failing_filter_does_not_quote_the_answer() {
        let failure = run(&[".secret.deeper"], r#"{"secret":"CANARY"}"#).err().map(|failure| failure.to_text());
        assert!(failure.as_deref().is_some_and(|text| !text.contains("CANARY")), "{failure:?}");
    }

    #[test]
    fn rows_for_spreadsheets_and_for_scripts() {
        let json = r#"[["a\"b", 1.50, true, null, "c\td\n\\"], []]"#;
        assert_eq!(run(&[".[] | @csv"], json).ok().as_deref(), Some("\"a\"\"b\",1.50,true,,\"c\td\n\\\"\n\n"));
        assert_eq!(run(&[".[0] | @tsv"], json).ok().as_deref(), Some("a\"b\t1.50\ttrue\t\tc\\td\\n\\\\\n"));
        assert_eq!(run(&[r#""<\(.[0] | @tsv)>""#], r#"[["x", 1]]"#).ok().as_deref(), Some("<x\t1>\n"));
        assert_eq!(run(&[r#"@csv "row: \([.[0][0]])""#], r#"[["x"]]"#).ok().as_deref(), Some("row: \"x\"\n"));
        for filter in ["@csv", ".[0] | @tsv"] {
            assert!(run(&[filter], r#"{"a": 1}"#).is_err() && run(&[filter], "[[[1]]]").is_err(), "{filter}");
        }
    }

    #[test]
    fn as_jq_has_it() {
        let json = r#"{"tags":[{"name":"a","value":"x"},{"key":"b","value":false},{"k":1,"v":null}],"row":["n",null,1.5,true]}"#;
        for (filter, expected) in [
            (".tags | from_entries", r#"{"a":"x","b":false,"1":null}"#),
            (r#".row | join(",")"#, "n,,1.5,true"),
            (r#"[] | join(",")"#, ""),
            (r#"["a"] | join(",")"#, "a"),
            (r#"[.row[0] | IN("n", "m")]"#, "[true]"),
            (r#"IN(.row[]; "m")"#, "false"),
            (r#"INDEX(.tags[]; .name) | keys"#, r#"["a","null"]"#),
            (r#".tags | INDEX(.k) | length"#, "2"),
            (r#"[.row[] | ltrimstr("n")]"#, r#"["",null,1.5,true]"#),
            (r#""abc" | rtrimstr("c"), rtrimstr("b"), rtrimstr(1)"#, "ab\nabc\nabc"),
            (
                r#"["1 2", "2026-01-01", "x", "", "7", 7] | map(try tonumber catch "no")"#,
                r#"["no","no","no","no",7,7]"#,
            ),
            (r#"["1 2", "{}"] | map(try fromjson catch "no")"#, r#"["no",{}]"#),
            ("[leaf_paths] | length", "7"),
        ] {
            assert_eq!(run(&[filter], json).ok().as_deref(), Some(format!("{expected}\n").as_str()), "{filter}");
        }
    }

    #[test]
    fn no_results_before_an_error_are_printed() {
        assert!(run(&[".[] | .id.deeper"], r#"[{"id":{}},{"id":"b"}]"#).is_err());
        assert!(run(&[".[] | .id"], r#"[{"id":"a"},{"id":"#).is_err());
        assert!(run(&[".[] | ., halt"], "[1,}").is_err());
        assert_eq!(run(&[".[]"], r#"{"a":1}"#).ok().as_deref(), Some("1\n"));
        assert!(run(&[".[]"], "null").is_err());
    }

    #[test]
    fn halt_keeps_what_was_written() {
        assert_eq!(run(&[".[] | ., halt"], "[1,2]").ok().as_deref(), Some("1\n"));
    }
}
