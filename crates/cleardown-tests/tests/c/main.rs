//! The C interface, as C programs see it: installed below a prefix, compiled with what pkg-config says, run against real
//! servers with the real daemon.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod drives;
mod install;
mod kit;
mod layouts;
mod links;
mod office;
mod python;
mod robust;
mod seeds;
mod shares;
mod tables;
