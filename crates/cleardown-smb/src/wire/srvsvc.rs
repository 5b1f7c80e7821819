//! The answer of NetrShareEnum at level 1 (MS-SRVS 3.1.4.8, 2.2.4.23), in NDR (C706 14.3).
//!
//! `smb2` has a reader too; it reserves room for as many shares as the server claims, and takes 64 kB at most.

use super::{Bits, Malformed};

/// The header of each fragment of a response (C706 12.6.4.10).
pub(crate) const RESPONSE_HEADER: usize = 24;

/// A share as the server tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) name: String,
    /// The lower half says what it is, the upper has flags (MS-SRVS 2.2.2.4).
    pub(crate) kind: u32,
    pub(crate) comment: String,
}

/// The shares in a whole answer, or the error that the function gave back.
pub(crate) fn shares(stub: &[u8]) -> Result<Result<Vec<Share>, u32>, Malformed> {
    let mut reader = Reader { stub, at: 0 };
    let (level, chosen) = (reader.u32()?, reader.u32()?);
    if (level, chosen) != (1, 1) {
        return Err(Malformed);
    }
    let mut shares = Vec::new();
    if reader.u32()? != 0 {
        let (count, array) = (reader.u32()?, reader.u32()?);
        if array != 0 {
            if reader.u32()? != count {
                return Err(Malformed);
            }
            // A claim that the bytes do not hold ends with them, before anything is reserved for it.
            let fixed: Vec<[u32; 3]> = (0..count)
                .map(|_| Ok([reader.u32()?, reader.u32()?, reader.u32()?]))
                .collect::<Result<_, Malformed>>()?;
            for [name, kind, comment] in fixed {
                let (name, comment) = (reader.string(name)?, reader.string(comment)?);
                shares.push(Share { name, kind, comment });
            }
        }
    }
    let (_total, resume) = (reader.u32()?, reader.u32()?);
    if resume != 0 {
        reader.u32()?;
    }
    Ok(match reader.u32()? {
        0 => Ok(shares),
        error => Err(error),
    })
}

struct Reader<'a> {
    stub: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn u32(&mut self) -> Result<u32, Malformed> {
        self.at = self.at.next_multiple_of(4);
        let value = self.stub.u32(self.at)?;
        self.at += 4;
        Ok(value)
    }

    /// The string behind a pointer: room, offset, length in units, and the units with their zero.
    fn string(&mut self, pointer: u32) -> Result<String, Malformed> {
        if pointer == 0 {
            return Ok(String::new());
        }
        let (_room, _offset, length) = (self.u32()?, self.u32()?, self.u32()? as usize);
        let bytes = length.checked_mul(2).ok_or(Malformed)?;
        let units = self.stub.utf16(self.at, bytes)?;
        self.at += bytes;
        Ok(String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(into: &mut Vec<u8>, text: &str) {
        let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let length = units.len() as u32;
        [length, 0, length].iter().for_each(|word| into.extend(word.to_le_bytes()));
        units.iter().for_each(|unit| into.extend(unit.to_le_bytes()));
        into.resize(into.len().next_multiple_of(4), 0);
    }

    fn answer(count: u32, result: u32) -> Vec<u8> {
        let mut stub = Vec::new();
        let mut words = |words: &[u32]| words.iter().for_each(|word| stub.extend(word.to_le_bytes()));
        words(&[1, 1, 0x2_0000, count, 0x2_0004, count, 0x2_0008, 0, 0x2_000c, 0x2_0010, 0x8000_0003, 0]);
        string(&mut stub, "größe");
        string(&mut stub, "for all");
        string(&mut stub, "IPC$");
        [2, 0, result].iter().for_each(|word: &u32| stub.extend(word.to_le_bytes()));
        stub
    }

    #[test]
    fn names_kinds_and_comments_are_read() {
        let shares = shares(&answer(2, 0)).unwrap().unwrap();
        let share =
            |name: &str, kind, comment: &str| Share { name: name.into(), kind, comment: comment.into() };
        assert_eq!(shares, [share("größe", 0, "for all"), share("IPC$", 0x8000_0003, "")]);
    }

    #[test]
    fn the_functions_own_error_is_told() {
        assert_eq!(shares(&answer(2, 5)).unwrap(), Err(5));
    }

    #[test]
    fn a_count_that_the_bytes_do_not_hold_is_refused() {
        assert_eq!(shares(&answer(u32::MAX, 0)), Err(Malformed));
        let whole = answer(2, 0);
        assert!((0..whole.len()).all(|length| shares(&whole[..length]) == Err(Malformed)));
    }
}
