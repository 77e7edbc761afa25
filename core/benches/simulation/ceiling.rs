//! The ceiling: what a program reaches that does nothing but the work itself.
//!
//! [`bare_loop`] is an event loop with the simulator's queue discipline (time, then the order of planning) and no
//! protocol. [`Cluster`] is Raft for five nodes fused by hand into one loop: a 4-ary heap of 16 bytes an entry,
//! messages in a slab, logs as flat lists, the same clients, delays, time-outs, retries and batches as the real one.
//! It allocates nothing once it runs, knows no faults, keeps no trace and checks nothing, so it is no simulator: it
//! is there to be compared with.

use super::rows::Work;

/// A 4-ary heap of 16-byte entries: time, then sequence and slot in one word.
#[derive(Default)]
pub struct Heap {
    items: Vec<u128>,
    planned: u64,
}

impl Heap {
    /// Plans slot `slot` for `time`.
    #[inline]
    pub fn push(&mut self, time: u64, slot: u32) {
        self.planned += 1;
        let key = u128::from(time) << 64 | u128::from(self.planned << 24 | u64::from(slot));
        let mut hole = self.items.len();
        self.items.push(key);
        while hole > 0 {
            let parent = (hole - 1) / 4;
            if self.items[parent] <= key {
                break;
            }
            self.items[hole] = self.items[parent];
            hole = parent;
        }
        self.items[hole] = key;
    }

    /// The next time and slot.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, u32)> {
        let last = self.items.pop()?;
        let Some(&first) = self.items.first() else {
            return Some(split(last));
        };
        let items = self.items.as_mut_slice();
        let mut hole = 0;
        loop {
            let child = hole * 4 + 1;
            let (least, at) = match items.get(child..) {
                Some(&[a, b, c, d, ..]) => {
                    let left = if b < a { (b, child + 1) } else { (a, child) };
                    let right = if d < c {
                        (d, child + 3)
                    } else {
                        (c, child + 2)
                    };
                    if right.0 < left.0 { right } else { left }
                }
                Some(some) => match (child..).zip(some).map(|(at, it)| (*it, at)).min() {
                    Some(least) => least,
                    None => break,
                },
                None => break,
            };
            if last <= least {
                break;
            }
            items[hole] = least;
            hole = at;
        }
        items[hole] = last;
        Some(split(first))
    }
}

fn split(key: u128) -> (u64, u32) {
    ((key >> 64) as u64, key as u32 & 0xff_ffff)
}

/// xoshiro256++, the generator that the simulator uses, here by hand.
pub struct Rng([u64; 4]);

impl Rng {
    /// A stream of its own for each `label`.
    pub fn new(seed: u64, label: u64) -> Rng {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ label;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let it = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            it ^ (it >> 27)
        };
        Rng([next(), next(), next(), next()])
    }

    #[inline]
    fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `min..=max`.
    #[inline]
    pub fn within(&mut self, min: u64, max: u64) -> u64 {
        // All ranges here are below 2^32, so 64 bits are enough: WebAssembly has no wider product.
        let (bits, range) = (self.bits(), max - min + 1);
        min + (((bits >> 32) * range + (((bits & 0xffff_ffff) * range) >> 32)) >> 32)
    }
}

const MS: u64 = 1_000_000;
const LATENCY: (u64, u64) = (10 * MS, 20 * MS);

/// Pops an event and plans the next, `events` times, with `pending` of them waiting.
pub fn bare_loop(pending: u32, events: u64) -> Work {
    let mut heap = Heap::default();
    let mut rng = Rng::new(1, 1);
    for slot in 0..pending {
        heap.push(rng.within(LATENCY.0, LATENCY.1), slot);
    }
    let mut fingerprint = 0u64;
    for _ in 0..events {
        let (now, slot) = heap.pop().expect("as many are planned as are taken");
        fingerprint = fingerprint.rotate_left(5) ^ now ^ u64::from(slot);
        heap.push(now + rng.within(LATENCY.0, LATENCY.1), slot);
    }
    Work {
        events,
        runs: 0,
        fingerprint,
    }
}

const NODES: usize = 5;
const QUORUM: usize = NODES / 2 + 1;
const BATCH: u32 = 50;
const KEYS: u64 = 3;

/// Slots below this are alarms: election and heartbeat of each node, then the clients.
const ALARMS: u32 = 1 << 12;
const HEARTBEAT: u32 = NODES as u32;
const CLIENT: u32 = 2 * NODES as u32;

#[derive(Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    RequestVote,
    Vote,
    Append,
    Appended,
    Request,
    Executed,
    Redirect,
}

