//! One suite of tests for every provider.
//!
//! A provider's crate says where it is tested ([`Ground`]), and `cleardown_share::conformance!(ground())` makes one
//! `#[tokio::test]` of each case. What the server cannot do ([`Capabilities`]) must then be refused cleanly; the
//! case prints that it was not applicable.
//!
//! ```ignore
//! mod conformance {
//!     async fn ground() -> impl cleardown_share::conformance::Ground { Server::start().await }
//!     cleardown_share::conformance!(ground());
//! }
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this module consists of tests")]
#![allow(missing_docs, reason = "each case is named after what it shows")]

mod attributes;
mod data;
mod folders;
mod links;
mod names;
mod opening;
mod ranges;
mod renaming;
mod room;
mod sessions;

pub use attributes::*;
pub use data::*;
pub use folders::*;
pub use links::*;
pub use names::*;
pub use opening::*;
pub use ranges::*;
pub use renaming::*;
pub use room::{Ground, Room, run};
pub use sessions::*;

#[allow(unused_imports, reason = "for the documentation")]
use crate::share::Capabilities;

/// Makes a test of each case; the argument is a future of a [`Ground`]. The caller's crate needs `tokio`
/// with its macros and the multi-thread run-time.
#[macro_export]
macro_rules! conformance {
    ($ground:expr) => {
        $crate::conformance! { @each $ground;
            create_new_is_exclusive,
            of_many_exclusive_creators_one_wins,
            opening_what_is_missing_says_so,
            open_or_create_keeps_the_content,
            truncating_opens_empty_the_file,
            the_beginning_comes_with_the_opening,
            a_folder_cannot_be_opened_for_writing,
            nothing_lies_below_a_file,
            reads_and_writes_at_offsets,
            reads_are_short_only_at_the_end,
            a_far_write_leaves_zeroes_before_it,
            large_transfers_arrive_whole,
            many_transfers_share_the_session,
            a_given_up_read_harms_nobody,
            appends_of_two_clients_all_arrive,
            flush_and_close_succeed,
            another_session_sees_what_was_written,
            three_thousand_entries_are_listed_once,
            listing_and_stat_agree,
            listing_what_is_no_folder_fails,
            a_listing_nobody_wants_ends,
            making_a_folder_where_something_is_fails,
            only_empty_folders_are_removed,
            removing_tells_files_from_folders,
            rename_replaces,
            rename_without_replacing_refuses,
            rename_moves_folders,
            rename_of_mismatched_kinds_fails,
            a_folder_cannot_move_into_itself,
            an_open_file_survives_its_renaming,
            an_open_file_survives_its_removal,
            an_open_file_survives_its_replacement,
            hard_links_share_the_content,
            symbolic_links_keep_their_target,
            sizes_are_set,
            times_are_set_as_precisely_as_the_protocol_can,
            times_set_while_data_is_under_way_stay,
            modes_are_kept,
            attributes_of_what_is_missing_cannot_be_set,
            forbidden_access_is_called_so,
            awkward_names_round_trip,
            names_differing_in_case,
            names_that_are_no_text,
            names_have_a_longest,
            the_room_makes_sense,
            locks_exclude_other_sessions,
            a_waiting_lock_is_granted,
            ranges_are_copied_on_the_server,
            holes_are_found,
            ranges_are_allocated_and_punched,
            after_close_nothing_works,
            abort_ends_what_is_in_flight,
            events_have_one_taker,
            changes_by_others_are_reported,
            a_lease_is_broken_by_another_writer,
            the_server_gives_a_sign_of_life,
        }
    };
    (@each $ground:expr; $($case:ident,)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::conformance::run(stringify!($case), &$ground.await, $crate::conformance::$case).await
            }
        )*
    };
}
