//! What clients asked and were told, as a table: one line an operation, with when it began and ended. When a check of
//! the history fell, the operations that prove it stand first.

use std::collections::BTreeMap;

use clusterscope_core::Time;
use clusterscope_core::check::Report;
use clusterscope_core::exhibit::client_name;
use clusterscope_core::frame::json_text;
use clusterscope_core::protocol::ClientId;
use clusterscope_core::trace::{HistoryEvent, Phase};
use yew::prelude::*;

use crate::lab::handle::{LabHandle, Selection, View};
use crate::lab::story::record;
use crate::ui::numbers;
use crate::words;

/// So many of the last lines of a history are looked at: each operation has two.
const LINES: u32 = 240;

/// So many operations are listed while time runs, when nobody can read more.
const LISTED_RUNNING: usize = 24;

/// A lane is so many units wide, whatever its size on the page.
const LANE: f64 = 1_000.0;

/// A client that gave up goes on under its number plus this.
const NEW_IDENTITY: u32 = 10_000;

/// One operation of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The event of the trace with which it began.
    pub event: u32,
    /// Who asked.
    pub client: u32,
    /// What.
    pub text: String,
    /// When it began.
    pub from: Time,
    /// When it ended.
    pub to: Option<Time>,
    /// How it ended; [`Phase::Invoke`] while it has not.
    pub phase: Phase,
    /// What was read.
    pub result: String,
}

impl Operation {
    fn begun(line: &HistoryEvent) -> Operation {
        let value = json_text(&line.value);
        let value = if line.value.is_null() { "" } else { &value };
        let words = [line.op, &line.key, value];
        let words: Vec<&str> = words.into_iter().filter(|it| !it.is_empty()).collect();
        Operation {
            event: line.event,
            client: line.client,
            text: words.join(" "),
            from: line.time,
            to: None,
            phase: Phase::Invoke,
            result: String::new(),
        }
    }

    /// How it ended, in a word and for the eye.
    fn outcome(&self) -> (&'static str, &'static str) {
        match self.phase {
            Phase::Invoke => ("…", "is-open"),
            Phase::Ok => ("ok", "is-ok"),
            Phase::Fail => ("failed", "is-failed"),
            Phase::Info => ("unknown", "is-unknown"),
        }
    }
}

/// Puts the lines of a history together to operations, in the order in which they began.
pub fn operations<'a>(lines: impl IntoIterator<Item = &'a HistoryEvent>) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    let mut open: BTreeMap<u32, usize> = BTreeMap::new();
    for line in lines {
        if line.phase == Phase::Invoke {
            open.insert(line.client, operations.len());
            operations.push(Operation::begun(line));
            continue;
        }
        // The first lines may end what began before them.
        let Some(operation) = open
            .remove(&line.client)
            .and_then(|it| operations.get_mut(it))
        else {
            continue;
        };
        operation.to = Some(line.time);
        operation.phase = line.phase;
        let value = json_text(&line.value);
        if line.phase == Phase::Ok && !operation.text.ends_with(&value) {
            operation.result = value;
        }
    }
    operations
}

/// Whether clients have asked anything that a history records.
pub fn is_there(lab: &LabHandle) -> bool {
    lab.with(|it| !it.run().history().is_empty())
}

/// The operations that prove that a check fell, and the check.
fn proofs(lab: &LabHandle, checks: &[Report]) -> Vec<(&'static str, Vec<Operation>)> {
    let fallen = checks.iter().filter(|it| !it.evidence.is_empty());
    let proof = |report: &Report| {
        let found = lab.with(|player| {
            let history = player.run().history();
            history.with(0, history.len(), |all| {
                // Lines stand in the order of their events.
                let line = |event: &u32| {
                    let place = all.partition_point(|it| it.event < *event);
                    all.get(place).filter(|it| it.event == *event)
                };
                operations(report.evidence.iter().filter_map(line))
            })
        });
        (report.name, found)
    };
    fallen.map(proof).collect()
}

