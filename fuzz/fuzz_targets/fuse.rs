//! Any request of the kernel (the first octet is the operation): decoded or refused, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let [operation, body @ ..] = input {
        cleardown_fuse::read_request((*operation).into(), body);
    }
});
