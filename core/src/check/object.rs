//! Objects as one copy would behave: what every order of operations is tried against.
//!
//! A search meets the same states and values again and again, so both are numbers. An object whose states are more
//! than values gives them numbers as it meets them. State 0 is the beginning: nothing is there.

use std::rc::Rc;

use serde_json::Value as Json;

use crate::check::story::{Fate, Lookup, NULL, Op, Operation, Story, Values, short};

/// A result that nobody knows.
pub const UNKNOWN: u32 = u32::MAX;

/// An operation in numbers, as its object reads them.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// What it does.
    pub op: Op,
    /// Who does it.
    pub client: u32,
    /// What it writes, or expects.
    pub argument: u32,
    /// What a `cas` writes.
    pub second: u32,
    /// What it returned; [`UNKNOWN`] when nobody knows.
    pub result: u32,
}

impl Action {
    /// Whether it can have returned this.
    fn may_return(&self, value: u32) -> bool {
        self.result == UNKNOWN || self.result == value
    }
}

/// What an object does when operations come one after the other.
pub trait SequentialSpec<'a>: Default {
    /// The operations that it knows.
    const OPS: &'static [Op];

    /// An operation in numbers.
    fn action(&mut self, operation: &Operation<'a>) -> Action;

    /// The state after the operation, if that could return what it did.
    fn apply(&mut self, state: u32, action: &Action) -> Option<u32>;

    /// A state in words, after the object's name: `is 5`.
    fn words(&self, state: u32, story: &Story<'_>) -> String;

    /// How many words of memory a state takes, about: what a step costs.
    fn size(&self, _state: u32) -> u64 {
        1
    }
}

/// The numbers that most objects need.
fn plain<'a>(values: &mut Values<'a>, operation: &Operation<'a>) -> Action {
    let known = operation.fate == Fate::Done;
    Action {
        op: operation.op,
        client: operation.client,
        argument: values.number(operation.argument),
        second: NULL,
        result: if known {
            values.number(operation.result)
        } else {
            UNKNOWN
        },
    }
}

/// One value: read, write, compare-and-set, increment.
#[derive(Default)]
pub struct Register<'a> {
    values: Values<'a>,
}

impl<'a> SequentialSpec<'a> for Register<'a> {
    const OPS: &'static [Op] = &[Op::Read, Op::Write, Op::Cas, Op::Incr];

    fn action(&mut self, operation: &Operation<'a>) -> Action {
        let values = &mut self.values;
        if operation.op == Op::Cas {
            let mut part = |index: usize| operation.argument.get(index).map(|it| values.number(it));
            return Action {
                op: Op::Cas,
                client: operation.client,
                argument: part(0).unwrap_or(NULL),
                second: part(1).unwrap_or(NULL),
                result: UNKNOWN,
            };
        }
        let mut action = plain(values, operation);
        match operation.op {
            Op::Write => action.result = UNKNOWN,
            // Without an amount, an increment adds one.
            Op::Incr if action.argument == NULL => action.argument = values.whole(1),
            _ => {}
        }
        action
    }

    fn apply(&mut self, state: u32, action: &Action) -> Option<u32> {
        match action.op {
            Op::Read => action.may_return(state).then_some(state),
            Op::Write => Some(action.argument),
            Op::Cas => (action.argument == state).then_some(action.second),
            Op::Incr => {
                let before = self.values.as_whole(state).unwrap_or(0);
                let amount = self.values.as_whole(action.argument).unwrap_or(0);
                let sum = self.values.whole(before.wrapping_add(amount));
                action.may_return(sum).then_some(sum)
            }
            _ => None,
        }
    }

    fn words(&self, state: u32, _story: &Story<'_>) -> String {
        format!("is {}", short(&self.values.show(state)))
    }
}

/// A list: append, read the whole. A list is a place in a tree of all lists that were met: its last value, and the
/// list before that. It may give way to a number, and come back when that is removed: so there is also all that a
/// register does.
#[derive(Default)]
pub struct List<'a> {
    values: Values<'a>,
    longer: Lookup<(u32, u32), u32>,
    /// Of list `n + 1`: the list before, the last value, the length.
    lists: Vec<(u32, u32, u32)>,
    /// What was written or read and is no list, as states and, the other way round, as values.
    strange: Lookup<u32, u32>,
    strangers: Vec<u32>,
}

