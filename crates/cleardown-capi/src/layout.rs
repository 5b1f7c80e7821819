//! Declaring structures of C so that size, offsets and "any bytes will do" follow from one list of fields.

/// Declares a structure over a character type `C`, as the headers do: natural alignment (`c`), or at most 4 (`pack4`).
macro_rules! structure {
    (@repr c $($item:tt)*) => { #[repr(C)] $($item)* };
    (@repr pack4 $($item:tt)*) => { #[repr(C, packed(4))] $($item)* };
    ($($kind:ident $(#[$doc:meta])* $name:ident<C> { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => { $(
        $crate::layout::structure! { @repr $kind
            $(#[$doc])*
            #[derive(Clone, Copy)]
            #[allow(missing_docs, reason = "the fields of the public documentation, in its order")]
            pub struct $name<C> { $($(#[$field_doc])* pub $field: $type,)* }
        }
        // SAFETY: every field is plain (checked below), and the bytes between them mean nothing.
        unsafe impl<C: $crate::text::Unit> $crate::memory::Plain for $name<C> {}
        const _: () = {
            const fn plain<T: $crate::memory::Plain>() {}
            const fn fields<C: $crate::text::Unit>() { $(plain::<$type>();)* }
            fields::<u8>();
        };
        impl<C: $crate::text::Unit> $name<C> {
            /// Name and offset of each field, and the size at the end: what a C compiler must agree to.
            pub fn layout() -> Vec<(&'static str, usize)> {
                vec![$((stringify!($field), std::mem::offset_of!($name<C>, $field)),)* ("", size_of::<$name<C>>())]
            }
        }
    )* };
}
pub(crate) use structure;
