//! Nscale's wing: `serviceaccounts list | get | create | update | rotate |
//! delete`.

pub mod message;