impl<'a> List<'a> {
    fn with(&mut self, list: u32, value: u32) -> u32 {
        if let Some(known) = self.longer.get(&(list, value)) {
            return *known;
        }
        let length = 1 + list
            .checked_sub(1)
            .map_or(0, |it| self.lists[it as usize].2);
        self.lists.push((list, value, length));
        let number = self.lists.len() as u32;
        self.longer.insert((list, value), number);
        number
    }

    /// The number of a whole list; null is the empty one.
    fn whole(&mut self, value: &'a Json) -> u32 {
        match value {
            Json::Null => 0,
            Json::Array(items) => {
                let mut list = 0;
                for item in items {
                    let item = self.values.number(item);
                    list = self.with(list, item);
                }
                list
            }
            other => {
                let number = self.values.number(other);
                self.stranger(number)
            }
        }
    }

    /// The state of a value that is no list.
    fn stranger(&mut self, value: u32) -> u32 {
        let strangers = &mut self.strangers;
        *self.strange.entry(value).or_insert_with(|| {
            strangers.push(value);
            STRANGE + strangers.len() as u32 - 1
        })
    }

    /// The state after adding to a number; nothing counts as 0, and a list is no number.
    fn sum(&mut self, state: u32, amount: u32) -> Option<u32> {
        let before = match state.checked_sub(STRANGE) {
            Some(place) => self.values.as_whole(self.strangers[place as usize]),
            None => (state == 0).then_some(0),
        };
        let sum = before?.wrapping_add(self.values.as_whole(amount)?);
        let sum = self.values.whole(sum);
        Some(self.stranger(sum))
    }
}

/// States from here on are values that are no lists.
const STRANGE: u32 = 1 << 31;

impl<'a> SequentialSpec<'a> for List<'a> {
    const OPS: &'static [Op] = &[Op::Read, Op::Append, Op::Write, Op::Cas, Op::Incr];

    fn action(&mut self, operation: &Operation<'a>) -> Action {
        let given = operation.argument;
        let mut part = |index: usize| given.get(index).map_or(0, |it| self.whole(it));
        let (argument, second) = match operation.op {
            Op::Cas => (part(0), part(1)),
            Op::Append => (self.values.number(given), NULL),
            // Without an amount, an increment adds one.
            Op::Incr if given.is_null() => (self.values.whole(1), NULL),
            Op::Incr => (self.values.number(given), NULL),
            _ => (self.whole(given), NULL),
        };
        let result = match (operation.op, operation.fate) {
            (Op::Read | Op::Incr, Fate::Done) => self.whole(operation.result),
            _ => UNKNOWN,
        };
        Action {
            op: operation.op,
            client: operation.client,
            argument,
            second,
            result,
        }
    }

    fn apply(&mut self, state: u32, action: &Action) -> Option<u32> {
        match action.op {
            Op::Read => action.may_return(state).then_some(state),
            Op::Write => Some(action.argument),
            Op::Append if state < STRANGE => Some(self.with(state, action.argument)),
            Op::Cas => (action.argument == state).then_some(action.second),
            Op::Incr => {
                let sum = self.sum(state, action.argument);
                sum.filter(|it| action.may_return(*it))
            }
            _ => None,
        }
    }

    fn words(&self, mut state: u32, _story: &Story<'_>) -> String {
        if let Some(place) = state.checked_sub(STRANGE) {
            let value = self.strangers[place as usize];
            return format!("is {}", short(&self.values.show(value)));
        }
        let mut items = Vec::new();
        while let Some(place) = state.checked_sub(1) {
            let (before, value, _) = self.lists[place as usize];
            items.push(self.values.show(value));
            state = before;
        }
        items.reverse();
        format!("is {}", short(&Json::Array(items)))
    }
}

/// First in, first out. A queue that is empty returns null.
pub struct Queue<'a> {
    values: Values<'a>,
    numbers: Lookup<Rc<[u32]>, u32>,
    queues: Vec<Rc<[u32]>>,
}

impl Default for Queue<'_> {
    fn default() -> Self {
        let empty: Rc<[u32]> = Rc::default();
        let mut numbers = Lookup::default();
        numbers.insert(empty.clone(), 0);
        Queue {
            values: Values::default(),
            numbers,
            queues: vec![empty],
        }
    }
}

impl Queue<'_> {
    fn number(&mut self, queue: Rc<[u32]>) -> u32 {
        let queues = &mut self.queues;
        *self.numbers.entry(queue).or_insert_with_key(|it| {
            queues.push(it.clone());
            queues.len() as u32 - 1
        })
    }
}

