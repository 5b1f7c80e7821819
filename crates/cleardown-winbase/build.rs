//! The library's versioned name.

#[path = "../cleardown-capi/link.rs"]
mod link;

fn main() {
    link::soname("libcleardown-winbase");
}
