//! How far a worker is with making a run small, as it travels from one instance of the module to another.

use js_sys::Array;
use wasm_bindgen::JsValue;

use super::hunt::{Hit, number, text};

/// A run on its way to be small.
#[derive(Clone, Debug, PartialEq)]
pub struct Smaller {
    /// Runs so far.
    pub runs: u64,
    /// Commands at the beginning.
    pub before: u64,
    /// Commands now.
    pub commands: u64,
    /// What is being tried.
    pub doing: String,
    /// Whether it is as small as it gets.
    pub done: bool,
    /// The run as it is now.
    pub hit: Hit,
}

impl Smaller {
    /// As plain values.
    pub fn pack(&self) -> Array {
        let numbers = [self.runs, self.before, self.commands];
        let array: Array = numbers.iter().map(|it| JsValue::from(*it as f64)).collect();
        array.push(&self.doing.as_str().into());
        array.push(&self.done.into());
        self.hit.pack(&array);
        array
    }

    /// What [`Smaller::pack`] made.
    pub fn unpack(array: &Array) -> Option<Smaller> {
        Some(Smaller {
            runs: number(array, 0)?,
            before: number(array, 1)?,
            commands: number(array, 2)?,
            doing: text(array, 3)?,
            done: array.get(4).as_bool()?,
            hit: Hit::unpack(array, 5)?,
        })
    }
}
