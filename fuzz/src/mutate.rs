//! Makes new inputs of old ones: bytes, numbers, words and whole lines are changed, moved, doubled and taken out.

#[path = "../../core/tests/common/pieces.rs"]
mod pieces;

use pieces::WORDS;

/// The longest input, in bytes: damage does not need more, and long ones are slow.
pub const LONGEST: usize = 8 << 10;

/// Numbers at the edges of what fits somewhere.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "255",
    "256",
    "65535",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0.1",
    "99999999999999999999999999999999",
];

/// A source of numbers from a seed: splitmix64.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`; zero when that is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }
}

/// A changed copy of `seed`, with pieces of `other`.
pub fn mutate(random: &mut Random, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(4) {
        change(random, &mut bytes, other);
    }
    bytes.truncate(LONGEST);
    if std::str::from_utf8(&bytes).is_err() && random.below(16) > 0 {
        // Bytes that are no text are refused at the door; most inputs should come further.
        bytes = String::from_utf8_lossy(&bytes).into_owned().into_bytes();
        bytes.truncate(LONGEST);
    }
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len() + 1);
    let range = at..(at + 1 + random.below(24)).min(bytes.len());
    match random.below(10) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
        2 => drop(bytes.drain(range.start.min(range.end)..range.end)),
        3 | 4 => insert(bytes, at, WORDS[random.below(WORDS.len())].as_bytes()),
        5 => number(random, bytes, at),
        6 => {
            let piece = bytes[range.start.min(range.end)..range.end].to_vec();
            let times = if random.below(64) == 0 {
                200
            } else {
                1 + random.below(3)
            };
            insert(bytes, at, &piece.repeat(times));
        }
        7 => {
            let from = random.below(other.len() + 1);
            let to = (from + random.below(64)).min(other.len());
            insert(bytes, at, &other[from..to]);
        }
        8 => lines(random, bytes),
        _ => bytes.truncate(at),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if bytes.len() + piece.len() <= LONGEST {
        bytes.splice(at..at, piece.iter().copied());
    }
}

/// Puts another number in the place of the next one.
fn number(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let Some(from) = bytes[at..]
        .iter()
        .position(u8::is_ascii_digit)
        .map(|it| at + it)
    else {
        return;
    };
    let digits = bytes[from..]
        .iter()
        .take_while(|it| it.is_ascii_digit())
        .count();
    let new = NUMBERS[random.below(NUMBERS.len())];
    bytes.splice(from..from + digits, new.bytes());
}

/// Takes out, doubles or moves a line.
fn lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|it| *it == b'\n').map(<[u8]>::to_vec).collect();
    let (one, two) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(3) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(two, lines[one].clone()),
        _ => lines.swap(one, two),
    }
    *bytes = lines.join(&b'\n');
}
