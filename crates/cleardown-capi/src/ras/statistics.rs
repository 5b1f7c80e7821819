//! How much went through a link: RasGetConnectionStatistics, RasGetLinkStatistics and their clearing.

use std::collections::BTreeMap;
use std::time::Duration;

use cleardown_core::Code;
use cleardown_core::view::Connection;
use parking_lot::Mutex;

use super::connections::find;
use super::list::{fill_one, read_one};
use super::types::RasStats;
use crate::Failure;
use crate::memory::{Plain, Ptr};
use crate::text::Unit;

/// What this process had seen of a link when it cleared the counters: those of the kernel stay as they are for others.
static CLEARED: Mutex<BTreeMap<u64, (u64, u64)>> = Mutex::new(BTreeMap::new());
const PATIENCE: Duration = Duration::from_secs(2);
/// Links of which a clearing is remembered: more than anybody has at a time.
const MOST: usize = 4096;

/// RasGetConnectionStatistics: octets and time; errors of the line are not counted.
///
/// # Errors
/// 6, 87, 632, 711.
pub fn connection<C: Unit>(handle: usize, place: Ptr<RasStats<C>>) -> Result<(), Failure> {
    read_one(place)?;
    let connection = find(handle)?;
    let (number, bytes_in, bytes_out) = counters(&connection)?;
    let cleared = CLEARED.try_lock_for(PATIENCE).ok_or(Code::BUSY)?.get(&number).copied().unwrap_or_default();
    // The counters of RAS have 32 bits and start again.
    let low = |now: u64, then: u64| (now.saturating_sub(then) & u64::from(u32::MAX)) as u32;
    let mut stats = RasStats::<C>::zeroed();
    stats.bytes_in = low(bytes_in, cleared.0);
    stats.bytes_out = low(bytes_out, cleared.1);
    stats.milliseconds = low(connection.up_seconds.saturating_mul(1000), 0);
    fill_one(place, &stats)
}

/// RasGetLinkStatistics: a link has one line, the first.
///
/// # Errors
/// As [`connection`]; 668: there is no such line.
pub fn link<C: Unit>(handle: usize, number: u32, place: Ptr<RasStats<C>>) -> Result<(), Failure> {
    if number != 1 { Err(Code::NO_CONNECTION.into()) } else { connection(handle, place) }
}

/// RasClearConnectionStatistics: this process counts from here on.
///
/// # Errors
/// 6, 711.
pub fn clear(handle: usize) -> Result<(), Failure> {
    let (number, bytes_in, bytes_out) = counters(&find(handle)?)?;
    let mut cleared = CLEARED.try_lock_for(PATIENCE).ok_or(Code::BUSY)?;
    if cleared.len() >= MOST {
        // Handles grow: the lowest is the oldest.
        cleared.pop_first();
    }
    cleared.insert(number, (bytes_in, bytes_out));
    Ok(())
}

/// RasClearLinkStatistics.
///
/// # Errors
/// As [`clear`]; 668: there is no such line.
pub fn clear_link(handle: usize, number: u32) -> Result<(), Failure> {
    if number != 1 { Err(Code::NO_CONNECTION.into()) } else { clear(handle) }
}

fn counters(connection: &Connection) -> Result<(u64, u64, u64), Failure> {
    let link = connection.link.as_ref().ok_or(Code::INVALID_HANDLE)?;
    Ok((link.handle, link.bytes_in, link.bytes_out))
}
