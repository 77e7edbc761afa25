//! Whether commands fit a run: asked before anything is done.

use crate::error::{BadInput, one_of};

use super::super::body::Body;
use super::super::command::{Command, Link, Target};
use super::super::settings::{CHANGEABLE, Environment, NODES_MAX};

/// Whether a command may mean clients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Means {
    /// Nodes alone.
    Nodes,
    /// Clients, too.
    Anybody,
}

impl dyn Body {
    pub(in crate::sim) fn accepts_command(&self, command: &Command) -> Result<(), BadInput> {
        match command {
            Command::For(inner, _) | Command::Every(_, _, inner) => self.accepts_command(inner),
            Command::Crash(it) | Command::Restart(it) => self.accepts_target(it, Means::Anybody),
            Command::CrashAt(it, _) | Command::Wipe(it) | Command::Pause(it) => {
                self.accepts_target(it, Means::Nodes)
            }
            Command::Resume(it) | Command::Slow(it, _) | Command::Disk(it, _) => {
                self.accepts_target(it, Means::Nodes)
            }
            Command::Clock(it, _) | Command::Drift(it, _) => self.accepts_target(it, Means::Nodes),
            Command::Sync(it) | Command::Fire(it, _) => self.accepts_target(it, Means::Nodes),
            Command::Join => self.accepts_growth("join"),
            Command::Leave(it) => self
                .accepts_growth("leave")
                .and_then(|()| self.accepts_target(it, Means::Nodes)),
            Command::Partition(groups) => self.accepts_targets(groups.iter().flatten()),
            Command::OneWay(from, to) => self.accepts_targets(from.iter().chain(to)),
            Command::Cut(link) | Command::Mend(link) | Command::Clog(link) => {
                self.accepts_link(link)
            }
            Command::Unclog(link) | Command::Reset(link) | Command::Link(link, _) => {
                self.accepts_link(link)
            }
            Command::Lose(kinds)
            | Command::Hold(kinds)
            | Command::Late(kinds, _)
            | Command::Pass(kinds) => kinds
                .link
                .as_ref()
                .map_or(Ok(()), |it| self.accepts_link(it)),
            Command::Request(target, request) => self.accepts_request(target, request),
            Command::Set(key, value) => accepts_setting(key, value),
            Command::Split(_) | Command::Unite | Command::Heal | Command::HoldMessage(_) => Ok(()),
            Command::Release(_)
            | Command::Drop(_)
            | Command::Duplicate(..)
            | Command::Delay(..) => Ok(()),
        }
    }

    fn accepts_target(&self, target: &Target, means: Means) -> Result<(), BadInput> {
        let nodes = (usize::from(self.nodes()) + self.joins_ahead()).min(NODES_MAX as usize);
        let zones = self.kernel().environment.zones;
        let wrong = |problem: String| Err(BadInput::new(&target.to_string(), problem));
        match target {
            Target::Node(node) if node.index() >= nodes => {
                wrong(format!("is not in this cluster: n1 to n{nodes}"))
            }
            Target::Zone(zone) if *zone == 0 || *zone > zones => {
                wrong(format!("is not a zone of this cluster: z1 to z{zones}"))
            }
            Target::Client(_) | Target::Clients if means == Means::Nodes => wrong(
                "is no node: clients can crash and restart, and their links can be cut".to_owned(),
            ),
            _ => Ok(()),
        }
    }

    fn accepts_targets<'a>(
        &self,
        mut targets: impl Iterator<Item = &'a Target>,
    ) -> Result<(), BadInput> {
        targets.try_for_each(|it| self.accepts_target(it, Means::Nodes))
    }

    fn accepts_link(&self, link: &Link) -> Result<(), BadInput> {
        self.accepts_target(&link.from, Means::Anybody)?;
        self.accepts_target(&link.to, Means::Anybody)
    }

    fn accepts_growth(&self, verb: &str) -> Result<(), BadInput> {
        if self.grows() {
            return Ok(());
        }
        let problem = format!(
            "is not possible: the nodes of {} are those it began with",
            self.about().id
        );
        Err(BadInput::new(verb, problem))
    }

    fn accepts_request(&self, target: &Target, request: &str) -> Result<(), BadInput> {
        if self.about().request.is_empty() {
            return Err(BadInput::new(
                request,
                format!("cannot be asked: {} takes no requests", self.about().id),
            ));
        }
        self.read_request(request)?;
        self.accepts_target(target, Means::Nodes)
    }
}

fn accepts_setting(key: &str, value: &str) -> Result<(), BadInput> {
    let settings = Environment::settings();
    let known = settings
        .iter()
        .find(|it| it.id == key && CHANGEABLE.contains(&it.id));
    match known {
        Some(setting) => setting
            .kind
            .read(value)
            .map(|_| ())
            .map_err(|it| it.within(key)),
        None => Err(BadInput::new(
            key,
            format!(
                "cannot be set while a run goes on: {} can",
                one_of(CHANGEABLE)
            ),
        )),
    }
}
