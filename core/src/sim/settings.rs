//! What can be set before a run: the surroundings that every system has, and how one setting is read and written.

use std::fmt;

use crate::error::BadInput;

use super::dist::{Chance, Dist};
use super::time::Span;

/// The most nodes that a cluster may have.
pub const NODES_MAX: u64 = 99;

/// The most clients that a run may have.
pub const CLIENTS_MAX: u64 = 200;

/// A setting that is one field, of the environment or of a system's own: its name, its title, the field and what values
/// it takes: `setting!("loss", "Messages lost", loss: chance())`. A rule that can be switched off names the check that
/// falls then: `setting!("once", "Copies are recognized", rules.once: rule("integrity"))`.
macro_rules! setting {
    ($id:literal, $title:literal, $($field:ident).+: whole($min:expr, $max:expr) as $type:ty) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Whole { min: $min, max: $max },
            |it| $crate::sim::settings::Value::Whole(it.$($field).+.into()),
            |it, value| it.$($field).+ = value.whole() as $type
        )
    };
    ($id:literal, $title:literal, $($field:ident).+: whole($min:expr, $max:expr)) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Whole { min: $min, max: $max },
            |it| $crate::sim::settings::Value::Whole(it.$($field).+),
            |it, value| it.$($field).+ = value.whole()
        )
    };
    ($id:literal, $title:literal, $($field:ident).+: time($min:expr, $max:expr)) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Time { min: $min, max: $max },
            |it| $crate::sim::settings::Value::Time(it.$($field).+),
            |it, value| it.$($field).+ = value.time()
        )
    };
    ($id:literal, $title:literal, $($field:ident).+: dist($max:expr)) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Dist { max: $max },
            |it| $crate::sim::settings::Value::Dist(it.$($field).+),
            |it, value| it.$($field).+ = value.dist()
        )
    };
    ($id:literal, $title:literal, $($field:ident).+: decimal($max:expr)) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Decimal { max: $max },
            |it| $crate::sim::settings::Value::Decimal(it.$($field).+),
            |it, value| it.$($field).+ = value.decimal()
        )
    };
    ($id:literal, $title:literal, $($field:ident).+: chance()) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Chance,
            |it| $crate::sim::settings::Value::Chance(it.$($field).+),
            |it, value| it.$($field).+ = value.chance()
        )
    };
    ($id:literal, $title:literal, $($field:ident).+: switch()) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Switch,
            |it| $crate::sim::settings::Value::Switch(it.$($field).+),
            |it, value| it.$($field).+ = value.switch()
        )
    };
    ($id:literal, $title:literal, $($field:ident).+: rule($check:literal)) => {
        setting!(
            $id, $title, Some($check), $crate::sim::settings::Kind::Switch,
            |it| $crate::sim::settings::Value::Switch(it.$($field).+),
            |it, value| it.$($field).+ = value.switch()
        )
    };
    // The second of two words stands for yes.
    ($id:literal, $title:literal, $($field:ident).+: either($words:expr)) => {
        setting!(
            $id, $title, None, $crate::sim::settings::Kind::Choice($words),
            |it| $crate::sim::settings::Value::Choice($words[usize::from(it.$($field).+)]),
            |it, value| it.$($field).+ = value.choice() == $words[1]
        )
    };
    ($id:literal, $title:literal, $rule:expr, $kind:expr, $get:expr, $set:expr) => {
        $crate::sim::settings::Setting {
            id: $id,
            title: $title,
            kind: $kind,
            rule: $rule,
            get: $get,
            set: $set,
        }
    };
}
pub(crate) use setting;

/// The surroundings of a system: its size, network, disks, processors and clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// How many nodes there are.
    pub nodes: u16,
    /// In how many zones (racks, data centres) they stand, dealt round like cards.
    pub zones: u16,
    /// How long a message is under way, one way.
    pub latency: Dist,
    /// How much longer between two zones.
    pub zone_latency: Dist,
    /// How likely a message is lost.
    pub loss: Chance,
    /// How likely a message is the first of a burst of lost ones on its link.
    pub burst: Chance,
    /// How long a burst lasts.
    pub burst_length: Dist,
    /// How likely a message arrives twice.
    pub duplicate: Chance,
    /// How likely a copy of a message arrives late.
    pub replay: Chance,
    /// How late.
    pub replay_after: Dist,
    /// How likely a message is damaged on its way.
    pub corrupt: Chance,
    /// Whether damage to messages and disks is noticed.
    pub checksum: bool,
    /// Whether a link keeps the order of its messages.
    pub fifo: bool,
    /// How long a link needs to put one message on the wire.
    pub transmit: Span,
    /// How many messages may be on a link; 0 for any number.
    pub capacity: u64,
    /// How long a node works on each thing that arrives.
    pub service: Dist,
    /// How many things may wait at a node; 0 for any number.
    pub inbox: u64,
    /// How long a write to the disk takes.
    pub disk: Dist,
    /// How likely a write that a crash interrupts is there in part.
    pub torn: Chance,
    /// Whether a node stops when a sync fails, rather than go on as if it had not.
    pub stop_on_failed_sync: bool,
    /// Whether faults of disks spare a majority of them.
    pub atlas: bool,
    /// By how much clocks may stand apart at the start, either way.
    pub skew: Span,
    /// How many clients there are.
    pub clients: u32,
    /// How long a client waits between an answer and its next request.
    pub think: Dist,
    /// The pause between two requests of all clients together, whoever waits for answers; none for a closed loop.
    pub arrival: Dist,
    /// Whether a client begins each request at any node, rather than at the one that answered last.
    pub spread: bool,
    /// After how long without an answer a client asks again.
    pub retry: Span,
    /// After how long a client gives up, not knowing what became of its request.
    pub patience: Span,
    /// How many keys the clients use.
    pub keys: u32,
    /// How uneven keys are used: the exponent of Zipf's law in thousandths; 0 for all alike.
    pub zipf: u64,
    /// How likely a request reads.
    pub reads: Chance,
    /// How likely a request that does not read compares and sets.
    pub cas: Chance,
    /// How likely a request that does not read appends to a list; so many of the reads read lists, too.
    pub appends: Chance,
}

