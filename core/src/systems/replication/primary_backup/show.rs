//! Primary and backup on the stage: settings, scenarios, pictures.

use serde_json::{Value as Json, json};

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Operation, Scenario, Status, World, log_change};
use crate::frame::{Field, LogCell, LogRow, Look, Mark, Panel, Role, Shape};
use crate::parts::kv::KvRequest;
use crate::parts::log::Log;
use crate::protocol::NodeId;
use crate::sim::dist::{Chance, Dist};
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value, setting};
use crate::sim::time::Span;

use super::{Config, Entry, Message, Mode, PrimaryBackup, Rules, State, checks};

/// How many cells of a log are worth showing.
const LOG_CELLS: u64 = 14;

const MODES: &[&str] = &["sync", "semi-sync", "async"];
const READS: &[&str] = &["primary", "any"];

impl Config {
    pub(crate) const DEFAULT: Config = Config {
        mode: Mode::Sync,
        read_any: false,
        beat: Span::ms(50),
        lease: Span::ms(200),
        failover: Span::ms(300),
        gather: Span::ms(100),
        evict: 4,
        batch: 50,
        rules: Rules::ALL,
    };
}

fn choices() -> Vec<Setting<Config>> {
    vec![
        Setting {
            id: "mode",
            title: "A write is done when it is at",
            kind: Kind::Choice(MODES),
            rule: None,
            get: |it| Value::Choice(MODES[it.mode as usize]),
            set: |it, value| {
                it.mode = match value.choice() {
                    "async" => Mode::Async,
                    "semi-sync" => Mode::SemiSync,
                    _ => Mode::Sync,
                }
            },
        },
        Setting {
            id: "read-from",
            title: "Reads are answered by",
            kind: Kind::Choice(READS),
            rule: None,
            get: |it| Value::Choice(READS[usize::from(it.read_any)]),
            set: |it, value| it.read_any = value.choice() == "any",
        },
        setting!("evict", "A member may miss so many beats", evict: whole(1, 1_000)),
        setting!("batch", "Entries in a message, at most", batch: whole(1, 1_000)),
    ]
}

impl Exhibit for PrimaryBackup {
    const ABOUT: About = About {
        id: "primary_backup",
        title: "Primary and backup",
        summary: "One server decides and the others keep copies; a monitor says who. When is a write safe, and when \
                  may another take over?",
        family: "Replication and consistency",
        source: "Alsberg and Day, ICSE 1976; Budhiraja and others, 1993; PacificA, MSR-TR-2008-25",
        request: "put x 5",
        requests: KvRequest::FORMS,
    };

    fn settings() -> Vec<Setting<Config>> {
        let rest: [Setting<Config>; 9] = [
            setting!("beat", "A primary is heard every", beat: time(Span::ms(1), Span::secs(600))),
            setting!("lease-time", "A granted beat counts for", lease: time(Span::ms(1), Span::secs(600))),
            setting!("failover", "Another is looked for after", failover: time(Span::ms(1), Span::secs(600))),
            setting!("gather", "The monitor waits for answers for", gather: time(Span::ms(1), Span::secs(600))),
            setting!(
                "clean-failover", "Promote only who has all that was acknowledged",
                rules.clean_failover: rule("acknowledged-kept")
            ),
            setting!("fencing", "Refuse what comes from an earlier epoch", rules.fencing: rule("one-primary")),
            setting!("lease", "Answer only while the monitor vouches for it", rules.lease: rule("linearizable")),
            setting!("truncate", "Delete what was never replicated", rules.truncate: rule("same-order")),
            setting!(
                "ask-primary", "Backups ask the primary before they answer",
                rules.ask_primary: rule("read-your-writes")
            ),
        ];
        let mut settings = choices();
        settings.extend(rest);
        settings
    }

    fn scenarios() -> Vec<Scenario<PrimaryBackup>> {
        let mut all = correct();
        all.extend(weakened());
        all
    }

