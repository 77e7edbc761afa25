//! What the site weighs, as files and as a browser gets them, held against a budget.

use std::fs;

use crate::shell::{self, Outcome};
use crate::tools;

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
    /// Whether index.html names it, so that it is fetched before anything is seen.
    front: bool,
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
    } in &files
    {
        let mark = if *front { "front page" } else { "" };
        println!("  {name:<40} {raw:>10} {brotli:>10}  {mark}");
    }
    let sum = |wanted: &dyn Fn(&File) -> bool| {
        files
            .iter()
            .filter(|it| wanted(it))
            .map(|it| it.brotli)
            .sum()
    };
    let wasm: u64 = sum(&|file| file.name.ends_with(".wasm"));
    let page: u64 = sum(&|file| file.front);
    let path = shell::root().join("xtask/size-budget.txt");
    let budget = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut over = Vec::new();
    println!(
        "\n  {:<40} {:>10} {:>10}",
        "budget (brotli)", "now", "at most"
    );
    for (what, now) in [("wasm", wasm), ("page", page)] {
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
    let front = name == "index.html"
        || index.contains(&format!("/{name}"))
        || index.contains(&format!("\"{name}"));
    Some(File {
        name,
        raw,
        brotli,
        front,
    })
}

#[cfg(test)]
mod tests {
    use super::{file, limit};

    #[test]
    fn reads_the_budget() {
        assert_eq!(limit("# most\nwasm 200\npage 240", "page"), Ok(240));
        assert!(limit("wasm 200", "page").is_err());
    }

    #[test]
    fn knows_what_the_front_page_fetches() {
        let index = "<link rel=preload href=\"./app_bg.wasm\">";
        assert!(file("app_bg.wasm 10 5", index).is_some_and(|file| file.front && file.raw == 10));
        assert!(file("embed.js 10 5", index).is_some_and(|file| !file.front && file.brotli == 5));
    }
}
