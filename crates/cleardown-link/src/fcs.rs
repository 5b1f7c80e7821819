//! The 16-bit frame check sequence of RFC 1662, appendix C: CRC-16/X.25, sixteen bytes at a time.

/// The value to start with.
pub const INITIAL: u16 = 0xffff;

/// What remains after a whole good frame, its own check sequence included.
pub const GOOD: u16 = 0xf0b8;

/// Table `k` advances a byte that is followed by `k` others.
const TABLES: [[u16; 256]; 16] = tables();

const fn tables() -> [[u16; 256]; 16] {
    let mut tables = [[0u16; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0x8408 } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut k = 1;
    while k < 16 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[k - 1][byte];
            tables[k][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        k += 1;
    }
    tables
}

/// Carries the check sequence on over `bytes`.
pub fn update(mut fcs: u16, bytes: &[u8]) -> u16 {
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        let low = fcs ^ u16::from_le_bytes([block[0], block[1]]);
        fcs = TABLES[15][usize::from(low & 0xff)] ^ TABLES[14][usize::from(low >> 8)];
        // The others do not wait for the value before: the processor looks them up side by side.
        let ahead = (2..16).fold(0, |sum, i| sum ^ TABLES[15 - i][usize::from(block[i])]);
        fcs ^= ahead;
    }
    for byte in rest {
        fcs = (fcs >> 8) ^ TABLES[0][usize::from((fcs as u8) ^ byte)];
    }
    fcs
}

/// The check sequence that follows `bytes` on the line, in line order.
pub fn of(bytes: &[u8]) -> [u8; 2] {
    (!update(INITIAL, bytes)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_value_of_crc_16_x25() {
        assert_eq!(u16::from_le_bytes(of(b"123456789")), 0x906e);
    }

    #[test]
    fn blocks_and_bytes_agree() {
        let bytes: Vec<u8> = (0..100).map(|i| (i * 37) as u8).collect();
        for len in 0..bytes.len() {
            let single = bytes[..len].iter().fold(INITIAL, |fcs, b| update(fcs, &[*b]));
            assert_eq!(single, update(INITIAL, &bytes[..len]));
        }
    }

    #[test]
    fn a_whole_frame_leaves_the_good_value() {
        let mut frame = b"\xff\x03\xc0\x21hello".to_vec();
        let fcs = of(&frame);
        frame.extend_from_slice(&fcs);
        assert_eq!(update(INITIAL, &frame), GOOD);
    }
}
