//! The registry: one `mod` line and one row for each system.

use crate::error::{BadInput, one_of};
use crate::sim::system::System;

pub mod consensus {
    //! Agreeing on one thing although machines fail.
    pub mod multi_paxos;
    pub mod paxos;
    pub mod raft;
}

pub mod replication {
    //! Copies: who must have one before a client is told "written", and what may be read from whom.
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

/// Every system, in the order in which a newcomer should meet them.
pub static ALL: &[System] = &[
    System::of::<order::ping::Ping>(),
    System::of::<order::clocks::Clocks>(),
    System::of::<order::causal_broadcast::Broadcast>(),
    System::of::<replication::primary_backup::PrimaryBackup>(),
    System::of::<replication::quorum::Quorum>(),
    System::of::<sharding::hash_ring::HashRing>(),
    System::of::<consensus::paxos::Paxos>(),
    System::of::<consensus::multi_paxos::MultiPaxos>(),
    System::of::<consensus::raft::Raft>(),
];

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
