//! The name of the user whom this process runs as.

use std::cell::Cell;
use std::ffi::CStr;

thread_local! {
    /// The name that was found last, and whose it is: the look-up may open files and ask servers. Of the thread, so that no fork
    /// finds it locked; taken out while in use.
    static KNOWN: Cell<Option<(u32, String)>> = const { Cell::new(None) };
}

/// The login name, or the number where there is none.
pub(crate) fn name() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let known = KNOWN.try_with(Cell::take).ok().flatten().filter(|(whose, _)| *whose == uid);
    let Some(name) = known.map(|(_, name)| name).or_else(|| look_up(uid)) else { return uid.to_string() };
    let _ = KNOWN.try_with(|place| place.set(Some((uid, name.clone()))));
    name
}

fn look_up(uid: u32) -> Option<String> {
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::zeroed();
    let mut space = vec![0; 16 * 1024];
    let mut found = std::ptr::null_mut();
    // SAFETY: getpwuid_r(3) writes into what it is given here, with its right length.
    let code =
        unsafe { libc::getpwuid_r(uid, entry.as_mut_ptr(), space.as_mut_ptr(), space.len(), &mut found) };
    if code != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the entry was found, so its name is a string in `space`.
    Some(unsafe { CStr::from_ptr((*found).pw_name) }.to_string_lossy().into_owned())
}
