//! Every decoder, on bytes that a hostile server could send: an answer or an error, never a panic.

use bytes::Bytes;

use super::create::Created;
use super::frame::{Header, Reply};
use super::request::{self, TreeReply};
use super::{HEADER, directory, info, ioctl, srvsvc};

/// A message whose header is good and whose body is anything.
fn reply(body: &[u8]) -> Reply {
    let mut message = vec![0; HEADER];
    message[..4].copy_from_slice(b"\xFESMB");
    message[4] = HEADER as u8;
    message.extend_from_slice(body);
    let header = Header::read(&message).expect("the header is good");
    Reply { header, message: Bytes::from(message) }
}

/// Has every decoder read this body.
///
/// # Panics
/// When one gives more than was asked for; that, and any other panic, is a fault.
#[allow(unreachable_pub, reason = "it is exported to fuzzing only")]
pub fn read_all(body: &[u8]) {
    let reply = reply(body);
    let _ = Created::read(&reply);
    let _ = TreeReply::read(&reply);
    if let Ok(data) = request::read_data(&reply, 100) {
        assert!(data.len() <= 100, "a read gives at most what was asked for");
    }
    let _ = request::written(&reply);
    let _ = request::changes(&reply);
    let _ = request::output(&reply);
    let _ = ioctl::output(&reply);
    let _ = ioctl::copied(body);
    let _ = ioctl::ranges(body);
    let _ = ioctl::target(body);
    let _ = directory::entries(body);
    let _ = srvsvc::shares(body);
    let _ = info::all(body);
    let _ = info::full_size(body);
    let _ = Header::read(body).map(|header| header.length(body.len()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes in which small numbers are frequent, so that offsets and lengths often point somewhere.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![3 => Just(0u8), 2 => 0u8..0xA0, 1 => any::<u8>()];
        prop::collection::vec(byte, 0..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_answer_makes_us_panic(body in body()) {
            read_all(&body);
        }

        #[test]
        fn a_read_never_gives_more_than_was_asked_for(body in body(), asked in 0u32..200) {
            if let Ok(data) = request::read_data(&reply(&body), asked) {
                prop_assert!(data.len() <= asked as usize);
            }
        }

        #[test]
        fn times_come_back(nanoseconds in -11_644_473_599_000_000_000i128..400_000_000_000_000_000_000) {
            let time = cleardown_share::Time(nanoseconds / 100 * 100);
            if info::filetime(time) > 1 && info::filetime(time) < i64::MAX {
                prop_assert_eq!(info::time(info::filetime(time)), time);
            }
        }
    }

    /// What fuzzing has found worth keeping, again in every run.
    #[test]
    fn the_corpus_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/smb");
        let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!inputs.is_empty());
        inputs.iter().for_each(|path| read_all(&std::fs::read(path).unwrap()));
    }
}
