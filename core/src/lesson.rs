//! Lessons: a text in steps, each of which waits for something to happen in a run.
//!
//! A lesson is a Markdown file, `www/lessons/SYSTEM.md`. What follows a heading at once, line by line, is for the page:
//!
//! ```text
//! # Raft: one log on many machines
//! run: raft/calm?seed=7
//!
//! What the lesson is about, in a paragraph or two.
//!
//! ## Nobody leads yet
//! until: count(role=leader) = 1
//!
//! Press play and watch whose time-out ends first.
//!
//! ## Crash the leader
//! do: crash leader
//! until: down = 1 and count(role=leader) = 1
//! within: 5s
//!
//! - Select the leader and press **Crash**, or let the button do it.
//! ```
//!
//! `run` opens a run, in the form of a link without `#/`; every lesson has one at its head, and a step that has one
//! goes on in that. `do` is a command that the reader is to give, and that a button gives for those who want it; there
//! may be several. `until` is a [`Predicate`]: the step is done when it holds. `within` says how much virtual time that
//! may take at most after the commands, 20 s if nothing is said: no reader sees it, but a test plays every lesson.
//!
//! Of Markdown there are paragraphs, lists (`- `), `**strong**`, `*emphasis*`, `` `code` `` and `[links](target)`: what
//! short lessons need, and little enough to be read where it is shown.

use crate::error::BadInput;
use crate::sim::command::Command;
use crate::sim::predicate::Predicate;
use crate::sim::spec::RunSpec;
use crate::sim::time::Span;

/// The longest lesson, in bytes.
pub const LESSON_MAX: usize = 64 * 1024;

/// So long a step may take unless it says otherwise.
const WITHIN: Span = Span::secs(20);

/// A lesson.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Its heading.
    pub title: String,
    /// The run that it begins with.
    pub run: RunSpec,
    /// What it is about.
    pub text: Vec<Block>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A step of a lesson.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its heading.
    pub title: String,
    /// The run with which it begins, if not with the one at hand.
    pub run: Option<RunSpec>,
    /// What the reader is to do.
    pub commands: Vec<Command>,
    /// When it is done.
    pub until: Predicate,
    /// How much virtual time that may take.
    pub within: Span,
    /// What it says.
    pub text: Vec<Block>,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list.
    List(Vec<Vec<Inline>>),
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Inline {
    /// Plain words.
    Text(String),
    /// `**strong**`.
    Strong(String),
    /// `*emphasis*`.
    Emphasis(String),
    /// `` `code` ``.
    Code(String),
    /// `[words](target)`: the words, and a place within the site (`#/…`) or an address that begins with `https://`.
    Link(String, String),
}

impl Lesson {
    /// Reads a lesson; an `Err` says what is wrong in which part.
    pub fn read(text: &str) -> Result<Lesson, BadInput> {
        if text.len() > LESSON_MAX {
            return Err(BadInput::new(
                text,
                format!("begins a lesson that is too long: {LESSON_MAX} bytes at most"),
            ));
        }
        let mut parts = parts(text)?.into_iter();
        let head = parts
            .next()
            .filter(|it| it.depth == 1)
            .ok_or_else(|| BadInput::new("", "is no lesson: it begins with # and a title"))?;
        let title = head.title.to_owned();
        let run = head.run().map_err(|it| it.within(title.clone()))?;
        let run =
            run.ok_or_else(|| BadInput::new(&title, "has no run: write run: raft/calm below it"))?;
        let steps = parts.map(|part| {
            part.step()
                .map_err(|problem| problem.within(part.title.to_owned()))
        });
        Ok(Lesson {
            text: blocks(&head.lines).map_err(|it| it.within(title.clone()))?,
            title,
            run,
            steps: steps.collect::<Result<_, _>>()?,
        })
    }
}

/// A heading and what follows it.
struct Part<'a> {
    depth: usize,
    title: &'a str,
    /// `name: value` lines right below the heading.
    settings: Vec<(&'a str, &'a str)>,
    lines: Vec<&'a str>,
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, BadInput> {
    let mut parts: Vec<Part> = Vec::new();
    let mut in_settings = false;
    for line in text.lines().map(str::trim_end) {
        let depth = line.bytes().take_while(|it| *it == b'#').count();
        if depth > 0 && line[depth..].starts_with(' ') {
            if depth != if parts.is_empty() { 1 } else { 2 } {
                return Err(BadInput::new(
                    line,
                    "is at the wrong depth: a lesson has # once, then ##",
                ));
            }
            parts.push(Part {
                depth,
                title: line[depth..].trim(),
                settings: Vec::new(),
                lines: Vec::new(),
            });
            in_settings = true;
            continue;
        }
        let Some(part) = parts.last_mut() else {
            match line {
                "" => continue,
                _ => {
                    return Err(BadInput::new(
                        line,
                        "stands before the title: begin with # and a title",
                    ));
                }
            }
        };
        in_settings &= !line.is_empty();
        match line.split_once(": ") {
            Some((name, value)) if in_settings => part.settings.push((name, value.trim())),
            _ if in_settings => {
                return Err(BadInput::new(
                    line,
                    "follows a heading: leave a line empty before the text",
                ));
            }
            _ => part.lines.push(line),
        }
    }
    Ok(parts)
}

