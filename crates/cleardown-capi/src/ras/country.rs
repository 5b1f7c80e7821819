//! Country codes for dialling: RasGetCountryInfo.

use cleardown_core::Code;

use super::types::RasCountryInfo;
use crate::Failure;
use crate::memory::Ptr;
use crate::text::Unit;

/// The country's number, its dialling code, and its name. A selection, in the order of the numbers.
const COUNTRIES: &[(u32, u32, &str)] = &[
    (1, 1, "United States of America"),
    (7, 7, "Russia"),
    (20, 20, "Egypt"),
    (27, 27, "South Africa"),
    (30, 30, "Greece"),
    (31, 31, "Netherlands"),
    (32, 32, "Belgium"),
    (33, 33, "France"),
    (34, 34, "Spain"),
    (36, 36, "Hungary"),
    (39, 39, "Italy"),
    (40, 40, "Romania"),
    (41, 41, "Switzerland"),
    (43, 43, "Austria"),
    (44, 44, "United Kingdom"),
    (45, 45, "Denmark"),
    (46, 46, "Sweden"),
    (47, 47, "Norway"),
    (48, 48, "Poland"),
    (49, 49, "Germany"),
    (52, 52, "Mexico"),
    (54, 54, "Argentina"),
    (55, 55, "Brazil"),
    (56, 56, "Chile"),
    (61, 61, "Australia"),
    (64, 64, "New Zealand"),
    (65, 65, "Singapore"),
    (81, 81, "Japan"),
    (82, 82, "South Korea"),
    (86, 86, "China"),
    (90, 90, "Turkey"),
    (91, 91, "India"),
    (107, 1, "Canada"),
    (351, 351, "Portugal"),
    (353, 353, "Ireland"),
    (358, 358, "Finland"),
    (380, 380, "Ukraine"),
    (420, 420, "Czechia"),
    (972, 972, "Israel"),
];

/// RasGetCountryInfo: the country with the number in the structure (0: the first), its name behind the structure, and the number
/// of the next (0: there is none).
///
/// # Errors
/// 87: there is no such country. 603: too small; the size is told. 632.
pub fn get<C: Unit>(place: Ptr<RasCountryInfo<C>>, size: Ptr<u32>) -> Result<(), Failure> {
    let room = size.read().ok_or(Code::INVALID_PARAMETER)?;
    let structure = u32::try_from(size_of::<RasCountryInfo<C>>()).unwrap_or_default();
    if place.is_null() || room < structure {
        let _ = size.write(structure + 256);
        return if place.is_null() {
            Err(Code::INVALID_PARAMETER.into())
        } else {
            Err(Code::BUFFER_TOO_SMALL.into())
        };
    }
    let mut info = place.read().ok_or(Code::INVALID_PARAMETER)?;
    if info.size != structure {
        return Err(Code::INVALID_SIZE.into());
    }
    let id = info.id;
    let at = match id {
        0 => Some(0),
        id => COUNTRIES.iter().position(|(number, ..)| *number == id),
    };
    let at = at.ok_or(Code::INVALID_PARAMETER)?;
    let (id, code, name) = COUNTRIES[at];
    let mut units = C::encode(name);
    units.push(C::default());
    let needed = structure + u32::try_from(size_of_val(units.as_slice())).unwrap_or_default();
    let _ = size.write(needed);
    if room < needed {
        return Err(Code::BUFFER_TOO_SMALL.into());
    }
    let next_id = COUNTRIES.get(at + 1).map_or(0, |(number, ..)| *number);
    (info.id, info.next_id, info.code, info.name_offset) = (id, next_id, code, structure);
    let _ = place.write(info);
    let _ = place.cast::<C>().skip(structure as usize).write_all(&units);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::COUNTRIES;

    #[test]
    fn each_country_has_one_number() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