    fn vary(config: &mut Config, rng: &mut Rng) {
        config.mode = *rng.pick(&[Mode::Sync, Mode::Sync, Mode::SemiSync, Mode::Async]);
        config.read_any = rng.below(2) == 0;
        config.evict = 2 + rng.below(6);
        if rng.below(2) == 0 {
            config.batch = 3 + rng.below(5);
        }
    }

    fn validate(config: &Config, environment: &Environment) -> Result<(), String> {
        if environment.nodes < 3 {
            return Err("do not fit together: two servers and a monitor are the least".to_owned());
        }
        if config.failover.0 < config.lease.0 / 4 * 5 {
            return Err(format!(
                "do not fit together: the monitor must wait a quarter longer than a lease, and failover is {}, \
                 lease-time {}",
                config.failover, config.lease
            ));
        }
        if config.lease.0 > config.beat.0.saturating_mul(6) {
            return Err(format!(
                "do not fit together: lease-time {} is more than six beats of {}",
                config.lease, config.beat
            ));
        }
        Ok(())
    }

    fn role(&self) -> Role {
        let (name, letter, shape, crown) = match self.state {
            State::Monitor(_) => ("monitor", 'M', Shape::Square, false),
            State::Backup => ("backup", 'B', Shape::Circle, false),
            State::Primary(_) => ("primary", 'P', Shape::Hexagon, true),
        };
        Role {
            name,
            letter,
            shape,
            crown,
            epoch: Some(self.epoch),
        }
    }

    fn view(&self) -> Vec<Field> {
        let mut fields = vec![Field::durable("epoch", self.epoch)];
        if let State::Monitor(answers) = &self.state {
            fields.push(Field::durable("primary", json!(self.view.primary)));
            fields.push(Field::durable("members", json!(self.view.members)));
            let answers: Vec<&NodeId> = answers.iter().flat_map(|it| it.keys()).collect();
            fields.push(Field::volatile("answers", json!(answers)));
            return fields;
        }
        fields.push(Field::durable("lastIndex", self.last_index()));
        fields.push(Field::volatile("primary", json!(self.primary)));
        fields.push(Field::volatile("committed", self.commit));
        if let Some(reign) = self.reign() {
            fields.push(Field::volatile("members", json!(self.view.members)));
            fields.push(Field::volatile("asksFor", json!(reign.proposal)));
            fields.push(Field::volatile("lease", reign.granted.is_some()));
            fields.push(Field::volatile("matched", json!(reign.matched)));
        }
        fields.push(Field::volatile("readsWaiting", self.reads.len()));
        fields.push(Field::volatile("data", self.store.describe()));
        fields
    }

    fn archive(&self, before: Option<&PrimaryBackup>) -> Vec<Field> {
        log_change("log", before.map(|it| &it.log), &self.log, entry_json)
            .into_iter()
            .collect()
    }

    fn look(message: &Message) -> Look {
        let mark = match message {
            Message::Acknowledge { success: true, .. } | Message::Grant { .. } => Mark::Accept,
            Message::Acknowledge { .. } => Mark::Refuse,
            Message::Status { .. } | Message::ReadAt { .. } => Mark::Reply,
            _ => Mark::Request,
        };
        let epoch = match message {
            Message::Beat { epoch, .. }
            | Message::Grant { epoch, .. }
            | Message::Ask { epoch }
            | Message::Status { epoch, .. }
            | Message::Change { epoch, .. } => Some(*epoch),
            Message::View(view) => Some(view.epoch),
            other => other.epoch(),
        };
        Look { mark, epoch }
    }

    fn panels(world: &World<'_, PrimaryBackup>) -> Vec<Panel> {
        let servers = || world.ids().filter(|it| it.0 + 1 < world.environment.nodes);
        let longest = servers().map(|it| log_of(world, it).len()).max();
        let first = u64::from(longest.unwrap_or(0)).saturating_sub(LOG_CELLS) + 1;
        vec![
            Panel::Table {
                title: "Servers",
                columns: [
                    "",
                    "role",
                    "epoch",
                    "entries",
                    "committed",
                    "behind",
                    "data",
                ]
                .map(str::to_owned)
                .to_vec(),
                rows: servers()
                    .map(|it| server_row(world, it, u64::from(longest.unwrap_or(0))))
                    .collect(),
            },
            Panel::Log {
                title: "Logs",
                legend: "Solid: committed. Dashed: not yet.",
                rows: servers().map(|it| log_row(world, it, first)).collect(),
            },
        ]
    }

