//! Ids, dates and addresses: what is written without words.

use weir_perf::random::Random;

const HEX: &str = "0123456789abcdef";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: &str = "0123456789";

/// A value of a form; none, if it is none of these.
pub(super) fn of_form(form: &str, random: &mut Random) -> Option<String> {
    let value = match form {
        "uuid" => {
            let sizes = [8, 4, 4, 4, 12];
            sizes.map(|n| letters(HEX, n, random)).join("-")
        }
        "hex8" => letters(HEX, random.below(6) + 7, random),
        "hex24" => letters(HEX, 24, random),
        "hex32" => letters(HEX, 32, random),
        "hex40" => letters(HEX, 40, random),
        "base62" => letters(BASE62, random.below(16) + 6, random),
        "base64url" => letters(BASE64, random.below(24) + 10, random),
        "prefixed" => {
            let prefix = letters(SMALL, random.below(4) + 2, random);
            format!("{prefix}_{}", letters(BASE62, random.below(14) + 8, random))
        }
        "ticket" => {
            let project = letters(CAPITALS, random.below(4) + 2, random);
            format!("{project}-{}", random.below(100_000))
        }
        "triple" => [3, 3, 3].map(|n| letters(LOWER, n, random)).join("-"),
        "upper" => letters(UPPER, random.below(10) + 2, random),
        "digits-long" => letters(DIGITS, random.below(10) + 8, random),
        "snowflake" => format!("1{}", letters(DIGITS, 17, random)),
        "integer-mixed" => {
            let digits = random.below(6) as u32 + 1;
            random.below(10usize.pow(digits)).to_string()
        }
        "date" => date(random),
        "date-compact" => date(random).replace('-', ""),
        "datetime" => format!("{}T{:02}:00:00Z", date(random), random.below(24)),
        "year" => (random.below(30) + 1998).to_string(),
        "ip" => [(); 4].map(|()| random.below(256).to_string()).join("."),
        "phone" => format!("+{}", letters(DIGITS, 11, random)),
        "version" => format!("{}.{}.{}", random.below(9), random.below(20), random.below(20)),
        _ => return None,
    };
    Some(value)
}

/// The code of a country, of two or three letters.
pub(super) fn country_code(random: &mut Random) -> String {
    letters(CAPITALS, random.below(2) + 2, random)
}

fn letters(alphabet: &str, count: usize, random: &mut Random) -> String {
    let alphabet = alphabet.as_bytes();
    (0..count).map(|_| random.pick(alphabet).map_or('x', |b| char::from(*b))).collect()
}

fn date(random: &mut Random) -> String {
    let (year, month, day) = (random.below(15) + 2012, random.below(12) + 1, random.below(28) + 1);
    format!("{year}-{month:02}-{day:02}")
}
