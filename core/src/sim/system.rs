//! A system as the page and the command line know it: by name, with its types hidden.

use std::rc::Rc;

use crate::error::{BadInput, one_of};
use crate::exhibit::{About, Exhibit, Scenario};
use crate::protocol::Protocol;
use crate::trace::Level;

use super::command::{Planned, order_by_time, parse_script};
use super::rng::{Rng, Stream};
use super::run::Run;
use super::settings::{Environment, Setting, SettingView, Value};
use super::simulation::Sim;
use super::spec::RunSpec;
use super::swarm::{Bears, Swarm};
use super::time::{Span, Time};

/// Sets up a run, or says what in its spec does not fit.
pub type Build = fn(&RunSpec, Level) -> Result<Box<dyn Run>, BadInput>;

/// A row of the registry.
pub struct System {
    /// What it is.
    pub about: About,
    /// Its scenarios.
    pub scenarios: fn() -> Vec<ScenarioView>,
    /// Its settings and those of the environment, as a run of this spec would begin.
    pub settings: fn(&RunSpec) -> Result<Vec<SettingView>, BadInput>,
    /// The names of its checks, each with its promise.
    pub checks: fn() -> Vec<&'static str>,
    /// Sets up a run.
    pub build: Build,
}

/// A system in a list: what it is, without what makes it run.
pub struct Card {
    /// What it is.
    pub about: About,
    /// Two of its scenarios that are best seen beside each other.
    pub beside: Option<(&'static str, &'static str)>,
    /// Its scenarios.
    pub scenarios: fn() -> Vec<ScenarioView>,
}

impl Card {
    /// The card of the system `P`.
    pub const fn of<P: Exhibit>() -> Card {
        Card {
            about: P::ABOUT,
            beside: P::BESIDE,
            scenarios: scenarios::<P>,
        }
    }
}

/// A scenario as data.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioView {
    /// Its name in links and on the command line.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What happens and what to watch.
    pub summary: &'static str,
    /// The check that must fall, for a scenario that breaks a rule.
    pub weakened: Option<&'static str>,
    /// How long a run lasts unless said otherwise.
    pub length: Span,
    /// How much virtual time passes in a second of play at speed 1.
    pub pace: Span,
}

impl System {
    /// The row of the system `P`.
    pub const fn of<P: Exhibit>() -> System {
        System {
            about: P::ABOUT,
            scenarios: scenarios::<P>,
            settings: settings::<P>,
            checks: || P::checks().iter().map(|it| it.name()).collect(),
            build: build::<P>,
        }
    }

    /// The scenario of this name.
    pub fn scenario(&self, id: &str) -> Result<ScenarioView, BadInput> {
        let all = (self.scenarios)();
        let found = all.iter().find(|it| it.id == id).cloned();
        found.ok_or_else(|| no_scenario(id, self.about, all.iter().map(|it| it.id).collect()))
    }
}

impl<P: Protocol> Scenario<P> {
    fn view(&self) -> ScenarioView {
        ScenarioView {
            id: self.id,
            title: self.title,
            summary: self.summary,
            weakened: self.weakened,
            length: self.length,
            pace: self.pace,
        }
    }
}

fn scenarios<P: Exhibit>() -> Vec<ScenarioView> {
    P::scenarios().iter().map(Scenario::view).collect()
}

/// What nodes are told, with its type hidden: all that setting up a run needs of it.
trait Told {
    /// Its settings as they are now.
    fn views(&self) -> Vec<SettingView>;

    /// Changes the setting at this place; the value is of its kind.
    fn set(&mut self, place: usize, value: Value);

    /// Draws other values for constants.
    fn vary(&mut self, rng: &mut Rng);

    /// Draws what only this system can be made to do.
    fn stir(&self, environment: &Environment, rng: &mut Rng, until: Time) -> Vec<Planned>;

    /// Whether it fits the surroundings; `Err` says what does not.
    fn fits(&self, environment: &Environment) -> Result<(), String>;
}

struct ToldTo<P: Exhibit> {
    config: P::Config,
    settings: Vec<Setting<P::Config>>,
}

impl<P: Exhibit> Told for ToldTo<P> {
    fn views(&self) -> Vec<SettingView> {
        views(&self.settings, &self.config, true)
    }

    fn set(&mut self, place: usize, value: Value) {
        (self.settings[place].set)(&mut self.config, value);
    }

    fn vary(&mut self, rng: &mut Rng) {
        P::vary(&mut self.config, rng);
    }

    fn stir(&self, environment: &Environment, rng: &mut Rng, until: Time) -> Vec<Planned> {
        P::STIR.map_or_else(Vec::new, |it| it(&self.config, environment, rng, until))
    }

    fn fits(&self, environment: &Environment) -> Result<(), String> {
        P::validate(&self.config, environment)
    }
}

/// Settings as data.
fn views<C>(settings: &[Setting<C>], of: &C, of_system: bool) -> Vec<SettingView> {
    let view = |it: &Setting<C>| SettingView {
        id: it.id,
        title: it.title,
        kind: it.kind,
        rule: it.rule,
        value: (it.get)(of),
        of_system,
    };
    settings.iter().map(view).collect()
}

/// What a run begins with, but for what its nodes are told.
struct Setup {
    about: About,
    bears: Bears,
    stirs: bool,
    scenario: ScenarioView,
    script: &'static str,
    swarm: bool,
    environment: Environment,
    faults: Vec<Planned>,
}

