//! Asynchronous HDLC-like framing (RFC 1662): flags, escapes, the character map and the check sequence.

use crate::fcs;

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;
const FLIP: u8 = 0x20;

/// The asynchronous control character map: bit `n` set means that octet `n` is sent escaped (RFC 1662, 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accm(pub u32);

impl Accm {
    /// What holds until LCP has agreed on something else: all 32 control characters are escaped.
    pub const DEFAULT: Accm = Accm(0xffff_ffff);

    fn escapes(self, octet: u8) -> bool {
        matches!(octet, FLAG | ESCAPE) || (octet < 32 && self.0 >> octet & 1 == 1)
    }

    /// Where the first octet is that does not mean itself. On a line that is clean for eight bits only two can be.
    fn find(self, octets: &[u8]) -> Option<usize> {
        match self.0 {
            0 => memchr::memchr2(FLAG, ESCAPE, octets),
            _ => octets.iter().position(|octet| self.escapes(*octet)),
        }
    }
}

/// Appends one frame: address, control, protocol and information as given in `parts`, with check sequence,
/// escapes and flags. The line may be shared with noise, so each frame opens with a flag of its own.
pub fn frame(parts: &[&[u8]], accm: Accm, line: &mut Vec<u8>) {
    let check = !parts.iter().fold(fcs::INITIAL, |fcs, part| fcs::update(fcs, part));
    let length: usize = parts.iter().map(|part| part.len()).sum();
    line.reserve(length + length / 16 + 6);
    line.push(FLAG);
    for part in parts {
        escape(part, accm, line);
    }
    escape(&check.to_le_bytes(), accm, line);
    line.push(FLAG);
}

