//! Causal consistency and its kin: does everybody see effects after their causes?
//!
//! An operation comes causally before another when the same client did it earlier, or the other read what it wrote, or
//! by a chain of both. For histories in which each read tells which write it saw, each of these promises is broken
//! exactly when one of a few bad patterns is there (Bouajjani, Enea, Guerraoui and Hamza, "On verifying causal
//! consistency", 2017):
//!
//! - [`weak`] (CC): each client's reads can be explained by what came causally before them;
//! - [`memory`] (CM, Ahamad and others 1995): for each client there is one order of all writes and its own reads;
//! - [`convergent`] (CCv): there is one order of all writes that explains the reads of all;
//! - [`pram`] (Lipton and Sandberg 1988): as causal memory, but only each writer's own order counts as a cause.

use crate::check::cycle::{Edge, Graph, Kind};
use crate::check::story::{Lookup, Story};
use crate::check::views::{INITIAL, Views};
use crate::check::{Judgement, linearizable};
use crate::trace::HistoryEvent;

/// The next operation of the same client.
const ORDER: Kind = 1;
/// A read of what was written.
const READ: Kind = 2;
/// A write that must be older than another, because somebody who knew both read the other.
const OLDER: Kind = 4;

/// Vector clocks of so many numbers in all are kept: 128 MB.
const CLOCKS_MAX: usize = 32 << 20;

/// So many operations are visited before the verdict is left open.
const VISITS_MAX: u64 = 10_000_000;

/// Links of a chain that are told.
const TOLD_MAX: usize = 8;

/// Weak causal consistency.
pub fn weak(history: &[HistoryEvent]) -> Judgement {
    check_weak(&Story::new(history))
}

/// Causal memory.
pub fn memory(history: &[HistoryEvent]) -> Judgement {
    check_memory(&Story::new(history))
}

/// Causal convergence.
pub fn convergent(history: &[HistoryEvent]) -> Judgement {
    check_convergent(&Story::new(history))
}

/// Pipelined memory.
pub fn pram(history: &[HistoryEvent]) -> Judgement {
    check_pram(&Story::new(history))
}

/// [`weak`], for a history that has been read already.
pub fn check_weak(story: &Story<'_>) -> Judgement {
    unless_linearizable(story, || Causes::new(story).map(|_| Judgement::Kept))
}

/// [`memory`], for a history that has been read already.
pub fn check_memory(story: &Story<'_>) -> Judgement {
    unless_linearizable(story, || {
        Causes::new(story).map(|it| each_client(&it.views, true))
    })
}

/// [`convergent`], for a history that has been read already.
pub fn check_convergent(story: &Story<'_>) -> Judgement {
    unless_linearizable(story, || Causes::new(story).map(Causes::one_order))
}

/// [`pram`], for a history that has been read already.
pub fn check_pram(story: &Story<'_>) -> Judgement {
    unless_linearizable(story, || {
        Views::new(story, "pipelined memory").map(|it| each_client(&it, false))
    })
}

/// What is linearizable keeps all these promises, and that is quick to find out.
fn unless_linearizable(
    story: &Story<'_>,
    judge: impl FnOnce() -> Result<Judgement, Judgement>,
) -> Judgement {
    if linearizable::check(story) == Judgement::Kept {
        return Judgement::Kept;
    }
    judge().unwrap_or_else(|it| it)
}

/// What came causally before what.
struct Causes<'s, 'a> {
    views: Views<'s, 'a>,
    graph: Graph,
    /// Of each node, how many operations of each session came before it, itself among them.
    clocks: Vec<u32>,
}

impl<'s, 'a> Causes<'s, 'a> {
    /// `Err` when that goes round in a circle, or a read is older than what its client must have known.
    fn new(story: &'s Story<'a>) -> Result<Causes<'s, 'a>, Judgement> {
        let views = Views::new(story, "causal consistency")?;
        let count = views.nodes.len();
        let sessions = views.sessions.len();
        if count.saturating_mul(sessions) > CLOCKS_MAX {
            return Err(Judgement::Open(format!(
                "{count} operations of {sessions} sessions are too many for causal consistency"
            )));
        }
        let mut graph = Graph::new(count);
        for pair in views.sessions.iter().flat_map(|it| it.windows(2)) {
            graph.add(pair[0], pair[1], ORDER);
        }
        for (number, it) in (0..).zip(&views.nodes) {
            if it.saw != INITIAL {
                graph.add(it.saw, number, READ);
            }
        }
        if let Some(circle) = graph.circle(ORDER | READ, READ) {
            return Err(tell_circle(&views, &circle, &Lookup::default(), &[]));
        }
        let mut causes = Causes {
            views,
            graph,
            clocks: Vec::new(),
        };
        causes.wind();
        match causes.stale() {
            Some(broken) => Err(broken),
            None => Ok(causes),
        }
    }