impl Part<'_> {
    fn run(&self) -> Result<Option<RunSpec>, BadInput> {
        let run = self.settings.iter().find(|it| it.0 == "run");
        run.map(|it| RunSpec::from_link(it.1)).transpose()
    }

    fn step(&self) -> Result<Step, BadInput> {
        let mut commands = Vec::new();
        let mut until = None;
        let mut within = WITHIN;
        for (name, value) in &self.settings {
            match *name {
                "run" => {}
                "do" => commands.push(value.parse()?),
                "until" => until = Some(value.parse()?),
                "within" => within = value.parse()?,
                other => {
                    return Err(BadInput::new(
                        other,
                        "is not for a step: there is run, do, until and within",
                    ));
                }
            }
        }
        Ok(Step {
            title: self.title.to_owned(),
            run: self.run()?,
            commands,
            until: until
                .ok_or_else(|| BadInput::new(self.title, "waits for nothing: write until: …"))?,
            within,
            text: blocks(&self.lines)?,
        })
    }
}

/// Paragraphs and lists, with empty lines between them.
fn blocks(lines: &[&str]) -> Result<Vec<Block>, BadInput> {
    let mut blocks = Vec::new();
    for group in lines
        .split(|it| it.trim().is_empty())
        .filter(|it| !it.is_empty())
    {
        if !group[0].starts_with("- ") {
            blocks.push(Block::Paragraph(inlines(&group.join(" "))?));
            continue;
        }
        let mut items: Vec<String> = Vec::new();
        for line in group {
            match (line.strip_prefix("- "), items.last_mut()) {
                (Some(item), _) => items.push(item.to_owned()),
                // It goes on in the next line.
                (None, Some(item)) => {
                    item.push(' ');
                    item.push_str(line.trim());
                }
                (None, None) => unreachable!("the first line begins an item"),
            }
        }
        let items: Result<Vec<_>, _> = items.iter().map(|it| inlines(it)).collect();
        blocks.push(Block::List(items?));
    }
    Ok(blocks)
}

fn inlines(text: &str) -> Result<Vec<Inline>, BadInput> {
    let mut inlines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        if at > 0 {
            inlines.push(Inline::Text(rest[..at].to_owned()));
        }
        rest = &rest[at..];
        let unclosed = || BadInput::new(rest, "is not closed");
        let (inline, length) = if rest.starts_with('[') {
            link(rest)?
        } else {
            let mark = match rest.starts_with("**") {
                true => "**",
                false => &rest[..1],
            };
            let inner = &rest[mark.len()..];
            let end = inner.find(mark).ok_or_else(unclosed)?;
            let words = inner[..end].to_owned();
            let inline = match mark {
                "**" => Inline::Strong(words),
                "*" => Inline::Emphasis(words),
                _ => Inline::Code(words),
            };
            (inline, end + 2 * mark.len())
        };
        inlines.push(inline);
        rest = &rest[length..];
    }
    if !rest.is_empty() {
        inlines.push(Inline::Text(rest.to_owned()));
    }
    Ok(inlines)
}

/// A link at the start of `text`, and its length.
fn link(text: &str) -> Result<(Inline, usize), BadInput> {
    let wrong = || {
        BadInput::new(
            text,
            "is no link: write [words](#/raft/calm) or [words](https://…)",
        )
    };
    let (words, behind) = text[1..].split_once("](").ok_or_else(wrong)?;
    let (target, _) = behind.split_once(')').ok_or_else(wrong)?;
    if !target.starts_with("#/") && !target.starts_with("https://") {
        return Err(wrong());
    }
    let length = "[](".len() + words.len() + target.len() + ")".len();
    Ok((Inline::Link(words.to_owned(), target.to_owned()), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Ping\nrun: ping/calm?seed=3\n\nHow *far* is it?\nVery.\n\n\
                        ## Ask\ndo: request n1 ping n2\nuntil: stats.completed >= 1\nwithin: 2s\n\n\
                        - Press `Ask`.\n- Or **wait**,\n  and [read](#/ping/lossy).\n";

    #[test]
    fn a_lesson_has_a_run_and_steps_that_wait() {
        let lesson = Lesson::read(TEXT).unwrap();
        assert_eq!((lesson.title.as_str(), lesson.run.seed), ("Ping", 3));
        let emphasis = Inline::Emphasis("far".to_owned());
        let Block::Paragraph(inlines) = &lesson.text[0] else {
            panic!("{:?}", lesson.text)
        };
        assert_eq!(inlines[1], emphasis);
        assert_eq!(inlines[2], Inline::Text(" is it? Very.".to_owned()));
        let [step] = &lesson.steps[..] else {
            panic!("{:?}", lesson.steps)
        };
        assert_eq!(step.commands[0].to_string(), "request n1 ping n2");
        assert_eq!(step.within, Span::secs(2));
        let Block::List(items) = &step.text[0] else {
            panic!("{:?}", step.text)
        };
        let link = Inline::Link("read".to_owned(), "#/ping/lossy".to_owned());
        assert!(items.len() == 2 && items[1].contains(&link), "{items:?}");
    }

    #[test]
    fn what_is_wrong_is_quoted_with_the_step_it_is_in() {
        for (text, quoted) in [
            ("", "begins with #"),
            ("words", "words"),
            ("# A\n\ntext", "run: raft/calm"),
            ("# A\nrun: nowhere/at/all\n\ntext", "nowhere"),
            ("# A\nrun: ping/calm\ntext", "leave a line empty"),
            ("# A\nrun: ping/calm\n\n## B\n\ntext", "waits for nothing"),
            ("# A\nrun: ping/calm\n\n## B\nuntil: n1.role ~ 2\n", "~ 2"),
            ("# A\nrun: ping/calm\n\n## B\nwhen: 2\n", "when"),
            ("# A\nrun: ping/calm\n\n### B\n", "### B"),
            ("# A\nrun: ping/calm\n\na **b", "**b"),
            ("# A\nrun: ping/calm\n\n[a](javascript:b)", "no link"),
        ] {
            let error = Lesson::read(text).unwrap_err().to_string();
            assert!(error.contains(quoted), "{text}: {error}");
        }
        assert!(Lesson::read(&"é".repeat(LESSON_MAX)).is_err());
    }
}
