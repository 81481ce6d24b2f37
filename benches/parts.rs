//! Benchmarks of single steps of a command: compile and run a filter, decode a
//! list, draw a table, decode an error, set up TLS.
//!
//! `cargo bench`, or `cargo bench -- table` for those with `table` in the name.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may end wherever it fails")]

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nscred::context::{Environment, Stream};
use nscred::http::connect::RpcErrorBody;
use nscred::http::tls::{Store, client_config};
use nscred::nscale::messages::Account;
use nscred::output::json::{each, pretty};
use nscred::output::query::Query;
use nscred::output::table::listing;
use nscred::output::view::Listing;

/// A response of Nscale's identity API to a list of accounts.
fn accounts(number: usize) -> String {
    let account = |index: usize| {
        format!(
            r#"{{"metadata":{{"id":"{index:08x}-1111-4222-8333-444455556666","name":"account-{index}","description":"One of many, number {index}","organizationId":"a1b2c3d4-1111-4222-8333-444455556666","creationTime":"2026-11-22T10:29:26Z","provisioningStatus":"provisioned","healthStatus":"healthy"}},"spec":{{"groupIDs":[]}},"status":{{"expiry":"2027-02-20T10:29:26Z"}}}}"#
        )
    };
    format!("[{}]", (0..number).map(account).collect::<Vec<_>>().join(","))
}

fn compile(filter: &str) -> Query {
    Query::compile(&[filter.to_owned()], "--json").ok().unwrap()
}

fn filters(criterion: &mut Criterion) {
    let filter = ".[] | select(.status.expiry < \"2027\") | .metadata.id";
    criterion.bench_function("filter: compile", |bencher| bencher.iter(|| compile(black_box(filter))));
    let json = accounts(1_000);
    let mut group = criterion.benchmark_group("filter: run over 1,000 accounts");
    group.throughput(Throughput::Bytes(json.len() as u64));
    for filter in [".[].metadata.id", "map(.metadata.id) | length", "group_by(.metadata.name) | length"] {
        let query = compile(filter);
        group.bench_function(filter, |bencher| bencher.iter(|| query.results(black_box(json.clone())).ok().unwrap()));
    }
    group.finish();
}

fn lists(criterion: &mut Criterion) {
    let json = accounts(1_000);
    let mut group = criterion.benchmark_group("list of 1,000 accounts");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            each(black_box(&json), std::marker::PhantomData::<Account>, |account| {
                black_box(account);
                ControlFlow::Continue(())
            })
            .unwrap();
        });
    });
    group.bench_function("lay out", |bencher| bencher.iter(|| pretty(black_box(&json)).unwrap()));
    group.finish();
}

fn tables(criterion: &mut Criterion) {
    const ROWS: usize = 100_000;
    let row = |index: usize| {
        let id = format!("{index:08x}-1111-4222-8333-444455556666");
        [id, format!("account-{index}"), "2027-02-20T10:29:26Z".to_owned()].map(Into::into).to_vec()
    };
    let rows =
        || Listing { header: vec!["ID", "NAME", "EXPIRES"], rows: (0..ROWS).map(row).collect(), ..Listing::default() };
    let stream = Stream::stdout();
    let mut group = criterion.benchmark_group("table");
    group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("100,000 rows on a pipe", |bencher| {
        bencher.iter_batched(rows, |rows| listing(&stream, rows), BatchSize::LargeInput);
    });
    group.finish();
}

fn errors(criterion: &mut Criterion) {
    let envelope = br#"{"code":"permission_denied","message":"permission denied","details":[{"type":"namespace.cloud.iam.v1beta.PermissionDeniedError","value":"ChwKBmJ1aWxkZXISBHRva18aBmVuc3VyZQ"}]}"#;
    criterion
        .bench_function("error: decode", |bencher| bencher.iter(|| RpcErrorBody::read(black_box(envelope)).unwrap()));
}

fn tls(criterion: &mut Criterion) {
    let env = Environment::Fixed(Vec::new());
    criterion.bench_function("TLS: configure", |bencher| {
        bencher.iter(|| client_config(Store::Bundled, None, &env).ok().unwrap())
    });
}

criterion_group!(benches, filters, lists, tables, errors, tls);
criterion_main!(benches);
