//! The tools that a bare machine lacks. Each is looked for first in the project's own folders, then on
//! the caller's PATH, and is installed project-locally when it is in neither.
//!
//! A stamp file, written last, tells that an install came to its end: whatever an interrupted one left
//! behind is not taken for good.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{self, Job, Steps};
use crate::shell::{self, Outcome};

const TRUNK: &str = "0.21.14";
const BINARYEN: &str = "132.0.0";
/// Older ones cannot read what today's compiler writes.
const OLDEST_WASM_OPT: u32 = 116;
const OLDEST_NODE: u32 = 20;
/// The target of the page.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Something that a command needs and a bare machine may not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tool {
    /// The standard library for WebAssembly.
    WasmTarget,
    /// Builds and serves the page.
    Trunk,
    /// Joins WebAssembly and JavaScript, and runs the WebAssembly tests in Node.
    Bindgen,
    /// Makes the released WebAssembly smaller.
    WasmOpt,
    /// Drives the browser in the tests.
    Driver,
    /// The browser itself.
    Browser,
}

/// Makes sure of some tools. What else takes long may run beside their installation: `beside` is asked
/// for it only when something slow is missing, and after the compiler's part is there.
pub fn ensure(tools: &[Tool], beside: impl FnOnce() -> Vec<Job>) -> Outcome {
    if missing(tools)?.is_empty() {
        return Ok(());
    }
    let _lock = lock()?;
    // Another run may have installed them while this one waited for the lock.
    let mut missing = missing(tools)?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing what is missing, into .tools/ where it can be:");
    if missing.contains(&Tool::WasmTarget) {
        install::all(vec![Tool::WasmTarget.job()?])?;
        missing.retain(|tool| *tool != Tool::WasmTarget);
    }
    let mut jobs = missing
        .iter()
        .map(|tool| tool.job())
        .collect::<Outcome<Vec<_>>>()?;
    if missing
        .iter()
        .any(|tool| matches!(tool, Tool::Trunk | Tool::Bindgen))
    {
        jobs.extend(beside());
    }
    install::all(jobs)
}

/// Removes what `ensure` installed, but for the wasm target and the browser.
pub fn clean() -> Outcome {
    for folder in [".tools", "e2e/node_modules"].map(|name| shell::root().join(name)) {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
            println!("removed {}", folder.display());
        }
    }
    Ok(())
}

/// The tools that are not there.
fn missing(tools: &[Tool]) -> Outcome<Vec<Tool>> {
    let mut missing = Vec::new();
    for tool in tools {
        if !tool.is_there()? {
            missing.push(*tool);
        }
    }
    Ok(missing)
}

/// Keeps two runs from installing at the same time. The lock goes when the process does.
fn lock() -> Outcome<File> {
    let path = shell::root().join(".tools");
    let open = || {
        fs::create_dir_all(&path)?;
        File::create(path.join("lock"))
    };
    let file = open().map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    if file.try_lock().is_err() {
        println!("Waiting for another run that is installing tools.");
        file.lock()
            .map_err(|error| format!("cannot lock {}: {error}", path.display()))?;
    }
    Ok(file)
}

/// A path in the folder of the project's own tools.
fn own(path: &str) -> PathBuf {
    shell::root().join(".tools").join(path)
}

impl Tool {
    /// Whether it is there and of a version that works.
    fn is_there(self) -> Outcome<bool> {
        Ok(match self {
            Tool::WasmTarget => wasm_target_is_there()?,
            Tool::Trunk => {
                stamped("trunk", TRUNK, "bin/trunk")
                    || version_of("trunk").is_some_and(|it| trunk_fits(&it))
            }
            Tool::Bindgen => {
                let wanted = bindgen_version()?;
                let fits = |name| version_of(name).is_some_and(|it| it == wanted);
                stamped("wasm-bindgen", &wanted, "bin/wasm-bindgen")
                    || (fits("wasm-bindgen") && fits("wasm-bindgen-test-runner"))
            }
            Tool::WasmOpt => {
                stamped("wasm-opt", BINARYEN, "npm/node_modules/.bin/wasm-opt")
                    || version_of("wasm-opt").is_some_and(|it| numbers(&it)[0] >= OLDEST_WASM_OPT)
            }
            Tool::Driver => read(&driver_stamp()) == driver_lock()?,
            Tool::Browser => find_browser()?.is_some(),
        })
    }

