//! Which fields of an answer a filter reads, according to its syntax tree.
//!
//! As a tree of values, an answer takes ten times its size in memory, but a filter
//! such as `.[].metadata.id` reads one field of each row. [`super::partial`] then
//! reads only these fields. Since this filter has the same results row by row, the
//! rows are even read one at a time ([`Projection::per_element`]).
//!
//! A projection may be too large, never too small: a term that is not analysed here
//! counts as reading everything. `projection_tests` compares the results with those
//! over the whole answer.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::path::{Opt, Part, Path};

/// The parts of a value that a filter reads.
#[derive(Debug, PartialEq, Eq)]
pub enum Projection {
    All,
    /// These fields of an object, sorted, with their own projections. Empty if nothing
    /// of the value is read.
    Fields(Vec<(String, Projection)>),
    /// This part of every element of an array.
    Elements(Box<Projection>),
}

impl Projection {
    const NOTHING: Self = Self::Fields(Vec::new());

    fn each(projection: Self) -> Self {
        if projection == Self::All { Self::All } else { Self::Elements(Box::new(projection)) }
    }

    fn field(name: String, projection: Self) -> Self {
        Self::Fields(vec![(name, projection)])
    }

    /// What either reads.
    fn and(self, other: Self) -> Self {
        let (mut fields, others) = match (self, other) {
            (Self::Fields(fields), Self::Fields(others)) => (fields, others),
            (Self::Elements(one), Self::Elements(other)) => return Self::each(one.and(*other)),
            (projection, Self::Fields(nothing)) | (Self::Fields(nothing), projection) if nothing.is_empty() => {
                return projection;
            }
            _ => return Self::All,
        };
        for (name, projection) in others {
            match fields.binary_search_by(|(known, _)| known.cmp(&name)) {
                Ok(at) => {
                    let (_, known) = fields.remove(at);
                    fields.insert(at, (name, known.and(projection)));
                }
                Err(at) => fields.insert(at, (name, projection)),
            }
        }
        Self::Fields(fields)
    }

    fn of_all<'a>(terms: impl IntoIterator<Item = &'a Term<&'a str>>) -> Self {
        terms.into_iter().map(Self::of).fold(Self::NOTHING, Self::and)
    }

    /// What a filter reads of its input.
    pub fn of(term: &Term<&str>) -> Self {
        Self::through(term, Self::All)
    }

    /// What a filter reads of its input, if `rest` is read of its outputs.
    fn through(term: &Term<&str>, rest: Self) -> Self {
        match term {
            Term::Id => rest,
            Term::Num(_) | Term::Var(_) | Term::Arr(None) => Self::NOTHING,
            Term::Neg(inner) => Self::of(inner),
            Term::Arr(Some(inner)) => Self::through(inner, rest.of_element()),
            Term::Str(_, parts) => Self::of_all(parts.iter().filter_map(|part| match part {
                StrPart::Term(term) => Some(term),
                StrPart::Str(_) | StrPart::Char(_) => None,
            })),
            Term::Obj(entries) => {
                entries.iter().fold(Self::NOTHING, |projection, (key, value)| match (value, literal(key)) {
                    (Some(value), _) => projection.and(Self::of(key)).and(Self::of(value)),
                    (None, Some(name)) => projection.and(Self::field(name, Self::All)),
                    (None, None) if matches!(key, Term::Var(_)) => projection,
                    (None, None) => Self::All,
                })
            }
            Term::BinOp(left, BinaryOp::Pipe(None), right) => Self::through(left, Self::through(right, rest)),
            Term::BinOp(left, BinaryOp::Pipe(Some(Pattern::Var(_))), right) => {
                Self::of(left).and(Self::through(right, rest))
            }
            Term::BinOp(
                left,
                BinaryOp::Comma | BinaryOp::Alt | BinaryOp::Or | BinaryOp::And | BinaryOp::Math(_) | BinaryOp::Cmp(_),
                right,
            ) => Self::of(left).and(Self::of(right)),
            Term::IfThenElse(branches, Some(last)) => {
                let tests = branches.iter().flat_map(|(test, branch)| [test, branch]);
                Self::of_all(tests.chain([&**last]))
            }
            Term::Path(head, path) if path.0.iter().all(is_fixed) => Self::through(head, Self::along(&path.0, rest)),
            Term::Call(name, arguments) => match (*name, arguments.as_slice()) {
                ("empty" | "null" | "true" | "false" | "now", []) => Self::NOTHING,
                ("length", []) => Self::each(Self::NOTHING),
                ("first" | "last", []) => Self::each(rest),
                ("select", [test]) => Self::of(test).and(rest),
                ("first", [inner]) => Self::through(inner, rest),
                ("limit", [max, inner]) => Self::of(max).and(Self::through(inner, rest)),
                ("map", [inner]) => Self::each(Self::through(inner, rest.of_element())),
                ("sort_by" | "unique_by", [key]) => rest.and(Self::each(Self::of(key))),
                ("group_by", [key]) => Self::each(Self::of(key).and(rest.of_element().of_element())),
                ("min_by" | "max_by", [key]) => Self::each(Self::of(key).and(rest)),
                _ => Self::All,
            },
            _ => Self::All,
        }
    }

    /// What is read of each element, if this is read of an array.
    fn of_element(self) -> Self {
        match self {
            Self::Elements(projection) => *projection,
            Self::Fields(nothing) if nothing.is_empty() => Self::NOTHING,
            _ => Self::All,
        }
    }

    /// What a path reads of a value, if `rest` is read of what the path leads to.
    fn along(path: &[(Part<Term<&str>>, Opt)], rest: Self) -> Self {
        match path.split_first() {
            None => rest,
            Some(((Part::Index(index), _), after)) => match literal(index) {
                Some(name) => Self::field(name, Self::along(after, rest)),
                None => Self::each(Self::along(after, rest)),
            },
            Some(((Part::Range(None, None), _), after)) => Self::each(Self::along(after, rest)),
            // A slice of an array is an array. A slice of any other value is an error,
            // even if nothing of the slice is read.
            Some(((Part::Range(..), _), after)) => Self::each(Self::NOTHING).and(Self::along(after, rest)),
        }
    }

    /// What a filter reads of each element of an array, if its results for the array
    /// are those for `[element]`, one element after another. `None` if it may read
    /// several elements at once.
    pub fn per_element(filter: &Term<&str>) -> Option<Self> {
        Self::per_element_through(filter, Self::All)
    }

    fn per_element_through(term: &Term<&str>, rest: Self) -> Option<Self> {
        match term {
            // A definition may redefine any name in the body.
            Term::Def(_, body) => Self::per_element_through(body, Self::All).map(|_| Self::All),
            Term::BinOp(left, BinaryOp::Pipe(None), right) => {
                Self::per_element_through(left, Self::through(right, rest))
            }
            Term::Path(head, Path(parts)) if parts.iter().all(is_fixed) => match (&**head, parts.as_slice()) {
                (Term::Id, [(Part::Range(None, None), _), path @ ..]) => Some(Self::along(path, rest)),
                (head, path) => Self::per_element_through(head, Self::along(path, rest)),
            },
            _ => None,
        }
    }
}

