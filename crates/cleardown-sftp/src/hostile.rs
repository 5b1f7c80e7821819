//! Every decoder, on bytes that a hostile server or a damaged file could hold: an answer or an error, never a panic.

use bytes::Bytes;

use crate::known_hosts::KnownHosts;
use crate::mux::{self, Reply};
use crate::wire::Fields;
use crate::{attr, explain, link};

/// Reads a packet without its length as the answer to any request, and as a greeting.
///
/// # Panics
/// When a decoder panics: that is a fault.
#[allow(unreachable_pub, reason = "it is exported to fuzzing only")]
pub fn read_packet(packet: &[u8]) {
    let bytes = Bytes::copy_from_slice(packet);
    let _ = link::greet(Fields(bytes.clone()));
    let mut fields = Fields(bytes);
    let (Ok(kind), Ok(_id)) = (fields.byte(), fields.u32()) else { return };
    match mux::parse(kind, fields) {
        Ok(Reply::Name(names)) => drop(attr::entries(names)),
        Ok(Reply::Attrs(attrs)) => drop(attr::from_wire(&attrs)),
        Ok(Reply::Extended(answer)) => drop(explain::room(answer)),
        _ => {}
    }
}

/// Reads a `known_hosts` file for a host whose name is its first word, and judges every key that it has.
///
/// # Panics
/// When a key that the host has is unknown to it; that, and any other panic, is a fault.
#[allow(unreachable_pub, reason = "it is exported to fuzzing only")]
pub fn read_known_hosts(text: &str) {
    let host = text.split(|c: char| c.is_whitespace() || c == ',').next().unwrap_or_default();
    for port in [22, 2222] {
        KnownHosts::of(text, host, port).check();
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    fn corpus(name: &str) -> Vec<Vec<u8>> {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(name);
        let inputs =
            std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        let inputs: Vec<_> = inputs.collect();
        assert!(!inputs.is_empty());
        inputs
    }

    /// What is worth keeping of fuzzing, again in every run, whole and cut off anywhere.
    #[test]
    fn the_corpora_are_read() {
        for packet in corpus("sftp") {
            (0..=packet.len()).for_each(|end| super::read_packet(&packet[..end]));
        }
        for file in corpus("known_hosts") {
            // Up to what is no text, as the fuzzer hands it on.
            let text = file.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            let ends = (0..=text.len()).filter(|end| text.is_char_boundary(*end));
            ends.for_each(|end| super::read_known_hosts(&text[..end]));
        }
    }
}
