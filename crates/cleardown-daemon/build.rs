//! Keeps `cleardownd` small in memory: there is one such process per connection, and what the loader reads counts in each.

use std::ffi::{CStr, c_char};

// SAFETY: as gnu/libc-version.h declares it.
unsafe extern "C" {
    safe fn gnu_get_libc_version() -> *const c_char;
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let gnu = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    let cross = std::env::var("HOST") != std::env::var("TARGET");
    if !gnu || cross {
        return;
    }
    // Half a megabyte of relocations in thirty kilobytes; loaders understand that from 2.36 on.
    if libc_version().is_some_and(|version| version >= (2, 36)) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn libc_version() -> Option<(u32, u32)> {
    // SAFETY: the text is constant, and ends with a zero.
    let version = unsafe { CStr::from_ptr(gnu_get_libc_version()) }.to_str().ok()?;
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
