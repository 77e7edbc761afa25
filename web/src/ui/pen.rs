//! What draws on a canvas: colours by name, and no call to the browser that changes nothing.

use js_sys::Array;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, CssStyleDeclaration, HtmlCanvasElement, HtmlElement};

/// How many colours epochs have before they repeat.
pub const TERMS: u64 = 6;

/// A colour, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The page.
    Ground,
    /// What lies on the page.
    Panel,
    /// Hairlines.
    Line,
    /// Lines that must be seen.
    Strong,
    /// Text.
    Ink,
    /// Text of less weight.
    Dim,
    /// What the reader has picked, and the playhead.
    Accent,
    /// Loss, violation.
    Bad,
    /// Something to look out for.
    Warn,
    /// An epoch's, from 0 to 5.
    Term(u8),
}

impl Ink {
    /// The colour of an epoch; of none, and of the epoch before the first, a plain one.
    pub fn epoch(epoch: Option<u64>) -> Ink {
        match epoch {
            None | Some(0) => Ink::Strong,
            Some(epoch) => Ink::Term(((epoch - 1) % TERMS) as u8),
        }
    }

    fn place(self) -> usize {
        match self {
            Ink::Ground => 0,
            Ink::Panel => 1,
            Ink::Line => 2,
            Ink::Strong => 3,
            Ink::Ink => 4,
            Ink::Dim => 5,
            Ink::Accent => 6,
            Ink::Bad => 7,
            Ink::Warn => 8,
            Ink::Term(term) => 9 + usize::from(term).min(TERMS as usize - 1),
        }
    }
}

/// The class that gives an element of the page the colour of an epoch.
pub fn epoch_class(epoch: Option<u64>) -> &'static str {
    match Ink::epoch(epoch) {
        Ink::Term(0) => "cs-epoch-1",
        Ink::Term(1) => "cs-epoch-2",
        Ink::Term(2) => "cs-epoch-3",
        Ink::Term(3) => "cs-epoch-4",
        Ink::Term(4) => "cs-epoch-5",
        Ink::Term(_) => "cs-epoch-6",
        _ => "cs-epoch-0",
    }
}

/// The properties in which the page keeps the colours, in the order of [`Ink::place`].
const NAMES: [&str; 15] = [
    "var(--cs-ground)",
    "var(--cs-panel)",
    "var(--cs-line)",
    "var(--cs-line-strong)",
    "var(--cs-ink)",
    "var(--cs-dim)",
    "var(--cs-accent)",
    "var(--cs-bad)",
    "var(--cs-warn)",
    "var(--cs-term-1)",
    "var(--cs-term-2)",
    "var(--cs-term-3)",
    "var(--cs-term-4)",
    "var(--cs-term-5)",
    "var(--cs-term-6)",
];

/// The page's colours and faces, as a canvas understands them.
pub struct Palette {
    colours: Vec<String>,
    fonts: [String; 4],
    key: String,
    dashes: [Array; 3],
}

impl Palette {
    /// Reads them where the canvas stands, be that in the page or in a shadow tree.
    pub fn read(canvas: &HtmlCanvasElement) -> Palette {
        let dash = |lengths: &[f64]| {
            lengths
                .iter()
                .map(|it| wasm_bindgen::JsValue::from(*it))
                .collect::<Array>()
        };
        let mut palette = Palette {
            colours: Vec::new(),
            fonts: Default::default(),
            key: String::new(),
            dashes: [Array::new(), dash(&[5.0, 5.0]), dash(&[2.0, 4.0])],
        };
        palette.refresh(canvas);
        palette
    }

    /// Reads them again, if they look different.
    pub fn refresh(&mut self, canvas: &HtmlCanvasElement) {
        let Some(probe) = canvas.parent_element().and_then(|it| probe(&it)) else {
            return;
        };
        let Some(seen) =
            web_sys::window().and_then(|it| it.get_computed_style(&probe).ok().flatten())
        else {
            return;
        };
        let read =
            |style: &CssStyleDeclaration, name| style.get_property_value(name).unwrap_or_default();
        let own = probe.style();
        // `light-dark()` is worked out where a colour is used, so every colour is used once.
        let colour = |name: &str| {
            let _ = own.set_property("color", name);
            read(&seen, "color")
        };
        let key = NAMES
            .iter()
            .step_by(4)
            .map(|it| colour(it))
            .collect::<Vec<_>>()
            .join(";");
        if key != self.key {
            self.key = key;
            self.colours = NAMES.iter().map(|it| colour(it)).collect();
            let (sans, mono) = (read(&seen, "font-family"), read(&seen, "--cs-mono"));
            self.fonts = [
                format!("11px {sans}"),
                format!("600 11px {sans}"),
                format!("11px {mono}"),
                format!("10px {mono}"),
            ];
        }
        probe.remove();
    }
}

