//! Installation from source.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Outcome, cargo, failed, program, root, target};

/// Shells, and where below the prefix they look for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/cleardown"),
    ("zsh", "share/zsh/site-functions/_cleardown"),
    ("fish", "share/fish/vendor_completions.d/cleardown.fish"),
];

pub(crate) fn install(args: &[String]) -> Outcome {
    let prefix = match args {
        [] => PathBuf::from("/usr/local"),
        [flag, dir] if flag == "--prefix" => PathBuf::from(dir),
        _ => return failed(format!("install does not know {}", args.join(" "))),
    };
    cargo(&["build", "--workspace", "--locked", "--release"])?;
    for name in ["cleardown", "cleardownd"] {
        let bytes = read(&target("release").join(name))?;
        put(&prefix.join("bin").join(name), &bytes, 0o755)?;
    }
    for (shell, path) in COMPLETIONS {
        let output = Command::new(target("release/cleardown")).args(["completions", shell]).output();
        let output = output.map_err(|error| format!("completions for {shell}: {error}"))?;
        put(&prefix.join(path), &output.stdout, 0o644)?;
    }
    man_to(&target("release/cleardown"), &prefix.join("share/man/man1"))?;
    println!("installed below {}", prefix.display());
    Ok(())
}

pub(crate) fn man(dir: Option<&str>) -> Outcome {
    cargo(&["build", "--workspace", "--locked", "--quiet"])?;
    let dir = dir.map_or_else(|| target("man"), |dir| root().join(dir));
    man_to(&target("debug/cleardown"), &dir)?;
    println!("manual pages are in {}", dir.display());
    Ok(())
}

fn man_to(cleardown: &Path, dir: &Path) -> Outcome {
    program(cleardown, &["man", &dir.to_string_lossy()])
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes beside the target and renames, so that a running program can be replaced.
fn put(path: &Path, bytes: &[u8], mode: u32) -> Outcome {
    let new = path.with_extension("new");
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&new, bytes)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(mode))?;
        fs::rename(&new, path)
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}
