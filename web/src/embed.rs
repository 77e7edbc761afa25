//! The inside of the `<cluster-scope>` element. The element itself is `www/embed.js`; it calls what is here.

use std::cell::RefCell;

use clusterscope_core::check::{Report, Verdict};
use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::NodeView;
use clusterscope_core::protocol::NodeId;
use clusterscope_core::sim::command::Command;
use clusterscope_core::{BadInput, RunSpec, Time};
use js_sys::Function;
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use web_sys::Element;
use yew::prelude::*;

use crate::controls::transport::Transport;
use crate::history::Timeline;
use crate::lab::handle::{LabHandle, Subscription, use_lab};
use crate::lab::keys;
use crate::panels::checks::badge;
use crate::stage::Stage;
use crate::ticker::{Ticker, Ticking};
use crate::ui::icons::{Glyph, icon};

#[wasm_bindgen]
extern "C" {
    /// What the element was asked for; everything may be missing.
    pub type Options;

    /// A link to the run.
    #[wasm_bindgen(method, getter)]
    fn link(this: &Options) -> Option<String>;

    /// Where the site lies.
    #[wasm_bindgen(method, getter)]
    fn home(this: &Options) -> Option<String>;

    /// `full`, `mini` or `none`.
    #[wasm_bindgen(method, getter)]
    fn controls(this: &Options) -> Option<String>;

    /// A multiple of the scenario's pace.
    #[wasm_bindgen(method, getter)]
    fn speed(this: &Options) -> Option<String>;

    /// Called with a check's name, its reason and the moment, in nanoseconds.
    #[wasm_bindgen(method, getter, js_name = onViolation)]
    fn on_violation(this: &Options) -> Option<Function>;
}

/// How much stands around the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Controls {
    /// Heading, transport and time line.
    #[default]
    Full,
    /// Heading and transport.
    Mini,
    /// Nothing.
    None,
}

impl Controls {
    fn read(text: Option<&str>) -> Result<Controls, BadInput> {
        match text {
            None | Some("" | "full") => Ok(Controls::Full),
            Some("mini") => Ok(Controls::Mini),
            Some("none") => Ok(Controls::None),
            Some(other) => Err(BadInput::new(
                other,
                "is not a value of controls: write full, mini or none",
            )),
        }
    }
}

/// Everything that the attributes say, checked.
struct Wish {
    spec: RunSpec,
    speed: f64,
    controls: Controls,
    home: String,
}

impl Wish {
    fn read(options: &Options) -> Result<Wish, BadInput> {
        let speed = options.speed().filter(|it| !it.is_empty());
        Ok(Wish {
            spec: RunSpec::from_link(&options.link().unwrap_or_default())?,
            speed: read_speed(speed.as_deref().unwrap_or("1"))?,
            controls: Controls::read(options.controls().as_deref())?,
            home: options.home().unwrap_or_default(),
        })
    }
}

fn read_speed(text: &str) -> Result<f64, BadInput> {
    let speed = text.parse().ok().filter(|it| (0.1..=64.0).contains(it));
    speed.ok_or_else(|| BadInput::new(text, "is not a speed: write a number from 0.1 to 64"))
}

fn js_error(error: BadInput) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

/// A moment of the run, for the scripts of the page around.
#[derive(Serialize)]
struct Moment<'a> {
    time: Time,
    step: u64,
    hash: String,
    playing: bool,
    nodes: Vec<NodeState>,
    checks: &'a [Report],
}

/// A node at that moment.
#[derive(Serialize)]
struct NodeState {
    id: NodeId,
    status: Status,
    role: Option<&'static str>,
    epoch: Option<u64>,
}

impl NodeState {
    fn of(node: &NodeView) -> NodeState {
        NodeState {
            id: node.id,
            status: node.status,
            role: node.role.map(|it| it.name),
            epoch: node.role.and_then(|it| it.epoch),
        }
    }
}

/// A mounted element, as its JavaScript sees it.
#[wasm_bindgen]
pub struct EmbedHandle {
    lab: LabHandle,
    app: RefCell<Option<yew::AppHandle<Embed>>>,
    _watch: Subscription,
    _ticking: Ticking,
}

