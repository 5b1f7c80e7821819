//! The caller's memory. This is the only place that follows pointers from C; everything above it is safe code.
//!
//! [`Ptr`] and [`Str`] are raw pointers in another coat: they come into being as parameters of exported functions (or as
//! fields of structures that the caller filled), whose contract is that of every C function: a pointer is NULL, or leads to
//! memory of its type that stays valid during the call. NULL, and addresses that can only be mistakes, are found here.

use std::mem::MaybeUninit;

use crate::text::Unit;

/// No object lies in the first page: such a pointer is a number that was mistaken for one, or a field behind NULL.
const FIRST_ADDRESS: usize = 4096;

/// Types that any bytes make a value of, and that may be copied as bytes.
///
/// # Safety
/// Every bit pattern is valid, and copying the bytes copies the value.
pub unsafe trait Plain: Copy + 'static {
    /// A value whose bytes are all zero.
    fn zeroed() -> Self {
        // SAFETY: the trait promises that every bit pattern is valid.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }
}

macro_rules! plain {
    ($($type:ty),*) => { $(
        // SAFETY: an integer.
        unsafe impl Plain for $type {}
    )* };
}
plain!(u8, u16, u32, u64, i32, usize);
// SAFETY: an array of what is plain.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
// SAFETY: a pointer, which is only followed when the caller says so.
unsafe impl<T: 'static> Plain for Ptr<T> {}
// SAFETY: as above.
unsafe impl<C: 'static> Plain for Str<C> {}

/// A pointer to a `T` of the caller, to read and to write; perhaps NULL, perhaps not aligned.
#[derive(Debug)]
#[repr(transparent)]
pub struct Ptr<T>(*mut T);

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ptr<T> {}

impl<T> Ptr<T> {
    /// NULL.
    pub const NULL: Ptr<T> = Ptr(std::ptr::null_mut());

    /// Whether it leads nowhere.
    pub fn is_null(self) -> bool {
        self.0.addr() < FIRST_ADDRESS
    }

    /// The address, for handles.
    pub fn addr(self) -> usize {
        self.0.addr()
    }

    /// The same place, seen as another type.
    pub fn cast<U>(self) -> Ptr<U> {
        Ptr(self.0.cast())
    }

    /// The place so many bytes further.
    #[must_use]
    pub fn skip(self, bytes: usize) -> Ptr<T> {
        Ptr(self.0.wrapping_byte_add(bytes))
    }
}

impl<T: Plain> Ptr<T> {
    /// Makes a pointer out of an address that the caller handed over before (a handle, a parameter that is kept).
    ///
    /// # Safety
    /// The address is NULL, or leads to a `T` that lives as long as the pointer is used.
    pub unsafe fn from_addr(address: usize) -> Ptr<T> {
        Ptr(std::ptr::with_exposed_provenance_mut(address))
    }

    /// The value there; none for NULL.
    pub fn read(self) -> Option<T> {
        // SAFETY: not NULL, so by the contract above it leads to a T; alignment is not assumed.
        (!self.is_null()).then(|| unsafe { self.0.read_unaligned() })
    }

    /// Puts a value there; none for NULL.
    pub fn write(self, value: T) -> Option<()> {
        // SAFETY: as in `read`.
        (!self.is_null()).then(|| unsafe { self.0.write_unaligned(value) })
    }

    /// Puts the first bytes of a value there: older versions of a structure end earlier. None for NULL.
    pub fn write_prefix(self, value: &T, bytes: usize) -> Option<()> {
        let bytes = bytes.min(size_of::<T>());
        let source = std::ptr::from_ref(value).cast::<u8>();
        // SAFETY: the caller of this function has checked that so many bytes are there; a T has at least as many.
        (!self.is_null()).then(|| unsafe { std::ptr::copy_nonoverlapping(source, self.0.cast(), bytes) })
    }

