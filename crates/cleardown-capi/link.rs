// What the build scripts of the shared libraries have in common.

use std::path::PathBuf;
use std::process::Command;

/// The number in the soname: it grows when a program that was built before could break.
const ABI: u32 = 0;

/// Gives the library its versioned name.
pub(crate) fn soname(library: &str) {
    println!("cargo::rerun-if-changed=../cleardown-capi/link.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{library}.so.{ABI}");
}

/// Links with `libcleardown-winbase`, which cargo may not have built yet: a stub with its name and symbols stands for it.
#[allow(dead_code, reason = "one of the three is the library itself")]
pub(crate) fn with_winbase() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let source = out.join("stub.c");
    std::fs::write(
        &source,
        "void SetLastError(unsigned c) { (void)c; }\nint SetEvent(void *h) { return h != 0; }\n",
    )
    .expect("the stub can be written");
    let stub = out.join("libcleardown-winbase.so");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let soname = format!("-Wl,-soname,libcleardown-winbase.so.{ABI}");
    let built =
        Command::new(compiler).args(["-shared", "-fPIC", &soname, "-o"]).arg(&stub).arg(&source).status();
    assert!(built.is_ok_and(|status| status.success()), "the C compiler cannot make a stub library");
    println!("cargo::rerun-if-env-changed=CC");
    println!("cargo::rustc-cdylib-link-arg=-L{}", out.display());
    println!("cargo::rustc-cdylib-link-arg=-lcleardown-winbase");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-rpath,$ORIGIN");
}
