//! Every judge by its name, strongest first.

use crate::check::story::Story;
use crate::check::{
    Judgement, causal, convergence, linearizable, sequential, session, transactions,
};

/// A judge of histories.
pub struct Judge {
    /// Its name on the command line.
    pub name: &'static str,
    /// What must hold, in one sentence.
    pub promise: &'static str,
    /// Judges a history.
    pub check: fn(&Story<'_>) -> Judgement,
}

/// Every judge.
pub const LEVELS: [Judge; 16] = [
    Judge {
        name: "linearizable",
        promise: "All operations have one order that respects real time.",
        check: linearizable::check,
    },
    Judge {
        name: "sequential",
        promise: "All operations have one order that respects the order of each client.",
        check: sequential::check,
    },
    Judge {
        name: "causal",
        promise: "For each client, all writes and its own reads have one order that respects causes.",
        check: causal::check_memory,
    },
    Judge {
        name: "causal-convergence",
        promise: "One order of all writes explains what everybody read of what came causally before.",
        check: causal::check_convergent,
    },
    Judge {
        name: "weak-causal",
        promise: "Nobody reads what is older than what came causally before.",
        check: causal::check_weak,
    },
    Judge {
        name: "pram",
        promise: "For each client, all writes and its own reads have one order that respects the order of each client.",
        check: causal::check_pram,
    },
    Judge {
        name: "read-your-writes",
        promise: "A read reflects every earlier write of the same client.",
        check: session::check_read_your_writes,
    },
    Judge {
        name: "monotonic-reads",
        promise: "What a client reads never goes back.",
        check: session::check_monotonic_reads,
    },
    Judge {
        name: "monotonic-writes",
        promise: "Everybody sees the writes of a client in its order.",
        check: session::check_monotonic_writes,
    },
    Judge {
        name: "writes-follow-reads",
        promise: "Who sees a write also sees what its writer had read before.",
        check: session::check_writes_follow_reads,
    },
    Judge {
        name: "convergence",
        promise: "When nobody writes any more, everybody reads the same.",
        check: convergence::check,
    },
    Judge {
        name: "strict-serializable",
        promise: "All transactions have one order that respects real time.",
        check: transactions::check_strict_serializable,
    },
    Judge {
        name: "serializable",
        promise: "All transactions have one order.",
        check: transactions::check_serializable,
    },
    Judge {
        name: "snapshot-isolation",
        promise: "Each transaction reads from one moment, and of two that write the same, one fails.",
        check: transactions::check_snapshot_isolation,
    },
    Judge {
        name: "read-committed",
        promise: "Nobody reads what was undone, half done, or done by a circle of transactions.",
        check: transactions::check_read_committed,
    },
    Judge {
        name: "read-uncommitted",
        promise: "Writes of transactions have one order.",
        check: transactions::check_read_uncommitted,
    },
];