/// Puts a run together: the scenario, what the seed draws, what the spec sets, in this order.
fn set_up<P: Exhibit>(spec: &RunSpec) -> Result<(Setup, ToldTo<P>), BadInput> {
    let mut all = P::scenarios();
    let place = place_of(&mut all.iter().map(|it| it.id), spec, P::ABOUT)?;
    let scenario = all.swap_remove(place);
    let mut setup = Setup {
        about: P::ABOUT,
        bears: Bears {
            forgetting: P::FORGETS,
            wiping: P::WIPES,
            growth: P::GROWS,
            any_size: false,
            stirs: false,
        },
        stirs: P::STIR.is_some(),
        scenario: scenario.view(),
        script: scenario.script,
        swarm: scenario.swarm,
        environment: scenario.environment,
        faults: Vec::new(),
    };
    let mut told = ToldTo {
        config: scenario.config,
        settings: P::settings(),
    };
    setup.follow(spec, &mut told)?;
    Ok((setup, told))
}

/// Where the scenario of `spec` stands among those of these names.
fn place_of(
    names: &mut dyn Iterator<Item = &'static str>,
    spec: &RunSpec,
    about: About,
) -> Result<usize, BadInput> {
    let names: Vec<&str> = names.collect();
    names
        .iter()
        .position(|it| *it == spec.scenario)
        .ok_or_else(|| no_scenario(&spec.scenario, about, names))
}

fn no_scenario(id: &str, about: About, names: Vec<&str>) -> BadInput {
    let problem = format!(
        "is not a scenario of {}: there is {}",
        about.id,
        one_of(names)
    );
    BadInput::new(id, problem)
}

impl Setup {
    /// Does what the seed draws and what the spec sets.
    fn follow(&mut self, spec: &RunSpec, told: &mut dyn Told) -> Result<(), BadInput> {
        // The number of nodes shapes the faults that are drawn, so it is set before; the rest is set after, and wins.
        for (key, value) in spec.settings.iter().filter(|it| it.0 == "nodes") {
            self.set(told, key, value)?;
        }
        if self.swarm && spec.scripted {
            if !crate::WHOLE {
                let problem = "draws its faults, which the front page cannot".to_owned();
                return Err(BadInput::new(self.scenario.id, problem));
            }
            let length = spec.length.unwrap_or(self.scenario.length);
            let mut rng = Rng::stream(spec.seed, Stream::Constants);
            told.vary(&mut rng);
            let stirs = self.stirs && rng.below(2) == 0;
            let bears = Bears {
                any_size: spec.settings.iter().all(|it| it.0 != "nodes"),
                stirs,
                ..self.bears
            };
            let swarm = Swarm::draw(spec.seed, length, &mut self.environment, bears);
            self.faults = swarm.script;
            if stirs {
                let stir = told.stir(&self.environment, &mut rng, swarm.quiet_from);
                self.faults.extend(stir);
            }
        }
        for (key, value) in &spec.settings {
            self.set(told, key, value)?;
        }
        told.fits(&self.environment).map_err(|problem| {
            let named = spec
                .settings
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(" ");
            BadInput::new(&named, problem)
        })
    }

    fn set(&mut self, told: &mut dyn Told, key: &str, text: &str) -> Result<(), BadInput> {
        let of_environment = Environment::settings();
        let of_system = told.views();
        let within = |it: BadInput| it.within(key);
        if let Some(setting) = of_environment.iter().find(|it| it.id == key) {
            let value = setting.kind.read(text).map_err(within)?;
            (setting.set)(&mut self.environment, value);
        } else if let Some(place) = of_system.iter().position(|it| it.id == key) {
            told.set(place, of_system[place].kind.read(text).map_err(within)?);
        } else {
            let names = of_environment.iter().map(|it| it.id);
            let names: Vec<&str> = names.chain(of_system.iter().map(|it| it.id)).collect();
            let (id, known) = (self.about.id, one_of(names));
            let problem = format!("is not a setting of {id}: there is {known}");
            return Err(BadInput::new(key, problem));
        }
        Ok(())
    }

    /// Everything that happens by itself, in the order of time.
    fn script(&mut self, spec: &RunSpec) -> Rc<[Planned]> {
        let planned = if spec.scripted { self.script } else { "" };
        let mut script = parse_script(planned).expect("a test reads every scenario's script");
        script.append(&mut self.faults);
        order_by_time(&mut script);
        script.into()
    }
}

fn settings<P: Exhibit>(spec: &RunSpec) -> Result<Vec<SettingView>, BadInput> {
    let (setup, told) = set_up::<P>(spec)?;
    let mut all = told.views();
    all.extend(views(&Environment::settings(), &setup.environment, false));
    Ok(all)
}

fn build<P: Exhibit>(spec: &RunSpec, level: Level) -> Result<Box<dyn Run>, BadInput> {
    let (mut setup, told) = set_up::<P>(spec)?;
    let script = setup.script(spec);
    let run = Sim::<P>::new(setup.environment, told.config, script, spec.seed, level);
    check(Box::new(run), spec, &setup.scenario)
}

/// A run with the commands of its spec, if it can carry out all that is planned.
fn check(
    mut run: Box<dyn Run>,
    spec: &RunSpec,
    scenario: &ScenarioView,
) -> Result<Box<dyn Run>, BadInput> {
    // First, for a command may be about a node that joins with another.
    run.set_commands(Rc::new(spec.commands.clone()));
    // A cluster made smaller may lack the very nodes of which the scenario tells.
    for planned in run.script() {
        let place = || format!("the scenario {} does not fit", scenario.id);
        run.accepts(&planned.command)
            .map_err(|it| it.within(place()))?;
    }
    for planned in &spec.commands {
        run.accepts(&planned.command)?;
    }
    Ok(run)
}