    /// The first bytes of a value there, and zeros for the rest. None for NULL.
    pub fn read_prefix(self, bytes: usize) -> Option<T> {
        let bytes = bytes.min(size_of::<T>());
        let mut value = T::zeroed();
        let target = std::ptr::from_mut(&mut value).cast::<u8>();
        // SAFETY: as in `write_prefix`; any bytes make a T.
        (!self.is_null()).then(|| unsafe { std::ptr::copy_nonoverlapping(self.0.cast(), target, bytes) })?;
        Some(value)
    }

    /// Copies values there, one behind the other. None for NULL.
    pub fn write_all(self, values: &[T]) -> Option<()> {
        let source = values.as_ptr().cast::<u8>();
        // SAFETY: the caller of this function has checked that there is room for them; bytes need no alignment.
        (!self.is_null()).then(|| unsafe {
            std::ptr::copy_nonoverlapping(source, self.0.cast::<u8>(), size_of_val(values))
        })
    }

    /// Overwrites a secret so that the compiler cannot leave it out.
    pub fn wipe(self) {
        if !self.is_null() {
            // SAFETY: as in `write`; the address is aligned for bytes.
            unsafe { (0..size_of::<T>()).for_each(|i| self.0.cast::<u8>().add(i).write_volatile(0)) }
        }
    }
}

/// A string of the caller, ended by a zero; perhaps NULL.
#[derive(Debug)]
#[repr(transparent)]
pub struct Str<C>(*const C);

impl<C> Clone for Str<C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C> Copy for Str<C> {}

/// Not text: unterminated within the longest that makes sense, or not well encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText;

impl<C: Unit> Str<C> {
    /// NULL.
    pub const NULL: Str<C> = Str(std::ptr::null());

    /// A string at a place in the caller's buffer.
    pub fn at(place: Ptr<C>) -> Str<C> {
        Str(place.0)
    }

    /// Whether there is none.
    pub fn is_null(self) -> bool {
        Ptr(self.0.cast_mut()).is_null()
    }

    /// The text, at most `longest` units of it; none for NULL.
    ///
    /// # Errors
    /// [`NotText`]; nothing behind the first `longest` + 1 units is read.
    pub fn read(self, longest: usize) -> Result<Option<String>, NotText> {
        if self.is_null() {
            return Ok(None);
        }
        let mut units = Vec::new();
        loop {
            // SAFETY: all units before this one were not zero, so by the contract above this one is there too.
            let unit = unsafe { self.0.wrapping_add(units.len()).read_unaligned() };
            if unit == C::default() {
                return C::decode(&units).map(Some).ok_or(NotText);
            }
            if units.len() == longest {
                return Err(NotText);
            }
            units.push(unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_near_null_are_found() {
        assert!(Ptr::<u32>::NULL.read().is_none() && Ptr::<u32>::NULL.skip(8).write(1).is_none());
        assert_eq!(Str::<u8>::NULL.read(10), Ok(None));
    }

    #[test]
    fn strings_end_at_their_zero_or_are_refused() {
        let text = "größe\0".as_bytes();
        assert_eq!(Str(text.as_ptr()).read(10), Ok(Some("größe".into())));
        assert_eq!(Str(text.as_ptr()).read(3), Err(NotText));
        assert_eq!(Str([0xff_u8, 0].as_ptr()).read(10), Err(NotText));
        let wide: Vec<u16> = "größe\0".encode_utf16().collect();
        assert_eq!(Str(wide.as_ptr()).read(5), Ok(Some("größe".into())));
        assert_eq!(Str([0xd800_u16, 0].as_ptr()).read(5), Err(NotText));
    }

    #[test]
    fn a_prefix_leaves_the_rest_alone() {
        let mut space = [9u32; 3];
        let place = Ptr(space.as_mut_ptr()).cast::<[u32; 3]>();
        place.write_prefix(&[1, 2, 3], 8).unwrap();
        assert_eq!(place.read_prefix(4), Some([1, 0, 0]));
        assert_eq!(space, [1, 2, 9]);
    }
}
