//! Links from end to end: the real programs, a real interface in a network namespace, and a peer that speaks PPP. After
//! each test the namespace has to look as before.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail at once")]

mod ending;
mod exchange;
mod interrupted;
mod kernel;
mod logind;
mod making;
mod modems;
mod pppd;
mod shares;
mod surviving;
mod telephone;
mod wireguard;
