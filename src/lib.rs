//! nscred mints, lists, refreshes, rotates and revokes machine credentials on
//! two clouds.
//!
//! The ground floor knows neither cloud: [`context`], [`error`], [`exit`],
//! [`secret`], [`interrupt`], [`input`], [`output`] and [`http`]. Above it stands a wing for
//! each cloud, which do not know each other: [`namespace`] is the first. The
//! [`sandbox`] speaks the wings' messages from the server's side. [`cli`]
//! wires them, and [`names`] decides what the binary is called.

pub mod auth;
pub mod cli;
pub mod context;
pub mod error;
pub mod exit;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod http;
pub mod input;
pub mod interrupt;
pub mod names;
pub mod namespace;
pub mod nscale;
pub mod output;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secret;

#[cfg(test)]
mod testing {
    use proptest::test_runner::{Config, RngSeed};

    /// Property tests try the same cases in every run, and leave no files.
    pub fn properties() -> Config {
        Config { rng_seed: RngSeed::Fixed(20_261_122), failure_persistence: None, cases: 1_000, ..Config::default() }
    }
}
