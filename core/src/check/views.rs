//! Histories of reads and writes in which each read tells which write it saw.
//!
//! That is so when no value that was read was written twice to its key (histories like that are called differentiated).
//! Without it, nobody can say what a client knew, and the judges of weaker consistency leave the verdict open.

use std::collections::BTreeMap;

use crate::check::Judgement;
use crate::check::story::{Fate, Lookup, NULL, Op, Story, Values, by_client};

/// The absent value, as what a read saw.
pub(super) const INITIAL: u32 = u32::MAX;

/// A read that was done, or a write that was done or at least seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Its place in the story.
    pub operation: u32,
    pub session: u32,
    /// Its place in the session.
    pub place: u32,
    pub key: u32,
    pub is_write: bool,
    /// For a read, the write it saw, or [`INITIAL`].
    pub saw: u32,
}

/// Who saw what.
pub(super) struct Views<'s, 'a> {
    pub story: &'s Story<'a>,
    /// In the order of their beginnings.
    pub nodes: Vec<Node>,
    /// The nodes of each client, in its order.
    pub sessions: Vec<Vec<u32>>,
    /// For each key, the writes of each session that wrote it.
    pub writes: Vec<Vec<(u32, Vec<u32>)>>,
}

/// The writes of one value to one key.
#[derive(Clone, Copy)]
struct Writers {
    first: u32,
    count: u32,
    failed: Option<u32>,
}

impl<'s, 'a> Views<'s, 'a> {
    /// Finds out who saw what. `Err` when that cannot be told, or a read returned what nobody wrote.
    pub fn new(story: &'s Story<'a>, judge: &str) -> Result<Views<'s, 'a>, Judgement> {
        story.admits(judge, &[Op::Read, Op::Write])?;
        let mut keys: Lookup<&str, u32> = Lookup::default();
        let mut values = Values::default();
        let mut writers: Lookup<(u32, u32), Writers> = Lookup::default();
        let mut marks = Vec::with_capacity(story.operations.len());
        for (index, it) in (0..).zip(&story.operations) {
            let next = keys.len() as u32;
            let key = *keys.entry(it.key).or_insert(next);
            let value = match it.op {
                Op::Write => it.argument,
                _ => it.result,
            };
            let mark = (key, values.number(value));
            marks.push(mark);
            if it.op != Op::Write {
                continue;
            }
            let known = writers.entry(mark).or_insert(Writers {
                first: INITIAL,
                count: 0,
                failed: None,
            });
            if it.fate == Fate::Failed {
                known.failed = Some(index);
            } else {
                known.count += 1;
                known.first = known.first.min(index);
            }
        }
        let mut saw: Vec<Option<u32>> = vec![None; story.operations.len()];
        let mut seen = vec![false; story.operations.len()];
        for (index, it) in story.operations.iter().enumerate() {
            if it.op == Op::Read && it.is_done() {
                let source = source(story, judge, index, marks[index], &writers)?;
                if source != INITIAL {
                    seen[source as usize] = true;
                }
                saw[index] = Some(source);
            }
        }
        let counted = |index: usize| {
            let it = &story.operations[index];
            it.is_done() || it.op == Op::Write && it.fate == Fate::Unknown && seen[index]
        };
        Ok(Views::assemble(story, &marks, &saw, counted))
    }

    fn assemble(
        story: &'s Story<'a>,
        marks: &[(u32, u32)],
        saw: &[Option<u32>],
        counted: impl Fn(usize) -> bool,
    ) -> Views<'s, 'a> {
        let mut numbers = vec![INITIAL; story.operations.len()];
        let mut nodes: Vec<Node> = Vec::new();
        for (index, it) in story.operations.iter().enumerate() {
            if counted(index) {
                numbers[index] = nodes.len() as u32;
                nodes.push(Node {
                    operation: index as u32,
                    session: 0,
                    place: 0,
                    key: marks[index].0,
                    is_write: it.op == Op::Write,
                    saw: INITIAL,
                });
            }
        }
        let mut sessions: Vec<Vec<u32>> = Vec::new();
        for operations in by_client(story) {
            let mine: Vec<u32> = operations
                .iter()
                .map(|it| numbers[*it as usize])
                .filter(|it| *it != INITIAL)
                .collect();
            for (place, it) in (0..).zip(&mine) {
                nodes[*it as usize].session = sessions.len() as u32;
                nodes[*it as usize].place = place;
            }
            if !mine.is_empty() {
                sessions.push(mine);
            }
        }
        let mut writes: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
        for (number, it) in (0..).zip(nodes.iter_mut()) {
            match saw[it.operation as usize] {
                Some(source) if source != INITIAL => it.saw = numbers[source as usize],
                _ => {}
            }
            if it.is_write {
                writes.entry((it.key, it.session)).or_default().push(number);
            }
        }
        let keys = nodes.iter().map(|it| it.key + 1).max().unwrap_or(0);
        let mut by_key = vec![Vec::new(); keys as usize];
        for ((key, session), nodes) in writes {
            by_key[key as usize].push((session, nodes));
        }
        Views {
            story,
            nodes,
            sessions,
            writes: by_key,
        }
    }

    pub fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    /// A node in words.
    pub fn say(&self, node: u32) -> String {
        let operation = self.node(node).operation;
        self.story
            .describe(&self.story.operations[operation as usize])
    }

    /// The name of a node's client.
    pub fn client(&self, node: u32) -> String {
        let operation = self.node(node).operation;
        self.story
            .client(self.story.operations[operation as usize].client)
    }

    /// A broken promise, proved by these nodes.
    pub fn broken(&self, reason: String, proof: &[u32]) -> Judgement {
        let proof: Vec<u32> = proof.iter().map(|it| self.node(*it).operation).collect();
        self.story.broken(reason, &proof)
    }
}

/// The place of the write that a read saw, or [`INITIAL`].
fn source(
    story: &Story<'_>,
    judge: &str,
    read: usize,
    mark: (u32, u32),
    writers: &Lookup<(u32, u32), Writers>,
) -> Result<u32, Judgement> {
    let say = |index: usize| story.describe(&story.operations[index]);
    let writers = writers.get(&mark);
    let count = writers.map_or(0, |it| it.count);
    let is_null = mark.1 == NULL;
    if count > 1 || count == 1 && is_null {
        return Err(Judgement::Open(format!(
            "{judge} cannot be judged: nobody can tell which write {} saw, for its value was there more than once",
            say(read)
        )));
    }
    match writers {
        Some(it) if it.count == 1 => Ok(it.first),
        _ if is_null => Ok(INITIAL),
        Some(Writers {
            failed: Some(failed),
            ..
        }) => {
            let reason = format!(
                "{} returned what was certainly not written: {}",
                say(read),
                say(*failed as usize)
            );
            Err(story.broken(reason, &[read as u32, *failed]))
        }
        _ => {
            let reason = format!("{} returned what nobody wrote", say(read));
            Err(story.broken(reason, &[read as u32]))
        }
    }
}
