//! What defines a run, and its form as a link.
//!
//! ```text
//! #/raft/leader-crash?seed=7&set.loss=2%25&do=1.2s+crash+n1&do=2s+restart+n1&t=3.4s
//! ```
//!
//! A link is the part of an address behind `#`, so no server sees it. It is text that people and programs can read
//! and write: `seed`; `set.NAME` for every setting that differs from the scenario's; `do` for every command, in
//! order; `script=off` when those are all that happens; `for` for the length; `t` for the playhead, and `step` where it
//! stands between events of one moment; `v` for the version of this form, 1 when missing.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::{BadInput, one_of, quote};
use crate::systems;
use crate::trace::Level;

use super::command::{COMMANDS_MAX, Planned, order_by_time};
use super::run::Run;
use super::system::System;
use super::time::{Span, Time};

/// The version of links that this release writes, and the newest that it reads.
pub const LINK_VERSION: u32 = 1;

/// The longest link that is read, in bytes.
pub const LINK_MAX: usize = 256 * 1024;

/// The most settings that a link may hold.
const SETTINGS_MAX: usize = 100;

/// What needs no escape in a link; the space becomes a plus sign.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'(')
    .remove(b')')
    .remove(b',');

/// Where the playhead stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// True time. Every event up to and including it has happened…
    pub time: Time,
    /// …or, when this is set, only so many steps.
    pub step: Option<u64>,
}

/// Everything that defines a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSpec {
    /// The system's name.
    pub system: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of all randomness.
    pub seed: u64,
    /// Settings that differ from the scenario's: name and value as text.
    pub settings: Vec<(String, String)>,
    /// What people did, in the order of time.
    pub commands: Vec<Planned>,
    /// Whether what the scenario plans happens: its script, and what its seed draws. Off, the commands are everything.
    pub scripted: bool,
    /// How long the run lasts, when not as long as the scenario says.
    pub length: Option<Span>,
    /// Where the playhead stands; the end of the run when missing.
    pub playhead: Option<Moment>,
}

impl RunSpec {
    /// A run of a scenario as it is, with seed 1.
    pub fn new(system: &str, scenario: &str) -> RunSpec {
        RunSpec {
            system: system.to_owned(),
            scenario: scenario.to_owned(),
            seed: 1,
            settings: Vec::new(),
            commands: Vec::new(),
            scripted: true,
            length: None,
            playhead: None,
        }
    }

