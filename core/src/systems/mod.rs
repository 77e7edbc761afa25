//! The registry: one `mod` line and one row for each system.

use crate::error::{BadInput, one_of};
use crate::sim::system::{Card, System};

pub mod consensus {
    //! Agreeing on one thing although machines fail.
    pub mod multi_paxos;
    pub mod paxos;
    pub mod raft;
}

pub mod replication {
    //! Copies: who must have one before a client is told "written", and what may be read from whom.
    pub mod cap;
    pub mod primary_backup;
    pub mod quorum;
}

pub mod order {
    //! Time, order, and what can be known of them.
    pub mod causal_broadcast;
    pub mod clocks;
    pub mod ping;
}

pub mod sharding {
    //! Spreading data over nodes that come and go.
    pub mod hash_ring;
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
    #[cfg(feature = "all")]
    order::clocks::Clocks,
    #[cfg(feature = "all")]
    order::causal_broadcast::Broadcast,
    #[cfg(feature = "all")]
    replication::primary_backup::PrimaryBackup,
    #[cfg(feature = "all")]
    replication::quorum::Quorum,
    #[cfg(feature = "all")]
    replication::cap::Cap,
    #[cfg(feature = "all")]
    sharding::hash_ring::HashRing,
    #[cfg(feature = "all")]
    consensus::paxos::Paxos,
    #[cfg(feature = "all")]
    consensus::multi_paxos::MultiPaxos,
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