impl Environment {
    /// Five nodes, an ordinary network, a fast disk, no clients.
    pub const DEFAULT: Environment = Environment {
        nodes: 5,
        zones: 1,
        latency: Dist::Uniform(Span::ms(10), Span::ms(20)),
        zone_latency: Dist::Constant(Span::ZERO),
        loss: Chance::NEVER,
        burst: Chance::NEVER,
        burst_length: Dist::Exponential(Span::ZERO, Span::ms(200)),
        duplicate: Chance::NEVER,
        replay: Chance::NEVER,
        replay_after: Dist::Exponential(Span::ZERO, Span::secs(1)),
        corrupt: Chance::NEVER,
        checksum: true,
        fifo: false,
        transmit: Span::ZERO,
        capacity: 0,
        service: Dist::Constant(Span::ZERO),
        inbox: 0,
        disk: Dist::Constant(Span::ms(1)),
        torn: Chance::NEVER,
        stop_on_failed_sync: true,
        atlas: true,
        skew: Span::ZERO,
        clients: 0,
        think: Dist::Uniform(Span::ms(50), Span::ms(150)),
        arrival: Dist::Constant(Span::ZERO),
        spread: false,
        retry: Span::ms(300),
        patience: Span::secs(3),
        keys: 3,
        zipf: 0,
        reads: Chance::percent(50),
        cas: Chance::NEVER,
        appends: Chance::NEVER,
    };

    /// Whether links do more to a message than delay or lose it.
    #[inline]
    pub fn is_odd(&self) -> bool {
        self.fifo
            || self.capacity > 0
            || self.corrupt != Chance::NEVER
            || self.burst != Chance::NEVER
            || self.transmit > Span::ZERO
    }

    /// Whether the network ever makes copies.
    #[inline]
    pub fn copies(&self) -> bool {
        self.duplicate != Chance::NEVER || self.replay != Chance::NEVER
    }

    /// The settings that every system has.
    pub fn settings() -> Vec<Setting<Environment>> {
        let mut settings = Environment::network_settings();
        settings.extend(Environment::machine_settings());
        settings.extend(Environment::client_settings());
        settings
    }

    fn network_settings() -> Vec<Setting<Environment>> {
        vec![
            setting!("nodes", "Nodes", nodes: whole(1, NODES_MAX) as u16),
            setting!("zones", "Zones", zones: whole(1, ZONES_MAX) as u16),
            setting!("latency", "Latency, one way", latency: dist(DELAY_MAX)),
            setting!("zone-latency", "More between zones", zone_latency: dist(DELAY_MAX)),
            setting!("loss", "Messages lost", loss: chance()),
            setting!("burst", "Bursts of loss begin", burst: chance()),
            setting!("burst-length", "A burst lasts", burst_length: dist(DELAY_MAX)),
            setting!("duplicate", "Messages duplicated", duplicate: chance()),
            setting!("replay", "Messages replayed late", replay: chance()),
            setting!("replay-after", "Late by", replay_after: dist(DELAY_MAX)),
            setting!("corrupt", "Messages damaged", corrupt: chance()),
            setting!("checksum", "Damage is noticed", checksum: switch()),
            setting!("fifo", "Links keep the order", fifo: switch()),
            setting!("transmit", "A link needs for a message", transmit: time(Span::ZERO, Span::secs(60))),
            setting!("capacity", "Messages on a link, at most (0: any)", capacity: whole(0, 1_000_000) as u64),
        ]
    }

