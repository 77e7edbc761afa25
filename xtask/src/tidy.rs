//! House rules that no other tool checks. Each finding is told as `file:line: what`.

use std::fs;

use crate::shell::{self, Outcome};

/// The most lines that a function may take, from its `fn` to its closing brace.
const LONGEST_FUNCTION: usize = 70;
/// The most columns of a line of Rust.
const WIDEST_LINE: usize = 120;
/// Files in these languages are read for leftovers.
const READ: [&str; 14] = [
    ".rs", ".md", ".toml", ".js", ".mjs", ".json", ".html", ".css", ".svg", ".txt", ".sh", ".yml",
    ".lock", "/run",
];

/// Checks every file that git knows or would add.
pub fn tidy() -> Outcome {
    let mut git = shell::command("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let names =
        shell::output(git).map_err(|error| format!("the list of files comes from git: {error}"))?;
    let mut findings = Vec::new();
    let mut count = 0;
    for name in names
        .lines()
        .filter(|name| READ.iter().any(|ending| name.ends_with(ending)))
    {
        // A file that was deleted and is not yet committed so is still listed.
        let Ok(text) = fs::read_to_string(shell::root().join(name)) else {
            continue;
        };
        count += 1;
        findings.extend(
            check(name, &text)
                .into_iter()
                .map(|(line, what)| format!("{name}:{line}: {what}")),
        );
    }
    findings.extend(unregistered(&names));
    if findings.is_empty() {
        println!("{count} files are tidy");
        return Ok(());
    }
    println!("{}", findings.join("\n"));
    Err(format!("{} findings, listed above", findings.len()))
}

/// A line's number and what is wrong with it.
type Finding = (usize, String);

/// Checks one file's text.
fn check(name: &str, text: &str) -> Vec<Finding> {
    let mut findings = leftovers(name, text);
    if name.ends_with(".rs") {
        if !text.starts_with("//!") {
            findings.push((
                1,
                "starts without a //! that tells what the file is for".to_owned(),
            ));
        }
        findings.extend(wide_lines(text));
        findings.extend(long_functions(text));
    }
    if name.ends_with(".md") {
        findings.extend(titles(text));
    }
    findings
}

/// Work that was left for later, and traces of one machine.
fn leftovers(name: &str, text: &str) -> Vec<Finding> {
    // In pieces, so that this file does not find itself.
    let later = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
    ];
    let paths = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
    ];
    let hosts = [
        concat!("crates", ".io"),
        concat!("npm", "js.org"),
        concat!("npm", "js.com"),
        concat!("pypi", ".org"),
    ];
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for word in later.iter().filter(|word| standing_alone(line, word)) {
            findings.push((number, format!("{word} is left for later")));
        }
        for path in paths.iter().filter(|path| standing_alone(line, path)) {
            findings.push((number, format!("names a path of one machine, {path}")));
        }
        // Cargo writes the name of its index into its lock file and reads it back from there.
        for host in hosts
            .iter()
            .filter(|host| !name.ends_with("Cargo.lock") && line.contains(**host))
        {
            findings.push((number, format!("names a registry's host, {host}")));
        }
    }
    findings
}

/// Whether a word occurs in a line without being the end of a longer one.
fn standing_alone(line: &str, word: &str) -> bool {
    let part_of_word = |before: char| before.is_alphanumeric() || "_-.}".contains(before);
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part_of_word))
}

/// Lines of Rust that need scrolling.
fn wide_lines(text: &str) -> Vec<Finding> {
    let widths = (1..).zip(text.lines().map(|line| line.chars().count()));
    let wide = widths.filter(|(_, width)| *width > WIDEST_LINE);
    wide.map(|(number, width)| {
        (
            number,
            format!("{width} columns; {WIDEST_LINE} are the most"),
        )
    })
    .collect()
}

/// A text has one title.
fn titles(text: &str) -> Vec<Finding> {
    let mut fenced = false;
    let mut titles = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced && line.starts_with("# ") {
            titles.push(number);
        }
    }
    match titles[..] {
        [_] => Vec::new(),
        [] => vec![(1, "has no # title".to_owned())],
        [_, second, ..] => vec![(second, "is a second # title; use ##".to_owned())],
    }
}

/// Every system, `FAMILY/NAME.rs`, has its lines in the registry. What lies deeper belongs to a system that is there.
fn unregistered(names: &str) -> Vec<String> {
    let folder = "core/src/systems/";
    let Ok(registry) = fs::read_to_string(shell::root().join(folder).join("mod.rs")) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for name in names.lines().filter_map(|name| name.strip_prefix(folder)) {
        let parts: Vec<&str> = name.trim_end_matches(".rs").split('/').collect();
        let [family, system] = parts[..] else {
            continue;
        };
        let rows = [
            format!("mod {system};"),
            format!("\n    {family}::{system}::"),
        ];
        for row in rows.iter().filter(|row| !registry.contains(row.as_str())) {
            findings.push(format!(
                "{folder}{name}:1: has no row \"{row}\" in {folder}mod.rs"
            ));
        }
    }
    findings
}

