//! Running other programs: with a known environment, with errors that name the command.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

/// A result whose error is one line for the reader.
pub type Outcome<T = ()> = Result<T, String>;

/// Variables of the caller that would change what is built, or where.
const SCRUBBED: [&str; 9] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "CARGO_INSTALL_ROOT",
    "NO_COLOR",
];

/// The project's root folder.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&here)
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
    })
}

/// Where cargo puts what it builds: the caller's choice, or target/.
pub fn target_dir() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").filter(|path| !path.is_empty());
    let path = chosen.map_or_else(|| root().join("target"), PathBuf::from);
    std::path::absolute(&path).unwrap_or(path)
}

/// The search path for programs, with the project's own tools first.
fn search_path() -> Vec<PathBuf> {
    let own = [
        root().join(".tools/bin"),
        root().join(".tools/npm/node_modules/.bin"),
    ];
    own.into_iter().chain(callers_path()).collect()
}

/// The search path as the caller has it.
fn callers_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

/// The first program of this name in some folders.
fn find_in(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) {
        &[".exe", ".cmd"]
    } else {
        &[""]
    };
    let names = folders.iter().flat_map(|folder| {
        endings
            .iter()
            .map(move |end| folder.join(format!("{name}{end}")))
    });
    names.into_iter().find(|path| path.is_file())
}

/// A program of the caller's own, leaving aside what this project installed.
pub fn find(name: &str) -> Option<PathBuf> {
    find_in(&callers_path(), name)
}

/// A command in the project's root, found on the project's search path, deaf to variables that
/// would change the build.
pub fn command(name: &str) -> Command {
    let program = find_in(&search_path(), name).unwrap_or_else(|| PathBuf::from(name));
    let mut command = Command::new(program);
    let meant_for_us = |key: &str| {
        SCRUBBED.contains(&key)
            || [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_PROFILE_",
            ]
            .iter()
            .any(|it| key.starts_with(it))
            || (key.starts_with("CARGO_TARGET_") && key.ends_with("_RUSTFLAGS"))
    };
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(meant_for_us) {
            command.env_remove(&key);
        }
    }
    let path = std::env::join_paths(search_path())
        .unwrap_or_else(|_| std::env::var_os("PATH").unwrap_or_default());
    command
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", target_dir())
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// The cargo that runs us, so that a toolchain chosen by `+name` stays chosen.
pub fn cargo() -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    command(&cargo)
}

/// The command as a person would type it.
pub fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .map(OsString::from)
        .unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args().map(OsString::from));
    let quoted = |word: OsString| {
        let word = word.to_string_lossy().into_owned();
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            word
        }
    };
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// How a program ended, in words.
pub fn ended(status: ExitStatus) -> String {
    status.code().map_or_else(
        || "was stopped by a signal".to_owned(),
        |code| format!("ended with code {code}"),
    )
}

/// Runs a command whose output goes straight to the reader.
pub fn run(mut command: Command) -> Outcome {
    let status = command
        .status()
        .map_err(|error| cannot_start(&command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` {}", typed(&command), ended(status)))
    }
}

/// Runs a quiet command and returns what it printed; its last lines go into the error.
pub fn output(mut command: Command) -> Outcome<String> {
    let output = command
        .output()
        .map_err(|error| cannot_start(&command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut last = LastLines::default();
    text.lines().for_each(|line| last.push(line));
    Err(format!(
        "`{}` {}:\n{}",
        typed(&command),
        ended(output.status),
        last.text()
    ))
}

/// Runs a command, passes its lines on, and shows each to `look` as well.
pub fn run_watched(mut command: Command, mut look: impl FnMut(&str)) -> Outcome {
    command.stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(&command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            look(&line);
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("`{}` was lost: {error}", typed(&command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` {}", typed(&command), ended(status)))
    }
}

/// The error for a program that is not there, or may not be started.
pub fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not be started: {error}", typed(command))
}

/// The last lines of a long output, for an error message.
#[derive(Default)]
pub struct LastLines(VecDeque<String>);

impl LastLines {
    /// Remembers a line and forgets the oldest beyond ten.
    pub fn push(&mut self, line: &str) {
        if !line.trim().is_empty() {
            self.0.push_back(format!("    {}", line.trim_end()));
        }
        while self.0.len() > 10 {
            self.0.pop_front();
        }
    }

    /// The lines, indented.
    pub fn text(&self) -> String {
        self.0
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Ends a child process when this one ends, however it ends: a killed process runs no destructor,
/// but its end of a pipe closes, and a waiting shell sees that.
pub struct Guard(Option<Child>);

impl Guard {
    /// Watches over one child.
    pub fn over(child: &Child) -> Self {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "trap '' INT TERM HUP; read -r _; kill \"$1\" 2>/dev/null",
            "guard",
        ]);
        shell
            .arg(child.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(if cfg!(unix) { shell.spawn().ok() } else { None })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.0 {
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}
