//! Where the programs under test are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with `cleardown`, `cleardownd` and its program for links, built if need be.
///
/// Cargo builds a package's programs for its own tests only; so they are taken from the target folder, after
/// a build of the whole workspace (the same that builds the tests, so nothing is built twice).
pub fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its path");
        let folder = test.parent().and_then(|deps| deps.parent()).expect("target/debug/deps/test").to_owned();
        if std::env::var_os("CLEARDOWN_TEST_NO_BUILD").is_none() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build.args(["build", "--workspace", "--all-targets", "--locked", "--quiet"]);
            // What cargo tells a test about its package is no news for that build, and would have some crates built anew.
            for (key, _) in std::env::vars().filter(|(key, _)| is_of_the_test(key)) {
                build.env_remove(key);
            }
            if folder.ends_with("release") {
                build.arg("--release");
            }
            let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo starts");
            assert!(built.success(), "the programs under test cannot be built");
        }
        for program in ["cleardown", "cleardownd", "cleardown-link-worker"] {
            assert!(folder.join(program).is_file(), "{program} is not in {}", folder.display());
        }
        folder
    })
}

fn is_of_the_test(key: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|start| key.starts_with(start))
}

/// Where `cargo xtask install` has put the programs under test.
pub fn installation() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let built = folder();
        let prefix = built.with_file_name("tmp").join("installation");
        let mut install = Command::new(built.join("xtask"));
        install.arg("install").arg("--prefix").arg(&prefix).arg("--built").arg(built);
        let output = install.output().expect("xtask starts");
        assert!(output.status.success(), "{output:?}");
        prefix
    })
}
