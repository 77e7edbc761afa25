//! What a primary and its backups promise, watched at every step.

use crate::check::{Invariant, Promise, linearizable, session};
use crate::exhibit::World;
use crate::parts::log::Log;
use crate::parts::per_node::PerNode;
use crate::protocol::NodeId;

use super::show::short;
use super::{Entry, Epoch, Index, Mode, PrimaryBackup, Reign, State, Timer};

/// Every check.
pub(super) fn all() -> Vec<Promise<PrimaryBackup>> {
    let mut all = vec![
        Promise::always(OnePrimary::default()),
        Promise::always(AcknowledgedKept::default()),
        Promise::always(SameOrder::default()),
        Promise::history(
            "linearizable",
            "Clients see one copy of each key, changed in one order that respects real time.",
            linearizable::judge,
        ),
        Promise::history(
            "read-your-writes",
            "A read reflects every earlier write of the same client.",
            session::read_your_writes,
        ),
        Promise::history(
            "monotonic-reads",
            "What a client reads never goes back.",
            session::monotonic_reads,
        ),
    ];
    all.extend(situations());
    all.push(Promise::Eventually {
        name: "progress",
        promise: "Once all is healed, if the monitor runs and a server with all that was acknowledged, there is a \
                  primary that may answer.",
        holds: progress,
    });
    all
}

/// A situation at the node that has just acted.
macro_rules! sometimes {
    ($name:literal, $promise:literal, $reached:expr) => {
        Promise::Sometimes {
            name: $name,
            promise: $promise,
            reached: |world| {
                let reached: fn(&PrimaryBackup) -> bool = $reached;
                world.actor().is_some_and(|(_, it)| reached(it))
            },
        }
    };
}

fn situations() -> Vec<Promise<PrimaryBackup>> {
    vec![
        sometimes!("acknowledged", "A client is answered.", |it| {
            it.reign().is_some_and(|it| it.answers > 0)
        }),
        sometimes!(
            "primary-replaced",
            "A server takes over with what another primary wrote.",
            |it| it.reign().is_some_and(|it| it.start > 1)
        ),
        sometimes!(
            "member-lost",
            "A member is silent, and writes go on without it.",
            |it| it.reign().is_some() && it.view.members.len() < usize::from(it.servers)
        ),
        sometimes!(
            "truncated",
            "A server comes back and deletes what was never replicated.",
            |it| it.deleted > 0
        ),
        sometimes!(
            "fenced-off",
            "A message of an epoch that is over is refused.",
            |it| it.refused > 0
        ),
        sometimes!("backup-read", "A backup answers a read.", |it| it
            .backup_reads
            > 0),
        sometimes!(
            "no-lease",
            "A primary takes itself for one, but may not answer.",
            |it| it
                .reign()
                .is_some_and(|it| it.beat > 4 && it.granted.is_none())
        ),
    ]
}

impl PrimaryBackup {
    pub(super) fn reign(&self) -> Option<&Reign> {
        match &self.state {
            State::Primary(reign) => Some(reign),
            _ => None,
        }
    }
}

fn progress(world: &World<'_, PrimaryBackup>) -> Result<(), String> {
    let core = world.core();
    let Some(monitor) = core.last().filter(|it| it.0 + 1 == world.environment.nodes) else {
        return Ok(());
    };
    let Some(view) = world.node(*monitor).map(|it| it.view) else {
        return Ok(());
    };
    let servers = || core.iter().filter(|it| *it != monitor);
    let reigns = |it: &NodeId| world.node(*it).is_some_and(|it| it.reign().is_some());
    let possible = match world.config.mode {
        _ if view.primary.is_none() => true,
        Mode::Sync => servers().any(|it| view.members.contains(*it)),
        // One server may be missing, or else the primary must be there, and somebody with it.
        Mode::SemiSync => {
            let running = servers().count();
            running >= 2 && running + 2 >= usize::from(world.environment.nodes)
        }
        Mode::Async => servers().any(|it| view.primary == Some(*it)),
    };
    let may_answer = |it: &NodeId| {
        let node = world.node(*it);
        let now = world.clock(*it);
        node.is_some_and(|it| it.may_answer(now) && it.is_ready())
    };
    if !possible || servers().any(may_answer) {
        return Ok(());
    }
    match servers().find(|it| reigns(it)) {
        Some(it) => Err(format!(
            "{it} is primary, but has not committed its first entry"
        )),
        None => Err("no server is primary".to_owned()),
    }
}

