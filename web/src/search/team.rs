//! Workers of the page. Each does one thing at a time, and ends with the team.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};
use yew::Callback;

use crate::browser;

/// What came of a question, or what went wrong with it.
pub type Answered = Result<Array, String>;

/// What the worker of this number has to say.
pub type Answer = (usize, Answered);

/// Some workers.
pub struct Team(Vec<Hand>);

struct Hand {
    worker: Worker,
    _answers: Closure<dyn FnMut(MessageEvent)>,
    _fails: Closure<dyn FnMut(web_sys::Event)>,
}

impl Team {
    /// Starts so many workers. An `Err` says why the browser refuses.
    pub fn start(count: usize, heard: &Callback<Answer>) -> Result<Team, String> {
        let hands: Result<Vec<Hand>, JsValue> = (0..count)
            .map(|number| Hand::start(number, heard))
            .collect();
        hands.map(Team).map_err(|error| {
            let error = error.dyn_ref::<js_sys::Error>().map(|it| it.message());
            let why = error.map(String::from).unwrap_or_default();
            format!("The browser starts no worker here. {why}")
        })
    }

    /// Lets a worker call a function of the module.
    pub fn ask(&self, number: usize, name: &str, rest: &[JsValue]) -> Result<(), String> {
        let message = Array::of2(&wasm_bindgen::module(), &name.into());
        for value in rest {
            message.push(value);
        }
        let sent = self.0[number].worker.post_message(&message);
        sent.map_err(|_| "The worker cannot be given the simulator.".to_owned())
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        for hand in &self.0 {
            hand.worker.terminate();
        }
        // The last answer may be what ends the team: what hears it must live until it has returned.
        let hands = std::mem::take(&mut self.0);
        yew::platform::spawn_local(async move { drop(hands) });
    }
}

impl Hand {
    fn start(number: usize, heard: &Callback<Answer>) -> Result<Hand, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let address = format!("{}search-worker.js", browser::base_folder());
        let worker = Worker::new_with_options(&address, &options)?;
        let answers = {
            let heard = heard.clone();
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                let data: Array = event.data().unchecked_into();
                let answer = match data.get(0).as_bool() {
                    Some(true) => Ok(data.get(1).unchecked_into()),
                    _ => Err(data.get(1).as_string().unwrap_or_default()),
                };
                heard.emit((number, answer));
            })
        };
        let fails = {
            let heard = heard.clone();
            Closure::<dyn FnMut(web_sys::Event)>::new(move |_| {
                let told = "A worker could not be loaded, or broke down.".to_owned();
                heard.emit((number, Err(told)));
            })
        };
        worker.set_onmessage(Some(answers.as_ref().unchecked_ref()));
        worker.set_onerror(Some(fails.as_ref().unchecked_ref()));
        Ok(Hand {
            worker,
            _answers: answers,
            _fails: fails,
        })
    }
}
