//! The C interface: libraries with versioned names, headers in every letter case that sources use, and pkg-config files.

use std::fs;
use std::path::Path;

use crate::install::{link, put, read};
use crate::run::{Outcome, root};

/// The number in the sonames (crates/cleardown-capi/link.rs).
const ABI: u32 = 0;

/// What cargo calls a library, what we call it, what it is, and whether it needs `cleardown-winbase`.
const LIBRARIES: &[(&str, &str, &str, bool)] = &[
    ("libmpr.so", "mpr", "WNet: the C interface of network drives", true),
    ("librasapi32.so", "rasapi32", "RAS: the C interface of remote-access links", true),
    (
        "libcleardown_winbase.so",
        "cleardown-winbase",
        "the functions of Windows that WNet and RAS programs use",
        false,
    ),
];

/// Headers under the names that sources for Windows use besides the ones that the files have.
const ALSO_CALLED: &[(&str, &[&str])] = &[
    (
        "windows.h",
        &["Windows.h", "WINDOWS.H", "winbase.h", "WinBase.h", "windef.h", "winuser.h", "WinUser.h"],
    ),
    ("winnetwk.h", &["Winnetwk.h", "WinNetWk.h", "WinNetwk.h", "WINNETWK.H"]),
    ("ras.h", &["Ras.h", "RAS.H", "RAS.h"]),
    ("raserror.h", &["Raserror.h", "RasError.h", "RASERROR.H", "RasErr.h"]),
    ("winerror.h", &["Winerror.h", "WinError.h", "WINERROR.H"]),
    ("strsafe.h", &["Strsafe.h", "StrSafe.h", "STRSAFE.H"]),
    ("tchar.h", &["Tchar.h", "TChar.h", "TCHAR.H"]),
    ("lmcons.h", &["Lmcons.h", "LMCons.h", "LmCons.h", "LMCONS.H"]),
    ("rasdlg.h", &["Rasdlg.h", "RasDlg.h", "RASDLG.H"]),
];

/// Puts everything below the prefix; the libraries come from `built`.
pub(crate) fn install(built: &Path, prefix: &Path) -> Outcome {
    for (file, name, about, needs_winbase) in LIBRARIES {
        let soname = format!("lib{name}.so.{ABI}");
        put(&prefix.join("lib").join(&soname), &read(&built.join(file))?, 0o755)?;
        link(&soname, &prefix.join("lib").join(format!("lib{name}.so")))?;
        let text = pkg_config(prefix, name, about, *needs_winbase);
        put(&prefix.join("lib/pkgconfig").join(format!("{name}.pc")), text.as_bytes(), 0o644)?;
    }
    headers(&prefix.join("include/cleardown"))
}

fn headers(folder: &Path) -> Outcome {
    let sources = root().join("crates/cleardown-capi/include/cleardown");
    let entries = fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    for entry in entries.flatten() {
        put(&folder.join(entry.file_name()), &read(&entry.path())?, 0o644)?;
    }
    for (header, names) in ALSO_CALLED {
        // On a file system that ignores case the header itself answers to most of them.
        for name in names.iter().filter(|name| !folder.join(name).exists()) {
            put(&folder.join(name), format!("#include \"{header}\"\n").as_bytes(), 0o644)?;
        }
    }
    Ok(())
}

/// The libraries may be named before the program (`cc $(pkg-config --libs mpr) prog.c`): a linker that drops what nothing has
/// needed so far is told to keep them, in one word, for pkg-config sorts words and drops doubles.
fn pkg_config(prefix: &Path, name: &str, about: &str, needs_winbase: bool) -> String {
    let prefix = prefix.display();
    let version = env!("CARGO_PKG_VERSION");
    let requires = if needs_winbase { "Requires: cleardown-winbase\n" } else { "" };
    format!(
        "prefix={prefix}\nlibdir=${{prefix}}/lib\nincludedir=${{prefix}}/include/cleardown\n\n\
         Name: {name}\nDescription: {about}\nVersion: {version}\n{requires}\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -Wl,--push-state,--no-as-needed,-l{name},--pop-state\n"
    )
}
