//! Events and waits. An event is known to its process only.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::SetLastError;

const WAIT_OBJECT_0: u32 = 0;
const WAIT_TIMEOUT: u32 = 258;
const WAIT_FAILED: u32 = u32::MAX;
const INVALID_HANDLE: u32 = 6;
const NOT_SUPPORTED: u32 = 50;
const INVALID_PARAMETER: u32 = 87;
const INFINITE: u32 = u32::MAX;
const MAXIMUM_WAIT_OBJECTS: usize = 64;
/// The first handle is the next after this.
const FIRST: usize = 0x0001_0000;

#[derive(Debug)]
struct Event {
    manual: bool,
    set: bool,
}

#[derive(Debug, Default)]
struct Events {
    open: Option<HashMap<usize, Event>>,
    last: usize,
}

static EVENTS: Mutex<Events> = Mutex::new(Events { open: None, last: FIRST });
/// Somebody set or closed an event. One for all: there are few, and waits are long.
static CHANGED: Condvar = Condvar::new();

fn create(manual: i32, set: i32, named: bool) -> usize {
    if named {
        SetLastError(NOT_SUPPORTED);
        return 0;
    }
    let mut events = EVENTS.lock();
    events.last += 4;
    let handle = events.last;
    events.open.get_or_insert_default().insert(handle, Event { manual: manual != 0, set: set != 0 });
    SetLastError(0);
    handle
}

/// CreateEventA, without a name.
#[unsafe(no_mangle)]
pub extern "C" fn CreateEventA(_security: usize, manual: i32, set: i32, name: usize) -> usize {
    create(manual, set, name != 0)
}

/// CreateEventW, without a name.
#[unsafe(no_mangle)]
pub extern "C" fn CreateEventW(_security: usize, manual: i32, set: i32, name: usize) -> usize {
    create(manual, set, name != 0)
}

fn change(handle: usize, change: impl FnOnce(&mut HashMap<usize, Event>)) -> i32 {
    let mut events = EVENTS.lock();
    let open = events.open.get_or_insert_default();
    if !open.contains_key(&handle) {
        SetLastError(INVALID_HANDLE);
        return 0;
    }
    change(open);
    CHANGED.notify_all();
    1
}

fn set(handle: usize, to: bool) -> i32 {
    change(handle, |open| {
        if let Some(event) = open.get_mut(&handle) {
            event.set = to;
        }
    })
}

/// SetEvent.
#[unsafe(no_mangle)]
pub extern "C" fn SetEvent(handle: usize) -> i32 {
    set(handle, true)
}

/// ResetEvent.
#[unsafe(no_mangle)]
pub extern "C" fn ResetEvent(handle: usize) -> i32 {
    set(handle, false)
}

/// CloseHandle, of an event. Who waits for it is told that the handle is invalid.
#[unsafe(no_mangle)]
pub extern "C" fn CloseHandle(handle: usize) -> i32 {
    change(handle, |open| {
        open.remove(&handle);
    })
}

/// What a wait finds when it looks: who woke it, or nothing yet, or a handle that is none.
fn look(open: &mut HashMap<usize, Event>, handles: &[usize], all: bool) -> Option<u32> {
    if handles.iter().any(|handle| !open.contains_key(handle)) {
        SetLastError(INVALID_HANDLE);
        return Some(WAIT_FAILED);
    }
    let is_set = |open: &HashMap<usize, Event>, handle| open.get(handle).is_some_and(|event| event.set);
    let chosen: &[usize] = match all {
        true if handles.iter().all(|handle| is_set(open, handle)) => handles,
        true => return None,
        false => {
            let at = handles.iter().position(|handle| is_set(open, handle))?;
            &handles[at..=at]
        }
    };
    for handle in chosen {
        if let Some(event) = open.get_mut(handle)
            && !event.manual
        {
            event.set = false;
        }
    }
    let first = handles.iter().position(|handle| *handle == chosen[0]).unwrap_or_default();
    Some(WAIT_OBJECT_0 + if all { 0 } else { u32::try_from(first).unwrap_or_default() })
}

fn wait(handles: &[usize], all: bool, milliseconds: u32) -> u32 {
    let end = (milliseconds != INFINITE)
        .then(|| Instant::now().checked_add(Duration::from_millis(milliseconds.into())))
        .flatten();
    let mut events = EVENTS.lock();
    loop {
        if let Some(answer) = look(events.open.get_or_insert_default(), handles, all) {
            return answer;
        }
        match end {
            None => CHANGED.wait(&mut events),
            Some(end) if Instant::now() >= end => return WAIT_TIMEOUT,
            Some(end) => {
                let _ = CHANGED.wait_until(&mut events, end);
            }
        }
    }
}

/// WaitForSingleObject, for an event.
#[unsafe(no_mangle)]
pub extern "C" fn WaitForSingleObject(handle: usize, milliseconds: u32) -> u32 {
    wait(&[handle], false, milliseconds)
}

/// WaitForMultipleObjects, for events.
///
/// # Safety
/// There are `count` handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WaitForMultipleObjects(
    count: u32,
    handles: *const usize,
    all: i32,
    milliseconds: u32,
) -> u32 {
    let count = count as usize;
    if handles.is_null() || !(1..=MAXIMUM_WAIT_OBJECTS).contains(&count) {
        SetLastError(INVALID_PARAMETER);
        return WAIT_FAILED;
    }
    // SAFETY: as promised to us, and copied before waiting.
    let handles = unsafe { std::slice::from_raw_parts(handles, count) }.to_vec();
    wait(&handles, all != 0, milliseconds)
}
