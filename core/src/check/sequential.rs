//! Sequential consistency: is there one order of all operations that keeps each client's own?
//!
//! Unlike linearizability it cannot be judged key by key (Lamport 1979), and to find out takes a search in general.
//! Most histories are settled without: one that is linearizable is sequentially consistent, one that is not even
//! causally consistent is not. What lies between is searched, remembering where each client stood and what every
//! object was, with a budget of steps.

use std::hash::BuildHasherDefault;

use crate::check::object::{Action, Object};
use crate::check::search::{STEPS_MAX, WORDS_PER_STEP, shrink};
use crate::check::story::{Fate, Op, Story, by_client, by_key};
use crate::check::{Judgement, causal, linearizable};
use crate::parts::order;
use crate::trace::{HistoryEvent, PayloadHasher};

/// So many steps go into leaving away what a proof does not need.
const SHRINK_STEPS: u64 = 200_000;

/// Judges a history of objects that are absent (null) at first.
pub fn judge(history: &[HistoryEvent]) -> Judgement {
    check(&Story::new(history))
}

/// The same for a history that has been read already.
pub fn check(story: &Story<'_>) -> Judgement {
    if linearizable::check(story) == Judgement::Kept {
        return Judgement::Kept;
    }
    let causal = causal::check_memory(story);
    if matches!(causal, Judgement::Broken(_)) {
        return causal;
    }
    check_by_search(story)
}

/// The same by search alone.
pub fn check_by_search(story: &Story<'_>) -> Judgement {
    let mut objects = match objects(story) {
        Ok(objects) => objects,
        Err(open) => return open,
    };
    let sessions = sessions(story, &mut objects);
    let keys = objects.len();
    let mut budget = STEPS_MAX;
    let mut search = Search::new(&mut objects, &sessions);
    match search.run(&mut budget, 0) {
        Walk::Found => Judgement::Kept,
        Walk::Spent | Walk::There => Judgement::Open(format!(
            "{STEPS_MAX} steps of search did not settle {} operations of {} clients on {keys} objects",
            story.operations.len(),
            sessions.len(),
        )),
        Walk::Stuck(step) => {
            search.again();
            let mut unlimited = u64::MAX;
            search.run(&mut unlimited, step);
            let (placed, state) = (search.at.clone(), search.states.clone());
            let reason = tell(story, &mut objects, &sessions, &placed, &state);
            let proof = proof(&mut objects, &sessions);
            story.broken(reason, &proof)
        }
    }
}

/// An operation of a client.
#[derive(Clone, Copy)]
struct Item {
    /// Its place in the story.
    operation: u32,
    object: u32,
    action: Action,
    /// When it began, for a good guess which comes next.
    begin: u32,
    /// Whether it must be in the order.
    must: bool,
}

fn objects<'a>(story: &Story<'a>) -> Result<Vec<Object<'a>>, Judgement> {
    let mut objects = Vec::new();
    for (key, operations) in by_key(story) {
        let ops: Vec<Op> = operations
            .iter()
            .map(|it| &story.operations[*it as usize])
            .filter(|it| it.fate != Fate::Failed)
            .map(|it| it.op)
            .collect();
        let object = Object::that_knows(&ops).ok_or_else(|| {
            Judgement::Open(format!(
                "no object is known that does all that was asked of {}",
                if key.is_empty() { "the object" } else { key }
            ))
        })?;
        objects.push(object);
    }
    Ok(objects)
}

fn sessions<'a>(story: &Story<'a>, objects: &mut [Object<'a>]) -> Vec<Vec<Item>> {
    let mut of = vec![0; story.operations.len()];
    for (object, (_, operations)) in (0..).zip(by_key(story)) {
        for it in operations {
            of[it as usize] = object;
        }
    }
    let mut sessions = Vec::new();
    for operations in by_client(story) {
        let mut session = Vec::new();
        for index in operations {
            let it = &story.operations[index as usize];
            // A read without an answer changes nothing and shows nothing.
            if it.fate == Fate::Failed || it.op == Op::Read && !it.is_done() {
                continue;
            }
            let object: u32 = of[index as usize];
            session.push(Item {
                operation: index,
                object,
                action: objects[object as usize].action(it),
                begin: it.begin,
                must: it.is_done(),
            });
        }
        if !session.is_empty() {
            sessions.push(session);
        }
    }
    sessions
}