impl<'a> SequentialSpec<'a> for Queue<'a> {
    const OPS: &'static [Op] = &[Op::Enqueue, Op::Dequeue];

    fn action(&mut self, operation: &Operation<'a>) -> Action {
        let mut action = plain(&mut self.values, operation);
        if operation.op == Op::Enqueue {
            action.result = UNKNOWN;
        }
        action
    }

    fn apply(&mut self, state: u32, action: &Action) -> Option<u32> {
        let queue = self.queues[state as usize].clone();
        match action.op {
            Op::Enqueue => {
                let longer = queue.iter().copied().chain([action.argument]).collect();
                Some(self.number(longer))
            }
            Op::Dequeue => match queue.split_first() {
                None => action.may_return(NULL).then_some(state),
                Some((first, rest)) => action.may_return(*first).then(|| self.number(rest.into())),
            },
            _ => None,
        }
    }

    fn words(&self, state: u32, _story: &Story<'_>) -> String {
        let queue = self.queues[state as usize].iter();
        let queue: Json = queue.map(|it| self.values.show(*it)).collect();
        format!("holds {}", short(&queue))
    }

    fn size(&self, state: u32) -> u64 {
        1 + self.queues[state as usize].len() as u64
    }
}

/// A lock: nobody's, or one client's (its number plus one). Only the holder gives it back.
#[derive(Default)]
pub struct Lock;

impl<'a> SequentialSpec<'a> for Lock {
    const OPS: &'static [Op] = &[Op::Acquire, Op::Release];

    fn action(&mut self, operation: &Operation<'a>) -> Action {
        Action {
            op: operation.op,
            client: operation.client,
            argument: NULL,
            second: NULL,
            result: UNKNOWN,
        }
    }

    fn apply(&mut self, state: u32, action: &Action) -> Option<u32> {
        let mine = action.client.wrapping_add(1);
        match action.op {
            Op::Acquire => (state == 0).then_some(mine),
            Op::Release => (state == mine).then_some(0),
            _ => None,
        }
    }

    fn words(&self, state: u32, story: &Story<'_>) -> String {
        match state.checked_sub(1) {
            None => "is free".to_owned(),
            Some(holder) => format!("is held by {}", story.client(holder)),
        }
    }
}

/// Any of them: what the operations on a key say it is.
pub enum Object<'a> {
    /// A value.
    Register(Register<'a>),
    /// A list.
    List(List<'a>),
    /// A queue.
    Queue(Queue<'a>),
    /// A lock.
    Lock(Lock),
}

impl<'a> Object<'a> {
    /// The object that knows all these operations.
    pub fn that_knows(operations: &[Op]) -> Option<Object<'a>> {
        let knows = |ops: &[Op]| operations.iter().all(|it| ops.contains(it));
        if knows(Register::OPS) {
            Some(Object::Register(Register::default()))
        } else if knows(List::OPS) {
            Some(Object::List(List::default()))
        } else if knows(Queue::OPS) {
            Some(Object::Queue(Queue::default()))
        } else if knows(Lock::OPS) {
            Some(Object::Lock(Lock))
        } else {
            None
        }
    }

    /// As [`SequentialSpec::action`].
    pub fn action(&mut self, operation: &Operation<'a>) -> Action {
        match self {
            Object::Register(it) => it.action(operation),
            Object::List(it) => it.action(operation),
            Object::Queue(it) => it.action(operation),
            Object::Lock(it) => it.action(operation),
        }
    }

    /// As [`SequentialSpec::apply`].
    pub fn apply(&mut self, state: u32, action: &Action) -> Option<u32> {
        match self {
            Object::Register(it) => it.apply(state, action),
            Object::List(it) => it.apply(state, action),
            Object::Queue(it) => it.apply(state, action),
            Object::Lock(it) => it.apply(state, action),
        }
    }

    /// As [`SequentialSpec::words`].
    pub fn words(&self, state: u32, story: &Story<'_>) -> String {
        match self {
            Object::Register(it) => it.words(state, story),
            Object::List(it) => it.words(state, story),
            Object::Queue(it) => it.words(state, story),
            Object::Lock(it) => it.words(state, story),
        }
    }

    /// As [`SequentialSpec::size`].
    pub fn size(&self, state: u32) -> u64 {
        match self {
            Object::Queue(it) => it.size(state),
            _ => 1,
        }
    }
}