/// Whether a part of a path does not depend on the input. A filter in brackets, as in
/// `.[f]`, would read all of the input.
fn is_fixed((part, _): &(Part<Term<&str>>, Opt)) -> bool {
    let is_fixed = |term: &Term<&str>| match term {
        Term::Neg(number) => matches!(**number, Term::Num(_)),
        term => matches!(term, Term::Num(_)) || literal(term).is_some(),
    };
    match part {
        Part::Index(index) => is_fixed(index),
        Part::Range(from, to) => from.iter().chain(to).all(is_fixed),
    }
}

/// The string that a term is. `None` for other terms, and for strings with
/// interpolation.
fn literal(term: &Term<&str>) -> Option<String> {
    let Term::Str(None, parts) = term else { return None };
    parts.iter().try_fold(String::new(), |text, part| match part {
        StrPart::Str(part) => Some(text + part),
        StrPart::Char(c) => Some(text + c.encode_utf8(&mut [0; 4])),
        StrPart::Term(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use jaq_core::load::parse;

    use super::*;

    fn projection(filter: &str) -> Option<String> {
        Projection::per_element(&parse(filter, |parser| parser.term()).unwrap()).as_ref().map(shown)
    }

    /// As `{a,b{c}}` and `[{a}]`, and `*` for all.
    fn shown(projection: &Projection) -> String {
        let fields = match projection {
            Projection::All => return "*".to_owned(),
            Projection::Elements(projection) => return format!("[{}]", shown(projection)),
            Projection::Fields(fields) => fields,
        };
        let fields = fields.iter().map(|(name, projection)| format!("{name}{}", shown(projection)).replace('*', ""));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn what_filters_read() {
        for (filter, expected) in [
            (".[].metadata.id", "{metadata{id}}"),
            (".[] | .metadata | .id, .name", "{metadata{id,name}}"),
            (".[] | [.metadata.id, .status.expiry] | @tsv", "{metadata{id},status{expiry}}"),
            (".[] | select(.status.expiry < \"2027\") | .metadata.name", "{metadata{name},status{expiry}}"),
            (".[] | select(.name == \"ci\")", "*"),
            (".[] | {id: .metadata.id, status}", "{metadata{id},status}"),
            (".[] | .metadata.tags[].name", "{metadata{tags[{name}]}}"),
            (".[] | .metadata.tags | length", "{metadata{tags[{}]}}"),
            (".[] | .metadata | keys", "{metadata}"),
            (".[] | .\"a\\tb\".c", "{a\tb{c}}"),
            (".[] | 7", "{}"),
            (".[]", "*"),
            ("def f: .a; .[] | .b", "*"),
        ] {
            assert_eq!(projection(filter).as_deref(), Some(expected), "{filter}");
        }
        for (filter, expected) in [
            (".", "*"),
            ("map(.a.b)", "[{a{b}}]"),
            ("map(select(.a)) | length", "[{a}]"),
            ("map(select(.a) | .b) | sort", "[{a,b}]"),
            ("[.[] | .a] | first", "[{a}]"),
            ("length", "[{}]"),
            (".[0].a", "[{a}]"),
            (".[-2:] | map(.a)", "[{a}]"),
            (".[1:] | 7", "[{}]"),
            ("map(.a[1:]?) | length", "[{a[{}]}]"),
            ("first(.[] | select(.a) | .b)", "[{a,b}]"),
            ("limit(3; .[].a)", "[{a}]"),
            ("sort_by(.a) | .[].b", "[{a,b}]"),
            ("sort_by(.a) | reverse", "*"),
            ("max_by(.a) | .b", "[{a,b}]"),
            ("group_by(.a)", "*"),
            ("group_by(.a) | length", "[{a}]"),
            ("group_by(.a) | map(length)", "[{a}]"),
            ("group_by(.a) | map([.[].b])", "[{a,b}]"),
            ("group_by(.a) | .[0]", "*"),
            ("{a, n: (.b | length)}", "{a,b[{}]}"),
            (".a, .[0]", "*"),
        ] {
            assert_eq!(projection(filter), None, "{filter}");
            let whole = Projection::of(&parse(filter, |parser| parser.term()).unwrap());
            assert_eq!(shown(&whole), expected, "{filter}");
        }
    }
}
