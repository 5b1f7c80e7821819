//! Time that passes.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Sleep: milliseconds; INFINITE sleeps for ever.
#[unsafe(no_mangle)]
pub extern "C" fn Sleep(milliseconds: u32) {
    match milliseconds {
        u32::MAX => loop {
            std::thread::park();
        },
        0 => std::thread::yield_now(),
        ms => std::thread::sleep(Duration::from_millis(ms.into())),
    }
}

/// GetTickCount64: milliseconds since the machine was started, without the time that it was suspended.
#[unsafe(no_mangle)]
pub extern "C" fn GetTickCount64() -> u64 {
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    let (start, before) = START.get_or_init(|| {
        let up = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds: f64 = up.split(' ').next().and_then(|up| up.parse().ok()).unwrap_or_default();
        (Instant::now(), (seconds * 1000.0) as u64)
    });
    before + u64::try_from(start.elapsed().as_millis()).unwrap_or_default()
}

/// GetTickCount: the same, which starts again every 49.7 days.
#[unsafe(no_mangle)]
pub extern "C" fn GetTickCount() -> u32 {
    (GetTickCount64() & u64::from(u32::MAX)) as u32
}
