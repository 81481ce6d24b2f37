//! The clouds, as one table: what they are called, how their tokens begin, and
//! which variables lead to a credential or a server of theirs.

/// A cloud that credentials are for.
#[derive(Debug)]
pub struct Cloud {
    /// As people read it.
    pub name: &'static str,
    /// As command lines and JSON have it.
    pub id: &'static str,
    /// What it is for, in help.
    pub about: &'static str,
    /// How its secret tokens begin, where they begin alike.
    pub token_prefixes: &'static [&'static str],
    /// Whether its token files are JSON, and not the bare token.
    pub has_json_files: bool,
}

/// `tok_` is not among its prefixes: that is an id, and no secret.
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

    /// The cloud that a token's beginning says it is for.
    pub fn of_token(token: &str) -> Option<&'static Self> {
        CLOUDS.into_iter().find(|cloud| cloud.token_prefixes.iter().any(|prefix| token.starts_with(prefix)))
    }
}

/// The beginnings of every cloud's secret tokens.
pub fn token_prefixes() -> impl Iterator<Item = &'static str> {
    CLOUDS.into_iter().flat_map(|cloud| cloud.token_prefixes.iter().copied())
}

impl PartialEq for Cloud {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
