//! Compiles a filter.

use jaq_core::Native;
use jaq_core::compile::{Compiler, Filter};
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::Fun;

use crate::error::{Failure, Result};
use crate::output::query::{Data, formats};

/// jq's definitions of functions that scripts over these APIs use and that jaq
/// defines differently.
const PRELUDE: &str = include_str!("prelude.jq");

/// # Errors
/// Usage: it does not compile. The error shows where.
pub fn filter(code: &str) -> Result<Filter<Native<Data>>> {
    /// In bytes.
    const MAX_LENGTH: usize = 8 * 1024;
    if code.len() > MAX_LENGTH {
        return Err(Failure::usage("the filter is over 8 KiB"));
    }
    // Loading all definitions takes longer than everything else, and a filter without
    // function calls does not need them.
    compile_with(code, Vec::new(), Vec::new()).or_else(|_| {
        let own = load::parse(PRELUDE, |parser| parser.defs()).unwrap_or_default();
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
        // `env` would print every variable, including credentials.
        let functions = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs())
            .chain(formats::functions())
            .filter(|(name, ..)| *name != "env");
        compile_with(code, definitions.collect(), functions.collect())
    })
}

fn compile_with(
    code: &str,
    definitions: Vec<Def<&'static str>>,
    functions: Vec<Fun<Data>>,
) -> Result<Filter<Native<Data>>> {
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code, path: () })
        .map_err(|errors| compile_error(code, load_error(code, &errors)))?;
    Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
        let first = errors.first().and_then(|(_, mistakes)| mistakes.first());
        let mistake = first.map(|(name, kind)| (format!("undefined {} `{name}`", kind.as_str()), offset(code, name)));
        compile_error(code, mistake)
    })
}

fn load_error(code: &str, errors: &load::Errors<&str, ()>) -> Option<(String, usize)> {
    match &errors.first()?.1 {
        load::Error::Io(io) => io.first().map(|(path, error)| (format!("{error}: `{path}`"), offset(code, path))),
        load::Error::Lex(lex) => {
            lex.first().map(|(expected, found)| (format!("expected {}", expected.as_str()), offset(code, found)))
        }
        load::Error::Parse(parse) => {
            parse.first().map(|(expected, found)| (format!("expected {}", expected.as_str()), offset(code, found)))
        }
    }
}

/// The offset of a slice of the code, in bytes; the end if it is not a slice of it.
fn offset(code: &str, part: &str) -> usize {
    let start = (part.as_ptr() as usize).wrapping_sub(code.as_ptr() as usize);
    if start <= code.len() && code.is_char_boundary(start) { start } else { code.len() }
}

fn compile_error(code: &str, mistake: Option<(String, usize)>) -> Failure {
    let Some((what, at)) = mistake else {
        return Failure::usage(format!("the filter `{code}` does not compile"));
    };
    let failure = Failure::usage(format!("the filter `{code}` does not compile: {what}"));
    if code.contains('\n') {
        return failure;
    }
    let column = code[..at].chars().count();
    failure.excerpt(format!("{code}\n{}^", " ".repeat(column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_compile_is_usage_and_shows_where() {
        for code in [".[", "nosuch", ".a | $x", "\"", "include \"x\"; .", "@nosuch", "env", "$ENV"] {
            let kind = filter(code).err().map(|failure| failure.kind().name());
            assert_eq!(kind, Some("usage"), "{code}");
        }
        let failure = filter(".a | nosuch").err().map(|failure| failure.to_text());
        assert!(failure.as_deref().unwrap_or_default().contains("\n       ^\n"), "{failure:?}");
    }
}
