//! What can be set before a run: the surroundings that every system has, and how one setting is read and written.

use std::fmt;

use crate::error::BadInput;

use super::dist::{Chance, Dist};
use super::time::Span;

/// The most nodes that a cluster may have.
pub const NODES_MAX: u64 = 99;

/// The most clients that a run may have.
pub const CLIENTS_MAX: u64 = 200;

/// The surroundings of a system: its size, network, disks and clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// How many nodes there are.
    pub nodes: u16,
    /// How long a message is under way, one way.
    pub latency: Dist,
    /// How likely a message is lost.
    pub loss: Chance,
    /// How likely a message arrives twice.
    pub duplicate: Chance,
    /// Whether a link keeps the order of its messages.
    pub fifo: bool,
    /// How long a write to the disk takes.
    pub disk: Dist,
    /// By how much clocks may stand apart at the start, either way.
    pub skew: Span,
    /// How many clients there are.
    pub clients: u32,
    /// How long a client waits between an answer and its next request.
    pub think: Dist,
    /// After how long without an answer a client asks again.
    pub retry: Span,
    /// After how long a client gives up, not knowing what became of its request.
    pub patience: Span,
    /// How many keys the clients use.
    pub keys: u32,
    /// How likely a request reads.
    pub reads: Chance,
}

impl Environment {
    /// Five nodes, an ordinary network, a fast disk, no clients.
    pub const DEFAULT: Environment = Environment {
        nodes: 5,
        latency: Dist::Uniform(Span::ms(10), Span::ms(20)),
        loss: Chance::NEVER,
        duplicate: Chance::NEVER,
        fifo: false,
        disk: Dist::Constant(Span::ms(1)),
        skew: Span::ZERO,
        clients: 0,
        think: Dist::Uniform(Span::ms(50), Span::ms(150)),
        retry: Span::ms(300),
        patience: Span::secs(3),
        keys: 3,
        reads: Chance::percent(50),
    };

    /// The settings that every system has.
    pub fn settings() -> Vec<Setting<Environment>> {
        let mut settings = Environment::network_settings();
        settings.extend(Environment::client_settings());
        settings
    }

    fn network_settings() -> Vec<Setting<Environment>> {
        let delay = Kind::Dist {
            max: Span::secs(60),
        };
        vec![
            Setting {
                id: "nodes",
                title: "Nodes",
                kind: Kind::Whole {
                    min: 1,
                    max: NODES_MAX,
                },
                rule: None,
                get: |it| Value::Whole(it.nodes.into()),
                set: |it, value| it.nodes = value.whole() as u16,
            },
            Setting {
                id: "latency",
                title: "Latency, one way",
                kind: delay,
                rule: None,
                get: |it| Value::Dist(it.latency),
                set: |it, value| it.latency = value.dist(),
            },
            Setting {
                id: "loss",
                title: "Messages lost",
                kind: Kind::Chance,
                rule: None,
                get: |it| Value::Chance(it.loss),
                set: |it, value| it.loss = value.chance(),
            },
            Setting {
                id: "duplicate",
                title: "Messages duplicated",
                kind: Kind::Chance,
                rule: None,
                get: |it| Value::Chance(it.duplicate),
                set: |it, value| it.duplicate = value.chance(),
            },
            Setting {
                id: "fifo",
                title: "Links keep the order",
                kind: Kind::Switch,
                rule: None,
                get: |it| Value::Switch(it.fifo),
                set: |it, value| it.fifo = value.switch(),
            },
            Setting {
                id: "disk",
                title: "Disk write",
                kind: delay,
                rule: None,
                get: |it| Value::Dist(it.disk),
                set: |it, value| it.disk = value.dist(),
            },
            Setting {
                id: "skew",
                title: "Clocks apart by up to",
                kind: Kind::Time {
                    min: Span::ZERO,
                    max: Span::secs(60),
                },
                rule: None,
                get: |it| Value::Time(it.skew),
                set: |it, value| it.skew = value.time(),
            },
        ]
    }

    fn client_settings() -> Vec<Setting<Environment>> {
        let patience = Kind::Time {
            min: Span::ms(1),
            max: Span::secs(600),
        };
        vec![
            Setting {
                id: "clients",
                title: "Clients",
                kind: Kind::Whole {
                    min: 0,
                    max: CLIENTS_MAX,
                },
                rule: None,
                get: |it| Value::Whole(it.clients.into()),
                set: |it, value| it.clients = value.whole() as u32,
            },
            Setting {
                id: "think",
                title: "Pause between requests",
                kind: Kind::Dist {
                    max: Span::secs(60),
                },
                rule: None,
                get: |it| Value::Dist(it.think),
                set: |it, value| it.think = value.dist(),
            },
            Setting {
                id: "retry",
                title: "Client asks again after",
                kind: patience,
                rule: None,
                get: |it| Value::Time(it.retry),
                set: |it, value| it.retry = value.time(),
            },
            Setting {
                id: "patience",
                title: "Client gives up after",
                kind: patience,
                rule: None,
                get: |it| Value::Time(it.patience),
                set: |it, value| it.patience = value.time(),
            },
            Setting {
                id: "keys",
                title: "Keys",
                kind: Kind::Whole {
                    min: 1,
                    max: 10_000,
                },
                rule: None,
                get: |it| Value::Whole(it.keys.into()),
                set: |it, value| it.keys = value.whole() as u32,
            },
            Setting {
                id: "reads",
                title: "Share of reads",
                kind: Kind::Chance,
                rule: None,
                get: |it| Value::Chance(it.reads),
                set: |it, value| it.reads = value.chance(),
            },
        ]
    }
}

