//! Framing and its check sequence alone, without any line.

use std::hint::black_box;
use std::io;

use cleardown_link::fcs;
use cleardown_link::hdlc::{Accm, Deframer, frame};

use super::rows::Section;

/// A full datagram.
const MTU: usize = 1500;
const HEADER: [u8; 4] = [0xff, 0x03, 0x00, 0x21];
/// Datagrams in one go: they fit into the second-level cache.
const DATAGRAMS: usize = 100;

/// Runs in the child.
pub(super) fn measure(quick: bool) -> io::Result<Section> {
    let about = "Datagrams of 1500 octets on a line that is clean for eight bits, GB/s of datagrams in processor time of one core; medians. \
        Random octets hold a flag or escape every 128 octets; text holds none.";
    let mut section = Section::new("Framing", about, &["what", "random", "text"]);
    let (random, text) = (random(), text());
    for _ in 0..if quick { 3 } else { 9 } {
        for (kind, octets) in [("random", &random), ("text", &text)] {
            contenders(kind, octets, &mut section);
        }
    }
    for (what, name) in [
        ("check sequence", "fcs"),
        ("check sequence, octet by octet with a table (RFC 1662, appendix C)", "rfc fcs"),
        ("frame, check sequence included", "frame"),
        ("frame, octet by octet", "rfc frame"),
        ("deframe, check sequence included", "deframe"),
        ("copy (limit)", "copy"),
    ] {
        let cell = |kind: &str| format!("{:.2}", section.median(&format!("{name}, {kind}")));
        let (random, text) = (cell("random"), cell("text"));
        section.row(&[what, &random, &text]);
    }
    Ok(section)
}

fn contenders(kind: &str, octets: &[u8], section: &mut Section) {
    let mut line = Vec::with_capacity(octets.len() * 2);
    let mut encoded = Vec::new();
    octets.chunks(MTU).for_each(|datagram| frame(&[&HEADER, datagram], Accm(0), &mut encoded));
    let mut deframer = Deframer::new(2 * MTU);
    let mut copy = vec![0; octets.len()];
    let mut take = |name: &str, work: &mut dyn FnMut()| {
        section.add(&format!("{name}, {kind}"), rate(octets.len(), work));
    };
    take("fcs", &mut || {
        for datagram in octets.chunks(MTU) {
            black_box(fcs::update(fcs::INITIAL, black_box(datagram)));
        }
    });
    take("rfc fcs", &mut || {
        for datagram in octets.chunks(MTU) {
            black_box(datagram.iter().fold(fcs::INITIAL, |fcs, octet| fcs::update(fcs, &[*octet])));
        }
    });
    take("frame", &mut || {
        line.clear();
        octets.chunks(MTU).for_each(|datagram| frame(&[&HEADER, black_box(datagram)], Accm(0), &mut line));
    });
    take("rfc frame", &mut || {
        line.clear();
        octets.chunks(MTU).for_each(|datagram| plain_frame(black_box(datagram), &mut line));
    });
    take("deframe", &mut || {
        let mut frames = 0;
        deframer.feed(black_box(&encoded), |_| frames += 1);
        assert_eq!(frames, DATAGRAMS);
    });
    take("copy", &mut || copy.copy_from_slice(black_box(octets)));
}

/// As the kernel's ppp_async does it.
fn plain_frame(datagram: &[u8], line: &mut Vec<u8>) {
    let mut put = |octet: u8| match octet {
        0x7e | 0x7d => line.extend_from_slice(&[0x7d, octet ^ 0x20]),
        octet => line.push(octet),
    };
    let mut check = fcs::INITIAL;
    for octet in HEADER.iter().chain(datagram) {
        check = fcs::update(check, &[*octet]);
        put(*octet);
    }
    (!check).to_le_bytes().into_iter().for_each(put);
    line.push(0x7e);
}

/// GB/s of doing this for a while.
fn rate(octets: usize, work: &mut dyn FnMut()) -> f64 {
    work();
    let (start, mut done) = (processor_time(), 0);
    while processor_time() - start < 0.03 {
        work();
        done += octets;
    }
    done as f64 / (processor_time() - start) / 1e9
}

/// Of this thread, in seconds: so that it does not matter who else works.
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The same at each run (xorshift, Marsaglia 2003).
fn random() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..MTU * DATAGRAMS).map(|_| next()).collect()
}

fn text() -> Vec<u8> {
    b"To clear down is the telephone engineer's word for giving the line back. "
        .iter()
        .copied()
        .cycle()
        .take(MTU * DATAGRAMS)
        .collect()
}
