//! A caller's buffer that takes structures at its start and their strings behind them.

use crate::failure::{Failure, INVALID_ADDRESS, MORE_DATA};
use crate::memory::{Plain, Ptr, Str};
use crate::text::Unit;

/// The buffer, and how much of it is taken. What does not fit is counted and not written.
pub(crate) struct Room<C> {
    buffer: Ptr<u8>,
    size: Ptr<u32>,
    given: usize,
    taken: usize,
    unit: std::marker::PhantomData<C>,
}

impl<C: Unit> Room<C> {
    /// The caller's buffer of `size` bytes.
    ///
    /// # Errors
    /// 487: there is no size.
    pub(crate) fn new(buffer: Ptr<u8>, size: Ptr<u32>) -> Result<Self, Failure> {
        let given = if buffer.is_null() { 0 } else { size.read().ok_or(INVALID_ADDRESS)? as usize };
        Ok(Room { buffer, size, given, taken: 0, unit: std::marker::PhantomData })
    }

    fn take(&mut self, bytes: usize) -> Ptr<u8> {
        let place = self.buffer.skip(self.taken);
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.given { Ptr::NULL } else { place }
    }

    /// Room for a structure, to be written once everything has its place; NULL when it does not fit.
    pub(crate) fn structure<T: Plain>(&mut self) -> Ptr<T> {
        self.take(size_of::<T>()).cast()
    }

    /// Puts a string there; NULL when it does not fit.
    pub(crate) fn string(&mut self, text: &str) -> Str<C> {
        let mut units = C::encode(text);
        units.push(C::default());
        let place = self.take(size_of_val(units.as_slice())).cast::<C>();
        let _ = place.write_all(&units);
        Str::at(place)
    }

    /// The end: did everything fit?
    ///
    /// # Errors
    /// 234: no; the size says what is needed.
    pub(crate) fn done(&self) -> Result<(), Failure> {
        if self.taken <= self.given {
            return Ok(());
        }
        let _ = self.size.write(u32::try_from(self.taken).unwrap_or(u32::MAX));
        Err(MORE_DATA.into())
    }
}
