//! Reads the parts of an answer that a [`Projection`] names into a value.

use std::fmt;

use jaq_json::{Map, Val};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use crate::output::query::projection::Projection;
use crate::output::query::tree::Source;

impl Projection {
    /// # Errors
    /// The answer is not JSON, or a value is not the object or array that the
    /// projection expects.
    pub fn read(&self, source: &Source) -> serde_json::Result<Val> {
        let mut deserializer = serde_json::Deserializer::from_str(source.json());
        let value = self.of_source(source).deserialize(&mut deserializer)?;
        deserializer.end().map(|()| value)
    }

    pub fn of_source<'a>(&'a self, source: &'a Source) -> Reader<'a> {
        Reader { projection: self, source }
    }
}

#[derive(Clone, Copy)]
pub struct Reader<'a> {
    projection: &'a Projection,
    source: &'a Source,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        match self.projection {
            Projection::All => {
                self.source.tree(<&RawValue>::deserialize(deserializer)?.get()).map_err(D::Error::custom)
            }
            Projection::Fields(fields) if fields.is_empty() => IgnoredAny::deserialize(deserializer).map(|_| Val::Null),
            Projection::Fields(_) | Projection::Elements(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.projection, Projection::Elements(_)) { "an array" } else { "an object" })
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(Val::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Val, A::Error> {
        let Projection::Fields(fields) = self.projection else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        let mut object = Map::default();
        while let Some(field) = map.next_key_seed(Name(fields))? {
            match field {
                Some((name, projection)) => {
                    let value = map.next_value_seed(Reader { projection, ..self })?;
                    object.insert(Val::utf8_str(name.clone()), value);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Val::obj(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Val, A::Error> {
        let Projection::Elements(projection) = self.projection else {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        };
        let mut elements = Vec::new();
        while let Some(element) = array.next_element_seed(Reader { projection, ..self })? {
            elements.push(element);
        }
        Ok(elements.into_iter().collect())
    }
}

/// Looks up a field name among the fields that are read.
struct Name<'a>(&'a [(String, Projection)]);

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = Option<(&'a String, &'a Projection)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Option<(&'a String, &'a Projection)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let found = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name));
        Ok(found.ok().map(|at| (&self.0[at].0, &self.0[at].1)))
    }
}
