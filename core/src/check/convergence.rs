//! Convergence: once nobody writes any more, does everybody read the same?

use std::collections::BTreeMap;

use crate::check::Judgement;
use crate::check::story::{Fate, Op, Story, by_key};
use crate::trace::HistoryEvent;

/// Judges the last read of each client that began after the last write to its key was over.
pub fn judge(history: &[HistoryEvent]) -> Judgement {
    check(&Story::new(history))
}

/// The same for a history that has been read already.
///
/// An operation that nobody knows the fate of counts as over where its client gave it up. A client that stopped
/// reading before the others is judged by what it read last.
pub fn check(story: &Story<'_>) -> Judgement {
    if let Err(open) = story.admits(
        "convergence",
        &[Op::Read, Op::Write, Op::Cas, Op::Incr, Op::Append],
    ) {
        return open;
    }
    let mut verdict = Judgement::Kept;
    let mut compared = false;
    for (key, operations) in by_key(story) {
        let all = || {
            operations
                .iter()
                .map(|it| (*it, &story.operations[*it as usize]))
        };
        let writes = all().filter(|it| it.1.op != Op::Read && it.1.fate != Fate::Failed);
        let quiet = writes.map(|it| it.1.end).max();
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        let reads = all().filter(|it| it.1.op == Op::Read && it.1.is_done());
        for (index, it) in reads.filter(|it| quiet.is_none_or(|quiet| it.1.begin > quiet)) {
            last.insert(it.client, index);
        }
        compared |= !last.is_empty();
        let mut last = last.into_values();
        let Some(first) = last.next() else { continue };
        let value = |it: u32| story.operations[it as usize].result;
        if let Some(other) = last.find(|it| value(*it) != value(first)) {
            let say = |it: u32| story.describe(&story.operations[it as usize]);
            let reason = format!(
                "nobody writes {key} any more, and yet {} and {} differ",
                say(first),
                say(other)
            );
            verdict = verdict.or(story.broken(reason, &[first, other]));
        }
    }
    if compared || verdict != Judgement::Kept {
        return verdict;
    }
    Judgement::Open("no read began after the last write to its key was over".to_owned())
}