    /// How to get it.
    fn job(self) -> Outcome<Job> {
        Ok(match self {
            Tool::WasmTarget => job(
                format!("Rust for {WASM}"),
                "the page is WebAssembly",
                add_wasm_target,
            ),
            Tool::Trunk => job(
                format!("trunk {TRUNK}"),
                "builds and serves the page; minutes, once",
                install_trunk,
            ),
            Tool::Bindgen => {
                let version = bindgen_version()?;
                let name = format!("wasm-bindgen {version}");
                job(name, "joins WebAssembly and JavaScript", move |steps| {
                    install_bindgen(steps, &version)
                })
            }
            Tool::WasmOpt => {
                check_node()?;
                job(
                    format!("wasm-opt {BINARYEN}"),
                    "makes the released page smaller",
                    install_wasm_opt,
                )
            }
            Tool::Driver => {
                check_node()?;
                job(
                    "playwright-core".to_owned(),
                    "drives the browser in tests",
                    install_driver,
                )
            }
            Tool::Browser => job(
                "chromium".to_owned(),
                "the tests open the page in it",
                install_browser,
            ),
        })
    }
}

/// Puts a job together.
fn job(
    name: String,
    why: &'static str,
    work: impl FnOnce(&Steps) -> Outcome + Send + 'static,
) -> Job {
    Job {
        name,
        why,
        work: Box::new(work),
    }
}

/// Whether the compiler that runs us has the standard library for WebAssembly.
fn wasm_target_is_there() -> Outcome<bool> {
    let mut rustc = shell::command(&compiler());
    rustc.args(["--print", "target-libdir", "--target", WASM]);
    Ok(Path::new(shell::output(rustc)?.trim()).is_dir())
}

/// The compiler beside the cargo that runs us: going through rustup's proxy costs a tenth of a second.
fn compiler() -> String {
    let beside = std::env::var_os("CARGO").map(|cargo| Path::new(&cargo).with_file_name("rustc"));
    let found = beside.filter(|path| path.is_file());
    found.map_or_else(
        || "rustc".to_owned(),
        |path| path.to_string_lossy().into_owned(),
    )
}

fn add_wasm_target(steps: &Steps) -> Outcome {
    if shell::find("rustup").is_none() {
        return Err(format!(
            "this Rust has no {WASM} target and no rustup to add it; install Rust by rustup"
        ));
    }
    let mut rustup = shell::command("rustup");
    rustup.args(["target", "add", WASM]);
    steps.run(rustup)
}

/// `cargo install` into the project. Unoptimised and without debug information: it compiles in a third
/// of the time and the difference is not felt.
fn cargo_install(name: &str, version: &str, locked: bool) -> Command {
    let mut cargo = shell::cargo();
    cargo.args([
        "install",
        name,
        "--version",
        version,
        "--debug",
        "--no-default-features",
        "--force",
        "--root",
    ]);
    cargo.arg(shell::root().join(".tools"));
    if locked {
        cargo.arg("--locked");
    }
    cargo.env("CARGO_TARGET_DIR", own("build").join(name));
    cargo
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    // Without a lock file: no crate that wants a newer compiler than this one.
    cargo.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
    cargo
}

fn install_trunk(steps: &Steps) -> Outcome {
    steps.run(cargo_install("trunk", TRUNK, true))?;
    finish("trunk", "trunk", TRUNK)
}

fn install_bindgen(steps: &Steps, version: &str) -> Outcome {
    let name = "wasm-bindgen-cli";
    // Its lock file may name a crate that was withdrawn since; that shows before anything is compiled.
    let locked = steps.run(cargo_install(name, version, true));
    if locked.is_err() {
        steps.run(cargo_install(name, version, false))?;
    }
    finish("wasm-bindgen", name, version)
}

/// Sets the stamp of a tool that cargo installed, and drops what its build left.
fn finish(stamp: &str, build: &str, version: &str) -> Outcome {
    let _ = fs::remove_dir_all(own("build").join(build));
    set_stamp(stamp, version)
}

fn install_wasm_opt(steps: &Steps) -> Outcome {
    let folder = own("npm");
    let manifest =
        format!("{{ \"private\": true, \"dependencies\": {{ \"binaryen\": \"{BINARYEN}\" }} }}\n");
    let write = || {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("package.json"), manifest)
    };
    write().map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
    let mut npm = shell::command("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock"])
        .current_dir(&folder);
    steps.run(npm)?;
    set_stamp("wasm-opt", BINARYEN)
}

