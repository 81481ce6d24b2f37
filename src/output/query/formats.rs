//! jq's `@csv` and `@tsv`, which its Rust library leaves out.

use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{DataT, Error};
use jaq_json::{Val, write};

/// Both, for the compiler.
pub fn functions<D: for<'a> DataT<V<'a> = Val>>() -> impl Iterator<Item = Fun<D>> {
    [
        run::<D>(("@csv", v(0), |cv| bome(row(&cv.1, b',', quote)))),
        run::<D>(("@tsv", v(0), |cv| bome(row(&cv.1, b'\t', escape)))),
    ]
    .into_iter()
}

/// An array as one line: numbers and truth values as they are, null as
/// nothing, and texts as `write_text` has them.
fn row(value: &Val, separator: u8, write_text: fn(&[u8], &mut Vec<u8>)) -> Result<Val, Error<Val>> {
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
            Val::TStr(text) | Val::BStr(text) => write_text(text, &mut line),
            Val::Arr(_) | Val::Obj(_) => return Err(Error::str("a value within the array is no text or number")),
        }
    }
    Ok(Val::utf8_str(line))
}

/// In quotes, with quotes doubled.
fn quote(text: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    for byte in text {
        line.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    line.push(b'"');
}

/// With line ends, tabs and backslashes escaped.
fn escape(text: &[u8], line: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\t' => line.extend(b"\\t"),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            b'\\' => line.extend(b"\\\\"),
            other => line.push(*other),
        }
    }
}
