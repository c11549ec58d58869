//! Globs over a whole value: `*` matches any text, `?` one character, everything else itself.

use crate::meter::bytes;

/// A glob, or a plain text when it holds neither `*` nor `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    exact: bool,
}

impl Glob {
    /// Reads a glob; every text is one.
    pub fn new(text: &str) -> Self {
        Glob { text: text.to_owned(), exact: !text.contains(['*', '?']) }
    }

    /// The glob as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches one value only.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// A bound on the work of [`Glob::matches`]: after a star, each character may be the first of what follows.
    pub fn steps(&self, value: &str) -> u64 {
        if self.exact {
            return bytes(self.text.len());
        }
        let longest = self.text.split('*').map(str::len).max().unwrap_or(0) as u64;
        let tried = longest.saturating_add(2).saturating_mul(value.len() as u64);
        tried.saturating_mul(2).saturating_add(bytes(self.text.len()))
    }

    /// Whether it matches `value`. Case counts.
    pub fn matches(&self, value: &str) -> bool {
        if self.exact { self.text == value } else { wild(self.text.as_str(), value) }
    }
}

/// Goes back only to the last `*`, so the cost is at most the product of both lengths.
fn wild(glob: &str, value: &str) -> bool {
    let (mut pattern, mut rest) = (glob.chars(), value.chars());
    // Where to go on when the text after the last star does not fit: behind the star, one character further.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let before_rest = rest.clone();
        match (pattern.next(), rest.next()) {
            (Some('*'), _) => {
                retry = Some((pattern.clone(), before_rest.clone()));
                rest = before_rest;
            }
            (None, None) => return true,
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((star_pattern, mut star_rest)) = retry.take() else { return false };
                if star_rest.next().is_none() {
                    return false;
                }
                pattern = star_pattern.clone();
                rest = star_rest.clone();
                retry = Some((star_pattern, star_rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (glob, value, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abbbc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "é", true),
            ("?", "😂", true),
            ("support-agent-*", "support-agent-prod", true),
            ("support-agent-*", "support-agent", false),
            ("*-prod", "a-prod-prod", true),
            ("*a*b*c*", "xxaxxbxxcxx", true),
            ("*a*b*c*", "xxaxxcxxbxx", false),
            ("**", "x", true),
            ("a", "A", false),
            ("[a]", "a", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Glob::new(glob).matches(value), expected, "{glob} over {value}");
        }
    }
}