    /// The system, if there is one of this name.
    pub fn system(&self) -> Result<&'static System, BadInput> {
        systems::find(&self.system)
    }

    /// Sets up the run; an `Err` quotes what does not fit.
    pub fn build(&self, level: Level) -> Result<Box<dyn Run>, BadInput> {
        (self.system()?.build)(self, level)
    }

    /// How long the run lasts.
    pub fn length(&self) -> Result<Span, BadInput> {
        let scenario = self.system()?.scenario(&self.scenario)?;
        Ok(self.length.unwrap_or(scenario.length))
    }

    /// Changes a setting; a later value takes the place of an earlier one.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|it| it.0 != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// The same run, with everything written out: what the scenario plans becomes commands, what the seed draws for the
    /// surroundings becomes settings. Event for event it is the run that it was, but now each part can be taken away.
    pub fn detach(&self) -> Result<RunSpec, BadInput> {
        let system = self.system()?;
        let run = self.build(Level::Off)?;
        let mut detached = RunSpec {
            scripted: false,
            length: Some(self.length()?),
            ..self.clone()
        };
        if self.scripted {
            // At one moment the script goes first, and sorting keeps it so.
            detached.commands = run.script().to_vec();
            detached.commands.extend(self.commands.iter().cloned());
            order_by_time(&mut detached.commands);
        }
        if detached.commands.len() > COMMANDS_MAX {
            return Err(BadInput::new(
                &self.place(),
                format!("cannot be written out: {COMMANDS_MAX} commands at most"),
            ));
        }
        let plain = (system.settings)(&detached)?;
        for (view, plain) in (system.settings)(self)?.iter().zip(&plain) {
            if view.value != plain.value {
                detached.set(view.id, &view.value.to_string());
            }
        }
        Ok(detached)
    }

    /// System and scenario, as on the command line.
    pub fn place(&self) -> String {
        format!("{}/{}", self.system, self.scenario)
    }

    /// The link, beginning with `#/`.
    pub fn link(&self) -> String {
        let mut link = format!(
            "#/{}/{}?seed={}",
            encode(&self.system),
            encode(&self.scenario),
            self.seed
        );
        let mut add = |key: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = write!(link, "&{key}={}", encode(value));
        };
        for (key, value) in &self.settings {
            add(&format!("set.{}", encode(key)), value);
        }
        for planned in &self.commands {
            add("do", &planned.to_string());
        }
        if !self.scripted {
            add("script", "off");
        }
        if let Some(length) = self.length {
            add("for", &length.to_string());
        }
        if let Some(moment) = self.playhead {
            add("t", &moment.time.to_string());
            if let Some(step) = moment.step {
                add("step", &step.to_string());
            }
        }
        link
    }

    /// Reads a link: a whole address, what is behind its `#`, or just `raft/calm`.
    ///
    /// The names of system, scenario and settings are not looked up yet; [`RunSpec::build`] does that.
    pub fn from_link(text: &str) -> Result<RunSpec, BadInput> {
        if text.len() > LINK_MAX {
            return Err(BadInput::new(
                text,
                format!("is too long for a link: {LINK_MAX} bytes at most"),
            ));
        }
        let text = text.trim();
        let link = text.split_once('#').map_or(text, |(_, link)| link);
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let names: Vec<&str> = path.trim_matches('/').split('/').collect();
        let [system, scenario] = names[..] else {
            return Err(BadInput::new(
                text,
                "is not a link to a run: it should look like #/raft/calm?seed=1",
            ));
        };
        let mut spec = RunSpec::new(&decode(system)?, &decode(scenario)?);
        let pairs: Vec<&str> = query.split('&').filter(|it| !it.is_empty()).collect();
        check_version(&pairs)?;
        let mut timed = false;
        for pair in pairs {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| BadInput::new(pair, "is not a part of a link: write name=value"))?;
            let name = decode(key)?;
            timed |= name == "t";
            spec.read_part(&name, &decode(value)?)
                .map_err(|it| it.within(format!("in the link, {}", quote(key))))?;
        }
        if let Some(Moment {
            step: Some(_),
            time,
        }) = &mut spec.playhead
        {
            // So many steps, whenever they happen.
            if !timed {
                *time = Time::MAX;
            }
        }
        order_by_time(&mut spec.commands);
        Ok(spec)
    }

    fn read_part(&mut self, key: &str, value: &str) -> Result<(), BadInput> {
        let step = |spec: &mut RunSpec, step: Option<u64>, time: Option<Time>| {
            let old = spec.playhead.unwrap_or(Moment {
                time: Time::ZERO,
                step: None,
            });
            spec.playhead = Some(Moment {
                time: time.unwrap_or(old.time),
                step: step.or(old.step),
            });
        };
        match key {
            "v" => {}
            "seed" => self.seed = parse_seed(value)?,
            "for" => self.length = Some(value.parse()?),
            "script" => {
                self.scripted = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(BadInput::new(value, "is neither on nor off")),
                }
            }
            "t" => step(self, None, Some(value.parse()?)),
            "step" => {
                let count = value
                    .parse()
                    .map_err(|_| BadInput::new(value, "is not a number of steps"))?;
                step(self, Some(count), None);
            }
            "do" if self.commands.len() >= COMMANDS_MAX => {
                return Err(BadInput::new(
                    value,
                    format!("is one too many: {COMMANDS_MAX} commands at most"),
                ));
            }
            "do" => self.commands.push(value.parse()?),
            _ => match key.strip_prefix("set.") {
                Some(name) if self.settings.len() < SETTINGS_MAX => self.set(name, value),
                Some(name) => {
                    return Err(BadInput::new(
                        name,
                        format!("is one too many: {SETTINGS_MAX} settings at most"),
                    ));
                }
                None => {
                    let known =
                        one_of(["seed", "set.NAME", "do", "script", "for", "t", "step", "v"]);
                    return Err(BadInput::new(
                        key,
                        format!("is not a part of a link: there is {known}"),
                    ));
                }
            },
        }
        Ok(())
    }
}

