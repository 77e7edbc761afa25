//! A small language for moments: `count(role=leader) >= 2`, `n1.currentTerm > 5 and n2.role = candidate`.
//!
//! ```text
//! moment     = all of it joined by `or`, `and`, `not` and brackets, of comparisons
//! comparison = value, one of = != < <= > >=, value
//! value      = time | steps | nodes | up | down | paused | gone | broken | stats.NAME | count(…)
//!            | n1.FIELD | any.FIELD | all.FIELD      (these two on the left only)
//!            | 12 | 1.5 | 20ms | word | "some words" (these on the right only)
//! ```
//!
//! A field is one that the node shows, or `role`, `status` or `epoch`. Inside `count(…)` fields stand alone and mean
//! each node in turn. What a node does not have compares false with everything. `broken` is 1 when a promise is
//! broken, else 0.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use crate::error::{BadInput, one_of};
use crate::exhibit::Status;
use crate::frame::{Field, Stats, json_text};
use crate::protocol::NodeId;

use super::run::Run;
use super::time::Span;

/// The longest text, in bytes.
const TEXT_MAX: usize = 500;

/// How deep brackets and `not` may be nested.
const DEPTH_MAX: u32 = 20;

/// A question about a moment that is answered with yes or no.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    text: String,
    root: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Compare(Operand, Relation, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// How each relation is written, the longer ones first.
const RELATIONS: [(&str, Relation); 7] = [
    ("==", Relation::Equal),
    ("!=", Relation::Unequal),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("=", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::More),
];

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Time,
    Steps,
    Nodes,
    With(Status),
    Broken,
    /// One of [`COUNTERS`], by its place.
    Stats(usize),
    Count(Box<Test>),
    /// A field of one node, of some or every node, or of the node that is being counted.
    Field(Whose, String),
    Number(f64),
    Word(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Whose {
    Node(NodeId),
    Any,
    All,
    Each,
}

/// What stands before the dot of `stats.lost`, and what may stand behind it.
type Counter = (&'static str, fn(&Stats) -> u64);

const COUNTERS: [Counter; 8] = [
    ("sent", |it| it.sent),
    ("delivered", |it| it.delivered),
    ("lost", |it| it.lost),
    ("duplicated", |it| it.duplicated),
    ("invoked", |it| it.invoked),
    ("completed", |it| it.completed),
    ("refused", |it| it.refused),
    ("unknown", |it| it.unknown),
];

/// Fields that every node has, beside those that it shows.
const COMMON: [&str; 3] = ["role", "status", "epoch"];

impl Predicate {
    /// Whether it is so in a run as it stands.
    pub fn holds(&self, run: &dyn Run) -> bool {
        let sight = Sight {
            run,
            fields: RefCell::default(),
            counted: Cell::new(None),
        };
        sight.test(&self.root)
    }

    /// The names of fields that it looks at and that only the system can know.
    pub fn fields(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.each_operand(&mut |it| {
            if let Operand::Field(_, name) = it {
                if !COMMON.contains(&name.as_str()) && !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        });
        names
    }

    /// Refuses nodes that a cluster of so many does not have.
    pub fn fits(&self, nodes: u16) -> Result<(), BadInput> {
        let mut missing = None;
        self.root.each_operand(&mut |it| match it {
            Operand::Field(Whose::Node(node), _) if node.0 >= nodes => missing = Some(*node),
            _ => {}
        });
        match missing {
            Some(node) => Err(BadInput::new(
                &node.to_string(),
                format!("is no node here: there is n1 to n{nodes}"),
            )),
            None => Ok(()),
        }
    }
}

impl Test {
    fn each_operand<'a>(&'a self, see: &mut dyn FnMut(&'a Operand)) {
        match self {
            Test::And(one, two) | Test::Or(one, two) => {
                one.each_operand(see);
                two.each_operand(see);
            }
            Test::Not(inner) => inner.each_operand(see),
            Test::Compare(left, _, right) => {
                for it in [left, right] {
                    see(it);
                    if let Operand::Count(inner) = it {
                        inner.each_operand(see);
                    }
                }
            }
        }
    }
}

/// A run, and what has been looked up in it for one answer.
struct Sight<'a> {
    run: &'a dyn Run,
    /// What nodes show, by number, once somebody asked.
    fields: RefCell<Vec<(NodeId, Vec<Field>)>>,
    /// The node that is being counted.
    counted: Cell<Option<NodeId>>,
}

/// A value at a moment.
enum Value<'a> {
    Number(f64),
    Text(std::borrow::Cow<'a, str>),
    Missing,
}

impl Sight<'_> {
    fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.run.nodes()).map(NodeId)
    }

    fn test(&self, test: &Test) -> bool {
        match test {
            Test::And(one, two) => self.test(one) && self.test(two),
            Test::Or(one, two) => self.test(one) || self.test(two),
            Test::Not(inner) => !self.test(inner),
            Test::Compare(Operand::Field(whose, name), relation, right) => {
                let right = self.value(right);
                let fits = |node| relation.holds(&self.field(node, name), &right);
                match whose {
                    Whose::Node(node) => fits(*node),
                    Whose::Any => self.ids().any(fits),
                    Whose::All => self.ids().all(fits),
                    Whose::Each => self.counted.get().is_some_and(fits),
                }
            }
            Test::Compare(left, relation, right) => {
                relation.holds(&self.value(left), &self.value(right))
            }
        }
    }

    fn value<'v>(&self, operand: &'v Operand) -> Value<'v> {
        let count = |it: usize| Value::Number(it as f64);
        match operand {
            Operand::Time => Value::Number(self.run.now().0 as f64),
            Operand::Steps => Value::Number(self.run.steps() as f64),
            Operand::Nodes => Value::Number(self.run.nodes().into()),
            Operand::With(status) => count(
                self.ids()
                    .filter(|it| self.run.status_of(*it) == *status)
                    .count(),
            ),
            Operand::Broken => count(usize::from(self.run.violated())),
            Operand::Stats(place) => Value::Number(COUNTERS[*place].1(&self.run.stats()) as f64),
            Operand::Count(test) => {
                let fits = |it: &NodeId| {
                    self.counted.set(Some(*it));
                    self.test(test)
                };
                let found = self.ids().filter(fits).count();
                self.counted.set(None);
                count(found)
            }
            Operand::Field(Whose::Node(node), name) => self.field(*node, name),
            Operand::Field(..) => Value::Missing,
            Operand::Number(it) => Value::Number(*it),
            Operand::Word(it) => Value::Text(it.into()),
        }
    }

    fn field(&self, node: NodeId, name: &str) -> Value<'static> {
        match name {
            "role" => match self.run.role_of(node) {
                Some(role) => Value::Text(role.name.into()),
                // As commands name those that have none.
                None => Value::Text(status_word(self.run.status_of(node)).into()),
            },
            "status" => Value::Text(status_word(self.run.status_of(node)).into()),
            "epoch" => match self.run.role_of(node).and_then(|it| it.epoch) {
                Some(it) => Value::Number(it as f64),
                None => Value::Missing,
            },
            _ => self.shown(node, name),
        }
    }

    fn shown(&self, node: NodeId, name: &str) -> Value<'static> {
        let mut known = self.fields.borrow_mut();
        if known.iter().all(|it| it.0 != node) {
            known.push((node, self.run.fields_of(node)));
        }
        let fields = known.iter().find(|it| it.0 == node);
        let field = fields.and_then(|it| it.1.iter().find(|it| it.name == name));
        match field.map(|it| &it.value) {
            None => Value::Missing,
            Some(Json::Number(it)) => Value::Number(it.as_f64().unwrap_or(f64::NAN)),
            Some(it) => Value::Text(json_text(it).into()),
        }
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Up => "up",
        Status::Paused => "paused",
        Status::Down => "down",
        Status::Gone => "gone",
    }
}

