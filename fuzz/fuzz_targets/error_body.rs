#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nscred::fuzzing::run("error_body", bytes));
