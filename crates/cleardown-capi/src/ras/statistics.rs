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

/// What the kernel has counted of a link, in and out.
#[derive(Clone, Copy, Default)]
struct Counters {
    bytes: (u64, u64),
    packets: (u64, u64),
}

/// What this process had seen of a link when it cleared the counters: those of the kernel stay as they are for others.
static CLEARED: Mutex<BTreeMap<u64, Counters>> = Mutex::new(BTreeMap::new());
const PATIENCE: Duration = Duration::from_secs(2);
/// Links of which a clearing is remembered: more than anybody has at a time.
const MOST: usize = 4096;

/// RasGetConnectionStatistics: octets, packets and time; errors of the line are not counted.
///
/// # Errors
/// 6, 87, 632, 711.
pub fn connection<C: Unit>(handle: usize, place: Ptr<RasStats<C>>) -> Result<(), Failure> {
    read_one(place)?;
    let connection = find(handle)?;
    let (number, now) = counters(&connection)?;
    let then = CLEARED.try_lock_for(PATIENCE).ok_or(Code::BUSY)?.get(&number).copied().unwrap_or_default();
    // The counters of RAS have 32 bits and start again.
    let low = |now: u64, then: u64| (now.saturating_sub(then) & u64::from(u32::MAX)) as u32;
    let mut stats = RasStats::<C>::zeroed();
    stats.bytes_in = low(now.bytes.0, then.bytes.0);
    stats.bytes_out = low(now.bytes.1, then.bytes.1);
    stats.frames_in = low(now.packets.0, then.packets.0);
    stats.frames_out = low(now.packets.1, then.packets.1);
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
    let (number, now) = counters(&find(handle)?)?;
    let mut cleared = CLEARED.try_lock_for(PATIENCE).ok_or(Code::BUSY)?;
    if cleared.len() >= MOST {
        // Handles grow: the lowest is the oldest.
        cleared.pop_first();
    }
    cleared.insert(number, now);
    Ok(())
}

/// RasClearLinkStatistics.
///
/// # Errors
/// As [`clear`]; 668: there is no such line.
pub fn clear_link(handle: usize, number: u32) -> Result<(), Failure> {
    if number != 1 { Err(Code::NO_CONNECTION.into()) } else { clear(handle) }
}

fn counters(connection: &Connection) -> Result<(u64, Counters), Failure> {
    let link = connection.link.as_ref().ok_or(Code::INVALID_HANDLE)?;
    let (bytes, packets) = ((link.bytes_in, link.bytes_out), (link.packets_in, link.packets_out));
    Ok((link.handle, Counters { bytes, packets }))
}