/// A message of any kind: fields that a kind does not need are left out by convention.
#[derive(Clone, Copy, Default)]
struct Message {
    kind: Kind,
    yes: bool,
    from: u16,
    to: u16,
    /// The entries are those of the sender's log behind `index`: nobody fails here, so they are still there.
    count: u16,
    term: u32,
    index: u32,
    index_term: u32,
    commit: u32,
    entry: Entry,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    term: u32,
    /// From 1; 0 is the no-op.
    client: u16,
    key: u16,
    sequence: u32,
    value: u32,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Role {
    #[default]
    Follower,
    Candidate,
    Leader,
}

struct Node {
    role: Role,
    term: u32,
    voted_for: Option<u16>,
    leader: Option<u16>,
    votes: u32,
    commit: u32,
    applied: u32,
    election: u64,
    next: [u32; NODES],
    matched: [u32; NODES],
    /// Whom it tries to agree with: they get one message at a time.
    probing: [bool; NODES],
    log: Vec<Entry>,
    store: [u32; KEYS as usize],
    sessions: Vec<u32>,
    rng: Rng,
    wire: Rng,
}

impl Node {
    fn last(&self) -> u32 {
        self.log.len() as u32
    }

    fn term_at(&self, index: u32) -> u32 {
        match index {
            0 => 0,
            it => self.log[it as usize - 1].term,
        }
    }
}

struct Client {
    target: u16,
    open: Option<Entry>,
    sequence: u32,
    rng: Rng,
    wire: Rng,
}

/// Five nodes, their clients, and what is under way.
pub struct Cluster {
    now: u64,
    heap: Heap,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    messages: Vec<Message>,
    free: Vec<u32>,
    unique: u32,
    events: u64,
    completed: u32,
}

impl Cluster {
    /// Nobody leads yet, every client thinks.
    pub fn new(seed: u64, clients: u16) -> Cluster {
        let node = |it: u64| Node {
            role: Role::Follower,
            term: 0,
            voted_for: None,
            leader: None,
            votes: 0,
            commit: 0,
            applied: 0,
            election: 0,
            next: [1; NODES],
            matched: [0; NODES],
            probing: [false; NODES],
            log: Vec::with_capacity(1 << 13),
            store: [0; KEYS as usize],
            sessions: vec![0; usize::from(clients) + 1],
            rng: Rng::new(seed, it),
            wire: Rng::new(seed, it + 100),
        };
        let client = |it: u64| Client {
            target: (it % NODES as u64) as u16,
            open: None,
            sequence: 0,
            rng: Rng::new(seed, it + 1_000),
            wire: Rng::new(seed, it + 10_000),
        };
        let mut cluster = Cluster {
            now: 0,
            heap: Heap::default(),
            nodes: (0..NODES as u64).map(node).collect(),
            clients: (0..u64::from(clients)).map(client).collect(),
            messages: Vec::with_capacity(1 << 12),
            free: Vec::with_capacity(1 << 12),
            unique: 0,
            events: 0,
            completed: 0,
        };
        for it in 0..NODES {
            cluster.reset_election(it);
            cluster.heap.push(cluster.nodes[it].election, it as u32);
        }
        (0..usize::from(clients)).for_each(|it| cluster.think(it));
        cluster
    }

    /// Runs until `end` and says what was done.
    pub fn run(mut self, end: u64) -> Work {
        while let Some((time, slot)) = self.heap.pop() {
            if time > end {
                break;
            }
            self.now = time;
            if slot >= ALARMS {
                self.events += 1;
                self.free.push(slot);
                self.deliver(self.messages[(slot - ALARMS) as usize]);
            } else if slot >= CLIENT {
                self.events += 1;
                self.alarm((slot - CLIENT) as usize);
            } else if slot >= HEARTBEAT {
                self.heartbeat((slot - HEARTBEAT) as usize);
            } else {
                self.election(slot as usize);
            }
        }
        let mut fingerprint = self.events;
        for node in &self.nodes {
            for it in node.store.iter().chain([&node.commit, &node.term]) {
                fingerprint = fingerprint.rotate_left(7).wrapping_mul(0x9e37_79b9) ^ u64::from(*it);
            }
        }
        Work {
            events: self.events,
            runs: 1,
            fingerprint: fingerprint ^ u64::from(self.completed),
        }
    }

    fn think(&mut self, client: usize) {
        let due = self.now + self.clients[client].rng.within(50 * MS, 150 * MS);
        self.heap.push(due, CLIENT + client as u32);
    }