/// Copies runs that need no escape in one go: on an 8-bit clean line nearly everything.
fn escape(bytes: &[u8], accm: Accm, line: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = accm.find(rest) {
        line.extend_from_slice(&rest[..at]);
        line.extend_from_slice(&[ESCAPE, rest[at] ^ FLIP]);
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

/// Why octets were thrown away; counted, as RFC 1661 asks to discard silently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discards {
    /// The check sequence did not fit.
    pub damaged: u64,
    /// Longer than the deframer takes.
    pub too_long: u64,
    /// Shorter than protocol and check sequence, or ended by the abort sequence (RFC 1662, 4.3).
    pub too_short: u64,
}

/// Takes octets from the line and gives frames, without their check sequence. Its memory is bounded by the
/// longest frame it was made for, whatever the line says.
#[derive(Debug)]
pub struct Deframer {
    frame: Vec<u8>,
    longest: usize,
    escaped: bool,
    overflow: bool,
    drop_controls: Accm,
    discards: Discards,
}

impl Deframer {
    /// For frames of up to `longest` octets between the flags, unescaped, the check sequence included.
    pub fn new(longest: usize) -> Self {
        Deframer {
            frame: Vec::new(),
            longest,
            escaped: false,
            overflow: false,
            drop_controls: Accm(0),
            discards: Discards::default(),
        }
    }

    /// Control characters in the map were inserted by the line and are dropped (RFC 1662, 7.1).
    pub fn set_receive_map(&mut self, accm: Accm) {
        self.drop_controls = accm;
    }

    /// What was thrown away so far.
    pub fn discards(&self) -> Discards {
        self.discards
    }

    /// What has come since the last flag: the beginning of a frame, or what a modem says when the call is over.
    pub fn partial(&self) -> &[u8] {
        &self.frame
    }

    /// Takes octets; `each` gets every good frame, in order.
    pub fn feed(&mut self, mut line: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some((octet, rest)) = line.split_first() {
            let run = self.plain_run(line);
            if run > 0 {
                self.append(&line[..run]);
                line = &line[run..];
                continue;
            }
            line = rest;
            match *octet {
                FLAG => self.finish(&mut each),
                ESCAPE => self.escaped = true,
                control if control < 32 && self.drop_controls.escapes(control) => {}
                octet => {
                    let flip = if std::mem::take(&mut self.escaped) { FLIP } else { 0 };
                    self.append(&[octet ^ flip]);
                }
            }
        }
    }

    /// How many octets from here mean themselves.
    fn plain_run(&self, line: &[u8]) -> usize {
        if self.escaped {
            return 0;
        }
        self.drop_controls.find(line).unwrap_or(line.len())
    }

    fn append(&mut self, octets: &[u8]) {
        if self.frame.len() + octets.len() > self.longest {
            self.overflow = true;
            self.frame.clear();
        } else if !self.overflow {
            self.frame.extend_from_slice(octets);
        }
    }

    fn finish(&mut self, each: &mut impl FnMut(&[u8])) {
        let aborted = std::mem::take(&mut self.escaped);
        if std::mem::take(&mut self.overflow) {
            self.discards.too_long += 1;
        } else if self.frame.is_empty() && !aborted {
            // Two flags in a row: an empty frame is no frame at all.
        } else if aborted || self.frame.len() < 4 {
            self.discards.too_short += 1;
        } else if fcs::update(fcs::INITIAL, &self.frame) != fcs::GOOD {
            self.discards.damaged += 1;
        } else {
            each(&self.frame[..self.frame.len() - 2]);
        }
        self.frame.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deframe(line: &[u8]) -> (Vec<Vec<u8>>, Discards) {
        let mut deframer = Deframer::new(2048);
        let mut frames = Vec::new();
        deframer.feed(line, |frame| frames.push(frame.to_vec()));
        (frames, deframer.discards())
    }

    #[test]
    fn noise_between_frames_costs_only_itself() {
        let mut line = b"CONNECT 57600\r\n".to_vec();
        frame(&[b"\xff\x03\xc0\x21one"], Accm::DEFAULT, &mut line);
        line.extend_from_slice(b"noise");
        frame(&[b"\xff\x03\xc0\x21two"], Accm(0), &mut line);
        let (frames, discards) = deframe(&line);
        assert_eq!(frames, [b"\xff\x03\xc0\x21one", b"\xff\x03\xc0\x21two"]);
        assert_eq!(discards.damaged, 2);
    }

    #[test]
    fn an_endless_frame_takes_no_memory() {
        let mut deframer = Deframer::new(1500);
        for _ in 0..10_000 {
            deframer.feed(&[b'x'; 1000], |_| panic!("there is no frame in this"));
        }
        deframer.feed(&[FLAG], |_| panic!("there is no frame in this"));
        assert_eq!(deframer.discards().too_long, 1);
        assert!(deframer.frame.capacity() <= 2048);
    }

    #[test]
    fn inserted_control_characters_are_dropped() {
        let mut line = Vec::new();
        frame(&[b"\xff\x03\xc0\x21abc"], Accm::DEFAULT, &mut line);
        line.insert(3, 0x11);
        let mut deframer = Deframer::new(1500);
        deframer.set_receive_map(Accm::DEFAULT);
        let mut frames = 0;
        deframer.feed(&line, |_| frames += 1);
        assert_eq!(frames, 1);
    }

    proptest! {
        #[test]
        fn what_is_framed_comes_back(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 2..200), 1..8),
            accm in any::<u32>(), cut in 1usize..64,
        ) {
            let mut line = Vec::new();
            packets.iter().for_each(|packet| frame(&[packet], Accm(accm), &mut line));
            let mut deframer = Deframer::new(2048);
            let mut frames = Vec::new();
            line.chunks(cut).for_each(|piece| deframer.feed(piece, |f| frames.push(f.to_vec())));
            prop_assert_eq!(frames, packets);
            prop_assert!(line.iter().all(|b| *b >= 32 || accm >> b & 1 == 0));
        }

        #[test]
        fn any_octets_are_survived(line in prop::collection::vec(any::<u8>(), 0..4000)) {
            let mut deframer = Deframer::new(256);
            deframer.feed(&line, |frame| assert!(frame.len() <= 254));
        }
    }
}
