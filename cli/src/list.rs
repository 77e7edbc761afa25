//! What there is to run.

use std::fmt::Write as _;

use clusterscope_core::systems;
use serde_json::{Value as Json, json};

use crate::output::{self, Problem};

/// Prints every system with its scenarios.
pub fn list(as_json: bool) -> Result<(), Problem> {
    output::print(&if as_json {
        format!("{:#}\n", catalogue())
    } else {
        table()
    })
}

/// Every system as data.
fn catalogue() -> Json {
    let systems = systems::ALL.iter().map(|system| {
        let scenarios = (system.scenarios)()
            .into_iter()
            .map(|it| json!({ "id": it.id, "title": it.title, "weakened": it.weakened }));
        json!({
            "id": system.about.id,
            "title": system.about.title,
            "family": system.about.family,
            "scenarios": scenarios.collect::<Json>(),
        })
    });
    systems.collect()
}

/// Every system for people.
fn table() -> String {
    let mut text = String::new();
    for system in systems::ALL {
        let about = &system.about;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} ({}): {}",
            about.title, about.family, about.summary
        );
        let scenarios = (system.scenarios)();
        let name = |id: &str| format!("{}/{id}", about.id);
        let width = scenarios
            .iter()
            .map(|it| name(it.id).len())
            .max()
            .unwrap_or(0);
        for it in scenarios {
            let falls = it
                .weakened
                .map(|check| format!(" [{check} must fall]"))
                .unwrap_or_default();
            let _ = writeln!(text, "  {:<width$}  {}{falls}", name(it.id), it.title);
        }
        text.push('\n');
    }
    text.push_str("Run one with: clusterscope run raft/leader-crash --seed 7\n");
    text
}