    fn machine_settings() -> Vec<Setting<Environment>> {
        vec![
            setting!("service", "A node works on each event for", service: dist(DELAY_MAX)),
            setting!("inbox", "Events waiting at a node, at most (0: any)", inbox: whole(0, 1_000_000) as u64),
            setting!("disk", "Disk write", disk: dist(DELAY_MAX)),
            setting!("torn", "Interrupted writes are torn", torn: chance()),
            setting!("stop-on-failed-sync", "A failed sync stops the node", stop_on_failed_sync: switch()),
            setting!("atlas", "Disk faults spare a majority", atlas: switch()),
            setting!("skew", "Clocks apart by up to", skew: time(Span::ZERO, Span::secs(60))),
        ]
    }

    fn client_settings() -> Vec<Setting<Environment>> {
        vec![
            setting!("clients", "Clients", clients: whole(0, CLIENTS_MAX) as u32),
            setting!("think", "Pause between requests", think: dist(DELAY_MAX)),
            setting!("arrival", "A request arrives every (0s: after the answer)", arrival: dist(DELAY_MAX)),
            setting!("spread", "Clients ask any node", spread: switch()),
            setting!("retry", "Client asks again after", retry: time(Span::ms(1), Span::secs(600))),
            setting!("patience", "Client gives up after", patience: time(Span::ms(1), Span::secs(600))),
            setting!("keys", "Keys", keys: whole(1, 10_000) as u32),
            setting!("zipf", "Unevenness of keys (Zipf)", zipf: decimal(5_000)),
            setting!("reads", "Share of reads", reads: chance()),
            setting!("cas", "Share of compare-and-sets in the rest", cas: chance()),
            setting!("appends", "Share of appends in the rest", appends: chance()),
        ]
    }
}

/// The longest typical delay.
const DELAY_MAX: Span = Span::secs(60);

/// The most zones.
const ZONES_MAX: u64 = 9;

/// Settings that may be changed while a run goes on (`set loss 2%`); the others shape the cluster at its start.
pub const CHANGEABLE: [&str; 17] = [
    "latency",
    "zone-latency",
    "loss",
    "burst",
    "burst-length",
    "duplicate",
    "replay",
    "replay-after",
    "corrupt",
    "fifo",
    "transmit",
    "capacity",
    "service",
    "inbox",
    "disk",
    "torn",
    "think",
];

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
    /// A number with up to three places behind the point, from 0.
    Decimal {
        /// The greatest, in thousandths.
        max: u64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
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
    /// Of a [`Kind::Decimal`], in thousandths.
    Decimal(u64),
    /// Of a [`Kind::Choice`].
    Choice(&'static str),
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
    /// The number, in thousandths.
    decimal: Decimal(u64);
    /// The word.
    choice: Choice(&'static str);
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
            Kind::Decimal { max } => read_decimal(text)
                .filter(|it| *it <= max)
                .map(Value::Decimal)
                .ok_or_else(|| {
                    let max = Value::Decimal(max);
                    BadInput::new(
                        text,
                        format!("is not a number from 0 to {max}, such as 0.99"),
                    )
                }),
            Kind::Choice(words) => words
                .iter()
                .find(|it| **it == text)
                .map(|it| Value::Choice(it))
                .ok_or_else(|| BadInput::new(text, format!("is none of {}", words.join(", ")))),
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
            Value::Decimal(it) => {
                let rest = format!("{:03}", it % 1_000);
                match rest.trim_end_matches('0') {
                    "" => write!(f, "{}", it / 1_000),
                    rest => write!(f, "{}.{rest}", it / 1_000),
                }
            }
            Value::Choice(it) => f.write_str(it),
        }
    }
}

/// A number such as `0.99`, in thousandths.
fn read_decimal(text: &str) -> Option<u64> {
    let digits =
        |it: &str| !it.is_empty() && it.len() <= 9 && it.bytes().all(|it| it.is_ascii_digit());
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(rest) || rest.len() > 3 {
        return None;
    }
    Some(whole.parse::<u64>().ok()? * 1_000 + format!("{rest:0<3}").parse::<u64>().ok()?)
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
        for (text, thousandths) in [("0.99", 990), ("2", 2_000), ("1.005", 1_005)] {
            let value = Kind::Decimal { max: 2_000 }.read(text);
            assert_eq!(value, Ok(Value::Decimal(thousandths)));
            assert_eq!(value.unwrap().to_string(), text);
        }
        for text in ["2.001", "-1", "1e3", "0.9999", ".5", "5."] {
            assert!(Kind::Decimal { max: 2_000 }.read(text).is_err(), "{text}");
        }
        assert!(
            Kind::Dist {
                max: Span::secs(60)
            }
            .read("2000s")
            .is_err()
        );
        let words = Kind::Choice(&["sync", "async"]);
        assert_eq!(words.read("async"), Ok(Value::Choice("async")));
        let error = words.read("often").unwrap_err().to_string();
        assert!(
            error.contains("often") && error.contains("sync, async"),
            "{error}"
        );
    }
}