/// An element beside the canvas that is never seen.
fn probe(parent: &web_sys::Element) -> Option<HtmlElement> {
    let probe = parent
        .owner_document()?
        .create_element("i")
        .ok()?
        .dyn_into::<HtmlElement>()
        .ok()?;
    probe.set_class_name("cs-probe");
    parent.append_child(&probe).ok()?;
    Some(probe)
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// Into dashes.
    Dashed,
    /// Into dots.
    Dotted,
}

/// A face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// For words.
    Small,
    /// For words that count.
    Bold,
    /// For numbers.
    Mono,
    /// For numbers on an axis.
    Axis,
}

/// Draws on a canvas and remembers how, so that nothing is set twice.
pub struct Pen<'a> {
    context: &'a CanvasRenderingContext2d,
    palette: &'a Palette,
    /// The canvas's width in pixels of the page.
    pub width: f64,
    /// Its height.
    pub height: f64,
    fill: Option<Ink>,
    stroke: Option<Ink>,
    thick: f64,
    alpha: f64,
    dash: Dash,
    face: Option<Face>,
    align: &'static str,
}

const TURN: f64 = std::f64::consts::TAU;

impl<'a> Pen<'a> {
    /// Begins with a canvas in an unknown state.
    pub fn new(
        context: &'a CanvasRenderingContext2d,
        palette: &'a Palette,
        width: f64,
        height: f64,
    ) -> Pen<'a> {
        context.set_line_cap("round");
        context.set_line_join("round");
        context.set_text_baseline("middle");
        context.set_text_align("left");
        context.set_global_alpha(1.0);
        context.set_line_width(1.0);
        let _ = context.set_line_dash(&palette.dashes[0]);
        Pen {
            context,
            palette,
            width,
            height,
            fill: None,
            stroke: None,
            thick: 1.0,
            alpha: 1.0,
            dash: Dash::Solid,
            face: None,
            align: "left",
        }
    }

    /// What follows is filled in this colour.
    pub fn fill(&mut self, ink: Ink) {
        if self.fill != Some(ink) {
            self.fill = Some(ink);
            if let Some(colour) = self.palette.colours.get(ink.place()) {
                self.context.set_fill_style_str(colour);
            }
        }
    }

    /// What follows is drawn with a line of this colour and width.
    pub fn stroke(&mut self, ink: Ink, width: f64) {
        if self.stroke != Some(ink) {
            self.stroke = Some(ink);
            if let Some(colour) = self.palette.colours.get(ink.place()) {
                self.context.set_stroke_style_str(colour);
            }
        }
        if self.thick != width {
            self.thick = width;
            self.context.set_line_width(width);
        }
    }

    /// What follows lets this much through: 0 nothing is seen, 1 all.
    pub fn alpha(&mut self, alpha: f64) {
        if self.alpha != alpha {
            self.alpha = alpha;
            self.context.set_global_alpha(alpha);
        }
    }

    /// Lines that follow are broken so.
    pub fn dash(&mut self, dash: Dash) {
        if self.dash != dash {
            self.dash = dash;
            let _ = self
                .context
                .set_line_dash(&self.palette.dashes[dash as usize]);
        }
    }

    /// A straight line.
    pub fn line(&self, from: (f64, f64), to: (f64, f64)) {
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        self.context.line_to(to.0, to.1);
        self.context.stroke();
    }

    /// A line through several points.
    pub fn path(&self, points: &[(f64, f64)]) {
        self.context.begin_path();
        for (index, point) in points.iter().enumerate() {
            if index == 0 {
                self.context.move_to(point.0, point.1);
            } else {
                self.context.line_to(point.0, point.1);
            }
        }
        self.context.stroke();
    }

    /// A curve from one point to another, bent by two.
    pub fn curve(&self, from: (f64, f64), bend: [(f64, f64); 2], to: (f64, f64)) {
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        self.context
            .bezier_curve_to(bend[0].0, bend[0].1, bend[1].0, bend[1].1, to.0, to.1);
        self.context.stroke();
    }

    /// A filled disc.
    pub fn disc(&self, at: (f64, f64), radius: f64) {
        self.context.begin_path();
        let _ = self.context.arc(at.0, at.1, radius.max(0.0), 0.0, TURN);
        self.context.fill();
    }

    /// A circle.
    pub fn ring(&self, at: (f64, f64), radius: f64) {
        self.context.begin_path();
        let _ = self.context.arc(at.0, at.1, radius.max(0.0), 0.0, TURN);
        self.context.stroke();
    }

    /// A part of a circle that begins at the top and goes clockwise; `share` of 1 is all of it.
    pub fn arc(&self, at: (f64, f64), radius: f64, share: f64) {
        let top = -TURN / 4.0;
        self.context.begin_path();
        let _ = self.context.arc(
            at.0,
            at.1,
            radius.max(0.0),
            top,
            top + TURN * share.clamp(0.0, 1.0),
        );
        self.context.stroke();
    }

    /// A filled rectangle.
    pub fn rect(&self, x: f64, y: f64, width: f64, height: f64) {
        self.context.fill_rect(x, y, width, height);
    }

    /// A filled triangle.
    pub fn triangle(&self, points: [(f64, f64); 3]) {
        self.context.begin_path();
        self.context.move_to(points[0].0, points[0].1);
        self.context.line_to(points[1].0, points[1].1);
        self.context.line_to(points[2].0, points[2].1);
        self.context.close_path();
        self.context.fill();
    }

    /// A filled rhombus with its outline.
    pub fn rhombus(&self, at: (f64, f64), size: f64) {
        self.context.begin_path();
        self.context.move_to(at.0, at.1 - size);
        self.context.line_to(at.0 + size, at.1);
        self.context.line_to(at.0, at.1 + size);
        self.context.line_to(at.0 - size, at.1);
        self.context.close_path();
        self.context.fill();
        self.context.stroke();
    }

    /// Two crossed lines.
    pub fn cross(&self, at: (f64, f64), size: f64) {
        self.context.begin_path();
        self.context.move_to(at.0 - size, at.1 - size);
        self.context.line_to(at.0 + size, at.1 + size);
        self.context.move_to(at.0 + size, at.1 - size);
        self.context.line_to(at.0 - size, at.1 + size);
        self.context.stroke();
    }

    /// Text that follows is set in this face.
    pub fn face(&mut self, face: Face) {
        if self.face != Some(face) {
            self.face = Some(face);
            self.context.set_font(&self.palette.fonts[face as usize]);
        }
    }

    /// Text that follows begins, ends or has its middle at its place: `left`, `right`, `center`.
    pub fn align(&mut self, align: &'static str) {
        if self.align != align {
            self.align = align;
            self.context.set_text_align(align);
        }
    }

    /// A line of text, its middle at this height.
    pub fn text(&self, text: &str, at: (f64, f64)) {
        let _ = self.context.fill_text(text, at.0, at.1);
    }

    /// How wide a line of text is.
    pub fn measure(&self, text: &str) -> f64 {
        self.context.measure_text(text).map_or(0.0, |it| it.width())
    }

    /// Draws `inside`, of which nothing is seen outside of the rectangle.
    pub fn clipped(
        &mut self,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        inside: impl FnOnce(&mut Pen<'a>),
    ) {
        self.context.save();
        self.context.begin_path();
        self.context.rect(x, y, width, height);
        self.context.clip();
        inside(self);
        self.context.restore();
        // The canvas is back at what it was; what is remembered is not.
        self.fill = None;
        self.stroke = None;
        self.face = None;
        self.thick = -1.0;
        self.alpha = -1.0;
        self.align = "";
        self.dash = Dash::Solid;
        let _ = self.context.set_line_dash(&self.palette.dashes[0]);
        self.alpha(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_have_colours_that_repeat_and_none_before_the_first() {
        assert_eq!(Ink::epoch(None), Ink::Strong);
        assert_eq!(Ink::epoch(Some(0)), Ink::Strong);
        assert_eq!(Ink::epoch(Some(1)), Ink::Term(0));
        assert_eq!(Ink::epoch(Some(7)), Ink::Term(0));
        assert_eq!(epoch_class(Some(2)), "cs-epoch-2");
    }
}
