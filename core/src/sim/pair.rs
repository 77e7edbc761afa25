//! Two runs beside each other, and their form as a link.
//!
//! ```text
//! #/compare?left=raft%2Fcalm%3Fseed%3D1&right=raft%2Fcalm%3Fseed%3D2
//! ```
//!
//! `left` and `right` are links themselves, without `#/` and with everything escaped that means something in a link.

use crate::error::BadInput;

use super::spec::{LINK_MAX, RunSpec, check_version, decode, encode};

/// What stands before the two links.
const START: &str = "compare";

/// Two runs that are seen beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The one on the left; the playhead of both is its.
    pub left: RunSpec,
    /// The one on the right.
    pub right: RunSpec,
}

impl Pair {
    /// Whether a link is one to two runs.
    pub fn is_link(text: &str) -> bool {
        let link = text.split_once('#').map_or(text, |it| it.1);
        let path = link.split('?').next().unwrap_or_default();
        path.trim().trim_matches('/') == START
    }

    /// The link, beginning with `#/`.
    pub fn link(&self) -> String {
        let side = |spec: &RunSpec| encode(spec.link().trim_start_matches("#/"));
        format!(
            "#/{START}?left={}&right={}",
            side(&self.left),
            side(&self.right)
        )
    }

    /// Reads a link; an `Err` quotes what is wrong, and says on which side.
    pub fn from_link(text: &str) -> Result<Pair, BadInput> {
        if text.len() > LINK_MAX || !Pair::is_link(text) {
            return Err(BadInput::new(
                text,
                "is not a link to two runs: it should look like #/compare?left=raft%2Fcalm&right=ping%2Fcalm",
            ));
        }
        let query = text.split_once('?').map_or("", |it| it.1).trim();
        let pairs: Vec<&str> = query.split('&').filter(|it| !it.is_empty()).collect();
        check_version(&pairs)?;
        let (mut left, mut right) = (None, None);
        for pair in pairs {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let side = match key {
                "left" => &mut left,
                "right" => &mut right,
                "v" => continue,
                _ => {
                    return Err(BadInput::new(
                        key,
                        "is not a part of a link to two runs: there is left and right",
                    ));
                }
            };
            let spec = decode(value).and_then(|it| RunSpec::from_link(&it));
            *side = Some(spec.map_err(|it| it.within(key))?);
        }
        let missing = |side| move || BadInput::new(side, "is missing: a comparison needs two runs");
        Ok(Pair {
            left: left.ok_or_else(missing("left"))?,
            right: right.ok_or_else(missing("right"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pairs_are_one_to_one() {
        let spec = |link| RunSpec::from_link(link).unwrap();
        let pair = Pair {
            left: spec("#/raft/calm?seed=3&set.loss=2.5%25&do=1.2s+partition+n1+n2+%7C+n3&t=2s"),
            right: spec("#/ping/calm?script=off"),
        };
        let link = pair.link();
        assert!(
            Pair::is_link(&link) && !Pair::is_link("#/raft/calm"),
            "{link}"
        );
        assert_eq!(Pair::from_link(&link), Ok(pair.clone()));
        assert_eq!(
            Pair::from_link(&format!("https://example.org/a/{link}")),
            Ok(pair)
        );
    }

    #[test]
    fn what_is_wrong_is_quoted_with_its_side() {
        for (link, words) in [
            ("#/raft/calm", "not a link to two runs"),
            ("#/compare", "\"left\" is missing"),
            ("#/compare?left=raft%2Fcalm", "\"right\" is missing"),
            ("#/compare?left=raft%2Fcalm&right=raft", "right: "),
            (
                "#/compare?left=raft%2Fcalm%3Fseed%3Dx&right=ping%2Fcalm",
                "left: ",
            ),
            ("#/compare?up=raft%2Fcalm", "\"up\""),
            ("#/compare?v=9&left=raft%2Fcalm", "newer version"),
            ("#/compare?left=%ff", "left: "),
        ] {
            let error = Pair::from_link(link).unwrap_err().to_string();
            assert!(error.contains(words), "{link}: {error}");
        }
        assert!(Pair::from_link(&format!("#/compare?left={}", "x".repeat(LINK_MAX))).is_err());
    }
}
