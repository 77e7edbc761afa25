//! What buttons and keys do to the cluster: on which node, and with which command.

use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::{Frame, NodeView};
use clusterscope_core::protocol::NodeId;

use super::handle::{LabHandle, Selection, View};

/// The node that faults are aimed at, and how a command names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Aim {
    /// Which one it is now.
    pub node: NodeId,
    /// `n3`, when it was picked out; `leader`, when it is aimed at for its role.
    pub name: String,
    /// Whether it runs.
    pub status: Status,
}

impl Aim {
    fn at(node: &NodeView, name: String) -> Aim {
        Aim {
            node: node.id,
            name,
            status: node.status,
        }
    }
}

/// The node that the reader picked out, or the one that leads, or the first that runs.
pub fn aim(view: &View) -> Option<Aim> {
    let nodes = &view.frame.nodes;
    if let Some(Selection::Node(id)) = view.selection {
        let node = nodes.get(id.index())?;
        return Some(Aim::at(node, id.to_string()));
    }
    if let Some(leader) = leader(&view.frame) {
        let name = leader.role.map_or("", |it| it.name);
        return Some(Aim::at(leader, name.to_owned()));
    }
    let up = nodes
        .iter()
        .find(|it| it.status == Status::Up)
        .or(nodes.first())?;
    Some(Aim::at(up, up.id.to_string()))
}

/// The node that leads; of several, the one of the highest epoch, then of the lowest number.
pub fn leader(frame: &Frame) -> Option<&NodeView> {
    let crowned = frame
        .nodes
        .iter()
        .filter(|it| it.role.is_some_and(|it| it.crown));
    crowned.max_by_key(|it| (it.role.and_then(|it| it.epoch), std::cmp::Reverse(it.id)))
}

/// Crashes the node aimed at.
pub fn crash(lab: &LabHandle) {
    if let Some(aim) = aim(&lab.view()) {
        lab.deed(&format!("crash {}", aim.name));
    }
}

/// Cuts the node aimed at off from all others.
pub fn isolate(lab: &LabHandle) {
    if let Some(aim) = aim(&lab.view()) {
        lab.deed(&format!("partition {}", aim.name));
    }
}

/// Restarts the node that was picked out if it is down, else the first that is.
pub fn restart(lab: &LabHandle) {
    if let Some(node) = fallen(&lab.view()) {
        lab.deed(&format!("restart {node}"));
    }
}

/// The node that a restart would start.
pub fn fallen(view: &View) -> Option<NodeId> {
    let down = |it: &&NodeView| it.status == Status::Down;
    let chosen = match view.selection {
        Some(Selection::Node(id)) => view.frame.nodes.get(id.index()).filter(down),
        _ => None,
    };
    chosen
        .or_else(|| view.frame.nodes.iter().find(down))
        .map(|it| it.id)
}

/// Pauses the node aimed at, or lets it go on.
pub fn pause_or_resume(lab: &LabHandle) {
    let Some((verb, name)) = pause_command(&lab.view()) else {
        return;
    };
    lab.deed(&format!("{verb} {name}"));
}

/// Whether the pause button pauses or resumes, and whom.
pub fn pause_command(view: &View) -> Option<(&'static str, String)> {
    let paused = |it: &&NodeView| it.status == Status::Paused;
    if !matches!(view.selection, Some(Selection::Node(_))) {
        if let Some(node) = view.frame.nodes.iter().find(paused) {
            return Some(("resume", node.id.to_string()));
        }
    }
    let aim = aim(view)?;
    let verb = if aim.status == Status::Paused {
        "resume"
    } else {
        "pause"
    };
    Some((verb, aim.name))
}

/// Ends every partition.
pub fn heal(lab: &LabHandle) {
    lab.command_text("heal");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::RunSpec;

    fn lab(link: &str) -> LabHandle {
        LabHandle::open(RunSpec::from_link(link).unwrap()).unwrap()
    }

    #[test]
    fn faults_go_to_the_leader_unless_a_node_is_picked_out() {
        let lab = lab("#/raft/calm?t=1s");
        assert_eq!(aim(&lab.view()).unwrap().name, "leader");
        lab.select(Some(Selection::Node(NodeId(3))));
        assert_eq!(aim(&lab.view()).unwrap().name, "n4");
        crash(&lab);
        assert_eq!(lab.view().frame.nodes[3].status, Status::Down);
        lab.select(None);
        restart(&lab);
        assert_eq!(lab.view().frame.nodes[3].status, Status::Up);
        pause_or_resume(&lab);
        assert_eq!(pause_command(&lab.view()).unwrap().0, "resume");
    }

    #[test]
    fn without_a_leader_the_first_node_is_meant() {
        assert_eq!(aim(&lab("#/ping/calm").view()).unwrap().name, "n1");
    }
}
