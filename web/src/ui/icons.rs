//! Small pictures, drawn here: strokes of one width on a grid of 16, in the colour of the text around them.

use yew::prelude::*;

/// Defines the pictures: a name, what it shows, the path that is stroked, the path that is filled.
macro_rules! glyphs {
    ($($(#[$doc:meta])* $name:ident: $stroke:literal, $fill:literal;)*) => {
        /// Which picture.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Glyph {
            $($(#[$doc])* $name,)*
        }

        impl Glyph {
            /// Every picture.
            pub const ALL: &[Glyph] = &[$(Glyph::$name),*];

            /// The path that is stroked and the one that is filled.
            pub fn paths(self) -> (&'static str, &'static str) {
                match self {
                    $(Glyph::$name => ($stroke, $fill),)*
                }
            }
        }
    };
}

glyphs! {
    /// Let time run.
    Play: "", "M4.5 2.7v10.6a.6.6 0 0 0 .92.5l8.2-5.3a.6.6 0 0 0 0-1L5.42 2.2a.6.6 0 0 0-.92.5z";
    /// Stop time.
    Pause: "", "M4 2.5h2.6v11H4zM9.4 2.5H12v11H9.4z";
    /// One step on.
    StepForward:
        "M12 3.5v9",
        "M3.5 4v8a.5.5 0 0 0 .77.42L10 8.42a.5.5 0 0 0 0-.84L4.27 3.58A.5.5 0 0 0 3.5 4z";
    /// One step back.
    StepBack: "M4 3.5v9", "M12.5 4v8a.5.5 0 0 1-.77.42L6 8.42a.5.5 0 0 1 0-.84l5.73-4a.5.5 0 0 1 .77.42z";
    /// To the next turn of the story.
    NextTurn: "M13.2 3.5v9M2.8 4l4.6 4-4.6 4M7.4 4 12 8l-4.6 4", "";
    /// To the turn of the story before.
    PreviousTurn: "M2.8 3.5v9M13.2 4 8.6 8l4.6 4M8.6 4 4 8l4.6 4", "";
    /// A node crashes.
    Crash: "M9.2 1.8 4 9h3.6L6.4 14.2 12 6.8H8.2z", "";
    /// A node starts again.
    Restart: "M13 8a5 5 0 1 1-1.6-3.7M13.2 2.2v3h-3", "";
    /// A node stands still.
    PauseNode: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM6.4 5.8v4.4M9.6 5.8v4.4", "";
    /// A node goes on.
    ResumeNode: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z", "M6.6 5.4v5.2L10.8 8z";
    /// The network is cut.
    Cut:
        "M4.3 10.2a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8z\
        M11.7 10.2a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8zM5.4 10.6 11.5 2M10.6 10.6 4.5 2",
        "";
    /// The network is whole again.
    Heal: "M2 8h3.2l1.6-4 2.6 8L11 8h3", "";
    /// A clock.
    Clock: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.6V8l2.4 1.6", "";
    /// A message is lost.
    Drop:
        "M8 2v6.5M5.2 6 8 8.8 10.8 6M3 13.5l2.4-2.4M5.4 13.5 3 11.1M10.6 13.5l2.4-2.4\
        M13 13.5l-2.4-2.4",
        "";
    /// A message is copied.
    Duplicate: "M6 5.5h7.5V13H6zM10 5.5V3H2.5v7.5H6", "";
    /// A message comes later.
    Delay: "M4 2h8M4 14h8M4.8 2c0 4 6.4 4.4 6.4 6S4.8 10 4.8 14M11.2 2c0 4-6.4 4.4-6.4 6s6.4 2 6.4 6", "";
    /// Share.
    Share: "M8 10V2M5 4.8 8 1.8l3 3M3 8.5v4.7c0 .4.4.8.8.8h8.4c.4 0 .8-.4.8-.8V8.5", "";
    /// Settings.
    Settings:
        "M2 4.5h6.2M12.2 4.5H14M2 11.5h1.8M7.8 11.5H14M10.2 2.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4z\
        M5.8 9.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
        "";
    /// Close.
    Close: "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4", "";
    /// Leads.
    Crown: "", "M2 4.6 5 7.4 8 3l3 4.4 3-2.8-1.2 8H3.2z";
    /// Search.
    Search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3l3.4 3.4", "";
    /// Help.
    Help:
        "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM6.2 6.4a1.9 1.9 0 1 1 2.7 1.7c-.6.3-.9.6-.9 1.2",
        "M7.2 10.6h1.6v1.5H7.2z";
    /// Light colours.
    Sun:
        "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4\
        M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1",
        "";
    /// Dark colours.
    Moon: "M13.4 9.6A5.8 5.8 0 0 1 6.4 2.6a5.8 5.8 0 1 0 7 7z", "";
    /// Colours as the system has them.
    Auto: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z", "M8 2a6 6 0 0 1 0 12z";
    /// It holds.
    Check: "M3 8.6 6.4 12 13 4.6", "";
    /// It does not.
    Cross: "M4 4l8 8M12 4l-8 8", "";
    /// A point.
    Dot: "", "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z";
    /// A list.
    List: "M5.5 4H14M5.5 8H14M5.5 12H14", "M2 3.2h1.6v1.6H2zM2 7.2h1.6v1.6H2zM2 11.2h1.6v1.6H2z";
    /// A link.
    Link:
        "M6.8 9.2a2.6 2.6 0 0 0 3.9.2l2-2a2.7 2.7 0 0 0-3.8-3.8l-1 1\
        M9.2 6.8a2.6 2.6 0 0 0-3.9-.2l-2 2a2.7 2.7 0 0 0 3.8 3.8l1-1",
        "";
    /// Other luck.
    Dice:
        "M3.2 2.6h9.6c.4 0 .6.2.6.6v9.6c0 .4-.2.6-.6.6H3.2c-.4 0-.6-.2-.6-.6V3.2c0-.4.2-.6.6-.6z",
        "M4.8 4.8h1.7v1.7H4.8zM9.5 9.5h1.7v1.7H9.5zM7.15 7.15h1.7v1.7h-1.7z";
    /// Copy.
    Copy: "M5.5 5.5H13V14H5.5zM10.5 5.5V2.5H3V11h2.5", "";
    /// Put into a page.
    Embed: "M5.2 4.2 1.6 8l3.6 3.8M10.8 4.2 14.4 8l-3.6 3.8M9.2 3l-2.4 10", "";
    /// A timer runs out.
    Fire: "M8 4.4a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6zM6.4 1.8h3.2M8 1.8v2.6M8 6.8v2.4", "";
    /// One node alone.
    Isolate:
        "M8 5.6a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8zM8 1.6a6.4 6.4 0 0 1 2.4.5\
        M13.6 4.9a6.4 6.4 0 0 1 .7 2.3M13.8 10.6a6.4 6.4 0 0 1-1.4 2\
        M9.8 14.1a6.4 6.4 0 0 1-2.5.2M4.3 13.1a6.4 6.4 0 0 1-1.7-1.7\
        M1.6 8.8a6.4 6.4 0 0 1 .3-2.5M3.6 3.4a6.4 6.4 0 0 1 2-1.3",
        "";
    /// Something to look out for.
    Warning: "M8 2.2 14.4 13.4H1.6zM8 6.4v3.2", "M7.2 10.6h1.6v1.5H7.2z";
    /// More of it.
    Plus: "M8 3.2v9.6M3.2 8h9.6", "";
    /// Less of it.
    Minus: "M3.2 8h9.6", "";
    /// Opens to the right.
    ChevronRight: "M6 3.5 10.5 8 6 12.5", "";
    /// Opens downwards.
    ChevronDown: "M3.5 6 8 10.5 12.5 6", "";
    /// Back to the left.
    ChevronLeft: "M10 3.5 5.5 8 10 12.5", "";
    /// There is more.
    More: "", "M2.2 6.8h2.4v2.4H2.2zM6.8 6.8h2.4v2.4H6.8zM11.4 6.8h2.4v2.4h-2.4z";
    /// To a file.
    Download: "M8 2v8M5 7.2l3 3 3-3M3 10.5v2.7c0 .4.4.8.8.8h8.4c.4 0 .8-.4.8-.8v-2.7", "";
    /// To another page.
    External: "M6.5 3H3v10h10V9.5M9.5 2.5h4v4M13.2 2.8 7.5 8.5", "";
    /// Two beside each other.
    Compare: "M2 3h5v10H2zM9 3h5v10H9z", "";
    /// Goes its own way.
    Branch:
        "M4.5 5.5v5M4.5 2.2a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2z\
        M4.5 10.6a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2z\
        M11.5 4.2a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2zM11.5 7.4c0 2-3 2-5.4 3",
        "";
    /// A book, a lesson.
    Book:
        "M8 3.6C6.6 2.7 4.6 2.4 2 2.4v10.2c2.6 0 4.6.3 6 1.2 1.4-.9 3.4-1.2 6-1.2V2.4c-2.6 0-4.6.3-6 1.2z\
        M8 3.6v10.2",
        "";
    /// The project's sign: nodes on a ring.
    Mark:
        "M8 3.2 12.6 6.5 10.8 12H5.2L3.4 6.5z",
        "M8 1.4a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z\
        M12.6 4.7a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z\
        M10.8 10.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z\
        M5.2 10.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z\
        M3.4 4.7a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z";
}

/// A picture of 16 by 16 that says nothing to a screen reader: the words stand beside it or on its button.
pub fn icon(name: Glyph) -> Html {
    let (stroke, fill) = name.paths();
    html! {
        <svg class="cs-icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
            if !stroke.is_empty() {
                <path d={stroke} fill="none" stroke="currentColor" stroke-width="1.4"
                    stroke-linecap="round" stroke-linejoin="round" />
            }
            if !fill.is_empty() {
                <path d={fill} fill="currentColor" />
            }
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_shows_something() {
        for glyph in Glyph::ALL {
            let (stroke, fill) = glyph.paths();
            assert!(
                stroke.starts_with('M') || fill.starts_with('M'),
                "{glyph:?}"
            );
        }
    }
}
