//! Canvases: sharp on every screen, resized without flicker, in the colours of the page around them.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlElement, ResizeObserver};
use yew::prelude::*;

use super::pen::{Palette, Pen};
use crate::lab::handle::{LabHandle, Subscription};

/// So often, in milliseconds, a moving picture looks whether the page's colours have changed.
const COLOURS_EVERY: f64 = 500.0;

/// More pixels than this per pixel of the page cost time and show nothing.
const RATIO_MAX: f64 = 2.0;

/// Something that can be drawn again and again.
pub trait Picture: 'static {
    /// What it shows.
    type Of: Subject;

    /// Draws everything; the canvas is empty.
    fn paint(&mut self, pen: &mut Pen<'_>, of: &Self::Of);
}

/// What a picture can show.
pub trait Subject: Clone + PartialEq + 'static {
    /// Calls `paint` whenever it looks different by itself, until the subscription is dropped.
    fn on_paint(&self, paint: Callback<()>) -> Option<Subscription>;
}

impl Subject for LabHandle {
    fn on_paint(&self, paint: Callback<()>) -> Option<Subscription> {
        Some(LabHandle::on_paint(self, paint))
    }
}

/// A canvas that is mounted.
struct Surface {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    palette: Palette,
    colours_at: f64,
    size: (f64, f64),
    ratio: f64,
}

impl Surface {
    fn open(canvas: HtmlCanvasElement) -> Option<Surface> {
        let context = canvas.get_context("2d").ok().flatten()?.dyn_into().ok()?;
        let size = (
            f64::from(canvas.client_width()),
            f64::from(canvas.client_height()),
        );
        let palette = Palette::read(&canvas);
        let mut surface = Surface {
            canvas,
            context,
            palette,
            colours_at: now(),
            size,
            ratio: ratio(),
        };
        surface.fit();
        Some(surface)
    }

    /// Gives the canvas as many pixels as the screen has for it.
    fn fit(&mut self) {
        let (width, height) = self.size;
        self.canvas
            .set_width((width * self.ratio).round().max(1.0) as u32);
        self.canvas
            .set_height((height * self.ratio).round().max(1.0) as u32);
    }

    fn paint<P: Picture>(&mut self, picture: &mut P, of: &P::Of) {
        let now = now();
        if now - self.colours_at > COLOURS_EVERY {
            self.colours_at = now;
            self.palette.refresh(&self.canvas);
        }
        if (ratio() - self.ratio).abs() > 1e-3 {
            self.ratio = ratio();
            self.fit();
        }
        let (width, height) = self.size;
        if width < 1.0 || height < 1.0 {
            return;
        }
        let context = &self.context;
        // A canvas of a known context refuses a transform only when its numbers are not finite.
        let _ = context.set_transform(self.ratio, 0.0, 0.0, self.ratio, 0.0, 0.0);
        context.clear_rect(0.0, 0.0, width, height);
        let mut pen = Pen::new(context, &self.palette, width, height);
        picture.paint(&mut pen, of);
    }
}

fn now() -> f64 {
    web_sys::window()
        .and_then(|it| it.performance())
        .map_or(0.0, |it| it.now())
}

fn ratio() -> f64 {
    web_sys::window()
        .map_or(1.0, |it| it.device_pixel_ratio())
        .clamp(1.0, RATIO_MAX)
}

/// Keeps a picture on a canvas: drawn for every picture of the lab, for every change of size, and when asked
/// for.
///
/// Returns what asks for it. `sized` hears of every new size, in pixels of the page.
#[hook]
pub fn use_surface<P: Picture>(
    of: &P::Of,
    canvas: &NodeRef,
    picture: &Rc<RefCell<P>>,
    sized: Callback<(f64, f64)>,
) -> Callback<()> {
    let surface = use_mut_ref(|| None::<Surface>);
    let repaint = use_memo(of.clone(), |of| {
        let (surface, picture, of) = (surface.clone(), picture.clone(), of.clone());
        Callback::from(move |()| {
            // Already at it: what is being drawn is up to date.
            let (Ok(mut surface), Ok(mut picture)) =
                (surface.try_borrow_mut(), picture.try_borrow_mut())
            else {
                return;
            };
            if let Some(surface) = surface.as_mut() {
                surface.paint(&mut *picture, &of);
            }
        })
    });
    let canvas = canvas.clone();
    let again = repaint.clone();
    use_effect_with(of.clone(), move |of| {
        let again = (*again).clone();
        *surface.borrow_mut() = canvas.cast().and_then(Surface::open);
        let subscription = of.on_paint(again.clone());
        let watch = Watch::open(&canvas, surface.clone(), again.clone(), sized);
        again.emit(());
        move || {
            drop(subscription);
            drop(watch);
            *surface.borrow_mut() = None;
        }
    });
    (*repaint).clone()
}

/// Watches size, resolution and colours of a canvas.
struct Watch {
    observer: Option<ResizeObserver>,
    _resized: Closure<dyn FnMut(JsValue)>,
    _listeners: Vec<EventListener>,
}

impl Watch {
    fn open(
        canvas: &NodeRef,
        surface: Rc<RefCell<Option<Surface>>>,
        repaint: Callback<()>,
        sized: Callback<(f64, f64)>,
    ) -> Watch {
        let element = canvas.cast::<HtmlElement>();
        let resized = Closure::new({
            let (element, surface, repaint) = (element.clone(), surface.clone(), repaint.clone());
            move |_: JsValue| {
                let Some(element) = &element else { return };
                let size = (
                    f64::from(element.client_width()),
                    f64::from(element.client_height()),
                );
                let changed = surface.borrow_mut().as_mut().is_some_and(|surface| {
                    let changed = surface.size != size;
                    if changed {
                        surface.size = size;
                        surface.fit();
                    }
                    changed
                });
                if changed {
                    // At once, in the same picture: a canvas that waits is empty for a moment.
                    repaint.emit(());
                }
                sized.emit(size);
            }
        });
        let observer = ResizeObserver::new(resized.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, &element) {
            observer.observe(element);
        }
        let mut listeners = Vec::new();
        if let Some(window) = web_sys::window() {
            let repaint = repaint.clone();
            listeners.push(EventListener::new(&window, "resize", move |_| {
                repaint.emit(())
            }));
        }
        if let Some(element) = &element {
            // A canvas has a transition of its `color`: so it hears of new colours however they came about.
            listeners.push(EventListener::new(element, "transitionend", move |_| {
                if let Some(surface) = surface.borrow_mut().as_mut() {
                    surface.palette.refresh(&surface.canvas);
                }
                repaint.emit(());
            }));
        }
        Watch {
            observer,
            _resized: resized,
            _listeners: listeners,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}
