//! Text that is nearly always short, such as the name of a key: held in place, so that a copy allocates nothing.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

/// So many bytes are held in place.
const SHORT: usize = 14;

/// Text that does not change.
#[derive(Clone, PartialEq, Eq)]
pub struct Word(Held);

#[derive(Clone, PartialEq, Eq)]
enum Held {
    /// How many bytes, and the bytes; those behind them are zero.
    Here(u8, [u8; SHORT]),
    /// In a box of its own, so that the word itself stays small.
    #[expect(clippy::box_collection, reason = "a boxed str is twice as wide")]
    Away(Box<String>),
}

impl Word {
    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Held::Here(len, bytes) => {
                std::str::from_utf8(&bytes[..usize::from(*len)]).expect("it was text")
            }
            Held::Away(text) => text,
        }
    }
}

impl From<String> for Word {
    fn from(text: String) -> Word {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Word(Held::Here(text.len() as u8, bytes))
            }
            None => Word(Held::Away(Box::new(text))),
        }
    }
}

impl Deref for Word {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_text_comes_back() {
        for text in [
            "",
            "x",
            "k17",
            "fourteen bytes",
            "fifteen bytes !",
            "ключ, schlüssel",
        ] {
            let word = Word::from(text.to_owned());
            assert_eq!(&*word, text);
            assert_eq!(word, word.clone());
            assert_eq!(format!("{word:?}"), format!("{text:?}"));
        }
        assert_ne!(Word::from("a".to_owned()), Word::from("a\0".to_owned()));
        assert_eq!(size_of::<Word>(), 16);
    }
}