/// Mounts a run into `root`. An `Err` says what of the attributes cannot be used.
#[wasm_bindgen]
pub fn mount(root: Element, options: Options) -> Result<EmbedHandle, JsValue> {
    let wish = Wish::read(&options).map_err(js_error)?;
    let lab = LabHandle::open(wish.spec).map_err(js_error)?;
    lab.set_speed(wish.speed);
    let watch = watch(&lab, options.on_violation());
    let ticking = Ticker::register(&lab);
    let props = EmbedProps {
        lab: lab.clone(),
        controls: wish.controls,
        home: wish.home,
    };
    let app = yew::Renderer::<Embed>::with_root_and_props(root, props).render();
    Ok(EmbedHandle {
        lab,
        app: RefCell::new(Some(app)),
        _watch: watch,
        _ticking: ticking,
    })
}

/// Tells the page of every promise that is newly broken.
fn watch(lab: &LabHandle, told: Option<Function>) -> Subscription {
    let known = RefCell::new(Vec::new());
    let reader = lab.clone();
    lab.subscribe(Callback::from(move |()| {
        let Some(told) = &told else { return };
        let view = reader.view();
        let broken = view
            .frame
            .checks
            .iter()
            .filter(|it| it.verdict == Verdict::Violated);
        let names: Vec<&'static str> = broken.clone().map(|it| it.name).collect();
        let before = known.replace(names);
        for report in broken.filter(|it| !before.contains(&it.name)) {
            let reason = report.reason.clone().unwrap_or_default();
            let at = report.at.map_or(0.0, |it| it.0 as f64);
            // What the page does with it is its own affair.
            let _ = told.call3(
                &JsValue::NULL,
                &report.name.into(),
                &reason.into(),
                &at.into(),
            );
        }
    }))
}

#[wasm_bindgen]
impl EmbedHandle {
    /// The moment as an object: `{time, step, hash, playing, nodes, checks}`. Time is in nanoseconds.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> Result<JsValue, JsValue> {
        let view = self.lab.view();
        let moment = Moment {
            time: view.frame.time,
            step: view.frame.step,
            hash: crate::words::hash(view.frame.hash),
            playing: view.playing,
            nodes: view.frame.nodes.iter().map(NodeState::of).collect(),
            checks: &view.frame.checks,
        };
        Ok(moment.serialize(&Serializer::json_compatible())?)
    }

    /// Lets time run.
    pub fn play(&self) {
        self.lab.play();
    }

    /// Stops time.
    pub fn pause(&self) {
        self.lab.pause();
    }

    /// Takes one step.
    pub fn step(&self) {
        self.lab.step_forward();
    }

    /// Takes one step back.
    pub fn back(&self) {
        self.lab.step_back();
    }

    /// Goes to a moment, such as `1.2s`.
    pub fn seek(&self, time: &str) -> Result<(), JsValue> {
        let time: Time = time.parse().map_err(js_error)?;
        self.lab.seek(time);
        Ok(())
    }

    /// Carries out a command, such as `crash n1`.
    pub fn command(&self, text: &str) -> Result<(), JsValue> {
        let command: Command = text.parse().map_err(js_error)?;
        self.lab
            .with(|it| it.run().accepts(&command))
            .map_err(js_error)?;
        self.lab.command(command);
        Ok(())
    }

    /// Begins anew: what was done to the cluster is gone.
    pub fn reset(&self) {
        let spec = self.lab.with(|it| it.opened().clone());
        let playing = self.lab.is_playing();
        self.lab.replace(spec);
        if playing {
            self.lab.play();
        }
    }

    /// Takes other attributes.
    pub fn update(&self, options: Options) -> Result<(), JsValue> {
        let wish = Wish::read(&options).map_err(js_error)?;
        if self.lab.with(|it| *it.opened() != wish.spec) {
            wish.spec
                .build(clusterscope_core::trace::Level::Off)
                .map_err(js_error)?;
            let playing = self.lab.is_playing();
            self.lab.replace(wish.spec);
            if playing {
                self.lab.play();
            }
        }
        self.lab.set_speed(wish.speed);
        if let Some(app) = &mut *self.app.borrow_mut() {
            app.update(EmbedProps {
                lab: self.lab.clone(),
                controls: wish.controls,
                home: wish.home,
            });
        }
        Ok(())
    }

    /// Says whether the element is on the screen; off it, time stands still.
    #[wasm_bindgen(js_name = setVisible)]
    pub fn set_visible(&self, visible: bool) {
        Ticker::set_visible(&self.lab, visible);
    }

    /// Takes the element apart.
    pub fn destroy(&self) {
        self.lab.pause();
        if let Some(app) = self.app.borrow_mut().take() {
            app.destroy();
        }
    }

    /// Whether time runs.
    #[wasm_bindgen(getter)]
    pub fn playing(&self) -> bool {
        self.lab.is_playing()
    }

    /// The playhead, as text.
    #[wasm_bindgen(getter)]
    pub fn time(&self) -> String {
        self.lab.with(|it| it.now().to_string())
    }

    /// The link to this moment.
    #[wasm_bindgen(getter)]
    pub fn link(&self) -> String {
        self.lab.spec().link()
    }
}