fn install_driver(steps: &Steps) -> Outcome {
    let mut npm = shell::command("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(shell::root().join("e2e"));
    steps.run(npm)?;
    let stamp = driver_stamp();
    fs::write(&stamp, driver_lock()?)
        .map_err(|error| format!("cannot write {}: {error}", stamp.display()))
}

/// Inside the folder that `npm ci` empties first, so that it goes with what it vouches for.
fn driver_stamp() -> PathBuf {
    shell::root().join("e2e/node_modules/.stamp")
}

/// What the installed packages have to agree with.
fn driver_lock() -> Outcome<String> {
    let path = shell::root().join("e2e/package-lock.json");
    fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The browser for the tests: the caller's choice, or one that is installed.
pub fn find_browser() -> Outcome<Option<PathBuf>> {
    if let Some(path) = std::env::var_os("CHROMIUM")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
    {
        if path.is_file() {
            return Ok(Some(path));
        }
        return Err(format!(
            "CHROMIUM names \"{}\", and there is no such file",
            path.display()
        ));
    }
    let mac = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    let names = [
        "chromium",
        "google-chrome-stable",
        "google-chrome",
        "chromium-browser",
    ];
    Ok(names
        .into_iter()
        .find_map(shell::find)
        .or_else(|| mac.is_file().then_some(mac)))
}

fn install_browser(steps: &Steps) -> Outcome {
    let debian = read(Path::new("/etc/os-release"))
        .lines()
        .any(|line| line == "ID=debian");
    let root = shell::output({
        let mut id = shell::command("id");
        id.arg("-u");
        id
    });
    if !debian || root.as_deref().map(str::trim) != Ok("0") {
        return Err("the tests need a Chromium: install one (on Debian: \"apt-get install chromium\" as root) \
                    or name yours in the variable CHROMIUM"
            .to_owned());
    }
    for words in [
        &["update"][..],
        &["install", "--yes", "--no-install-recommends", "chromium"],
    ] {
        steps.say(words[0]);
        let mut apt = shell::command("apt-get");
        apt.args(["-o", "DPkg::Lock::Timeout=300", "--quiet"])
            .args(words);
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        steps.run(apt)?;
    }
    Ok(())
}

/// Makes sure of a Node.js that has what the project uses.
pub fn check_node() -> Outcome {
    let help = format!("install Node.js {OLDEST_NODE} or newer, with npm");
    if shell::find("node").is_none() || shell::find("npm").is_none() {
        return Err(format!("node and npm are not both on PATH: {help}"));
    }
    let version = version_of("node").unwrap_or_default();
    if numbers(&version)[0] < OLDEST_NODE {
        return Err(format!("node is of version \"{version}\": {help}"));
    }
    Ok(())
}

/// The version of wasm-bindgen that the project is built with: the two have to be the same.
fn bindgen_version() -> Outcome<String> {
    let lock = read(&shell::root().join("Cargo.lock"));
    let after = lock
        .split_once("name = \"wasm-bindgen\"\nversion = \"")
        .map(|(_, after)| after);
    let version = after.and_then(|after| after.split('"').next());
    version
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.lock names no wasm-bindgen; restore it from git".to_owned())
}

/// The version that a program on the caller's own PATH says it has.
fn version_of(name: &str) -> Option<String> {
    let mut command = shell::command(&shell::find(name)?.to_string_lossy());
    command.arg("--version");
    let text = shell::output(command).ok()?;
    let digit = |word: &&str| {
        word.trim_start_matches('v')
            .starts_with(|first: char| first.is_ascii_digit())
    };
    text.split_whitespace()
        .find(digit)
        .map(|word| word.trim_start_matches('v').to_owned())
}

/// The numbers of a version; what is missing or no number is 0.
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version
        .split(['.', '-', '+'])
        .map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// The versions that Trunk.toml asks for.
fn trunk_fits(version: &str) -> bool {
    (numbers(TRUNK)..[0, 23, 0]).contains(&numbers(version))
}

/// Whether an install of this version came to its end and its file is still there.
fn stamped(name: &str, version: &str, file: &str) -> bool {
    read(&own("stamps").join(name)) == version && own(file).is_file()
}

fn set_stamp(name: &str, version: &str) -> Outcome {
    let folder = own("stamps");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(name), version))
        .map_err(|error| format!("cannot write {}: {error}", folder.display()))
}

/// A file's text, or nothing.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{numbers, trunk_fits};

    #[test]
    fn compares_versions_by_number() {
        assert_eq!(numbers("132"), [132, 0, 0]);
        assert!(trunk_fits("0.21.14") && trunk_fits("0.22.1"));
        assert!(!trunk_fits("0.21.9") && !trunk_fits("0.23.0"));
    }
}