impl Relation {
    fn holds(self, left: &Value<'_>, right: &Value<'_>) -> bool {
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
            (Value::Missing, _) | (_, Value::Missing) => return false,
            (Value::Text(left), Value::Text(right)) if left == right => {
                Some(std::cmp::Ordering::Equal)
            }
            // Words have no order, and a word is no number.
            _ => None,
        };
        match self {
            Relation::Equal => order.is_some_and(|it| it.is_eq()),
            Relation::Unequal => order.is_none_or(|it| it.is_ne()),
            Relation::Less => order.is_some_and(|it| it.is_lt()),
            Relation::AtMost => order.is_some_and(|it| it.is_le()),
            Relation::More => order.is_some_and(|it| it.is_gt()),
            Relation::AtLeast => order.is_some_and(|it| it.is_ge()),
        }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Predicate {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Predicate, BadInput> {
        let text = text.trim();
        if text.len() > TEXT_MAX {
            return Err(BadInput::new(
                text,
                format!("is too long: {TEXT_MAX} bytes at most"),
            ));
        }
        let mut reader = Reader {
            rest: text,
            depth: 0,
            counting: false,
        };
        let root = reader
            .alternatives()
            .and_then(|root| match reader.rest {
                "" => Ok(root),
                rest => Err(BadInput::new(
                    rest,
                    "is one too many: join tests by and, or",
                )),
            })
            .map_err(|it| match text {
                "" => it,
                _ => it.within(format!("in {}", crate::error::quote(text))),
            })?;
        Ok(Predicate {
            text: text.to_owned(),
            root,
        })
    }
}

/// Reads from left to right; `rest` never begins with a space.
struct Reader<'a> {
    rest: &'a str,
    depth: u32,
    /// Whether this is inside `count(…)`.
    counting: bool,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest[bytes..].trim_start();
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = self.rest.starts_with(sign);
        if there {
            self.skip(sign.len());
        }
        there
    }

    /// The word that comes next: letters, digits, dots, dashes and underscores.
    fn peek_word(&self) -> &'a str {
        let part = |it: char| it.is_alphanumeric() || matches!(it, '.' | '-' | '_');
        let end = self.rest.find(|it| !part(it)).unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    fn word(&mut self, wanted: &str) -> bool {
        let there = self.peek_word() == wanted;
        if there {
            self.skip(wanted.len());
        }
        there
    }

    fn alternatives(&mut self) -> Result<Test, BadInput> {
        let mut test = self.conjunction()?;
        while self.word("or") {
            test = Test::Or(Box::new(test), Box::new(self.conjunction()?));
        }
        Ok(test)
    }

    fn conjunction(&mut self) -> Result<Test, BadInput> {
        let mut test = self.single()?;
        while self.word("and") {
            test = Test::And(Box::new(test), Box::new(self.single()?));
        }
        Ok(test)
    }

    fn single(&mut self) -> Result<Test, BadInput> {
        if self.word("not") {
            return self
                .deeper(|it| it.single())
                .map(|it| Test::Not(Box::new(it)));
        }
        if self.sign("(") {
            return self.deeper(Reader::bracket);
        }
        let left = self.left()?;
        let relation = RELATIONS.iter().find(|it| self.rest.starts_with(it.0));
        let Some((sign, relation)) = relation else {
            return Err(self.refuse("is no comparison: write =, !=, <, <=, > or >= and a value"));
        };
        self.skip(sign.len());
        Ok(Test::Compare(left, *relation, self.right()?))
    }

    /// What stands in brackets, the closing one with it.
    fn bracket(&mut self) -> Result<Test, BadInput> {
        let inner = self.alternatives()?;
        match self.sign(")") {
            true => Ok(inner),
            false => Err(self.refuse("should be a closing bracket")),
        }
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, BadInput>,
    ) -> Result<T, BadInput> {
        if self.depth >= DEPTH_MAX {
            return Err(self.refuse(&format!("is nested too deep: {DEPTH_MAX} levels at most")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn left(&mut self) -> Result<Operand, BadInput> {
        let word = self.peek_word();
        let plain = match word {
            "" => {
                return Err(self.refuse(
                    "is no value: write n1.FIELD, any.FIELD, count(role=leader), down, time, …",
                ));
            }
            _ if self.counting && !word.contains('.') => {
                Operand::Field(Whose::Each, word.to_owned())
            }
            "count" => return self.count(),
            "time" => Operand::Time,
            "steps" => Operand::Steps,
            "nodes" => Operand::Nodes,
            "up" => Operand::With(Status::Up),
            "paused" => Operand::With(Status::Paused),
            "down" => Operand::With(Status::Down),
            "gone" => Operand::With(Status::Gone),
            "broken" => Operand::Broken,
            _ => match self.dotted(word)? {
                Some(it) => it,
                None => {
                    return Err(BadInput::new(
                        word,
                        "is no value: write n1.FIELD, any.FIELD, all.FIELD, count(…), stats.NAME, \
                     up, down, paused, gone, broken, nodes, \
                     time or steps",
                    ));
                }
            },
        };
        self.skip(word.len());
        Ok(plain)
    }

    fn right(&mut self) -> Result<Operand, BadInput> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let Some(end) = quoted.find('"') else {
                return Err(self.refuse("has no closing quotation mark"));
            };
            self.skip(end + 2);
            return Ok(Operand::Word(quoted[..end].to_owned()));
        }
        let word = self.peek_word();
        // Digits first: `inf` and `nan` are words.
        let digits = |it: &f64| it.is_finite() && !word.ends_with(char::is_alphabetic);
        let number = || word.parse::<f64>().ok().filter(digits);
        let value = match word {
            "" => {
                return Err(self.refuse("is no value: write a number, a time, a word or n1.FIELD"));
            }
            "count" if self.rest[word.len()..].trim_start().starts_with('(') => {
                return self.count();
            }
            _ => match (number(), word.parse::<Span>(), self.dotted(word)?) {
                (Some(number), ..) => Operand::Number(number),
                (_, Ok(span), _) => Operand::Number(span.0 as f64),
                (_, _, Some(Operand::Field(Whose::Any | Whose::All, _))) => {
                    return Err(BadInput::new(
                        word,
                        "can only stand on the left of a comparison",
                    ));
                }
                (_, _, Some(field)) => field,
                _ => Operand::Word(word.to_owned()),
            },
        };
        self.skip(word.len());
        Ok(value)
    }

    fn count(&mut self) -> Result<Operand, BadInput> {
        if self.counting {
            return Err(self.refuse("cannot stand inside another count"));
        }
        self.skip("count".len());
        if !self.sign("(") {
            return Err(self.refuse("should be a bracket: write count(role=leader)"));
        }
        self.counting = true;
        let test = self.deeper(Reader::bracket)?;
        self.counting = false;
        Ok(Operand::Count(Box::new(test)))
    }

    /// `n1.FIELD` and the like; `None` for a word that is none of these.
    fn dotted(&self, word: &str) -> Result<Option<Operand>, BadInput> {
        let Some((owner, name)) = word.split_once('.') else {
            return Ok(None);
        };
        let whose = match owner {
            "stats" => {
                let counter = COUNTERS.iter().position(|it| it.0 == name);
                let known = || one_of(COUNTERS.iter().map(|it| it.0));
                return counter.map(|it| Some(Operand::Stats(it))).ok_or_else(|| {
                    BadInput::new(
                        name,
                        format!("is nothing that is counted: there is {}", known()),
                    )
                });
            }
            "any" | "all" if self.counting => {
                return Err(BadInput::new(
                    word,
                    "cannot stand inside count: fields stand alone there",
                ));
            }
            "any" => Whose::Any,
            "all" => Whose::All,
            _ => match owner.parse() {
                Ok(node) => Whose::Node(node),
                Err(_) => return Ok(None),
            },
        };
        if name.is_empty() {
            return Err(BadInput::new(word, "names no field: write n1.role"));
        }
        Ok(Some(Operand::Field(whose, name.to_owned())))
    }

    fn refuse(&self, problem: &str) -> BadInput {
        match self.rest {
            "" => BadInput::new("", format!("{problem} (the text ends here)")),
            rest => BadInput::new(rest, problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_quoted() {
        for (text, quoted, help) in [
            ("", "\"\"", "n1.FIELD"),
            ("leader", "\"leader\"", "any.FIELD"),
            ("n1.role", "\"n1.role\"", "write ="),
            ("n1.role leader", "\"leader\"", "write ="),
            ("n1.role = ", "\"n1.role =\"", "a number"),
            ("n1. = 3", "\"n1.\"", "n1.role"),
            ("n0.role = leader", "\"n0.role\"", "n1.FIELD"),
            ("time > 3s time", "\"time\"", "and, or"),
            ("(time > 3s", "(time > 3s", "closing bracket"),
            ("stats.won > 3", "\"won\"", "lost"),
            ("count role", "\"role\"", "count(role=leader)"),
            ("count(any.role=leader) > 1", "\"any.role\"", "alone"),
            (
                "count(n1.x = count(role=a)) > 1",
                "count(role=a)",
                "another count",
            ),
            ("n1.x = any.x", "\"any.x\"", "left"),
            ("n1.x = \"a", "\"a", "quotation mark"),
            ("down ≥ 2", "≥ 2", "write ="),
        ] {
            let error = text.parse::<Predicate>().unwrap_err().to_string();
            assert!(
                error.contains(quoted) && error.contains(help),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn neither_length_nor_depth_is_without_limit() {
        let deep = format!("{}time > 1s{}", "(".repeat(100), ")".repeat(100));
        let error = deep.parse::<Predicate>().unwrap_err().to_string();
        assert!(error.contains("too deep"), "{error}");
        let long = vec!["time > 1s"; 100].join(" and ");
        let error = long.parse::<Predicate>().unwrap_err().to_string();
        assert!(error.contains("too long"), "{error}");
        let nots = format!("{}time > 1s", "not ".repeat(100));
        assert!(nots.parse::<Predicate>().is_err());
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        let text = "count(role=leader and currentTerm>=n1.currentTerm) >= 2 or not (down > 0)";
        let read: Predicate = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read.fields(), ["currentTerm"]);
        assert!(
            "n5.role = leader"
                .parse::<Predicate>()
                .unwrap()
                .fits(4)
                .is_err()
        );
    }
}