/// Where each client stands, and then what each object is. Order plays no part, and the hasher is fixed.
#[expect(
    clippy::disallowed_types,
    reason = "only asked for membership, with a fixed hasher"
)]
type Tried = std::collections::HashSet<Box<[u32]>, BuildHasherDefault<PayloadHasher>>;

/// What is to be taken back: whose operation it was, where the client stood, what the object was before.
struct Taken {
    client: u32,
    place: u32,
    object: u32,
    state: u32,
    /// What else can be tried in its place, best last.
    others: Vec<(u32, u32)>,
}

struct Search<'s, 'a> {
    objects: &'s mut [Object<'a>],
    sessions: &'s [Vec<Item>],
    at: Vec<u32>,
    states: Vec<u32>,
    tried: Tried,
    order: Vec<Taken>,
    /// How many must still be taken.
    missing: u32,
    spent: u64,
}

enum Walk {
    Found,
    /// The step at which most operations had a place.
    Stuck(u64),
    Spent,
    There,
}

impl<'s, 'a> Search<'s, 'a> {
    fn new(objects: &'s mut [Object<'a>], sessions: &'s [Vec<Item>]) -> Search<'s, 'a> {
        let must = sessions.iter().flatten().filter(|it| it.must).count();
        Search {
            at: vec![0; sessions.len()],
            states: vec![0; objects.len()],
            objects,
            sessions,
            tried: Tried::default(),
            order: Vec::new(),
            missing: must as u32,
            spent: 0,
        }
    }

    /// Forgets everything.
    fn again(&mut self) {
        let must = self.sessions.iter().flatten().filter(|it| it.must).count();
        self.at.fill(0);
        self.states.fill(0);
        self.tried.clear();
        self.order.clear();
        self.missing = must as u32;
        self.spent = 0;
    }

    /// Searches until all is in order, or the budget is spent, or so many steps were made.
    fn run(&mut self, budget: &mut u64, stop: u64) -> Walk {
        let width = (self.at.len() + self.states.len()) as u64;
        let (mut best, mut steps) = ((u32::MAX, 0), 0);
        let mut choices = self.choices();
        loop {
            if self.missing == 0 {
                return Walk::Found;
            }
            steps += 1;
            self.spent += 1 + width / WORDS_PER_STEP;
            if self.spent > *budget {
                *budget = 0;
                return Walk::Spent;
            }
            if self.missing < best.0 {
                best = (self.missing, steps);
            }
            if steps == stop {
                return Walk::There;
            }
            while let Some((client, place)) = choices.pop() {
                if self.take(client, place, &mut choices) {
                    break;
                }
            }
            if let Some(next) = self.fresh() {
                choices = next;
                continue;
            }
            match self.go_back() {
                Some(others) => choices = others,
                None => {
                    *budget = budget.saturating_sub(self.spent);
                    return Walk::Stuck(best.1);
                }
            }
        }
    }

    /// The choices at a place that was just reached; `None` where nothing was taken or this has been tried before.
    fn fresh(&mut self) -> Option<Vec<(u32, u32)>> {
        let taken = self.order.last_mut()?;
        // The mark of what has just been taken.
        if taken.place & JUST_TAKEN == 0 {
            return None;
        }
        taken.place &= !JUST_TAKEN;
        let config: Box<[u32]> = self.at.iter().chain(&self.states).copied().collect();
        if !self.tried.insert(config) {
            return None;
        }
        Some(self.choices())
    }

    /// What can come next: clients and the places in their sessions, the one that began first at the end. A read
    /// that fits leaves no choice: in whatever order fits, it can be moved to the front.
    fn choices(&mut self) -> Vec<(u32, u32)> {
        let mut found: Vec<(u32, u32, u32)> = Vec::new();
        for client in 0..self.sessions.len() {
            let session = &self.sessions[client];
            for place in self.at[client]..session.len() as u32 {
                let item = &session[place as usize];
                let state = self.states[item.object as usize];
                match self.objects[item.object as usize].apply(state, &item.action) {
                    Some(_) if item.action.op == Op::Read && item.must => {
                        return vec![(client as u32, place)];
                    }
                    // What need not happen and changes nothing helps nobody.
                    Some(next) if item.must || next != state => {
                        found.push((item.begin, client as u32, place));
                    }
                    _ => {}
                }
                if item.must {
                    break;
                }
            }
        }
        order::sort_by(&mut found, |one, other| other.cmp(one));
        found.into_iter().map(|it| (it.1, it.2)).collect()
    }

    fn take(&mut self, client: u32, place: u32, others: &mut Vec<(u32, u32)>) -> bool {
        let item = self.sessions[client as usize][place as usize];
        let state = self.states[item.object as usize];
        let object = &mut self.objects[item.object as usize];
        let Some(next) = object.apply(state, &item.action) else {
            return false;
        };
        self.spent += object.size(next) / WORDS_PER_STEP;
        self.order.push(Taken {
            client,
            place: self.at[client as usize] | JUST_TAKEN,
            object: item.object,
            state,
            others: std::mem::take(others),
        });
        self.at[client as usize] = place + 1;
        self.states[item.object as usize] = next;
        self.missing -= u32::from(item.must);
        true
    }

    /// Takes back what was taken last; returns what else can be tried there.
    fn go_back(&mut self) -> Option<Vec<(u32, u32)>> {
        let taken = self.order.pop()?;
        let client = taken.client as usize;
        let last = &self.sessions[client][self.at[client] as usize - 1];
        self.missing += u32::from(last.must);
        self.at[client] = taken.place & !JUST_TAKEN;
        self.states[taken.object as usize] = taken.state;
        Some(taken.others)
    }
}