/// Props of [`Embed`].
#[derive(Properties, Clone, PartialEq)]
pub struct EmbedProps {
    lab: LabHandle,
    controls: Controls,
    home: String,
}

/// Stage, transport and a line about both.
#[component]
pub fn Embed(props: &EmbedProps) -> Html {
    let lab = props.lab.clone();
    let onkeydown = {
        let lab = lab.clone();
        move |event: KeyboardEvent| {
            keys::press_anywhere(&lab, &event);
        }
    };
    html! {
        <div class="cs-embed" tabindex="-1" {onkeydown}>
            if props.controls != Controls::None { <Caption ..props.clone() /> }
            <div class="cs-stage-place"><Stage lab={lab.clone()} compact=true /></div>
            <Trouble ..props.clone() />
            if props.controls != Controls::None {
                <div class="cs-controls"><Transport lab={lab.clone()} compact=true /></div>
            }
            if props.controls == Controls::Full {
                <div class="cs-time-place"><Timeline {lab} /></div>
            }
        </div>
    }
}

/// What runs here, whether it keeps its promises, and the way to the whole page.
#[component]
fn Caption(props: &EmbedProps) -> Html {
    let view = use_lab(&props.lab);
    let title = props
        .lab
        .with(|it| format!("{}: {}", it.system().about.title, it.scenario().title));
    // The moment is looked up when the link is followed: it would change with every picture.
    let link = use_node_ref();
    let settle = {
        let (lab, home, link) = (props.lab.clone(), props.home.clone(), link.clone());
        Callback::from(move |()| {
            if let Some(link) = link.cast::<Element>() {
                let _ = link.set_attribute("href", &format!("{home}{}", lab.spec().link()));
            }
        })
    };
    let href = format!("{}{}", props.home, props.lab.with(|it| it.opened().link()));
    html! {
        <div class="cs-caption">
            <p class="cs-caption-title">{ title }</p>
            { badge(&view.frame.checks) }
            <a ref={link} {href} target="_blank" rel="noopener" onpointerdown={settle.reform(|_| ())}
                onfocus={settle.reform(|_| ())}>
                { "Open in Clusterscope" }{ icon(Glyph::External) }
            </a>
        </div>
    }
}

/// What went wrong last, or which promise is broken, in a sentence.
#[component]
fn Trouble(props: &EmbedProps) -> Html {
    let view = use_lab(&props.lab);
    let broken = view
        .frame
        .checks
        .iter()
        .find(|it| it.verdict == Verdict::Violated);
    let text = view
        .error
        .clone()
        .or_else(|| broken.and_then(|it| it.reason.clone()));
    html! {
        <div role="status">
            if let Some(text) = text { <p class="cs-trouble">{ text }</p> }
        </div>
    }
}
