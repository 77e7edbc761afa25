//! A look at single things of a run, without the cost of a whole frame.

use crate::exhibit::{Exhibit, Status};
use crate::frame::{Field, Role, Stats};
use crate::protocol::NodeId;

use super::simulation::Sim;

/// What can be looked at by itself, as often as after every step. A node's number must be below [`Peek::nodes`].
pub trait Peek {
    /// How many nodes there are.
    fn nodes(&self) -> u16;

    /// Whether a node runs.
    fn status_of(&self, node: NodeId) -> Status;

    /// What a node is; `None` while it is down.
    fn role_of(&self, node: NodeId) -> Option<Role>;

    /// What a node knows; while it is down, nothing.
    fn fields_of(&self, node: NodeId) -> Vec<Field>;

    /// Counts so far.
    fn stats(&self) -> Stats;
}

impl<P: Exhibit> Peek for Sim<P> {
    fn nodes(&self) -> u16 {
        self.members.len() as u16
    }

    fn status_of(&self, node: NodeId) -> Status {
        self.kernel.hosts[node.index()].status
    }

    fn role_of(&self, node: NodeId) -> Option<Role> {
        self.role(node)
    }

    fn fields_of(&self, node: NodeId) -> Vec<Field> {
        let state = self.members[node.index()].state.as_ref();
        state.map(P::view).unwrap_or_default()
    }

    fn stats(&self) -> Stats {
        self.kernel.stats
    }
}
