//! The house's own rules, held against its source.

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

/// What a room of the house may not know.
fn unknown_to(room: &str) -> &'static [&'static str] {
    match room {
        // Its tests feed every parser there is.
        "cli" | "lib" | "main" | "fuzzing" => &[],
        "sandbox" => &["auth", "cli"],
        "auth" => &["sandbox", "cli"],
        "namespace" => &["nscale", "sandbox", "auth", "cli"],
        "nscale" => &["namespace", "sandbox", "auth", "cli"],
        _ => &["namespace", "nscale", "sandbox", "auth", "cli"],
    }
}

#[test]
fn arrows_point_down() {
    let mut arrows = 0;
    for (path, source) in sources("src") {
        let room = path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs");
        let product = source.split("#[cfg(test)]").next().unwrap();
        assert!(!product.contains("crate::{") && !product.contains("super::super"), "{}", path.display());
        for (at, _) in product.match_indices("crate::") {
            let behind = &product[at + "crate::".len()..];
            let target = behind.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
            arrows += 1;
            assert!(!unknown_to(room).contains(&target), "{} must not know {target}", path.display());
        }
    }
    assert!(arrows > 300, "{arrows}");
}

#[test]
fn no_file_has_more_than_400_lines() {
    for (path, source) in sources("src").into_iter().chain(sources("tests")).chain(sources("benches")) {
        let lines = source.lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
    }
}
