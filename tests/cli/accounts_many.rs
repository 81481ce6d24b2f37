//! Many accounts: whole answers, whatever their size.

use crate::sandbox::Sandbox;
use crate::support::World;

#[test]
fn a_hundred_thousand_accounts() {
    let sandbox = Sandbox::with(World::new(), &["--accounts", "99999"]);
    let rows = sandbox.sa("list -q .[]|[.metadata.id,.metadata.name]|@tsv -q length").ok();
    let (rows, length) = rows.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(length, "100000");
    let rows: Vec<(&str, &str)> = rows.lines().map(|row| row.split_once('\t').unwrap()).collect();
    assert_eq!(rows.len(), 100_000);
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0), "by id, each once");
    let mut names: Vec<&str> = rows.iter().map(|(_, name)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 100_000);
    let shown = sandbox.sa("list").ok();
    assert_eq!(shown.lines().count(), 100_001);
    assert!(shown.lines().skip(1).zip(&rows).all(|(line, (id, _))| line.starts_with(id)));
}