    fn checks() -> Vec<Promise<PrimaryBackup>> {
        checks::all()
    }

    fn draw_request(rng: &mut Rng, environment: &Environment, unique: u32) -> Option<KvRequest> {
        Some(KvRequest::draw(rng, environment, unique))
    }

    fn operation(request: &KvRequest) -> Option<Operation> {
        Some(request.operation())
    }
}

/// The log of a server, or what its disk holds while it is down.
fn log_of(world: &World<'_, PrimaryBackup>, id: NodeId) -> Log<Entry> {
    world
        .node(id)
        .map_or_else(|| world.durable(id).log.clone(), |it| it.log.clone())
}

fn server_row(world: &World<'_, PrimaryBackup>, id: NodeId, longest: u64) -> Vec<String> {
    let behind = |has: u64| match longest.saturating_sub(has) {
        0 => "-".to_owned(),
        1 => "1 entry".to_owned(),
        some => format!("{some} entries"),
    };
    let has = u64::from(log_of(world, id).len());
    match world.node(id) {
        Some(it) => vec![
            id.to_string(),
            it.role().name.to_owned(),
            it.epoch.to_string(),
            has.to_string(),
            it.commit.to_string(),
            behind(it.commit),
            it.store.describe(),
        ],
        None => {
            let status = if world.status(id) == Status::Gone {
                "gone"
            } else {
                "down"
            };
            let epoch = world.durable(id).epoch.to_string();
            let rest = [String::new(), behind(has), String::new()];
            let mut row = vec![id.to_string(), status.to_owned(), epoch, has.to_string()];
            row.extend(rest);
            row
        }
    }
}

fn log_row(world: &World<'_, PrimaryBackup>, id: NodeId, first: u64) -> LogRow {
    let committed = world.node(id).map_or(0, |it| it.commit);
    let cell = |(offset, entry): (usize, &Entry)| LogCell {
        text: short(entry),
        epoch: Some(entry.epoch),
        committed: first + offset as u64 <= committed,
    };
    let cells = log_of(world, id).with(first as u32 - 1, u32::MAX, |it| {
        it.iter().enumerate().map(cell).collect()
    });
    LogRow {
        node: id,
        first,
        cells,
        down: world.node(id).is_none(),
    }
}

/// An entry in a few letters.
pub(super) fn short(entry: &Entry) -> String {
    match entry.command {
        None => "begin".to_owned(),
        Some((_, _, KvRequest::Put(key, value))) => format!("{key}={value}"),
        Some((_, _, request)) => request.to_string(),
    }
}

fn entry_json(entry: &Entry) -> Json {
    json!({ "epoch": entry.epoch, "command": short(entry) })
}

