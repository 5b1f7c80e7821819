//! The 16-bit frame check sequence of RFC 1662, appendix C: CRC-16/X.25.
//!
//! Where the processor multiplies without carries, 64 bytes at a time; elsewhere, and for short frames, sixteen by table.

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
pub fn update(fcs: u16, bytes: &[u8]) -> u16 {
    #[cfg(target_arch = "x86_64")]
    if let Some(fcs) = folding::update(fcs, bytes) {
        return fcs;
    }
    by_table(fcs, bytes)
}

fn by_table(mut fcs: u16, bytes: &[u8]) -> u16 {
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

/// Folding (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009): a
/// block of 128 bits is replaced by a shorter one that leaves the same remainder, further on.
#[cfg(target_arch = "x86_64")]
mod folding {
    use std::arch::x86_64::{
        __m128i, _mm_clmulepi64_si128, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_set_epi64x,
        _mm_unpackhi_epi64, _mm_xor_si128,
    };

    /// What moves a block by so many bits: for its first half and its second.
    const fn over(bits: u32) -> [i64; 2] {
        // The product of two mirrored numbers is one bit short.
        [mirrored_power(bits + 63), mirrored_power(bits - 1)]
    }

    /// x to the power of `n`, modulo the polynomial; the coefficient of 1 is the highest bit.
    const fn mirrored_power(n: u32) -> i64 {
        let mut value: u16 = 0x8000;
        let mut i = 0;
        while i < n {
            value = if value & 1 == 1 { (value >> 1) ^ 0x8408 } else { value >> 1 };
            i += 1;
        }
        ((value as u64) << 48) as i64
    }

    const BY_ONE: [i64; 2] = over(128);
    const BY_FOUR: [i64; 2] = over(4 * 128);

    /// None where this does not pay, or the processor cannot.
    pub(super) fn update(fcs: u16, bytes: &[u8]) -> Option<u16> {
        if bytes.len() < 64 || !is_x86_feature_detected!("pclmulqdq") {
            return None;
        }
        // SAFETY: the processor has what the function needs beyond the architecture's basis.
        Some(unsafe { fold(fcs, bytes) })
    }

    #[target_feature(enable = "pclmulqdq")]
    fn fold(fcs: u16, bytes: &[u8]) -> u16 {
        let (blocks, rest) = bytes.as_chunks::<16>();
        let (fours, ones) = blocks.as_chunks::<4>();
        let Some((first, fours)) = fours.split_first() else { return super::by_table(fcs, bytes) };
        let mut lanes = first.map(|block| load(&block));
        lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(i32::from(fcs)));
        for four in fours {
            for (lane, block) in lanes.iter_mut().zip(four) {
                *lane = _mm_xor_si128(moved(*lane, BY_FOUR), load(block));
            }
        }
        let [mut all, rest_of_lanes @ ..] = lanes;
        for block in rest_of_lanes {
            all = _mm_xor_si128(moved(all, BY_ONE), block);
        }
        for block in ones {
            all = _mm_xor_si128(moved(all, BY_ONE), load(block));
        }
        let (low, high) = (_mm_cvtsi128_si64(all), _mm_cvtsi128_si64(_mm_unpackhi_epi64(all, all)));
        let mut last = [0; 16];
        last[..8].copy_from_slice(&low.to_le_bytes());
        last[8..].copy_from_slice(&high.to_le_bytes());
        super::by_table(super::by_table(0, &last), rest)
    }

    #[target_feature(enable = "pclmulqdq")]
    fn load(block: &[u8; 16]) -> __m128i {
        let [low, high] = block.as_chunks::<8>().0 else { unreachable!("sixteen is twice eight") };
        _mm_set_epi64x(i64::from_le_bytes(*high), i64::from_le_bytes(*low))
    }

    #[target_feature(enable = "pclmulqdq")]
    fn moved(block: __m128i, over: [i64; 2]) -> __m128i {
        let over = _mm_set_epi64x(over[1], over[0]);
        _mm_xor_si128(_mm_clmulepi64_si128::<0x00>(block, over), _mm_clmulepi64_si128::<0x11>(block, over))
    }
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
        let bytes: Vec<u8> = (0..300).map(|i| (i * 37) as u8).collect();
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
