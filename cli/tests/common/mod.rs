//! What the tests of the program share.
#![allow(dead_code, reason = "no single test needs all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

/// The program, as it was just built.
pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_clusterscope"));
    program.env("RUST_BACKTRACE", "1");
    program
}

/// Runs it with these words.
pub fn run(words: &[&str]) -> Output {
    program().args(words).output().expect("it can be started")
}

/// What a run that must end with this status printed.
pub fn text(words: &[&str], status: i32) -> String {
    let output = run(words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{words:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The same, read as JSON.
pub fn json(words: &[&str], status: i32) -> Json {
    let text = text(words, status);
    serde_json::from_str(&text).unwrap_or_else(|it| panic!("{words:?}: {it}: {text}"))
}

/// A file of this test's own.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A file's name as it is typed.
pub fn path(file: &Path) -> &str {
    file.to_str()
        .expect("the target folder has an ordinary name")
}
