//! What a function answers when it fails, and the way out to C.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cleardown_core::{Code, Error, Scheme};

use crate::extended;
use crate::memory::NotText;

/// ERROR_MORE_DATA: the caller's buffer is too small.
pub(crate) const MORE_DATA: Code = Code(234);
/// ERROR_NO_MORE_ITEMS: an enumeration is over; no letter is free.
pub(crate) const NO_MORE_ITEMS: Code = Code(259);
/// ERROR_INVALID_ADDRESS: a pointer is NULL that must not be.
pub(crate) const INVALID_ADDRESS: Code = Code(487);
/// ERROR_INTERNAL_ERROR: a bug of ours, kept from the caller.
const INTERNAL_ERROR: Code = Code(1359);

/// A failure: only a number, or an error with everything that is known.
#[derive(Debug)]
pub enum Failure {
    /// The caller's mistake, or a plain answer such as "no more items".
    Number(Code),
    /// An error of ours or of the network, and the protocol it came from. WNetGetLastError tells it.
    Told(Box<Error>, Option<Scheme>),
}

impl Failure {
    /// The number that the function gives back.
    pub fn code(&self) -> Code {
        match self {
            Failure::Number(code) => *code,
            Failure::Told(error, _) => error.code(),
        }
    }

    /// The same, from this protocol's provider.
    #[must_use]
    pub fn by(self, scheme: Scheme) -> Self {
        match self {
            Failure::Told(error, _) => Failure::Told(error, Some(scheme)),
            number => number,
        }
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Failure::Number(code)
    }
}
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Told(Box::new(error), None)
    }
}
impl From<NotText> for Failure {
    fn from(_: NotText) -> Self {
        Failure::Number(Code::INVALID_PARAMETER)
    }
}

/// Runs the body of an exported function: its failure becomes a number, and the thread's extended error; a panic ends here.
pub fn answer(body: impl FnOnce() -> Result<(), Failure>) -> u32 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => Code::SUCCESS.0,
        Ok(Err(failure)) => {
            if let Failure::Told(error, scheme) = &failure {
                extended::keep(error, *scheme);
            }
            failure.code().0
        }
        Err(_) => INTERNAL_ERROR.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_panic_leaves() {
        let code = answer(|| std::hint::black_box(None::<Result<(), Failure>>).expect("a bug of ours"));
        assert_eq!(code, 1359);
    }
}