/// What proves that checks fell, then the latest operations, the newest first.
pub fn history(lab: &LabHandle, view: &View) -> Html {
    let mut latest = lab.with(|player| {
        let history = player.run().history();
        let last = history.len();
        history.with(last.saturating_sub(LINES), last, |it| operations(it))
    });
    latest.reverse();
    if view.playing {
        latest.truncate(LISTED_RUNNING);
    }
    let now = view.frame.time;
    let proofs = proofs(lab, &view.frame.checks);
    let proven: Vec<u32> = proofs
        .iter()
        .flat_map(|it| &it.1)
        .map(|it| it.event)
        .collect();
    let proof = |(check, found): &(&'static str, Vec<Operation>)| {
        // What proves it may be a moment long, a while ago: its lanes show that while.
        let last = found
            .iter()
            .map(|it| it.to.unwrap_or(now))
            .max()
            .unwrap_or(now);
        let lane = Lane::over(found, last);
        let title = format!("{} fell: the proof", words::title(check));
        html! {
            <tbody key={*check} class="cs-proof">
                <tr><th colspan="6" scope="rowgroup">{ title }</th></tr>
                { for found.iter().map(|it| row(lab, it, lane, true)) }
            </tbody>
        }
    };
    let lane = Lane::over(&latest, now);
    html! {
        <div class="cs-scroll" tabindex="0" role="region" aria-label="History">
            <table class="cs-table cs-history">
                <thead>
                    <tr>
                        <th scope="col">{ "Who" }</th><th scope="col">{ "Asked" }</th>
                        <th scope="col">{ "Told" }</th>
                        <th scope="col" class="cs-lane-cell"><span class="cs-hidden">{ "When" }</span></th>
                        <th scope="col">{ "At" }</th><th scope="col">{ "Took" }</th>
                    </tr>
                </thead>
                { for proofs.iter().map(proof) }
                <tbody key="latest">
                    { for latest.iter().map(|it| row(lab, it, lane, proven.contains(&it.event))) }
                </tbody>
            </table>
        </div>
    }
}

/// The stretch of time that lanes show.
#[derive(Clone, Copy)]
struct Lane {
    from: Time,
    to: Time,
}

impl Lane {
    fn over(operations: &[Operation], to: Time) -> Lane {
        let from = operations.iter().map(|it| it.from).min();
        Lane {
            from: from.unwrap_or_default(),
            to,
        }
    }

    fn x(self, time: Time) -> f64 {
        let whole = self.to.since(self.from).0.max(1) as f64;
        time.since(self.from).0 as f64 / whole * LANE
    }

    /// The operation as a bar from its beginning to its end.
    fn bar(self, operation: &Operation) -> Html {
        let (left, right) = (
            self.x(operation.from),
            self.x(operation.to.unwrap_or(self.to)),
        );
        html! {
            <svg class="cs-lane" viewBox={format!("0 0 {LANE} 10")} preserveAspectRatio="none" aria-hidden="true"
                focusable="false">
                <line x1="0" y1="5" x2={LANE.to_string()} y2="5" vector-effect="non-scaling-stroke" />
                <rect x={format!("{left:.1}")} y="1" width={format!("{:.1}", (right - left).max(6.0))} height="8" />
            </svg>
        }
    }
}

fn row(lab: &LabHandle, operation: &Operation, lane: Lane, proves: bool) -> Html {
    let (word, class) = operation.outcome();
    let select = {
        let (lab, event) = (lab.clone(), operation.event);
        move |_: MouseEvent| lab.select(Some(Selection::Event(event)))
    };
    let go = {
        let (lab, event) = (lab.clone(), operation.event);
        move |_: MouseEvent| {
            if let Some(record) = record(&lab, event) {
                lab.seek_step(record.step.into());
            }
        }
    };
    let took = operation
        .to
        .map(|it| numbers::span(it.since(operation.from)));
    let told = if operation.result.is_empty() {
        word
    } else {
        &operation.result
    };
    html! {
        <tr key={operation.event} class={classes!(class, proves.then_some("is-proof"))}>
            <th scope="row">{ name(operation.client) }</th>
            <td>
                <button type="button" class="cs-link" onclick={select} ondblclick={go}
                    title="Look into it; twice: go to it">
                    { &operation.text }
                </button>
                if proves { <span class="cs-hidden">{ ", part of the proof" }</span> }
            </td>
            <td class="cs-told">{ told.to_owned() }</td>
            <td class="cs-lane-cell">{ lane.bar(operation) }</td>
            <td>{ numbers::clock(operation.from) }</td>
            <td>{ took.unwrap_or_default() }</td>
        </tr>
    }
}

/// A client's name. One that gave up goes on under a new number: it is the same client in its next life.
fn name(client: u32) -> String {
    let name = client_name(ClientId(client % NEW_IDENTITY));
    match client / NEW_IDENTITY {
        0 => name,
        lives => format!("{name}·{}", lives + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::RunSpec;
    use clusterscope_core::trace::Kind;

    #[test]
    fn operations_begin_end_and_are_found_in_the_trace() {
        let lab = LabHandle::open(RunSpec::from_link("#/raft/calm?seed=3&t=2s").unwrap()).unwrap();
        lab.command_text("request leader put mine 7");
        lab.seek(Time(3_000_000_000));
        let found = lab.with(|it| {
            let history = it.run().history();
            history.with(0, history.len(), |it| operations(it))
        });
        let mine = found.iter().find(|it| it.text.contains("mine")).unwrap();
        assert_eq!(
            (mine.phase, name(mine.client)),
            (Phase::Ok, "you".to_owned())
        );
        assert!(mine.to.is_some_and(|it| it > mine.from));
        let record = record(&lab, mine.event).unwrap();
        assert_eq!((record.kind, record.time), (Kind::Invoke, mine.from));
        assert_eq!(name(20_001), "c1·3");
    }
}
