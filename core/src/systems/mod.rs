//! The registry: one `mod` line and one row for each system.

use crate::error::{BadInput, one_of};
use crate::sim::system::{Card, System};

pub mod consensus {
    //! Agreeing on one thing although machines fail.
    pub mod raft;
}

pub mod order {
    //! Time, order, and what can be known of them.
    pub mod ping;
}

/// Makes the two lists out of one.
macro_rules! registry {
    ($($(#[$when:meta])* $system:ty,)*) => {
        /// Every system that can run, in the order in which a newcomer should meet them.
        pub static ALL: &[System] = &[$($(#[$when])* System::of::<$system>()),*];

        /// Every system there is, in the same order.
        pub static CARDS: &[Card] = &[$(Card::of::<$system>()),*];
    };
}

// The one without a condition runs on the front page.
registry! {
    #[cfg(feature = "all")]
    order::ping::Ping,
    consensus::raft::Raft,
}

/// The system of this name.
pub fn find(id: &str) -> Result<&'static System, BadInput> {
    ALL.iter().find(|it| it.about.id == id).ok_or_else(|| {
        BadInput::new(
            id,
            format!(
                "is not a system: there is {}",
                one_of(ALL.iter().map(|it| it.about.id))
            ),
        )
    })
}
