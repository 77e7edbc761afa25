//! What could have led to an event and what it could have led to: its past and its future, and all that is beside it.
//!
//! An event happened before another when it is earlier at the same host, or when a message goes from it, or from
//! something after it, to the other or to something before that (L. Lamport, "Time, Clocks, and the Ordering of Events
//! in a Distributed System", CACM 1978). Two events of which neither happened before the other are concurrent: neither
//! could know of the other, whatever the clock on the wall said.
//!
//! For each host one number is enough: its last event in the past, its first in the future. So one pass over the trace
//! finds both, with no clock for every event.

use std::collections::BTreeMap;

use super::{HostId, Kind, PIECE, Record, Records};

/// How one event stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the other.
    Same,
    /// It happened before the other, and may have led to it.
    Before,
    /// It happened after the other, and may have come of it.
    After,
    /// Neither could know of the other.
    Concurrent,
}

/// The past and the future of an event.
#[derive(Clone, Debug)]
pub struct Cone {
    event: u32,
    latest: BTreeMap<HostId, u32>,
    earliest: BTreeMap<HostId, u32>,
    /// So far the trace was read.
    read: u32,
    before: u32,
    after: u32,
    concurrent: u32,
}

/// The event from which a host learns something with this one, if it does.
fn brought(record: &Record) -> Option<u32> {
    matches!(record.kind, Kind::Deliver | Kind::Lose | Kind::Invoke).then_some(record.cause)
}

impl Cone {
    /// The past and the future of an event, as far as they are kept; `None` when it is not, or is no host's.
    pub fn of(records: &Records, event: u32) -> Option<Cone> {
        let host = records.get(event)?.host;
        if host == HostId::WORLD {
            return None;
        }
        let mut cone = Cone {
            event,
            latest: BTreeMap::from([(host, event)]),
            earliest: BTreeMap::from([(host, event)]),
            read: event + 1,
            before: 0,
            after: 0,
            concurrent: 0,
        };
        let brings = records.get(event).as_ref().and_then(brought);
        cone.learn(records, brings);
        cone.look_back(records);
        cone.follow(records);
        Some(cone)
    }

    /// The event.
    pub fn event(&self) -> u32 {
        self.event
    }

    /// How many events happened before it, after it and beside it, as far as the trace was followed.
    pub fn counts(&self) -> (u32, u32, u32) {
        (self.before, self.after, self.concurrent)
    }

    /// How an event of `host` stands to this one; `None` for one of the world, which happens at no host.
    pub fn relation(&self, event: u32, host: HostId) -> Option<Relation> {
        if host == HostId::WORLD {
            return None;
        }
        Some(if event == self.event {
            Relation::Same
        } else if self.latest.get(&host).is_some_and(|it| event <= *it) {
            Relation::Before
        } else if self.earliest.get(&host).is_some_and(|it| event >= *it) {
            Relation::After
        } else {
            Relation::Concurrent
        })
    }

    /// The last event of a host that happened before it, or it.
    pub fn latest(&self, host: HostId) -> Option<u32> {
        self.latest.get(&host).copied()
    }

    /// The first event of a host that happened after it, or it.
    pub fn earliest(&self, host: HostId) -> Option<u32> {
        self.earliest.get(&host).copied()
    }

    /// Reads what has been added to the trace since the last time.
    pub fn follow(&mut self, records: &Records) {
        let from = self.read;
        self.read = records.len().max(from);
        records.each(from, u32::MAX, |id, record| {
            self.see_later(records, id, record);
            true
        });
    }

    fn see_later(&mut self, records: &Records, id: u32, record: &Record) {
        if record.host == HostId::WORLD {
            return;
        }
        if !self.earliest.contains_key(&record.host) {
            let cause = brought(record).and_then(|it| Some((it, records.get(it)?.host)));
            let comes_of_it =
                cause.is_some_and(|(it, host)| self.relation(it, host) == Some(Relation::After));
            let from_itself = cause.is_some_and(|it| it.0 == self.event);
            if !comes_of_it && !from_itself {
                self.concurrent += 1;
                return;
            }
            self.earliest.insert(record.host, id);
        }
        self.after += 1;
    }

    fn look_back(&mut self, records: &Records) {
        let mut to = self.event;
        while to > records.first() {
            let from = to.saturating_sub(PIECE).max(records.first());
            let piece = records.with(from, to, <[Record]>::to_vec);
            for (id, record) in (from..to).zip(&piece).rev() {
                if record.host == HostId::WORLD {
                    continue;
                }
                if self.latest.get(&record.host).is_none_or(|it| *it < id) {
                    self.concurrent += 1;
                    continue;
                }
                self.before += 1;
                self.learn(records, brought(record));
            }
            to = from;
        }
    }

    /// What led to something in the past is in the past.
    fn learn(&mut self, records: &Records, cause: Option<u32>) {
        let known = cause.and_then(|it| Some((it, records.get(it)?.host)));
        let Some((cause, host)) = known.filter(|it| it.1 != HostId::WORLD) else {
            return;
        };
        let latest = self.latest.entry(host).or_insert(cause);
        *latest = cause.max(*latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::player::Player;
    use crate::sim::spec::RunSpec;
    use crate::sim::time::Time;
    use crate::trace::VectorClocks;

    fn player(link: &str) -> Player {
        Player::open(RunSpec::from_link(link).unwrap()).unwrap()
    }

    #[test]
    fn cones_say_what_vector_clocks_say() {
        let player = player("#/raft/leader-crash?seed=5&do=300ms+request+n1+put+x+1&t=1500ms");
        let records = player.records();
        let mut clocks = VectorClocks::default();
        let mut known = Vec::new();
        records.each(0, u32::MAX, |id, record| {
            known.push((id, record.host, clocks.next(id, record)));
            true
        });
        let of_hosts = || known.iter().filter(|it| it.2.is_some());
        let mut seen = [0; 3];
        for (event, host, clock) in of_hosts().step_by(37) {
            let cone = Cone::of(records, *event).unwrap();
            for (other, other_host, other_clock) in of_hosts() {
                let (clock, other_clock) = (clock.as_ref().unwrap(), other_clock.as_ref().unwrap());
                let knows =
                    |mine: &crate::trace::VectorClock, host, of: &crate::trace::VectorClock| {
                        mine.get(&host).is_some_and(|it| *it >= of[&host])
                    };
                let expected = if event == other {
                    Relation::Same
                } else if knows(clock, *other_host, other_clock) {
                    seen[0] += 1;
                    Relation::Before
                } else if knows(other_clock, *host, clock) {
                    seen[1] += 1;
                    Relation::After
                } else {
                    seen[2] += 1;
                    Relation::Concurrent
                };
                let found = cone.relation(*other, *other_host);
                assert_eq!(found, Some(expected), "{other} to {event}");
            }
            let (before, after, concurrent) = cone.counts();
            assert_eq!(
                (before + after + concurrent + 1) as usize,
                of_hosts().count()
            );
        }
        assert!(seen.iter().all(|it| *it > 500), "{seen:?}");
    }

    #[test]
    fn a_cone_grows_with_the_trace() {
        let mut player = player("#/raft/calm?seed=2&t=500ms");
        let event = player.records().len() / 2;
        let mut cone = Cone::of(player.records(), event).unwrap();
        player.seek(Time(900_000_000));
        cone.follow(player.records());
        let whole = Cone::of(player.records(), event).unwrap();
        assert_eq!(cone.counts(), whole.counts());
        assert_eq!(cone.earliest, whole.earliest);
        assert!(cone.earliest.len() > 3);
    }
}
