//! Lists the lessons that there are, so that the page knows of them without asking the server for what is not there.

use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = "../www/lessons";
    println!("cargo:rerun-if-changed={folder}");
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("the folder of lessons")
        .flatten()
    {
        let path = entry.path();
        let Some(system) = path
            .file_name()
            .and_then(|it| it.to_str()?.strip_suffix(".md"))
        else {
            continue;
        };
        let text = fs::read_to_string(&path).expect("a lesson is text");
        let after = |start: &str| {
            text.lines()
                .find_map(|it| it.strip_prefix(start))
                .map(str::trim)
        };
        let (title, run) = (after("# "), after("run: "));
        // The same text is read with care, and told what is wrong with it, by the core's tests.
        let (title, run) = (title.expect("its title"), run.expect("its run"));
        rows.push(format!("    ({system:?}, {title:?}, {run:?}),\n"));
    }
    rows.sort();
    let list = format!("&[\n{}]\n", rows.concat());
    let out = env::var("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&out).join("lessons.rs"), list).expect("room for a short list");
}