/// Three servers, a monitor, two clients.
fn calm() -> Scenario<PrimaryBackup> {
    Scenario {
        id: "calm",
        title: "Every member has it",
        summary: "n4 is the monitor and makes n1 primary. A client is told \"written\" when all three servers have the \
                  write.",
        weakened: None,
        environment: Environment {
            nodes: 4,
            clients: 2,
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "",
        swarm: false,
        length: Span::secs(8),
        pace: Span::ms(30),
    }
}

/// The same, with nobody who asks but the script, and constant delays.
fn puppets(mode: Mode) -> Scenario<PrimaryBackup> {
    let calm = calm();
    Scenario {
        environment: Environment {
            clients: 0,
            latency: Dist::Constant(Span::ms(10)),
            ..calm.environment.clone()
        },
        config: Config {
            mode,
            ..Config::DEFAULT
        },
        length: Span::secs(4),
        pace: Span::ms(20),
        ..calm
    }
}

/// Clients that ask any server, while what the primary sends is late.
fn readers(mode: Mode) -> Scenario<PrimaryBackup> {
    let calm = calm();
    Scenario {
        environment: Environment {
            clients: 5,
            spread: true,
            ..calm.environment.clone()
        },
        config: Config {
            mode,
            read_any: true,
            ..Config::DEFAULT
        },
        script: "0s delay Replicate n1>n2 150ms\n0s delay Replicate n1>n3 400ms",
        ..calm
    }
}

fn correct() -> Vec<Scenario<PrimaryBackup>> {
    let calm = calm();
    let primary_crash = Scenario {
        id: "primary-crash",
        title: "The primary crashes",
        summary: "At 1 s the primary crashes. Its silence is noticed, the monitor begins a new epoch, asks what the \
                  others have, and promotes one. The old primary comes back as a backup, and as a member once it has \
                  caught up.",
        script: "1s crash primary\n3s restart down",
        length: Span::secs(6),
        ..calm.clone()
    };
    let backup_crash = Scenario {
        id: "backup-crash",
        title: "A backup crashes",
        summary: "Writes stop until the monitor has decided that the silent backup is no member any more. When it is \
                  back and has caught up, it is taken in again.",
        script: "1s crash n3\n3s restart n3",
        length: Span::secs(6),
        ..calm.clone()
    };
    let semi_sync = Scenario {
        id: "semi-sync",
        title: "One backup is enough",
        summary: "A write is done when the primary and one backup have it, so a slow backup does no harm. When the \
                  primary crashes, the monitor must hear both others to be sure.",
        config: Config {
            mode: Mode::SemiSync,
            ..Config::DEFAULT
        },
        script: "0s delay Replicate n1>n3 300ms\n2s crash primary\n4s restart down",
        ..calm.clone()
    };
    let mut all = vec![calm, primary_crash, backup_crash, semi_sync];
    all.extend(patient());
    all.push(swarm());
    all
}

/// Scenarios in which somebody waits, or takes something back.
fn patient() -> Vec<Scenario<PrimaryBackup>> {
    let patient = Scenario {
        id: "async-waits",
        title: "Asynchronous, and patient",
        summary: "Only the primary surely has what it acknowledged. It crashes, and nobody takes over: writes wait \
                  until it is back. Safe, but not available.",
        config: Config {
            mode: Mode::Async,
            ..Config::DEFAULT
        },
        script: "1s crash primary\n3s restart down",
        length: Span::secs(6),
        ..calm()
    };
    let anywhere = Scenario {
        id: "reads-anywhere",
        title: "Reads at any server",
        summary: "Backups lag behind the primary by up to 400 ms and answer reads all the same: each asks the primary \
                  how far it must have come, and waits for that.",
        ..readers(Mode::Async)
    };
    let deposed = Scenario {
        id: "deposed",
        title: "A write that was never replicated",
        summary: "n1 takes a write that reaches nobody, and crashes. n2 takes over. When n1 is back it finds another \
                  entry in that place, and deletes its own: no client was ever told of it.",
        weakened: None,
        config: Config::DEFAULT,
        ..kept_tail()
    };
    vec![patient, anywhere, deposed]
}

/// Whatever the seed draws.
fn swarm() -> Scenario<PrimaryBackup> {
    Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, pauses, cuts, wrong clocks, loss and copies; each seed has its own, and its own mode. Then \
                  a majority heals.",
        environment: Environment {
            clients: 3,
            spread: true,
            ..calm().environment
        },
        swarm: true,
        length: Span::secs(9),
        ..calm()
    }
}

/// Scenarios that switch a rule off, and the check that must fall.
fn weakened() -> Vec<Scenario<PrimaryBackup>> {
    vec![
        lag(),
        async_failover(),
        split_brain(),
        stale_primary(),
        kept_tail(),
        own_writes(),
        back_in_time(),
    ]
}

fn without(mut scenario: Scenario<PrimaryBackup>, off: fn(&mut Rules)) -> Scenario<PrimaryBackup> {
    off(&mut scenario.config.rules);
    scenario
}

