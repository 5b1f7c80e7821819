//! What `cargo xtask install` puts below a prefix, and how a program is built with it.

use std::fs;
use std::process::Command;

use cleardown_tests::{Machine, Running, Who, needs_root};

use crate::kit::{prefix, project};

#[test]
fn everything_is_below_the_prefix() {
    needs_root!();
    let files = [
        "bin/cleardown",
        "bin/cleardownd",
        "libexec/cleardown/cleardown-link-worker",
        "lib/libmpr.so.0",
        "lib/librasapi32.so.0",
        "lib/libcleardown-winbase.so.0",
        "lib/pkgconfig/mpr.pc",
        "lib/pkgconfig/rasapi32.pc",
        "share/man/man1/cleardown.1",
        "share/bash-completion/completions/cleardown",
        "share/zsh/site-functions/_cleardown",
        "share/fish/vendor_completions.d/cleardown.fish",
        "lib/systemd/system/cleardownd.service",
        "lib/systemd/user/cleardownd.socket",
        "share/dbus-1/services/org.cleardown.Cleardown1.service",
    ];
    for file in files {
        assert!(fs::metadata(prefix().join(file)).is_ok_and(|file| file.len() > 0), "{file}");
    }
    let links = [
        ("lib/libmpr.so", "libmpr.so.0"),
        ("lib/librasapi32.so", "librasapi32.so.0"),
        ("bin/rasdial", "cleardown"),
        ("libexec/cleardown/net", "../../bin/cleardown"),
    ];
    for (link, to) in links {
        assert_eq!(fs::read_link(prefix().join(link)).unwrap().to_str(), Some(to), "{link}");
        assert!(prefix().join(link).exists(), "{link}");
    }
    let unit = fs::read_to_string(prefix().join("lib/systemd/system/cleardownd.service")).unwrap();
    assert!(unit.contains(prefix().join("bin/cleardownd").to_str().unwrap()), "{unit}");
}

#[test]
fn the_old_words_are_programs() {
    needs_root!();
    let machine = Machine::new(Who::Root);
    for (name, words, shown) in [
        ("libexec/cleardown/net", "use", "There are no entries in the list."),
        ("bin/rasdial", "", "No connections"),
    ] {
        let program = prefix().join(name);
        machine.script(&format!("exec '{}' {words}", program.display())).answer().ok().says(shown);
    }
}

/// The line of the documentation, word for word; the loader is told where the libraries are, as after an installation that is not
/// the system's.
#[test]
fn a_program_is_built_with_one_line() {
    needs_root!();
    let source = project("examples/c/hang_up_all.c");
    for (name, compiler) in [
        ("c", "cc"),
        ("c++", "c++ -x c++"),
        ("wide", "cc -fshort-wchar -DUNICODE"),
        ("wide c++", "c++ -x c++ -fshort-wchar -DUNICODE"),
    ] {
        let machine = Machine::new(Who::Root);
        let script = format!(
            "PKG_CONFIG_PATH={0}/pkgconfig\nexport PKG_CONFIG_PATH\n\
             {compiler} $(pkg-config --cflags --libs mpr rasapi32) {1} -o program && LD_LIBRARY_PATH={0} ./program",
            prefix().join("lib").display(),
            source.display()
        );
        let answer = machine.script(&script).answer();
        assert_eq!(answer.code, 0, "{name}: {answer}");
        answer.says("There are no links.");
    }
}

/// A library that somebody links with asks for its versioned name, and brings nothing that is not documented.
#[test]
fn a_program_needs_the_versioned_libraries() {
    needs_root!();
    let program = crate::kit::example("hang_up_all.c");
    let mut command = Command::new("readelf");
    command.arg("-d").arg(program);
    let answer = Running::start(command).answer().ok();
    answer.says("[librasapi32.so.0]").says("[libmpr.so.0]");
}
