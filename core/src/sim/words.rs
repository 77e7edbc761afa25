//! Words for events, made only while somebody reads along.

use serde_json::Value as Json;

use crate::exhibit::Exhibit;
use crate::frame::Field;
use crate::protocol::NodeId;
use crate::trace::Explained;

use super::simulation::Sim;

impl<P: Exhibit> Sim<P> {
    /// Makes words for an event, when somebody reads along.
    pub(super) fn say(
        &mut self,
        event: u32,
        body: impl FnOnce() -> Option<Json>,
        text: impl Fn(&Option<Json>) -> String,
    ) {
        if self.explaining {
            tell(&mut self.explained, event, body(), &text);
        }
    }

    /// Says what changed in a node by event number `event`.
    #[inline]
    pub(super) fn say_changes(&mut self, node: NodeId, event: u32) {
        if self.explaining {
            self.tell_changes(node, event);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_changes(&mut self, node: NodeId, event: u32) {
        let member = &mut self.members[node.index()];
        let before = std::mem::replace(&mut member.seen, member.state.clone());
        let Some(state) = &member.state else { return };
        let old = before.as_ref().map(fields).unwrap_or_default();
        let mut changed = changes(&old, &fields(state));
        changed.extend(state.archive(before.as_ref()));
        if let Some(words) = self.explained.iter_mut().rfind(|it| it.event == event) {
            words.set = changed;
        }
    }
}

/// Makes words for an event. Not inlined, and the text not known: so what says the same in every system is there once.
#[cold]
#[inline(never)]
pub(super) fn tell(
    explained: &mut Vec<Explained>,
    event: u32,
    body: Option<Json>,
    text: &dyn Fn(&Option<Json>) -> String,
) {
    explained.push(Explained {
        event,
        text: text(&body),
        body,
        set: Vec::new(),
    });
}

/// What a node knows, its role among it.
fn fields<P: Exhibit>(state: &P) -> Vec<Field> {
    let mut fields = vec![Field::volatile("role", state.role().name)];
    fields.extend(state.view());
    fields
}

/// How what a node knows has changed.
fn changes(old: &[Field], new: &[Field]) -> Vec<Field> {
    let mut changed: Vec<Field> = new.iter().filter(|it| !old.contains(it)).cloned().collect();
    // What a node no longer has, such as the votes of a candidacy that is over.
    let gone = old
        .iter()
        .filter(|it| new.iter().all(|new| new.name != it.name));
    changed.extend(gone.map(|it| Field {
        value: Json::Null,
        ..it.clone()
    }));
    changed
}

/// A payload in one line: its kind and its fields, in the paper's words.
pub(super) fn summary(kind: &str, body: &Option<Json>) -> String {
    let fields: Vec<String> = body
        .iter()
        .flat_map(flatten)
        .map(|(name, value)| match name.as_str() {
            "" => crate::frame::json_text(&value),
            _ => format!("{name}={}", crate::frame::json_text(&value)),
        })
        .collect();
    if fields.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind} {}", fields.join(" "))
    }
}

/// The fields of a payload: an enum's variant is its kind and says nothing more.
pub(super) fn flatten(body: &Json) -> Vec<(String, Json)> {
    match body {
        Json::Object(map) => match map.iter().next() {
            Some((_, Json::Object(fields))) if map.len() == 1 => fields
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            Some((_, inner)) if map.len() == 1 => vec![(String::new(), inner.clone())],
            _ => map
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        },
        Json::String(_) | Json::Null => Vec::new(),
        other => vec![(String::new(), other.clone())],
    }
}
