//! Installation from source.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clib;
use crate::run::{Outcome, cargo, failed, program, root, target};

/// Programs, and the folders below the prefix that they go to. The daemon looks for its workers' program when it starts, and
/// so comes after it.
const PROGRAMS: &[(&str, &str)] =
    &[("libexec/cleardown", "cleardown-link-worker"), ("bin", "cleardownd"), ("bin", "cleardown")];

/// Shells, and where below the prefix they look for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/cleardown"),
    ("zsh", "share/zsh/site-functions/_cleardown"),
    ("fish", "share/fish/vendor_completions.d/cleardown.fish"),
];

/// Files of `dist`, and where below the prefix they go (dist/README.md).
const SERVICES: &[(&str, &str)] = &[
    ("cleardownd.service", "lib/systemd/system"),
    ("cleardownd.socket", "lib/systemd/system"),
    ("cleardown-shutdown.service", "lib/systemd/system"),
    ("user/cleardownd.service", "lib/systemd/user"),
    ("user/cleardownd.socket", "lib/systemd/user"),
    ("org.cleardown.Cleardown1.service", "share/dbus-1/system-services"),
    ("user/cleardown-shutdown.service", "lib/systemd/user"),
    ("user/org.cleardown.Cleardown1.service", "share/dbus-1/services"),
    ("org.cleardown.Cleardown1.conf", "share/dbus-1/system.d"),
];

/// The old words under their own names. Samba has a `net` too, so ours is in a folder of its own, which goes to the front of
/// the PATH of those who want it.
const OLD_WORDS: &[(&str, &str)] = &[
    ("cleardown", "bin/rasdial"),
    ("../../bin/cleardown", "libexec/cleardown/net"),
    ("../../bin/cleardown", "libexec/cleardown/rasdial"),
];

pub(crate) fn install(args: &[String]) -> Outcome {
    let (mut prefix, mut built) = (PathBuf::from("/usr/local"), None);
    for pair in args.chunks(2) {
        match pair {
            [flag, dir] if flag == "--prefix" => prefix = PathBuf::from(dir),
            [flag, dir] if flag == "--built" => built = Some(PathBuf::from(dir)),
            _ => return failed(format!("install does not know {}", pair.join(" "))),
        }
    }
    let built = match built {
        Some(built) => built,
        None => {
            cargo(&["build", "--workspace", "--locked", "--release"])?;
            target("release")
        }
    };
    for (folder, name) in PROGRAMS {
        let bytes = read(&built.join(name))?;
        put(&prefix.join(folder).join(name), &bytes, 0o755)?;
    }
    for (to, path) in OLD_WORDS {
        link(to, &prefix.join(path))?;
    }
    for (shell, path) in COMPLETIONS {
        let output = Command::new(built.join("cleardown")).args(["completions", shell]).output();
        let output = output.map_err(|error| format!("completions for {shell}: {error}"))?;
        put(&prefix.join(path), &output.stdout, 0o644)?;
    }
    man_to(&built.join("cleardown"), &prefix.join("share/man/man1"))?;
    clib::install(&built, &prefix)?;
    services(&prefix)?;
    println!("installed below {}", prefix.display());
    Ok(())
}

/// Units and activation files name the programs by their paths, which depend on the prefix.
fn services(prefix: &Path) -> Outcome {
    let bin = format!("{}/", prefix.join("bin").display());
    for (file, folder) in SERVICES {
        let source = root().join("dist").join(file);
        let text = String::from_utf8_lossy(&read(&source)?).replace("/usr/bin/", &bin);
        let name = source.file_name().unwrap_or_default();
        put(&prefix.join(folder).join(name), text.as_bytes(), 0o644)?;
    }
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

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes beside the target and renames, so that a running program can be replaced.
pub(crate) fn put(path: &Path, bytes: &[u8], mode: u32) -> Outcome {
    let new = path.with_file_name(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&new, bytes)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(mode))?;
        fs::rename(&new, path)
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}

/// Makes a symbolic link, in place of what is there.
pub(crate) fn link(to: &str, at: &Path) -> Outcome {
    let make = || {
        fs::create_dir_all(at.parent().unwrap_or(Path::new("/")))?;
        let _ = fs::remove_file(at);
        symlink(to, at)
    };
    make().map_err(|error| format!("{}: {error}", at.display()))
}
