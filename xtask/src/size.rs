//! What the site weighs, as files and as a browser gets them, held against a budget.

use std::fs;

use crate::shell::{self, Outcome};
use crate::tools;

/// How the files of the two programs begin: the front page's own, and the whole page's.
const FRONT: &str = "clusterscope-front";
const WHOLE: &str = "clusterscope-web";

/// Prints name, raw size and brotli size of each file that it is given.
const WEIGH: &str = "
const fs = require('node:fs'), zlib = require('node:zlib'), path = require('node:path');
const weigh = bytes => zlib.brotliCompressSync(bytes, { params: {
    [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_LGWIN]: 22,
    [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length;
for (const name of process.argv.slice(1)) {
    const bytes = fs.readFileSync(name);
    console.log(path.relative('dist', name), bytes.length, weigh(bytes));
}";

/// One file of the site.
struct File {
    name: String,
    raw: u64,
    brotli: u64,
    /// Whether the front page fetches it.
    front: bool,
    /// Whether the whole page fetches it.
    whole: bool,
}

/// Tells the sizes of dist/ and fails when a budget is exceeded.
pub fn size() -> Outcome {
    let files = weigh()?;
    println!("\n  {:<40} {:>10} {:>10}", "dist/", "raw", "brotli");
    for File {
        name,
        raw,
        brotli,
        front,
        whole,
    } in &files
    {
        let mark = match (front, whole) {
            (true, true) => "both",
            (true, false) => "front page",
            (false, true) => "whole page",
            (false, false) => "",
        };
        println!("  {name:<40} {raw:>10} {brotli:>10}  {mark}");
    }
    let sum = |wanted: &dyn Fn(&File) -> bool| {
        files
            .iter()
            .filter(|it| wanted(it))
            .map(|it| it.brotli)
            .sum()
    };
    let front: u64 = sum(&|file| file.front);
    let whole: u64 = sum(&|file| file.whole);
    let path = shell::root().join("xtask/size-budget.txt");
    let budget = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut over = Vec::new();
    println!(
        "\n  {:<40} {:>10} {:>10}",
        "budget (brotli)", "now", "at most"
    );
    for (what, now) in [("front", front), ("whole", whole)] {
        let most = limit(&budget, what)?;
        println!("  {what:<40} {now:>10} {most:>10}");
        if now > most {
            over.push(format!(
                "{what} weighs {now} bytes, {} more than xtask/size-budget.txt allows",
                now - most
            ));
        }
    }
    if over.is_empty() {
        Ok(())
    } else {
        Err(over.join("; "))
    }
}

/// The budget's number for one name.
fn limit(budget: &str, what: &str) -> Outcome<u64> {
    let row = budget
        .lines()
        .find_map(|line| line.strip_prefix(what)?.trim().parse().ok());
    row.ok_or_else(|| format!("xtask/size-budget.txt has no line \"{what} BYTES\""))
}

/// Weighs the code and the text of dist/.
fn weigh() -> Outcome<Vec<File>> {
    let dist = shell::root().join("dist");
    let index = fs::read_to_string(dist.join("index.html"))
        .map_err(|_| "there is no site in dist/ yet; \"cargo xtask dist\" builds it".to_owned())?;
    tools::check_node()?;
    let mut folders = vec![dist];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let ending = path
                .extension()
                .and_then(|it| it.to_str())
                .unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if ["wasm", "js", "mjs", "css", "html", "json", "svg"].contains(&ending) {
                names.push(path);
            }
        }
    }
    names.sort();
    let mut node = shell::command("node");
    node.args(["-e", WEIGH, "--"]).args(&names);
    let text = shell::output(node)?;
    Ok(text.lines().filter_map(|line| file(line, &index)).collect())
}

/// Reads one line of the scale.
fn file(line: &str, index: &str) -> Option<File> {
    let mut words = line.rsplitn(3, ' ');
    let brotli = words.next()?.parse().ok()?;
    let raw = words.next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    let is_style = name.ends_with(".css") && index.contains(&format!("/{name}"));
    let both = name == "index.html" || is_style;
    let front = both || name.starts_with(FRONT);
    let whole = both || name.starts_with(WHOLE);
    Some(File {
        name,
        raw,
        brotli,
        front,
        whole,
    })
}

#[cfg(test)]
mod tests {
    use super::{file, limit};

    #[test]
    fn reads_the_budget() {
        assert_eq!(limit("# most\nfront 200\nwhole 240", "whole"), Ok(240));
        assert!(limit("front 200", "whole").is_err());
    }

    #[test]
    fn knows_what_each_page_fetches() {
        let index = "<link rel=stylesheet href=\"./app.css\">";
        let fetched = |line| file(line, index).map(|it| (it.front, it.whole, it.raw, it.brotli));
        assert_eq!(fetched("app.css 10 5"), Some((true, true, 10, 5)));
        assert_eq!(
            fetched("clusterscope-front_bg.wasm 9 4"),
            Some((true, false, 9, 4))
        );
        assert_eq!(
            fetched("clusterscope-web.js 8 3"),
            Some((false, true, 8, 3))
        );
        assert_eq!(fetched("embed.js 7 2"), Some((false, false, 7, 2)));
    }
}