fn lag() -> Scenario<PrimaryBackup> {
    let mut lag = puppets(Mode::Async);
    lag.config.read_any = true;
    Scenario {
        id: "lag",
        title: "Broken: written here, read there",
        summary: "x is written at n1, which says so at once; what it sends takes 600 ms to n2 and 1.2 s to n3. \
                  Whoever asks a backup meanwhile finds nothing. Ask n2 and n3 yourself, and watch the lag go.",
        weakened: Some("linearizable"),
        script: "0s delay Replicate n1>n2 600ms\n0s delay Replicate n1>n3 1200ms\n\
                 1s request n1 put x 1\n1.1s request n2 get x\n1.2s request n3 get x\n\
                 1.8s request n2 get x\n2.6s request n3 get x",
        ..without(lag, |it| it.ask_primary = false)
    }
}

fn async_failover() -> Scenario<PrimaryBackup> {
    Scenario {
        id: "async-failover",
        title: "Broken: asynchronous, and impatient",
        summary: "n1 says \"written\" and crashes before anybody else has it. n2 is promoted all the same: the write \
                  is lost.",
        weakened: Some("acknowledged-kept"),
        script: "500ms cut n1>n2\n500ms cut n1>n3\n510ms request n1 put x 1\n560ms crash n1\n600ms heal\n\
                 2s request n2 get x\n2.5s restart n1",
        ..without(puppets(Mode::Async), |it| it.clean_failover = false)
    }
}

fn split_brain() -> Scenario<PrimaryBackup> {
    Scenario {
        id: "split-brain",
        title: "Broken: nobody is fenced off",
        summary: "n1 does not hear that n2 has taken over, and n3 obeys both: each acknowledges writes that the other \
                  does not know.",
        weakened: Some("one-primary"),
        script: "500ms cut n1-n4\n500ms cut n1-n2\n1.5s request n1 put x 1\n1.6s request n2 put x 2\n3s heal",
        ..without(puppets(Mode::SemiSync), |it| it.fencing = false)
    }
}

fn stale_primary() -> Scenario<PrimaryBackup> {
    Scenario {
        id: "stale-primary",
        title: "Broken: a primary without a lease",
        summary: "n1 is cut off from all. n2 takes over and x is written there; n1 knows nothing of it, and answers \
                  with the old value.",
        weakened: Some("linearizable"),
        script: "500ms request n1 put x 1\n700ms partition n1\n2s request n2 put x 2\n3s request n1 get x\n3.5s heal",
        ..without(puppets(Mode::Sync), |it| it.lease = false)
    }
}

fn kept_tail() -> Scenario<PrimaryBackup> {
    Scenario {
        id: "kept-tail",
        title: "Broken: what was never replicated is kept",
        summary: "n1 takes a write that reaches nobody, and crashes. When it is back it keeps that entry, where all \
                  others have another, and executes it.",
        weakened: Some("same-order"),
        script: "500ms cut n1>n2\n500ms cut n1>n3\n510ms request n1 put x 1\n560ms crash n1\n600ms heal\n\
                 2s request n2 put x 2\n2.5s restart n1",
        ..without(puppets(Mode::Sync), |it| it.truncate = false)
    }
}

fn own_writes() -> Scenario<PrimaryBackup> {
    Scenario {
        id: "own-writes",
        title: "Broken: my own write is not there",
        summary: "Clients write at the primary and read anywhere. A backup that lags does not have yet what the same \
                  client has just written.",
        weakened: Some("read-your-writes"),
        length: Span::secs(20),
        ..without(readers(Mode::Async), |it| it.ask_primary = false)
    }
}

fn back_in_time() -> Scenario<PrimaryBackup> {
    let mut back = readers(Mode::Async);
    back.environment.reads = Chance::percent(80);
    Scenario {
        id: "back-in-time",
        title: "Broken: back in time",
        summary: "A client reads at the primary, then at a backup that lags: what it has seen is gone again.",
        weakened: Some("monotonic-reads"),
        length: Span::secs(16),
        ..without(back, |it| it.ask_primary = false)
    }
}
