//! From the tables of functions to exported names, and to documentation.

/// One function of the C interface, for the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, without A and W.
    pub name: &'static str,
    /// It exists as A and as W.
    pub both: bool,
    /// `full`, `partial` or `answered`.
    pub support: &'static str,
    /// What differs; empty when nothing does.
    pub differs: &'static str,
    /// The name and the type of each parameter.
    pub parameters: &'static [(&'static str, &'static str)],
}

/// Gives the functions of a table their names in C. The crate where this stands has a function `told(u32)`, which learns each
/// function's number before the caller does.
#[macro_export]
macro_rules! export {
    (both { $($both:tt)* } one { $($one:tt)* }) => {
        /// The functions with strings of bytes, in UTF-8.
        pub mod ansi {
            #[allow(unused_imports, reason = "not every table needs every type")]
            use $crate::abi::*;
            type C = u8;
            $crate::export_each! { "A" $($both)* }
        }
        /// The functions with strings of 16-bit units, in UTF-16.
        pub mod wide {
            #[allow(unused_imports, reason = "not every table needs every type")]
            use $crate::abi::*;
            type C = u16;
            $crate::export_each! { "W" $($both)* }
        }
        /// The functions that have just one form.
        pub mod plain {
            #[allow(unused_imports, reason = "not every table needs every type")]
            use $crate::abi::*;
            $crate::export_each! { "" $($one)* }
        }
    };
}

/// One set of names; see [`export!`].
#[macro_export]
macro_rules! export_each {
    ($suffix:literal $($support:ident $differs:literal $name:ident($($p:ident: $type:ty),* $(,)?) = $function:expr;)*) => { $(
        #[doc = concat!("`", stringify!($name), $suffix, "` of the public documentation.")]
        ///
        /// # Safety
        /// Pointers are NULL or lead to what the documentation says.
        #[unsafe(export_name = concat!(stringify!($name), $suffix))]
        #[allow(non_snake_case, clippy::too_many_arguments, reason = "the names and parameters are not ours")]
        pub unsafe extern "C" fn $name($($p: $type),*) -> u32 {
            let code = $crate::answer(|| $function($($p),*));
            super::told(stringify!($name), code);
            code
        }
    )* };
}

/// Makes the list of [`Function`]s of a table.
#[macro_export]
macro_rules! list {
    (both { $($both:tt)* } one { $($one:tt)* }) => {
        [$crate::list_each!(true $($both)*).as_slice(), $crate::list_each!(false $($one)*).as_slice()].concat()
    };
}

/// One part of a list; see [`list!`].
#[macro_export]
macro_rules! list_each {
    ($both:literal $($support:ident $differs:literal $name:ident($($p:ident: $type:ty),* $(,)?) = $function:expr;)*) => {
        [$($crate::Function {
            name: stringify!($name),
            both: $both,
            support: stringify!($support),
            differs: $differs,
            parameters: &[$((stringify!($p), stringify!($type))),*],
        }),*]
    };
}
