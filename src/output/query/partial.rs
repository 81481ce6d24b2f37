//! Reads the parts of an answer that a filter looks at into a tree.

use std::collections::BTreeMap;
use std::fmt;

use jaq_json::{Map, Val};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use crate::output::query::projection::Need;
use crate::output::query::tree::Source;

impl Need {
    /// Reads what is needed of an answer.
    ///
    /// # Errors
    /// It is not JSON, or not of the kind that is needed.
    pub fn read(&self, source: &Source) -> serde_json::Result<Val> {
        let mut deserializer = serde_json::Deserializer::from_str(source.json());
        let value = self.of_source(source).deserialize(&mut deserializer)?;
        deserializer.end().map(|()| value)
    }

    /// What reads that much of each value in an answer.
    pub fn of_source<'a>(&'a self, source: &'a Source) -> Reader<'a> {
        Reader { need: self, source }
    }
}

/// Reads what is needed of a value.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    need: &'a Need,
    source: &'a Source,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        match self.need {
            Need::All => self.source.tree(<&RawValue>::deserialize(deserializer)?.get()).map_err(D::Error::custom),
            Need::Fields(fields) if fields.is_empty() => IgnoredAny::deserialize(deserializer).map(|_| Val::Null),
            Need::Fields(_) | Need::Each(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.need, Need::Each(_)) { "an array" } else { "an object" })
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(Val::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Val, A::Error> {
        let Need::Fields(fields) = self.need else { return Err(A::Error::invalid_type(Unexpected::Map, &self)) };
        let mut object = Map::default();
        while let Some(field) = map.next_key_seed(Name(fields))? {
            match field {
                Some((name, need)) => {
                    let value = map.next_value_seed(Reader { need, ..self })?;
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
        let Need::Each(need) = self.need else { return Err(A::Error::invalid_type(Unexpected::Seq, &self)) };
        let mut elements = Vec::new();
        while let Some(element) = array.next_element_seed(Reader { need, ..self })? {
            elements.push(element);
        }
        Ok(elements.into_iter().collect())
    }
}

/// The name of a field, among those that are read.
struct Name<'a>(&'a BTreeMap<String, Need>);

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = Option<(&'a String, &'a Need)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Option<(&'a String, &'a Need)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get_key_value(name))
    }
}
