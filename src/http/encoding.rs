//! Content encodings. None is requested, but a proxy may add one, and the body may be the
//! only copy of a secret.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};

/// Decodes a body to at most `limit` bytes and removes its encodings from the headers. A
/// truncated or damaged body is decoded as far as possible. A body in an unknown encoding
/// is returned unchanged.
pub fn decode(headers: &mut HeaderMap, mut body: Vec<u8>, limit: usize) -> Vec<u8> {
    let Some(names) = names(headers) else { return body };
    // They are listed in the order in which they were applied.
    for name in names.iter().rev() {
        body = match name.as_str() {
            "gzip" | "x-gzip" => read(|| MultiGzDecoder::new(&*body), limit),
            "deflate" if is_zlib(&body) => read(|| ZlibDecoder::new(&*body), limit),
            "deflate" => read(|| DeflateDecoder::new(&*body), limit),
            _ => body,
        };
    }
    if !names.is_empty() {
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
    }
    body
}

/// The encoding that a body is still in after [`decode`].
pub fn unknown(headers: &HeaderMap) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(CONTENT_ENCODING)?.as_bytes()).into_owned())
}

/// The names of the encodings; `None` if one of them is unknown.
fn names(headers: &HeaderMap) -> Option<Vec<String>> {
    const KNOWN: [&str; 5] = ["gzip", "x-gzip", "deflate", "identity", ""];
    let mut names = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        names.extend(value.to_str().ok()?.split(',').map(|name| name.trim().to_ascii_lowercase()));
    }
    names.iter().all(|name| KNOWN.contains(&name.as_str())).then_some(names)
}

/// `deflate` means the zlib format, but some servers send a raw deflate stream.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0)
}

fn read<R: Read>(decoder: impl Fn() -> R, limit: usize) -> Vec<u8> {
    let mut decoded = Vec::new();
    if decoder().take(limit as u64).read_to_end(&mut decoded).is_ok() {
        return decoded;
    }
    // On an error the library drops what the current read has decoded, so the body is
    // read byte by byte.
    decoded.clear();
    let (mut decoder, mut byte) = (decoder(), [0]);
    while decoded.len() < limit && matches!(decoder.read(&mut byte), Ok(1)) {
        decoded.extend(byte);
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    const TEXT: &[u8] = br#"{"bearerToken":"nsrt_abc","token":{"tokenId":"tok_a","name":"ci"}}"#;

    fn encoded(mut encoder: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        encoder.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        encoded(GzEncoder::new(text, Compression::best()))
    }

    fn decoded(encoding: &str, body: Vec<u8>, limit: usize) -> (Vec<u8>, Option<String>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let body = decode(&mut headers, body, limit);
        (body, unknown(&headers))
    }

    #[test]
    fn known_encodings_are_decoded() {
        for (encoding, body) in [
            ("gzip", gzip(TEXT)),
            (" X-GZIP ", gzip(TEXT)),
            ("gzip, identity", gzip(TEXT)),
            ("deflate", encoded(ZlibEncoder::new(TEXT, Compression::best()))),
            ("deflate", encoded(DeflateEncoder::new(TEXT, Compression::best()))),
            ("deflate, gzip", gzip(&encoded(ZlibEncoder::new(TEXT, Compression::fast())))),
            ("gzip", [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat()),
            ("identity", TEXT.to_vec()),
            ("", TEXT.to_vec()),
        ] {
            assert_eq!(decoded(encoding, body, usize::MAX), (TEXT.to_vec(), None), "{encoding}");
        }
    }

    #[test]
    fn a_body_in_an_unknown_encoding_is_unchanged() {
        for encoding in ["br", "zstd", "gzip, br"] {
            assert_eq!(decoded(encoding, b"x".to_vec(), 9), (b"x".to_vec(), Some(encoding.to_owned())));
        }
    }

    #[test]
    fn a_small_body_does_not_become_a_large_one() {
        assert_eq!(decoded("gzip", gzip(&vec![b' '; 10_000_000]), 1_000).0.len(), 1_000);
    }

    #[test]
    fn a_truncated_or_damaged_body_is_decoded_as_far_as_possible() {
        let whole = gzip(TEXT);
        // The checksum and the length stand at the end.
        assert_eq!(decoded("gzip", whole[..whole.len() - 8].to_vec(), usize::MAX).0, TEXT);
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(decoded("gzip", damaged, usize::MAX).0, TEXT);
        for length in 0..whole.len() {
            let (part, _) = decoded("gzip", whole[..length].to_vec(), usize::MAX);
            assert!(TEXT.starts_with(&part));
            assert!(length < whole.len() - 15 || part.starts_with(br#"{"bearerToken":"nsrt_abc""#), "{length}");
        }
        assert_eq!(decoded("gzip", b"{}".to_vec(), usize::MAX).0, b"");
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for encoding in ["gzip", "deflate", "deflate, gzip"] {
                decoded(encoding, body.clone(), 10_000);
            }
        }
    }
}