    /// Works out the vector clocks; nothing goes round in a circle here.
    fn wind(&mut self) {
        let Views {
            nodes, sessions, ..
        } = &self.views;
        let width = sessions.len();
        self.clocks = vec![0; nodes.len() * width];
        let mut waits: Vec<u32> = vec![0; nodes.len()];
        for (_, to, _) in self.graph.edges() {
            waits[to as usize] += 1;
        }
        let mut ready: Vec<u32> = (0..nodes.len() as u32)
            .filter(|it| waits[*it as usize] == 0)
            .collect();
        let next = self.graph.followers();
        while let Some(at) = ready.pop() {
            let node = &nodes[at as usize];
            let start = at as usize * width;
            self.clocks[start + node.session as usize] = node.place + 1;
            for to in &next[at as usize] {
                let other = *to as usize * width;
                for session in 0..width {
                    let known = self.clocks[start + session];
                    let there = &mut self.clocks[other + session];
                    *there = known.max(*there);
                }
                waits[*to as usize] -= 1;
                if waits[*to as usize] == 0 {
                    ready.push(*to);
                }
            }
        }
    }

    /// Whether one node came causally before another.
    fn before(&self, one: u32, other: u32) -> bool {
        let node = self.views.node(one);
        let width = self.views.sessions.len();
        one != other && self.clocks[other as usize * width + node.session as usize] > node.place
    }

    /// Of each session the last write to the key of this read that came causally before it.
    fn known(&self, read: u32) -> impl Iterator<Item = u32> {
        let key = self.views.node(read).key as usize;
        let width = self.views.sessions.len();
        self.views.writes[key]
            .iter()
            .filter_map(move |(session, writes)| {
                let seen = self.clocks[read as usize * width + *session as usize];
                let place = writes.partition_point(|it| self.views.node(*it).place < seen);
                place.checked_sub(1).map(|it| writes[it])
            })
    }

    /// A read that is older than what its client must have known.
    fn stale(&self) -> Option<Judgement> {
        for (read, node) in (0..).zip(&self.views.nodes) {
            if node.is_write {
                continue;
            }
            let newer = self
                .known(read)
                .find(|it| node.saw == INITIAL || self.before(node.saw, *it));
            let Some(newer) = newer else { continue };
            let way = self.graph.way(newer, read, ORDER | READ, |_| true);
            let way = way.unwrap_or_default();
            let mut proof = vec![read, newer];
            proof.extend(way.iter().map(|it| it.1));
            let older = if node.saw == INITIAL {
                String::new()
            } else {
                let way = self.graph.way(node.saw, newer, ORDER | READ, |_| true);
                proof.extend(way.into_iter().flatten().map(|it| it.0));
                format!(", newer than {}", self.views.say(node.saw))
            };
            let reason = format!(
                "{} is out of date: {} came causally before it{older} ({})",
                self.views.say(read),
                self.views.say(newer),
                tell_way(&self.views, &way, &Lookup::default())
            );
            return Some(self.views.broken(reason, &proof));
        }
        None
    }

    /// Whether one order of all writes can explain all reads.
    fn one_order(mut self) -> Judgement {
        let mut readers = Lookup::default();
        for read in 0..self.views.nodes.len() as u32 {
            let node = self.views.node(read);
            if node.is_write || node.saw == INITIAL {
                continue;
            }
            let older: Vec<u32> = self.known(read).filter(|it| *it != node.saw).collect();
            for write in older {
                readers.entry((write, node.saw)).or_insert(read);
                self.graph.add(write, node.saw, OLDER);
            }
        }
        match self.graph.circle(ORDER | READ | OLDER, OLDER) {
            None => Judgement::Kept,
            Some(circle) => {
                let mut reasons = Vec::new();
                for (from, to, _) in circle.iter().filter(|it| it.2 == OLDER) {
                    let reader = readers.get(&(*from, *to)).copied().unwrap_or(*to);
                    let way = self.graph.way(*from, reader, ORDER | READ, |_| true);
                    reasons.extend(way.into_iter().flatten().flat_map(|it| [it.0, it.1]));
                }
                tell_circle(&self.views, &circle, &readers, &reasons)
            }
        }
    }
}