/// Refuses links of a later form before anything in them is misunderstood.
pub(super) fn check_version(pairs: &[&str]) -> Result<(), BadInput> {
    let Some(version) = pairs.iter().find_map(|it| it.strip_prefix("v=")) else {
        return Ok(());
    };
    match version.parse::<u32>() {
        Ok(1..=LINK_VERSION) => Ok(()),
        Ok(_) => Err(BadInput::new(
            version,
            format!(
                "is a newer version of links than this release reads ({LINK_VERSION}): open it with a newer one"
            ),
        )),
        Err(_) => Err(BadInput::new(
            version,
            format!("is not a version of links: there is {LINK_VERSION}"),
        )),
    }
}

/// Reads a seed.
pub fn parse_seed(text: &str) -> Result<u64, BadInput> {
    text.parse().map_err(|_| {
        BadInput::new(
            text,
            format!("is not a seed: write a whole number from 0 to {}", u64::MAX),
        )
    })
}

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN)
        .to_string()
        .replace("%20", "+")
}

pub(super) fn decode(text: &str) -> Result<String, BadInput> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(|it| it.into_owned())
        .map_err(|_| BadInput::new(text, "is not text: its escapes give no letters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_specs_are_one_to_one() {
        let mut spec = RunSpec::new("raft", "leader-crash");
        spec.seed = u64::MAX;
        spec.set("loss", "2.5%");
        spec.set("latency", "uniform(5ms,15ms)");
        spec.commands = vec![
            "1.2s crash n1".parse().unwrap(),
            "1.2s partition n1 n2 | n3".parse().unwrap(),
            "2s clock n2 +5ms".parse().unwrap(),
            "3s cut n1>n2".parse().unwrap(),
        ];
        spec.scripted = false;
        spec.length = Some(Span::secs(20));
        spec.playhead = Some(Moment {
            time: Time(3_400_000_000),
            step: Some(17),
        });
        let link = spec.link();
        assert_eq!(RunSpec::from_link(&link), Ok(spec.clone()));
        assert_eq!(
            RunSpec::from_link(&format!("https://example.org/a/?b=c{link}")),
            Ok(spec)
        );
        assert!(
            link.contains("do=1.2s+crash+n1") && link.contains("set.loss=2.5%25"),
            "{link}"
        );
    }

    #[test]
    fn bad_links_are_quoted() {
        for (link, words) in [
            ("", "is not a link"),
            ("#/raft", "is not a link"),
            ("#/raft/calm?seed=abc", "\"abc\" is not a seed"),
            ("#/raft/calm?seed=-1", "\"-1\" is not a seed"),
            ("#/raft/calm?colour=red", "\"colour\" is not a part"),
            ("#/raft/calm?seed", "\"seed\" is not a part"),
            ("#/raft/calm?v=2&what=ever", "\"2\" is a newer version"),
            (
                "#/raft/calm?do=1.2s+explode",
                "\"explode\" is not a command",
            ),
            (
                "#/raft/calm?script=maybe",
                "\"maybe\" is neither on nor off",
            ),
            ("#/raft/calm?t=soon", "\"soon\" is not a time"),
            ("#/raft/calm?do=%ff", "is not text"),
        ] {
            let error = RunSpec::from_link(link).unwrap_err().to_string();
            assert!(error.contains(words), "{link}: {error}");
        }
        assert!(RunSpec::from_link(&"x".repeat(LINK_MAX + 1)).is_err());
    }

    #[test]
    fn a_link_says_only_when_the_script_is_off() {
        let scripted = RunSpec::new("raft", "calm");
        assert_eq!(scripted.link(), "#/raft/calm?seed=1");
        assert_eq!(
            RunSpec::from_link("raft/calm?script=on"),
            Ok(scripted.clone())
        );
        let bare = RunSpec {
            scripted: false,
            ..scripted
        };
        assert_eq!(bare.link(), "#/raft/calm?seed=1&script=off");
        assert_eq!(RunSpec::from_link(&bare.link()), Ok(bare));
    }
}
