//! The site for a static host.

use std::process::Command;

use crate::install::Job;
use crate::shell::{self, Outcome};
use crate::size;
use crate::tools::{self, Tool};

/// What a release build of the site needs.
pub const TOOLS: [Tool; 4] = [Tool::WasmTarget, Tool::Trunk, Tool::Bindgen, Tool::WasmOpt];

/// Builds the site into dist/ and tells what it weighs.
pub fn dist() -> Outcome {
    tools::ensure(&TOOLS, || vec![compile(true)])?;
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
    // When the page does not compile, the compiler's message is the last thing to read.
    trunk.env_remove("RUST_BACKTRACE");
    trunk
}

/// Compiles the page while the tools are being installed, just as trunk will ask for it.
pub fn compile(release: bool) -> Job {
    Job {
        name: "the page".to_owned(),
        why: "compiled meanwhile",
        work: Box::new(move |steps| {
            let mut cargo = shell::cargo();
            cargo.args([
                "build",
                "--target",
                tools::WASM,
                "--manifest-path",
                "web/Cargo.toml",
            ]);
            if release {
                cargo.arg("--release");
            }
            // Trunk is about to run the same command; if it fails, it is for trunk to show why.
            let _ = steps.run(cargo);
            Ok(())
        }),
    }
}