/// The server that became primary last, and how often each has answered.
#[derive(Clone, Default)]
struct OnePrimary {
    newest: Option<(Epoch, NodeId)>,
    answers: PerNode<(Epoch, u32)>,
}

impl Invariant<PrimaryBackup> for OnePrimary {
    fn name(&self) -> &'static str {
        "one-primary"
    }

    fn promise(&self) -> &'static str {
        "Nobody answers as primary once another has become primary."
    }

    fn observe(&mut self, world: &World<'_, PrimaryBackup>) -> Result<(), String> {
        match world
            .actor()
            .and_then(|(id, it)| Some((id, it, it.reign()?)))
        {
            Some((id, server, reign)) => self.look(world, id, server, reign),
            None => Ok(()),
        }
    }

    fn clone_box(&self) -> Box<dyn Invariant<PrimaryBackup>> {
        Box::new(self.clone())
    }
}

impl OnePrimary {
    fn look(
        &mut self,
        world: &World<'_, PrimaryBackup>,
        id: NodeId,
        server: &PrimaryBackup,
        reign: &Reign,
    ) -> Result<(), String> {
        // A reign is known by the entry that began it: its epoch grows when the members change.
        let epoch = server.epoch_at(reign.start);
        if self.newest.is_none_or(|it| it.0 < epoch) {
            self.newest = Some((epoch, id));
        }
        let before = self.answers.insert(id, (epoch, reign.answers));
        let answered = before.map_or(0, |it| if it.0 == epoch { it.1 } else { 0 });
        match self.newest {
            Some((newer, other))
                if other != id && reign.answers > answered && !is_behind(world, id, reign) =>
            {
                Err(format!(
                    "{id} answered as primary of epoch {epoch}, although {other} had become primary in epoch {newer}"
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a node still works off what had reached it while its lease counted: the timer that ends it has come due and
/// waits behind that, since the node stood still. Its clock cannot tell, when it was set back meanwhile. Such an answer
/// is as good as one that was given in time and came late.
fn is_behind(world: &World<'_, PrimaryBackup>, id: NodeId, reign: &Reign) -> bool {
    let Some((number, _)) = reign.granted else {
        return false;
    };
    let ends = Timer::Lease((number % super::BEATS as u64) as u8);
    let timers = &world.nodes[id.index()].timers;
    timers
        .iter()
        .any(|it| it.timer == ends && it.armed && it.deadline <= world.now)
}

/// What clients were told to be written is what every later primary begins with.
#[derive(Clone, Default)]
struct AcknowledgedKept {
    /// Everything up to the last entry that a primary had executed when it answered, and who answered.
    acknowledged: Log<Entry>,
    by: Option<NodeId>,
    /// The epoch in which that server's reign began. Who begins an earlier one late, after a pause, can do nothing.
    reign: Epoch,
    /// The last reign of each server that was looked at, and its answers.
    seen: PerNode<(Epoch, u32)>,
    /// Answers that wait at a server for its disk: nobody has been told yet, and nobody will be if it crashes.
    held: PerNode<Log<Entry>>,
}

impl Invariant<PrimaryBackup> for AcknowledgedKept {
    fn name(&self) -> &'static str {
        "acknowledged-kept"
    }

    fn promise(&self) -> &'static str {
        "No write that a client was told to be done is lost."
    }

    fn observe(&mut self, world: &World<'_, PrimaryBackup>) -> Result<(), String> {
        let Some(id) = world.changed else {
            return Ok(());
        };
        match world.node(id).and_then(|it| Some((it, it.reign()?))) {
            Some((server, reign)) => self.look(id, server, reign, &world.durable(id).log),
            None => {
                self.held.remove(id);
                Ok(())
            }
        }
    }

    fn clone_box(&self) -> Box<dyn Invariant<PrimaryBackup>> {
        Box::new(self.clone())
    }
}

impl AcknowledgedKept {
    fn look(
        &mut self,
        id: NodeId,
        server: &PrimaryBackup,
        reign: &Reign,
        disk: &Log<Entry>,
    ) -> Result<(), String> {
        let epoch = server.epoch_at(reign.start);
        let before = self.seen.insert(id, (epoch, reign.answers));
        if before.is_none_or(|it| it.0 != epoch) && epoch > self.reign {
            self.lost(id, "became primary", &server.log)?;
        }
        let answered = before.map_or(0, |it| if it.0 == epoch { it.1 } else { 0 });
        if reign.answers != answered {
            let mut done = server.log.clone();
            done.truncate(server.last_applied as u32);
            self.held.insert(id, done);
        }
        let Some(held) = self.held.get(id) else {
            return Ok(());
        };
        let mut done = held.clone();
        done.truncate(held.common_prefix(disk));
        if done.len() == held.len() {
            self.held.remove(id);
        }
        // A shorter one that agrees is an answer that was given again.
        if done.common_prefix(&self.acknowledged) == done.len() {
            return Ok(());
        }
        self.lost(id, "answers", &done)?;
        self.acknowledged = done;
        self.by = Some(id);
        self.reign = epoch;
        Ok(())
    }

    fn lost(&self, id: NodeId, what: &str, log: &Log<Entry>) -> Result<(), String> {
        let kept = log.common_prefix(&self.acknowledged);
        let (Some(entry), Some(by)) = (self.acknowledged.get(kept), self.by) else {
            return Ok(());
        };
        Err(format!(
            "{id} {what} without index {}, {}, which {by} had acknowledged",
            kept + 1,
            short(&entry)
        ))
    }
}

/// Every server executes the same entries in the same order.
#[derive(Clone, Default)]
struct SameOrder {
    executed: Log<Entry>,
    by: PerNode<Index>,
}

impl Invariant<PrimaryBackup> for SameOrder {
    fn name(&self) -> &'static str {
        "same-order"
    }

    fn promise(&self) -> &'static str {
        "No two servers execute different entries at one index."
    }

    fn observe(&mut self, world: &World<'_, PrimaryBackup>) -> Result<(), String> {
        match world.actor() {
            Some((id, server)) => self.look(id, server, &world.durable(id).log),
            None => Ok(()),
        }
    }

    fn clone_box(&self) -> Box<dyn Invariant<PrimaryBackup>> {
        Box::new(self.clone())
    }
}

impl SameOrder {
    fn look(
        &mut self,
        id: NodeId,
        server: &PrimaryBackup,
        disk: &Log<Entry>,
    ) -> Result<(), String> {
        let by = self.by.slot(id).get_or_insert_default();
        if *by == server.last_applied {
            return Ok(());
        }
        // What the disk does not have yet nobody hears of, and a crash takes it back.
        let on_disk = Index::from(server.log.common_prefix(disk));
        let executed = server.last_applied.min(on_disk);
        // A server that was restarted executes everything again.
        let from = std::mem::replace(by, executed).min(executed);
        for place in from as u32..executed as u32 {
            if self.executed.is_empty() {
                self.executed = server.log.clone();
                self.executed.truncate(0);
            }
            let entry = server.log.at(place);
            match self.executed.agrees_at(place, &server.log) {
                Some(true) => {}
                None => self.executed.push(entry),
                Some(false) => {
                    return Err(format!(
                        "{id} executed {} at index {}, where {} was executed before",
                        short(&entry),
                        place + 1,
                        short(&self.executed.at(place))
                    ));
                }
            }
        }
        Ok(())
    }
}