/// Marks, in the place a client came from, that what it took was not looked at yet.
const JUST_TAKEN: u32 = 1 << 31;

/// What fits nowhere, where most has a place.
fn tell(
    story: &Story<'_>,
    objects: &mut [Object<'_>],
    sessions: &[Vec<Item>],
    at: &[u32],
    states: &[u32],
) -> String {
    let rest = |it: (&Vec<Item>, &u32)| it.0.get(*it.1 as usize).copied();
    let waiting: Vec<Item> = sessions.iter().zip(at).filter_map(rest).collect();
    let stuck: Vec<String> = waiting
        .iter()
        .filter(|it| it.must)
        .map(|it| {
            let operation = &story.operations[it.operation as usize];
            let words = objects[it.object as usize].words(states[it.object as usize], story);
            format!(
                "{} cannot come next, for {} {words}",
                story.describe(operation),
                operation.key
            )
        })
        .collect();
    let placed: u32 = at.iter().sum();
    format!(
        "no order fits: after {placed} operations, {}",
        stuck.join("; ")
    )
}

/// The operations that prove it: the others may be left away, or allowed not to happen, and still nothing fits.
fn proof(objects: &mut [Object<'_>], sessions: &[Vec<Item>]) -> Vec<u32> {
    let count = sessions.iter().map(Vec::len).sum();
    let mut budget = SHRINK_STEPS;
    let relaxed = |away: &[bool]| -> Vec<Vec<Item>> {
        let mut marks = away.iter();
        let mut part = sessions.to_vec();
        for item in part.iter_mut().flatten() {
            item.must &= marks.next() != Some(&true);
        }
        part
    };
    let away = shrink(count, |away| {
        let mut part = relaxed(away);
        for session in &mut part {
            session.retain(|it| it.must || it.action.op != Op::Read);
        }
        part.retain(|it| !it.is_empty());
        budget = budget.saturating_sub(count as u64);
        match Search::new(objects, &part).run(&mut budget, 0) {
            Walk::Found => Some(false),
            Walk::Stuck(_) => Some(true),
            Walk::Spent | Walk::There => None,
        }
    });
    let needed = relaxed(&away);
    let needed: Vec<u32> = needed
        .iter()
        .flatten()
        .filter(|it| it.must)
        .map(|it| it.operation)
        .collect();
    needed
}
