//! jq's `@csv` and `@tsv`, which jaq leaves out.

use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{DataT, Error};
use jaq_json::{Val, write};

pub fn functions<D: for<'a> DataT<V<'a> = Val>>() -> impl Iterator<Item = Fun<D>> {
    [
        run::<D>(("@csv", v(0), |cv| bome(row(&cv.1, b',', quote)))),
        run::<D>(("@tsv", v(0), |cv| bome(row(&cv.1, b'\t', escape)))),
    ]
    .into_iter()
}

/// An array as one line: numbers and booleans as in JSON, null as an empty cell, and
/// strings as `write_string` writes them.
fn row(value: &Val, separator: u8, write_string: fn(&[u8], &mut Vec<u8>)) -> Result<Val, Error<Val>> {
    let Val::Arr(cells) = value else { return Err(Error::str("the value is not an array")) };
    let mut line = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            line.push(separator);
        }
        match cell {
            Val::Null => {}
            Val::Bool(_) | Val::Num(_) => {
                write::write(&mut line, &write::Pp::default(), 0, cell).map_err(Error::str)?
            }
            Val::TStr(text) | Val::BStr(text) => write_string(text, &mut line),
            Val::Arr(_) | Val::Obj(_) => return Err(Error::str("a value in the array is an array or an object")),
        }
    }
    Ok(Val::utf8_str(line))
}

/// In quotes, with quotes doubled.
fn quote(text: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    replace(text, |byte| if byte == b'"' { b"\"\"" } else { b"" }, line);
    line.push(b'"');
}

/// With line ends, tabs and backslashes escaped.
fn escape(text: &[u8], line: &mut Vec<u8>) {
    let escaped = |byte| match byte {
        b'\t' => b"\\t",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'\\' => b"\\\\",
        _ => &b""[..],
    };
    replace(text, escaped, line);
}

/// Replaces the bytes for which `replacement` is not empty.
fn replace(text: &[u8], replacement: impl Fn(u8) -> &'static [u8], line: &mut Vec<u8>) {
    for part in text.split_inclusive(|byte| !replacement(*byte).is_empty()) {
        match part.split_last() {
            Some((last, before)) if !replacement(*last).is_empty() => {
                line.extend_from_slice(before);
                line.extend_from_slice(replacement(*last));
            }
            _ => line.extend_from_slice(part),
        }
    }
}
