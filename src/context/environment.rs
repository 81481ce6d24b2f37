//! The environment variables.

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub enum Environment {
    Process,
    /// Exactly these variables, for tests.
    Fixed(Vec<(&'static str, OsString)>),
}

impl Environment {
    /// A variable's value. An empty one counts as unset.
    pub fn var_os(&self, name: &str) -> Option<OsString> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Those of the variables that are set but empty, which may be a mistake.
    pub fn set_but_empty<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        names.iter().copied().filter(|name| self.get(name).is_some_and(|value| value.is_empty())).collect()
    }

    fn get(&self, name: &str) -> Option<OsString> {
        match self {
            Self::Process => std::env::var_os(name),
            Self::Fixed(vars) => vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
        }
    }

    /// A variable's value as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.var_os(name).map(PathBuf::from)
    }
}