/// Settings that may be changed while a run goes on (`set loss 2%`); the others shape the cluster at its start.
pub const CHANGEABLE: [&str; 5] = ["latency", "loss", "duplicate", "fifo", "disk"];

/// One thing that can be set in a `C`.
#[derive(Clone, Copy)]
pub struct Setting<C> {
    /// Its name in links and on the command line.
    pub id: &'static str,
    /// Its name on the page.
    pub title: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// For a rule of the algorithm that can be switched off: the check that falls then.
    pub rule: Option<&'static str>,
    /// Reads it.
    pub get: fn(&C) -> Value,
    /// Writes it; the value is of this setting's kind.
    pub set: fn(&mut C, Value),
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `on` or `off`.
    Switch,
    /// A whole number in this range.
    Whole {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A span in this range.
    Time {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// A probability.
    Chance,
    /// A distribution of delays whose typical length is at most this.
    Dist {
        /// The longest typical length.
        max: Span,
    },
}

/// The value of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Of a [`Kind::Switch`].
    Switch(bool),
    /// Of a [`Kind::Whole`].
    Whole(u64),
    /// Of a [`Kind::Time`].
    Time(Span),
    /// Of a [`Kind::Chance`].
    Chance(Chance),
    /// Of a [`Kind::Dist`].
    Dist(Dist),
}

/// Taking a value apart: [`Kind::read`] made it of the setting's own kind, so anything else is a mistake in a table.
macro_rules! unwrap_value {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($type:ty);)*) => {
        impl Value {
            $($(#[$doc])*
            ///
            /// # Panics
            /// On a value of another kind.
            pub fn $name(self) -> $type {
                match self {
                    Value::$variant(it) => it,
                    other => panic!("a setting's table takes {other:?} for another kind"),
                }
            })*
        }
    };
}

unwrap_value! {
    /// The switch's position.
    switch: Switch(bool);
    /// The number.
    whole: Whole(u64);
    /// The span.
    time: Time(Span);
    /// The probability.
    chance: Chance(Chance);
    /// The distribution.
    dist: Dist(Dist);
}

impl Kind {
    /// Reads a value of this kind.
    pub fn read(&self, text: &str) -> Result<Value, BadInput> {
        match *self {
            Kind::Switch => match text {
                "on" => Ok(Value::Switch(true)),
                "off" => Ok(Value::Switch(false)),
                _ => Err(BadInput::new(text, "is neither on nor off")),
            },
            Kind::Whole { min, max } => text
                .parse::<u64>()
                .ok()
                .filter(|it| (min..=max).contains(it))
                .map(Value::Whole)
                .ok_or_else(|| {
                    BadInput::new(text, format!("is not a whole number from {min} to {max}"))
                }),
            Kind::Time { min, max } => match text.parse::<Span>()? {
                it if (min..=max).contains(&it) => Ok(Value::Time(it)),
                _ => Err(BadInput::new(
                    text,
                    format!("is out of range: {min} to {max}"),
                )),
            },
            Kind::Chance => text.parse().map(Value::Chance),
            Kind::Dist { max } => match text.parse::<Dist>()? {
                it if it.typical() <= max => Ok(Value::Dist(it)),
                _ => Err(BadInput::new(
                    text,
                    format!("is out of range: {max} at most"),
                )),
            },
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Switch(true) => f.write_str("on"),
            Value::Switch(false) => f.write_str("off"),
            Value::Whole(it) => it.fmt(f),
            Value::Time(it) => it.fmt(f),
            Value::Chance(it) => it.fmt(f),
            Value::Dist(it) => it.fmt(f),
        }
    }
}

/// A setting as data, for a page or a list that does not know what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingView {
    /// Its name in links and on the command line.
    pub id: &'static str,
    /// Its name on the page.
    pub title: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The check that falls when this rule is switched off, for a rule.
    pub rule: Option<&'static str>,
    /// The value now.
    pub value: Value,
    /// Whether the system's own settings hold it, not the environment's.
    pub of_system: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_environment_reads_what_it_writes() {
        let environment = Environment::DEFAULT;
        for setting in Environment::settings() {
            let value = (setting.get)(&environment);
            let mut copy = environment.clone();
            let read = setting.kind.read(&value.to_string()).unwrap();
            (setting.set)(&mut copy, read);
            assert_eq!(copy, environment, "{}", setting.id);
        }
    }

    #[test]
    fn ranges_are_kept() {
        let nodes = Kind::Whole { min: 1, max: 99 };
        for text in ["0", "100", "1e9", "-1", "NaN", "99999999999999999999"] {
            let error = nodes.read(text).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("1 to 99"), "{error}");
        }
        assert!(Kind::Switch.read("yes").is_err());
        assert!(
            Kind::Dist {
                max: Span::secs(60)
            }
            .read("2000s")
            .is_err()
        );
    }
}