/// Whether for each client there is one order of all writes and its own reads: either one that respects causes (reads
/// of others among them), or one that respects only the order of each client.
fn each_client(views: &Views<'_, '_>, causal: bool) -> Judgement {
    let mut visits = VISITS_MAX;
    for session in 0..views.sessions.len() as u32 {
        match OneView::new(views, session, causal, &mut visits).settle() {
            Judgement::Kept => {}
            other => return other,
        }
    }
    Judgement::Kept
}

/// What one client must have seen in which order.
struct OneView<'v, 's, 'a> {
    views: &'v Views<'s, 'a>,
    session: u32,
    causal: bool,
    /// For each write, older writes of the same key, because a read of this client saw this one when those were there.
    /// Each with its number, counted as they were found.
    older: Vec<Vec<(u32, u32)>>,
    found: u32,
    readers: Lookup<(u32, u32), u32>,
    /// Who was visited in which round, and from where.
    round: u32,
    visited: Vec<u32>,
    from: Vec<(u32, Kind)>,
    visits: &'v mut u64,
}

impl<'v, 's, 'a> OneView<'v, 's, 'a> {
    fn new(
        views: &'v Views<'s, 'a>,
        session: u32,
        causal: bool,
        visits: &'v mut u64,
    ) -> OneView<'v, 's, 'a> {
        let count = views.nodes.len();
        OneView {
            views,
            session,
            causal,
            older: vec![Vec::new(); count],
            found: 0,
            readers: Lookup::default(),
            round: 0,
            visited: vec![0; count],
            from: vec![(0, 0); count],
            visits,
        }
    }

    /// Adds what follows from what is known, until nothing new follows or it goes round in a circle.
    fn settle(&mut self) -> Judgement {
        let views = self.views;
        let mine = &views.sessions[self.session as usize];
        let reads: Vec<u32> = mine
            .iter()
            .copied()
            .filter(|it| !views.node(*it).is_write)
            .collect();
        loop {
            let mut changed = false;
            for read in &reads {
                if *self.visits == 0 {
                    return Judgement::Open(format!(
                        "{VISITS_MAX} steps did not settle what {} saw",
                        views.client(*read)
                    ));
                }
                match self.follow(*read) {
                    Ok(new) => changed |= new,
                    Err(broken) => return broken,
                }
            }
            if !changed {
                return Judgement::Kept;
            }
        }
    }

    /// Every write to its key that comes before a read is older than what it saw.
    fn follow(&mut self, read: u32) -> Result<bool, Judgement> {
        let views = self.views;
        let node = *views.node(read);
        self.look_back(read, self.found);
        let round = self.round;
        if self.visited[read as usize] == round {
            return Err(self.tell(read, read));
        }
        let mut there: Vec<u32> = Vec::new();
        for (_, writes) in &views.writes[node.key as usize] {
            let seen = writes
                .iter()
                .rev()
                .find(|it| **it != node.saw && self.visited[**it as usize] == round);
            there.extend(seen);
        }
        if node.saw == INITIAL {
            return match there.first() {
                None => Ok(false),
                Some(write) => Err(self.tell(*write, read)),
            };
        }
        self.look_back(node.saw, self.found);
        let round = self.round;
        there.retain(|it| self.visited[*it as usize] != round);
        for write in &there {
            self.readers.entry((*write, node.saw)).or_insert(read);
            self.older[node.saw as usize].push((*write, self.found));
            self.found += 1;
            self.look_back(*write, self.found);
            if self.visited[*write as usize] == self.round {
                return Err(self.tell(*write, *write));
            }
        }
        Ok(!there.is_empty())
    }

    /// Visits everything that comes before a node, by what was known when so many had been found to be older; the node
    /// itself only when it comes before itself.
    fn look_back(&mut self, start: u32, known: u32) {
        self.round += 1;
        let mut waiting = vec![start];
        while let Some(at) = waiting.pop() {
            *self.visits = self.visits.saturating_sub(1);
            let node = *self.views.node(at);
            let mut before: Vec<(u32, Kind)> = Vec::new();
            let mine = node.session == self.session;
            let session = &self.views.sessions[node.session as usize][..node.place as usize];
            let counts = |it: &&u32| self.causal || mine || self.views.node(**it).is_write;
            before.extend(session.iter().rev().find(counts).map(|it| (*it, ORDER)));
            if node.saw != INITIAL {
                before.push((node.saw, READ));
            }
            let older = self.older[at as usize].iter();
            before.extend(older.filter(|it| it.1 < known).map(|it| (it.0, OLDER)));
            for (it, kind) in before {
                if self.visited[it as usize] != self.round {
                    self.visited[it as usize] = self.round;
                    self.from[it as usize] = (at, kind);
                    if it != start {
                        waiting.push(it);
                    }
                }
            }
        }
    }

    /// The way from one node to another, by what was known then.
    fn way(&mut self, from: u32, to: u32, known: u32) -> Vec<Edge> {
        self.look_back(to, known);
        let mut way = Vec::new();
        let mut at = from;
        while at != to || way.is_empty() {
            if self.visited[at as usize] != self.round {
                break;
            }
            let (next, kind) = self.from[at as usize];
            way.push((at, next, kind));
            at = next;
        }
        way
    }

    /// A way from a node to itself, or to a read that found nothing.
    fn tell(&mut self, from: u32, to: u32) -> Judgement {
        let way = self.way(from, to, self.found);
        let reasons = self.reasons(&way);
        if from == to {
            return tell_circle(self.views, &way, &self.readers, &reasons);
        }
        let mut proof: Vec<u32> = way.iter().flat_map(|it| [it.0, it.1]).collect();
        proof.extend(reasons);
        let reason = format!(
            "{} found nothing, although {} came before it ({})",
            self.views.say(to),
            self.views.say(from),
            tell_way(self.views, &way, &self.readers)
        );
        self.views.broken(reason, &proof)
    }

    /// Why what is older on this way is older: the ways to those who read, and so on.
    fn reasons(&mut self, way: &[Edge]) -> Vec<u32> {
        let mut reasons = Vec::new();
        let mut asked: Lookup<(u32, u32), ()> = Lookup::default();
        let mut open: Vec<Edge> = way.to_vec();
        while let Some((from, to, kind)) = open.pop() {
            reasons.extend([from, to]);
            let reader = self.readers.get(&(from, to)).copied();
            let Some(reader) = reader.filter(|_| kind == OLDER) else {
                continue;
            };
            if asked.insert((from, to), ()).is_some() {
                continue;
            }
            reasons.push(reader);
            let older = self.older[to as usize].iter().find(|it| it.0 == from);
            let known = older.map_or(0, |it| it.1);
            open.extend(self.way(from, reader, known));
        }
        reasons
    }
}

