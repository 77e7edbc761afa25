//! Lessons: a text beside the run, whose steps wait for what the reader does to it.

pub mod panel;
pub mod prose;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use clusterscope_core::RunSpec;
use clusterscope_core::lesson::Lesson;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use yew::prelude::*;

use crate::browser;

/// A lesson, or why it cannot be shown.
pub type Told = Result<Rc<Lesson>, String>;

/// Every lesson that there is: its system, its title, and the run that it begins with, as a link without `#/`.
static LESSONS: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/lessons.rs"));

thread_local! {
    /// What has been fetched. Lessons are few and short.
    static FETCHED: RefCell<BTreeMap<String, Rc<Lesson>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether there is a lesson about a system.
pub fn is_there(system: &str) -> bool {
    LESSONS.iter().any(|it| it.0 == system)
}

/// The title of a system's lesson, and the way to its first step.
pub fn door(system: &str) -> Option<(&'static str, String)> {
    let (_, title, run) = LESSONS.iter().find(|it| it.0 == system)?;
    let mark = if run.contains('?') { '&' } else { '?' };
    Some((title, format!("#/{run}{mark}lesson=1")))
}

/// The way to a step of a lesson, counted from 0, in the run that it is about.
pub fn link(run: &RunSpec, step: usize) -> String {
    format!("{}&lesson={}", run.link(), step + 1)
}

/// A system's lesson; `None` until it is here.
#[hook]
pub fn use_lesson(system: &'static str) -> Option<Told> {
    let told = use_state(|| FETCHED.with_borrow(|it| it.get(system).cloned()).map(Ok));
    {
        let told = told.clone();
        use_effect_with(system, move |system| {
            let system = *system;
            if told.is_none() {
                spawn_local(async move {
                    let lesson = fetch(system).await;
                    if let Ok(lesson) = &lesson {
                        FETCHED.with_borrow_mut(|it| it.insert(system.to_owned(), lesson.clone()));
                    }
                    told.set(Some(lesson));
                });
            }
        });
    }
    (*told).clone()
}

async fn fetch(system: &str) -> Told {
    let name = format!("lessons/{system}.md");
    let text = text_of(&format!("{}{name}", browser::base_folder())).await;
    let text = text.ok_or_else(|| format!("{name} cannot be fetched: is the network there?"))?;
    let lesson = Lesson::read(&text).map_err(|it| format!("{name} cannot be read: {it}"))?;
    Ok(Rc::new(lesson))
}

async fn text_of(address: &str) -> Option<String> {
    let promise = browser::window()?.fetch_with_str(address);
    let response: web_sys::Response = JsFuture::from(promise).await.ok()?.dyn_into().ok()?;
    if !response.ok() {
        return None;
    }
    JsFuture::from(response.text().ok()?)
        .await
        .ok()?
        .as_string()
}

/// The run in which a step takes place: its own, or the one before it that says so.
fn run_of(lesson: &Lesson, step: usize) -> &RunSpec {
    let steps = lesson.steps.iter().take(step + 1).rev();
    steps
        .filter_map(|it| it.run.as_ref())
        .next()
        .unwrap_or(&lesson.run)
}

/// Whether a run is the one that a lesson speaks of, whatever has been done to it since.
fn is_run(opened: &RunSpec, wanted: &RunSpec) -> bool {
    let what = |it: &RunSpec| (it.place(), it.seed, it.settings.clone(), it.scripted);
    what(opened) == what(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_in_the_list_leads_into_its_run() {
        assert!(is_there("ping") && !is_there("nothing"));
        for (system, _, run) in LESSONS {
            let (title, link) = door(system).unwrap();
            assert!(!title.is_empty());
            let (link, step) = crate::address::split_lesson(&link);
            assert_eq!(step, Some(0));
            assert_eq!(RunSpec::from_link(&link), RunSpec::from_link(run));
        }
    }

    #[test]
    fn a_step_takes_place_in_the_last_run_that_was_opened() {
        let text = "# A\nrun: ping/calm?seed=3\n\n## B\nuntil: steps > 1\n\n## C\nrun: ping/lossy\n\
                    until: steps > 2\n\n## D\nuntil: steps > 3\n";
        let lesson = Lesson::read(text).unwrap();
        let places: Vec<String> = (0..3).map(|it| run_of(&lesson, it).place()).collect();
        assert_eq!(places, ["ping/calm", "ping/lossy", "ping/lossy"]);
        let mut done = lesson.run.clone();
        done.commands.push("1s crash n1".parse().unwrap());
        assert!(is_run(&done, &lesson.run));
        done.seed = 4;
        assert!(!is_run(&done, &lesson.run));
        assert_eq!(link(&lesson.run, 1), "#/ping/calm?seed=3&lesson=2");
    }
}
