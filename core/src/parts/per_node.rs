//! Something for each node: a list by the node's number, which is smaller and faster than a map.

use crate::protocol::NodeId;

/// At most one `T` for each node.
#[derive(Clone, Debug)]
pub struct PerNode<T>(Vec<Option<T>>);

impl<T> Default for PerNode<T> {
    fn default() -> PerNode<T> {
        PerNode(Vec::new())
    }
}

impl<T> PerNode<T> {
    /// What there is for this node.
    pub fn get(&self, node: NodeId) -> Option<&T> {
        self.0.get(node.index())?.as_ref()
    }

    /// Whether nothing was ever there for anybody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place for this node, full or empty.
    pub fn slot(&mut self, node: NodeId) -> &mut Option<T> {
        if self.0.len() <= node.index() {
            self.0.resize_with(node.index() + 1, || None);
        }
        &mut self.0[node.index()]
    }

    /// Puts something there and returns what was there before.
    pub fn insert(&mut self, node: NodeId, item: T) -> Option<T> {
        self.slot(node).replace(item)
    }

    /// Takes out what is there.
    pub fn remove(&mut self, node: NodeId) -> Option<T> {
        self.slot(node).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_its_own_place() {
        let mut list = PerNode::default();
        assert_eq!(list.insert(NodeId(3), "three"), None);
        assert_eq!(list.insert(NodeId(3), "trois"), Some("three"));
        assert_eq!(list.get(NodeId(3)), Some(&"trois"));
        assert_eq!((list.get(NodeId(0)), list.get(NodeId(9))), (None, None));
        assert_eq!(list.remove(NodeId(3)), Some("trois"));
        assert_eq!(list.remove(NodeId(3)), None);
    }
}
