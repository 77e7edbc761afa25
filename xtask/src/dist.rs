//! The site for a static host.

use std::process::Command;

use crate::shell::{self, Outcome};
use crate::size;
use crate::tools::{self, Tool};

/// What a release build of the site needs.
pub const TOOLS: [Tool; 4] = [Tool::WasmTarget, Tool::Trunk, Tool::Bindgen, Tool::WasmOpt];

/// Builds the site into dist/ and tells what it weighs.
pub fn dist() -> Outcome {
    tools::ensure(&TOOLS, Vec::new)?;
    build()?;
    size::size()
}

/// Builds the site into dist/.
pub fn build() -> Outcome {
    let mut trunk = trunk();
    trunk.args(["build", "--release"]);
    shell::run(trunk)
}

/// Trunk, which must neither look for a newer self nor download tools: they are on its PATH.
pub fn trunk() -> Command {
    let mut trunk = shell::command("trunk");
    trunk.env("TRUNK_SKIP_VERSION_CHECK", "true");
    trunk
}
