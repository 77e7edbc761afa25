//! A system as the page and the command line know it: by name, with its types hidden.

use std::rc::Rc;

use crate::error::{BadInput, one_of};
use crate::exhibit::{About, Exhibit, Scenario};
use crate::trace::Level;

use super::command::{Planned, order_by_time, parse_script};
use super::rng::{Rng, Stream};
use super::run::Run;
use super::settings::{Environment, Setting, SettingView};
use super::simulation::Sim;
use super::spec::RunSpec;
use super::swarm::{Bears, Swarm};
use super::time::Span;

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
        all.iter().find(|it| it.id == id).cloned().ok_or_else(|| {
            let known = one_of(all.iter().map(|it| it.id));
            BadInput::new(
                id,
                format!("is not a scenario of {}: there is {known}", self.about.id),
            )
        })
    }
}

fn scenarios<P: Exhibit>() -> Vec<ScenarioView> {
    P::scenarios()
        .into_iter()
        .map(|it| ScenarioView {
            id: it.id,
            title: it.title,
            summary: it.summary,
            weakened: it.weakened,
            length: it.length,
            pace: it.pace,
        })
        .collect()
}

/// What a run of `spec` begins with.
struct Setup<P: Exhibit> {
    scenario: Scenario<P>,
    environment: Environment,
    config: P::Config,
    faults: Vec<Planned>,
}

/// Puts a run together: the scenario, what the seed draws, what the spec sets, in this order.
fn set_up<P: Exhibit>(spec: &RunSpec) -> Result<Setup<P>, BadInput> {
    let mut all = P::scenarios();
    let Some(index) = all.iter().position(|it| it.id == spec.scenario) else {
        let known = one_of(all.iter().map(|it| it.id));
        return Err(BadInput::new(
            &spec.scenario,
            format!("is not a scenario of {}: there is {known}", P::ABOUT.id),
        ));
    };
    let scenario = all.swap_remove(index);
    let mut environment = scenario.environment.clone();
    let mut config = scenario.config.clone();
    // The number of nodes shapes the faults that are drawn, so it is set before; the rest is set after, and wins.
    for (key, value) in spec.settings.iter().filter(|it| it.0 == "nodes") {
        set::<P>(&mut environment, &mut config, key, value)?;
    }
    let faults = if scenario.swarm && spec.scripted {
        let length = spec.length.unwrap_or(scenario.length);
        let bears = Bears {
            forgetting: P::FORGETS,
            wiping: P::WIPES,
            growth: P::GROWS,
            any_size: spec.settings.iter().all(|it| it.0 != "nodes"),
        };
        P::vary(&mut config, &mut Rng::stream(spec.seed, Stream::Constants));
        Swarm::draw(spec.seed, length, &mut environment, bears).script
    } else {
        Vec::new()
    };
    for (key, value) in &spec.settings {
        set::<P>(&mut environment, &mut config, key, value)?;
    }
    let named = || {
        spec.settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    P::validate(&config, &environment).map_err(|problem| BadInput::new(&named(), problem))?;
    Ok(Setup {
        scenario,
        environment,
        config,
        faults,
    })
}

fn set<P: Exhibit>(
    environment: &mut Environment,
    config: &mut P::Config,
    key: &str,
    text: &str,
) -> Result<(), BadInput> {
    let of_environment = Environment::settings();
    let of_system = P::settings();
    let names = of_environment
        .iter()
        .map(|it| it.id)
        .chain(of_system.iter().map(|it| it.id));
    let known = one_of(names.collect::<Vec<_>>());
    let within = |it: BadInput| it.within(key);
    if let Some(setting) = of_environment.iter().find(|it| it.id == key) {
        (setting.set)(environment, setting.kind.read(text).map_err(within)?);
    } else if let Some(setting) = of_system.iter().find(|it| it.id == key) {
        (setting.set)(config, setting.kind.read(text).map_err(within)?);
    } else {
        return Err(BadInput::new(
            key,
            format!("is not a setting of {}: there is {known}", P::ABOUT.id),
        ));
    }
    Ok(())
}

fn settings<P: Exhibit>(spec: &RunSpec) -> Result<Vec<SettingView>, BadInput> {
    let setup = set_up::<P>(spec)?;
    let mut views: Vec<SettingView> = P::settings()
        .iter()
        .map(|it| view(it, &setup.config, true))
        .collect();
    views.extend(
        Environment::settings()
            .iter()
            .map(|it| view(it, &setup.environment, false)),
    );
    Ok(views)
}

fn view<C>(setting: &Setting<C>, of: &C, of_system: bool) -> SettingView {
    SettingView {
        id: setting.id,
        title: setting.title,
        kind: setting.kind,
        rule: setting.rule,
        value: (setting.get)(of),
        of_system,
    }
}

fn build<P: Exhibit>(spec: &RunSpec, level: Level) -> Result<Box<dyn Run>, BadInput> {
    let setup = set_up::<P>(spec)?;
    let planned = match spec.scripted {
        true => setup.scenario.script,
        false => "",
    };
    let mut script = parse_script(planned).expect("a test reads every scenario's script");
    script.extend(setup.faults);
    order_by_time(&mut script);
    let mut run = Sim::<P>::new(
        setup.environment,
        setup.config,
        script.into(),
        spec.seed,
        level,
    );
    // A cluster made smaller may lack the very nodes of which the scenario tells.
    for planned in run.script() {
        let scenario = || format!("the scenario {} does not fit", setup.scenario.id);
        run.accepts(&planned.command)
            .map_err(|it| it.within(scenario()))?;
    }
    for planned in &spec.commands {
        run.accepts(&planned.command)?;
    }
    run.set_commands(Rc::new(spec.commands.clone()));
    Ok(Box::new(run))
}
