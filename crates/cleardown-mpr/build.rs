//! The library's versioned name.

#[path = "../cleardown-capi/link.rs"]
mod link;

fn main() {
    link::soname("libmpr");
    link::with_winbase();
}