/// Functions that do not fit on a screen.
fn long_functions(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Where each open function began, and how deep the braces were then.
    let mut open: Vec<(usize, usize, String)> = Vec::new();
    let mut waiting: Option<(usize, String)> = None;
    let mut depth = 0_usize;
    for (number, line) in (1..).zip(bare(text).lines()) {
        if let Some(name) = function_name(line) {
            waiting = Some((number, name));
        }
        for sign in line.chars() {
            match sign {
                '{' => {
                    if let Some((start, name)) = waiting.take() {
                        open.push((start, depth, name));
                    }
                    depth += 1;
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    if let Some((start, _, name)) = open.pop_if(|(_, outside, _)| *outside == depth)
                    {
                        let length = number - start + 1;
                        if length > LONGEST_FUNCTION {
                            findings.push((
                                start,
                                format!("fn {name} has {length} lines of {LONGEST_FUNCTION}"),
                            ));
                        }
                    }
                }
                // A function of a trait, without a body. (A `[u8; 4]` among the parameters only
                // makes this miss a function.)
                ';' => waiting = None,
                _ => {}
            }
        }
    }
    findings
}

/// The name of the function that a line begins to define.
fn function_name(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "fn")?;
    let qualifier = |word: &str| {
        ["pub", "const", "async", "unsafe", "extern", "default"].contains(&word)
            || word.starts_with("pub(")
    };
    let name = words.get(at + 1)?.split(['(', '<']).next()?;
    words[..at]
        .iter()
        .all(|word| qualifier(word))
        .then(|| name.to_owned())
}

/// The text with the insides of comments, strings and characters blanked out, line by line as it was.
fn bare(text: &str) -> String {
    let signs: Vec<char> = text.chars().collect();
    let mut bare = String::with_capacity(text.len());
    let mut at = 0;
    while at < signs.len() {
        let end = opaque_end(&signs, at);
        if end == at {
            bare.push(signs[at]);
            at += 1;
            continue;
        }
        bare.extend(signs[at..end].iter().filter(|sign| **sign == '\n'));
        bare.push(' ');
        at = end;
    }
    bare
}

/// Where the comment, string or character that begins here ends; here itself when none begins.
fn opaque_end(signs: &[char], at: usize) -> usize {
    let find = |from: usize, wanted: &[char]| {
        let rest = signs.get(from..).unwrap_or_default();
        rest.windows(wanted.len())
            .position(|window| window == wanted)
            .map(|found| from + found)
    };
    let word_before = at > 0 && (signs[at - 1].is_alphanumeric() || signs[at - 1] == '_');
    match signs[at..] {
        ['/', '/', ..] => find(at, &['\n']).unwrap_or(signs.len()),
        ['/', '*', ..] => find(at + 2, &['*', '/']).map_or(signs.len(), |end| end + 2),
        ['r', '"' | '#', ..] if !word_before => {
            let hashes = signs[at + 1..]
                .iter()
                .take_while(|sign| **sign == '#')
                .count();
            if signs.get(at + 1 + hashes) != Some(&'"') {
                return at; // A raw name such as r#type.
            }
            let mut close = vec!['"'];
            close.resize(1 + hashes, '#');
            find(at + 2 + hashes, &close).map_or(signs.len(), |end| end + close.len())
        }
        ['"', ..] => {
            let mut end = at + 1;
            while end < signs.len() && signs[end] != '"' {
                end += if signs[end] == '\\' { 2 } else { 1 };
            }
            (end + 1).min(signs.len())
        }
        ['\'', '\\', _, ..] => find(at + 3, &['\'']).map_or(signs.len(), |end| end + 1),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_FUNCTION, check, long_functions, titles};

    /// A function of so many lines.
    fn function(lines: usize) -> String {
        format!(
            "pub fn long(&self) -> u8 {{\n{}}}\n",
            "    work();\n".repeat(lines - 2)
        )
    }

    #[test]
    fn measures_functions() {
        assert_eq!(long_functions(&function(LONGEST_FUNCTION)), []);
        let found = long_functions(&format!("//! Doc.\n{}", function(LONGEST_FUNCTION + 1)));
        assert_eq!(found, [(2, "fn long has 71 lines of 70".to_owned())]);
    }

    #[test]
    fn is_not_misled_by_braces_in_text() {
        let braces = "// {\n/* {{ */ let a = ('{', '\\'', \"\\\"{\", r#\"{\"{\"#, 'x', &'a str);\n";
        let text = format!(
            "fn short() {{\n{braces}}}\n{}",
            "const A: u8 = 0;\n".repeat(80)
        );
        assert_eq!(long_functions(&text), []);
        assert_eq!(
            long_functions(&format!(
                "trait A {{\nfn a();\n{}}}",
                "const A: u8 = 0;\n".repeat(80)
            )),
            []
        );
    }

    #[test]
    fn finds_leftovers_and_missing_words() {
        let later = concat!("TO", "DO");
        assert_eq!(
            check("a.rs", &format!("//! Doc.\n// {later}: more\n")).len(),
            1
        );
        assert_eq!(check("a.rs", "fn a() {}\n").len(), 1);
        assert_eq!(
            check("a.md", concat!("# A\n\n/ro", "ot/a, b/ro", "ot/\n")).len(),
            1
        );
        assert_eq!(
            check("a.rs", &format!("//! {}\n", "x".repeat(120))).len(),
            1
        );
    }

    #[test]
    fn wants_one_title() {
        assert_eq!(titles("# One\n```sh\n# no title\n```\n"), []);
        assert_eq!(titles("text\n").len(), 1);
        assert_eq!(
            titles("# One\n# Two\n"),
            [(2, "is a second # title; use ##".to_owned())]
        );
    }
}
