//! Tests that a filter has the same results over the parts of an answer that it
//! reads as over the whole answer.

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;

/// Filters of all sorts, over rows with the fields `m` and `k`.
const FILTERS: &[&str] = &[
    ".[]",
    ".[].m.id",
    ".[] | .m.id?",
    ".[]?.m?.id?",
    ".[].k[-1:]?",
    ".[] | .m | .id",
    ".[] | select(.m.id == \"a\") | .k",
    ".[] | select(.m) | .m.x.y",
    ".[] | {k, id: .m.id}",
    ".[] | {\"k\", m} | .m.n",
    ".[] | \"\\(.k) \\(.m.id)\"",
    ".[] | . as $row | .m.id? | [$row.k, .]",
    ".[] | .m as $m | .k, $m.id",
    ".[] | .m as {id: $id} | .k, $id",
    ".[] | if .k then .m.id else .k end",
    ".[] | if .k then .m.id end",
    ".[] | if .k == \"n\" then halt else .k end",
    ".[] | [.k, .m.id, .m.n] | @tsv",
    ".[] | .m | keys",
    ".[] | .k // .m.id",
    ".[] | [.m.id, (.k | tostring)] | join(\" \")",
    ".[] | try (.m.id + 1) catch .",
    ".[] | try .m.id catch .",
    ".[] | .m.x.y[0]?",
    ".[] | -.m.n?",
    ".[] | .m.n > 1 and .k != null",
    ".[] | {(.k | tostring): .m.id}",
    ".[] | to_entries[0].key",
    ".[] | (.m, .) | objects | .id",
    ".[] | reduce .m.x.y[]? as $y (.k; $y)",
    ".[] | label $out | .m[]? | ., break $out",
    ".[] | def m: .k; .m | m?",
    ".[] | empty, null, (now | . > 0)",
    "def f: .k; .[] | f",
    "(.[] | .k), 7",
    "first(.[])",
    ".[0]",
    ".[1:]",
    "[.[].k]",
    ".[] as $row | length",
    ".[][.[0].k]?",
    "(.[] | .m)[length]?",
    "try .[].m.id catch 7",
    "label $out | .[] | ., break $out",
    ".[] // 7",
    ".[].k = 7",
    ". | .[]",
    ".[0:][]",
    "\"\\(.[])\"",
    "length",
    "map(.m | length)",
    "map(.m.id) | length",
    "map(select(.m.id)) | first | .k",
    "[.[] | .m.x.y] | last",
    "[.[] | .k, .m.id] | length",
    ".[1].k",
    ".[:2] | map(.k)",
    ".[-1:] | length",
    ".[1:] | 7",
    ".[1:]? | 7",
    "map(.k[1:]?) | length",
    "[.[] | select(.m.x.y[1:] | true)?] | length",
    ".[] | .k[:1] | \"there\"",
    "{a: (.[1:] | 7)}",
    "limit(1; .[1:]) | 7",
    "sort_by(.[1:]? | 1) | length",
    "map(.[0:1]?) | length",
    ".[] | .m.x[] | 7",
    "[.[] | .m[]?] | length",
    "map(.m | .[0]) | length",
    "map(first?) | length",
    "[.[] | .m | last?] | length",
    "map(length) | 7",
    ".[] | .k | length | 7",
    "first(.[] | .m) | .id",
    "[limit(2; .[].k)]",
    "sort_by(.m.id) | map(.k)",
    "unique_by(.k) | length",
    "max_by(.m.n) | .m",
    "map(.m.x | .y? | length?)",
    "def length: 7; length, map(length)",
    "{n: length, first: .[0].k}",
    ".k?, length",
    "map(.k) | add?",
    "map({k}) | map(.k) | join(\",\")?",
    "group_by(.k) | length",
    "group_by(.m.id) | map(length)",
    "group_by(.k) | map({k: .[0].k, ids: map(.m.id)})",
    "any(.[]; .k)",
    "to_entries | map(.value.k)",
    "..|.k?",
    "[paths]",
    "with_entries(.value |= .k?)?",
    "getpath([0, \"m\", \"id\"])?",
    "del(.[].m)?",
    "map_values(.k?)",
    "tojson",
];

fn check(json: &str) {
    thread_local! {
        static COMPILED: Vec<[Query; 2]> = FILTERS.iter().map(|code| {
            let compiled = || compile((*code).to_owned()).ok().unwrap();
            let whole = CompiledFilter { projection: Projection::All, per_element: None, ..compiled() };
            [compiled(), whole].map(|program| Query { filters: vec![program], json_flag: "--json".to_owned() })
        }).collect();
    }
    COMPILED.with(|queries| {
        for (code, queries) in FILTERS.iter().zip(queries) {
            let [apart, whole] = queries.each_ref().map(|query| query.results(json.to_owned()).ok());
            assert_eq!(apart, whole, "{code} over {json}");
        }
    });
}

#[test]
fn what_is_needed_gives_the_same_as_all() {
    for json in [
        r#"[{"m":{"id":"a","n":1.50,"x":{"y":[1]}},"k":"n","k":"last"},{"k":null},{"m":null,"k":7},{"m":{}}]"#,
        r#"[{"m":{"id":"a","x":{"y":{}}}},{"m":7,"k":"n"},{"k":"z"}]"#,
        r#"[7,{"m":{"id":"a"}}]"#,
        r#"[[{"m":1}],"text",null]"#,
        r#"{"m":{"id":"a"},"k":[1]}"#,
        "null",
        "[]",
    ] {
        check(json);
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, ..crate::testing::properties() })]

    #[test]
    fn what_is_needed_gives_the_same_as_all_over_anything(rows in prop::collection::vec(value(), 0..5)) {
        check(&serde_json::Value::from(rows).to_string());
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i8>().prop_map(Into::into),
        "[an]{0,2}".prop_map(Into::into),
    ];
    let name = prop::sample::select(vec!["m", "k", "id", "n", "x", "y"]).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let fields = prop::collection::btree_map(name.clone(), inner.clone(), 0..5);
        prop_oneof![
            1 => prop::collection::vec(inner, 0..4).prop_map(Into::into),
            4 => fields.prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}
