//! The extended error of a thread: what went wrong last, in words, and whose words they are.

use std::cell::RefCell;

use cleardown_core::{Error, Scheme};

use crate::memory::{Ptr, Str};
use crate::provider;
use crate::text::{Unit, cut};
use crate::{Code, Failure};

#[derive(Clone, Debug, Default)]
struct Extended {
    code: u32,
    text: String,
    provider: String,
}

thread_local! {
    static LAST: RefCell<Extended> = RefCell::default();
}

/// Keeps an error as this thread's last.
pub(crate) fn keep(error: &Error, scheme: Option<Scheme>) {
    let text = match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    };
    set(Extended { code: error.code().0, text, provider: provider::name(scheme).to_owned() });
}

fn set(extended: Extended) {
    // At the end of a thread there may be no place left to keep it in, and nobody who would ask.
    let _ = LAST.try_with(|last| last.replace(extended));
}

/// WNetGetLastError.
///
/// # Errors
/// 487: a pointer is NULL.
pub fn get<C: Unit>(
    code: Ptr<u32>,
    text: Ptr<C>,
    text_size: u32,
    provider: Ptr<C>,
    provider_size: u32,
) -> Result<(), Failure> {
    if code.is_null() || text.is_null() || provider.is_null() {
        return Err(crate::failure::INVALID_ADDRESS.into());
    }
    let last = LAST.try_with(|last| last.borrow().clone()).unwrap_or_default();
    let _ = code.write(last.code);
    for (source, buffer, size) in [(&last.text, text, text_size), (&last.provider, provider, provider_size)] {
        if size > 0 {
            let _ = buffer.write_all(&cut::<C>(source, size as usize));
        }
    }
    Ok(())
}

/// WNetSetLastError: a provider tells what it has to say.
///
/// # Errors
/// 87: a text is no text.
pub fn put<C: Unit>(code: u32, text: Str<C>, provider: Str<C>) -> Result<(), Failure> {
    let read = |text: Str<C>| text.read(1024).map_err(|_| Failure::from(Code::INVALID_PARAMETER));
    let (text, provider) = (read(text)?.unwrap_or_default(), read(provider)?.unwrap_or_default());
    set(Extended { code, text, provider });
    Ok(())
}
