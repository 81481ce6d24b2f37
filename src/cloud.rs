//! The table of clouds: their names, the prefixes of their tokens, and the format of
//! their token files.

/// A cloud that credentials are for.
#[derive(Debug)]
pub struct Cloud {
    /// Its name for people.
    pub name: &'static str,
    /// Its name in command lines and JSON.
    pub id: &'static str,
    /// Its description in help.
    pub about: &'static str,
    /// The prefixes of its secret tokens; empty if they have none.
    pub token_prefixes: &'static [&'static str],
    /// Whether its token files are JSON; otherwise they hold the bare token.
    pub has_json_files: bool,
}

/// `tok_` is not among its prefixes: it begins an id, which is no secret.
pub static NAMESPACE: Cloud = Cloud {
    name: "Namespace",
    id: "namespace",
    about: "Namespace, of the token commands",
    token_prefixes: &["nsrt_", "nsct_", "nscw_", "st_", "oidc_", "cognito_"],
    has_json_files: true,
};

pub static NSCALE: Cloud = Cloud {
    name: "Nscale",
    id: "nscale",
    about: "Nscale, of the serviceaccounts commands",
    token_prefixes: &[],
    has_json_files: false,
};

pub static CLOUDS: [&Cloud; 2] = [&NAMESPACE, &NSCALE];

impl Cloud {
    pub fn by_id(id: &str) -> Option<&'static Self> {
        CLOUDS.into_iter().find(|cloud| cloud.id == id)
    }

    /// The cloud whose prefix the token has.
    pub fn of_token(token: &str) -> Option<&'static Self> {
        CLOUDS.into_iter().find(|cloud| cloud.token_prefixes.iter().any(|prefix| token.starts_with(prefix)))
    }
}

/// The prefixes of all clouds.
pub fn token_prefixes() -> impl Iterator<Item = &'static str> {
    CLOUDS.into_iter().flat_map(|cloud| cloud.token_prefixes.iter().copied())
}

impl PartialEq for Cloud {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