    fn alarm(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.open.is_none() {
            client.sequence += 1;
            self.unique += 1;
            let key = client.rng.within(0, KEYS - 1) as u16;
            client.open = Some(Entry {
                term: 0,
                client: index as u16 + 1,
                key,
                sequence: client.sequence,
                value: self.unique,
            });
        }
        self.ask(index);
    }

    fn ask(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let lasts = client.wire.within(LATENCY.0, LATENCY.1);
        let message = Message {
            kind: Kind::Request,
            from: index as u16,
            to: client.target,
            entry: client.open.unwrap_or_default(),
            ..Message::default()
        };
        self.put(lasts, message);
    }

    fn put(&mut self, lasts: u64, message: Message) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.messages[(slot - ALARMS) as usize] = message;
                slot
            }
            None => {
                self.messages.push(message);
                self.messages.len() as u32 - 1 + ALARMS
            }
        };
        self.heap.push(self.now + lasts, slot);
    }

    fn send(&mut self, message: Message) {
        let wire = &mut self.nodes[usize::from(message.from)].wire;
        let lasts = wire.within(LATENCY.0, LATENCY.1);
        self.put(lasts, message);
    }

    fn reset_election(&mut self, me: usize) {
        let node = &mut self.nodes[me];
        node.election = self.now + node.rng.within(150 * MS, 300 * MS);
    }

    fn election(&mut self, me: usize) {
        if self.nodes[me].role == Role::Leader {
            self.reset_election(me);
        }
        let node = &mut self.nodes[me];
        if node.election > self.now {
            return self.heap.push(node.election, me as u32);
        }
        self.events += 1;
        node.term += 1;
        node.voted_for = Some(me as u16);
        node.leader = None;
        node.role = Role::Candidate;
        node.votes = 1;
        let message = Message {
            kind: Kind::RequestVote,
            from: me as u16,
            term: node.term,
            index: node.last(),
            index_term: node.term_at(node.last()),
            ..Message::default()
        };
        self.reset_election(me);
        self.heap.push(self.nodes[me].election, me as u32);
        for to in (0..NODES as u16).filter(|it| usize::from(*it) != me) {
            self.send(Message { to, ..message });
        }
    }

    fn heartbeat(&mut self, me: usize) {
        if self.nodes[me].role == Role::Leader {
            self.events += 1;
            self.heap.push(self.now + 50 * MS, HEARTBEAT + me as u32);
            self.send_to_all(me);
        }
    }

    fn send_to_all(&mut self, me: usize) {
        for to in (0..NODES).filter(|it| *it != me) {
            self.send_entries(me, to);
        }
    }

    fn replicate(&mut self, me: usize) {
        for to in (0..NODES).filter(|it| *it != me) {
            if !self.nodes[me].probing[to] {
                self.send_entries(me, to);
            }
        }
    }

    fn send_entries(&mut self, me: usize, to: usize) {
        let node = &mut self.nodes[me];
        let next = node.next[to];
        let end = node.last().min(next - 1 + BATCH);
        node.next[to] = end + 1;
        let message = Message {
            kind: Kind::Append,
            from: me as u16,
            to: to as u16,
            count: (end + 1 - next) as u16,
            term: node.term,
            index: next - 1,
            index_term: node.term_at(next - 1),
            commit: node.commit,
            ..Message::default()
        };
        self.send(message);
    }

    fn deliver(&mut self, message: Message) {
        let me = usize::from(message.to);
        match message.kind {
            Kind::Executed | Kind::Redirect => return self.answered(me, message),
            Kind::Request => return self.requested(me, message),
            _ => {}
        }
        let node = &mut self.nodes[me];
        if message.term > node.term {
            node.term = message.term;
            node.voted_for = None;
            node.leader = None;
            node.role = Role::Follower;
        }
        match message.kind {
            Kind::RequestVote => self.asked_to_vote(me, message),
            Kind::Vote => self.voted(me, message),
            Kind::Append => self.append(me, message),
            _ => self.appended(me, message),
        }
    }

    fn asked_to_vote(&mut self, me: usize, message: Message) {
        let node = &mut self.nodes[me];
        let mine = (node.term_at(node.last()), node.last());
        let free = node.voted_for.is_none_or(|it| it == message.from);
        let yes = message.term == node.term && free && (message.index_term, message.index) >= mine;
        if yes {
            node.voted_for = Some(message.from);
        }
        let answer = Message {
            kind: Kind::Vote,
            yes,
            from: message.to,
            to: message.from,
            term: node.term,
            ..Message::default()
        };
        if yes {
            self.reset_election(me);
        }
        self.send(answer);
    }

    fn voted(&mut self, me: usize, message: Message) {
        let node = &mut self.nodes[me];
        if node.role != Role::Candidate || message.term != node.term || !message.yes {
            return;
        }
        node.votes += 1;
        if node.votes as usize >= QUORUM {
            node.role = Role::Leader;
            node.leader = Some(me as u16);
            node.next = [node.last() + 1; NODES];
            node.matched = [0; NODES];
            node.probing = [false; NODES];
            let term = node.term;
            node.log.push(Entry {
                term,
                ..Entry::default()
            });
            self.heap.push(self.now + 50 * MS, HEARTBEAT + me as u32);
            self.send_to_all(me);
        }
    }

    fn append(&mut self, me: usize, message: Message) {
        let mut answer = Message {
            kind: Kind::Appended,
            from: message.to,
            to: message.from,
            term: self.nodes[me].term,
            ..Message::default()
        };
        if message.term < answer.term {
            return self.send(answer);
        }
        self.reset_election(me);
        // Taken out for a moment, so that one log can be read while the other is written.
        let leader = usize::from(message.from);
        let sent = std::mem::take(&mut self.nodes[leader].log);
        let node = &mut self.nodes[me];
        node.role = Role::Follower;
        node.leader = Some(message.from);
        answer.yes =
            message.index <= node.last() && node.term_at(message.index) == message.index_term;
        if answer.yes {
            for index in message.index + 1..=message.index + u32::from(message.count) {
                let entry = sent[index as usize - 1];
                if index <= node.last() && node.term_at(index) != entry.term {
                    node.log.truncate(index as usize - 1);
                }
                if index > node.last() {
                    node.log.push(entry);
                }
            }
            answer.index = message.index + u32::from(message.count);
        } else {
            answer.index = node.last().min(message.index - 1);
        }
        self.nodes[leader].log = sent;
        self.send(answer);
        if answer.yes {
            self.commit(me, message.commit.min(answer.index));
        }
    }

    fn appended(&mut self, me: usize, message: Message) {
        let node = &mut self.nodes[me];
        let from = usize::from(message.from);
        if node.role != Role::Leader || message.term < node.term {
            return;
        }
        if message.yes {
            node.probing[from] = false;
            node.matched[from] = node.matched[from].max(message.index);
            node.next[from] = node.next[from].max(node.matched[from] + 1);
            let behind = node.next[from] <= node.last();
            let mut all = node.matched;
            all[me] = node.last();
            all.sort_unstable();
            let on_quorum = all[NODES - QUORUM];
            if on_quorum > node.commit && node.term_at(on_quorum) == node.term {
                self.commit(me, on_quorum);
            }
            if behind {
                self.send_entries(me, from);
            }
        } else if message.index + 1 < node.next[from] && node.matched[from] < message.index + 1 {
            node.next[from] = message.index + 1;
            node.probing[from] = true;
            self.send_entries(me, from);
        }
    }

    fn commit(&mut self, me: usize, index: u32) {
        let node = &mut self.nodes[me];
        node.commit = node.commit.max(index);
        while self.nodes[me].applied < self.nodes[me].commit {
            let node = &mut self.nodes[me];
            node.applied += 1;
            let entry = node.log[node.applied as usize - 1];
            let session = &mut node.sessions[usize::from(entry.client)];
            if entry.client == 0 || *session >= entry.sequence {
                continue;
            }
            *session = entry.sequence;
            node.store[usize::from(entry.key)] = entry.value;
            if node.role == Role::Leader && entry.term == node.term {
                self.send(Message {
                    kind: Kind::Executed,
                    from: me as u16,
                    to: entry.client - 1,
                    entry,
                    ..Message::default()
                });
            }
        }
    }

    fn requested(&mut self, me: usize, message: Message) {
        let node = &mut self.nodes[me];
        if node.role != Role::Leader {
            let leader = node.leader;
            return self.send(Message {
                kind: Kind::Redirect,
                yes: leader.is_some(),
                index: leader.unwrap_or(0).into(),
                from: me as u16,
                to: message.from,
                ..Message::default()
            });
        }
        let term = node.term;
        node.log.push(Entry {
            term,
            ..message.entry
        });
        self.replicate(me);
    }

    fn answered(&mut self, client: usize, message: Message) {
        if message.kind == Kind::Executed {
            self.clients[client].target = message.from;
            self.clients[client].open = None;
            self.completed += 1;
            self.think(client);
        } else if message.yes {
            self.clients[client].target = message.index as u16;
            self.ask(client);
        } else {
            self.clients[client].target = (message.from + 1) % NODES as u16;
            self.heap.push(self.now + 100 * MS, CLIENT + client as u32);
        }
    }
}
