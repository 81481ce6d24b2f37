//! The typed details of an error, in protobuf's wire format. There are two messages, which
//! contain only strings and are therefore read and written by hand.

use std::fmt;

/// A permission that the caller lacked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingPermission {
    pub resource_type: String,
    /// Empty if it is not about one resource.
    pub resource_id: String,
    pub action: String,
}

impl fmt::Display for MissingPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource_type, self.action)?;
        if self.resource_id.is_empty() { Ok(()) } else { write!(f, " on {}", self.resource_id) }
    }
}

pub const PERMISSION_DENIED: &str = "namespace.cloud.iam.v1beta.PermissionDeniedError";

pub const REQUEST_ID: &str = "foundation.std.protocol.RequestID";

/// `None` if the bytes are not a message.
pub fn read_permission_denied(bytes: &[u8]) -> Option<Vec<MissingPermission>> {
    let mut missing = Vec::new();
    for (field, value) in fields(bytes)? {
        if field == 1 {
            let mut permission = MissingPermission::default();
            for (field, value) in fields(value)? {
                let text = String::from_utf8(value.to_vec()).ok()?;
                match field {
                    1 => permission.resource_type = text,
                    2 => permission.resource_id = text,
                    3 => permission.action = text,
                    _ => {}
                }
            }
            missing.push(permission);
        }
    }
    Some(missing)
}

pub fn write_permission_denied(missing: &[MissingPermission]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for permission in missing {
        let mut inner = Vec::new();
        for (field, text) in [(1, &permission.resource_type), (2, &permission.resource_id), (3, &permission.action)] {
            if !text.is_empty() {
                write_field(&mut inner, field, text.as_bytes());
            }
        }
        write_field(&mut bytes, 1, &inner);
    }
    bytes
}

pub fn read_request_id(bytes: &[u8]) -> Option<String> {
    let (_, id) = fields(bytes)?.into_iter().find(|(field, _)| *field == 1)?;
    String::from_utf8(id.to_vec()).ok()
}

pub fn write_request_id(id: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_field(&mut bytes, 1, id.as_bytes());
    bytes
}

mod wire_type {
    pub const VARINT: u64 = 0;
    pub const I64: u64 = 1;
    pub const LEN: u64 = 2;
    pub const I32: u64 = 5;
}

/// The length-delimited fields of a message; others are skipped.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes)?;
        match key & 7 {
            wire_type::VARINT => {
                read_varint(&mut bytes)?;
            }
            wire_type::I64 => bytes = bytes.get(8..)?,
            wire_type::I32 => bytes = bytes.get(4..)?,
            wire_type::LEN => {
                let length = usize::try_from(read_varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                fields.push((key >> 3, value));
                bytes = rest;
            }
            _ => return None,
        }
    }
    Some(fields)
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn write_field(bytes: &mut Vec<u8>, field: u64, value: &[u8]) {
    write_varint(bytes, field << 3 | wire_type::LEN);
    write_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use proptest::prelude::*;

    fn permission(resource_type: &str, resource_id: &str, action: &str) -> MissingPermission {
        MissingPermission {
            resource_type: resource_type.into(),
            resource_id: resource_id.into(),
            action: action.into(),
        }
    }

    #[test]
    fn published_examples() {
        let create = permission("token/revokable", "", "create");
        let destroy = permission("instance", "*", "destroy");
        for (text, expected) in [
            ("ChkKD3Rva2VuL3Jldm9rYWJsZRoGY3JlYXRl", vec![create.clone()]),
            ("ChkKD3Rva2VuL3Jldm9rYWJsZRoGY3JlYXRlChYKCGluc3RhbmNlEgEqGgdkZXN0cm95", vec![create, destroy]),
        ] {
            let bytes = STANDARD_NO_PAD.decode(text).unwrap_or_default();
            assert_eq!(read_permission_denied(&bytes).as_ref(), Some(&expected));
            assert_eq!(STANDARD_NO_PAD.encode(write_permission_denied(&expected)), text);
        }
        let id = STANDARD_NO_PAD.decode("CglyZXFfMDFhYmM").unwrap_or_default();
        assert_eq!(read_request_id(&id).as_deref(), Some("req_01abc"));
        assert_eq!(write_request_id("req_01abc"), id);
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let bytes = [0x10, 0x96, 0x01, 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x2a, 1, 9, 0x0a, 1, b'x'];
        assert_eq!(read_request_id(&bytes).as_deref(), Some("x"));
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read_permission_denied(&bytes);
            read_request_id(&bytes);
        }

        #[test]
        fn written_reads_back(kind in ".{0,200}", id in ".{0,9}", action in ".{0,9}") {
            let missing = vec![permission(&kind, &id, &action), permission("a", "", "b")];
            prop_assert_eq!(read_permission_denied(&write_permission_denied(&missing)), Some(missing));
        }
    }
}
