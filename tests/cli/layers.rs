//! Rules that the source itself is held to: the order of its modules, and the
//! size of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every source file below a directory.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut directories = vec![root.join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root).unwrap().to_owned(), source));
            }
        }
    }
    found
}

/// The top-level modules, from the lowest to the highest: each may import what
/// stands before it, and no two that stand together import each other.
const LAYERS: [&[&str]; 16] = [
    &["cloud", "text", "spinner"],
    &["secret"],
    &["error", "redactor", "denylist"],
    &["interrupt", "names", "verb"],
    &["context"],
    &["output"],
    &["input"],
    &["delivery", "http"],
    &["credential"],
    &["provider"],
    &["namespace", "nscale"],
    &["auth", "sandbox"],
    // Its tests feed every parser there is.
    &["fuzzing"],
    &["cli"],
    &["lib"],
    &["main"],
];

/// A module's name below `src`, as in `http/client`; that of a folder is its
/// `mod.rs`'s.
fn module(path: &Path) -> String {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    path.to_str().unwrap().trim_end_matches("/mod").to_owned()
}

/// What a module imports, as modules.
fn imports(source: &str, modules: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        let behind = &source[at + "crate::".len()..];
        let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':')).unwrap();
        let mut name = behind[..end].trim_end_matches(':').replace("::", "/");
        let group = behind[end..].strip_prefix('{').map_or("", |rest| rest.split('}').next().unwrap());
        // `use crate::a::{b, c::D}` names modules in its braces too.
        for inner in group.split(',').map(|inner| format!("{name}/{}", inner.trim().replace("::", "/"))) {
            found.extend(nearest(inner, modules));
        }
        if group.is_empty() {
            name = name.trim_end_matches('/').to_owned();
            found.extend(nearest(name, modules));
        }
    }
    found
}

/// The module that a path leads to or into.
fn nearest(mut path: String, modules: &BTreeMap<String, String>) -> Option<String> {
    while !modules.contains_key(&path) {
        path.truncate(path.rfind('/')?);
    }
    Some(path)
}

/// The sources of all modules by name, without comments and unit tests.
fn modules() -> BTreeMap<String, String> {
    let product = |source: &str| {
        let source = source.split("#[cfg(test)]\nmod ").next().unwrap();
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    sources("src").iter().map(|(path, source)| (module(path), product(source))).collect()
}

#[test]
fn no_import_runs_upwards() {
    let rank = |module: &str| {
        let top = module.split('/').next().unwrap();
        LAYERS.iter().position(|layer| layer.contains(&top)).unwrap_or_else(|| panic!("{top} has no layer"))
    };
    let modules = modules();
    let mut count = 0;
    for (name, source) in &modules {
        for import in imports(source, &modules) {
            let is_inside = import.split('/').next() == name.split('/').next();
            assert!(is_inside || rank(&import) < rank(name), "{name} must not import {import}");
            count += 1;
        }
    }
    assert!(count > 300, "{count}");
}

/// A folder's `mod.rs` may name what is in it, and that what it declares.
#[test]
fn no_two_modules_import_each_other() {
    fn visit(
        at: &str,
        graph: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) {
        assert!(!path.iter().any(|known| known == at), "a circle: {} -> {at}", path.join(" -> "));
        if !done.contains(at) {
            path.push(at.to_owned());
            graph[at].iter().for_each(|next| visit(next, graph, path, done));
            path.pop();
            done.insert(at.to_owned());
        }
    }
    let modules = modules();
    let contains = |one: &str, other: &str| other.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'));
    let graph: BTreeMap<String, BTreeSet<String>> = modules
        .iter()
        .map(|(name, source)| {
            let is_other = |import: &String| import != name && !contains(import, name) && !contains(name, import);
            (name.clone(), imports(source, &modules).into_iter().filter(is_other).collect())
        })
        .collect();
    let mut done = BTreeSet::new();
    graph.keys().for_each(|module| visit(module, &graph, &mut Vec::new(), &mut done));
}

#[test]
fn no_file_has_more_than_400_lines() {
    for (path, source) in sources("src").into_iter().chain(sources("tests")).chain(sources("benches")) {
        let lines = source.lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
    }
}

/// Commands reach the world through their context. A filter with a secret runs in
/// a process of its own, which has none.
#[test]
fn streams_and_clock_are_reached_through_the_context() {
    const DOORS: [&str; 5] = ["io::stdin()", "io::stdout()", "io::stderr()", "Timestamp::now()", "SystemTime::now()"];
    for (name, source) in modules() {
        if !name.starts_with("context") && name != "output/query/subprocess" {
            let found: Vec<_> = DOORS.iter().filter(|door| source.contains(**door)).collect();
            assert!(found.is_empty(), "{name} must ask its context, not {found:?}");
        }
    }
}