/// A chain of causes in words.
fn tell_way(views: &Views<'_, '_>, way: &[Edge], readers: &Lookup<(u32, u32), u32>) -> String {
    let link = |(from, to, kind): &Edge| match *kind {
        READ => format!("{} saw it", views.say(*to)),
        OLDER => match readers.get(&(*from, *to)) {
            Some(reader) => format!(
                "it is older than {}, which {} saw",
                views.say(*to),
                views.say(*reader)
            ),
            None => format!("it is older than {}", views.say(*to)),
        },
        _ => format!("then {}", views.say(*to)),
    };
    let mut links: Vec<String> = way.iter().take(TOLD_MAX).map(link).collect();
    if way.len() > TOLD_MAX {
        links.push(format!("and so on, {} more", way.len() - TOLD_MAX));
    }
    links.join("; ")
}

fn tell_circle(
    views: &Views<'_, '_>,
    circle: &[Edge],
    readers: &Lookup<(u32, u32), u32>,
    reasons: &[u32],
) -> Judgement {
    let mut proof: Vec<u32> = circle.iter().map(|it| it.0).collect();
    proof.extend(reasons);
    proof.extend(
        circle
            .iter()
            .filter_map(|it| readers.get(&(it.0, it.1)).copied()),
    );
    let start = circle.first().map(|it| views.say(it.0)).unwrap_or_default();
    let reason = format!(
        "{start} would have to come before itself: {}",
        tell_way(views, circle, readers)
    );
    views.broken(reason, &proof)
}
