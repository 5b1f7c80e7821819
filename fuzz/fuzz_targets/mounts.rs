//! Any mount table, whose paths other users choose.
#![no_main]

use cleardown_kernel::mounts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|table: &[u8]| {
    let mounts = mounts::parse(table);
    for mount in &mounts {
        assert!(mounts::topmost(&mounts, &mount.at).is_some());
    }
});
