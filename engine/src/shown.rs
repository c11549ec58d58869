//! How text and arguments read for a person who has to answer: nothing in them hides, and every cut says how much it
//! left out.
//!
//! The command line and the dashboard both show arguments by these functions, so that two people see the same text for
//! the same action. What a page or a terminal makes of the text is their business.

use std::fmt::Write as _;

use crate::canonical::Canonical;
use crate::order;
use crate::value::Value;

/// The most characters of one value on a line.
const VALUE_CHARS: usize = 48;
/// The most characters of a parameter's name on a line.
const NAME_CHARS: usize = 40;
/// The most combining marks that follow one letter; more of them climb over the lines above and below.
const MOST_MARKS: usize = 2;

/// Whether a reader might overlook the character, or see it where it does not belong: controls, characters that are
/// not drawn (`Default_Ignorable_Code_Point`), marks that change the direction of text (`Bidi_Control`), white space
/// other than the plain space, characters for private use, noncharacters, and characters that fonts draw as nothing
/// though no property says so, such as the object replacement character and the null notehead.
///
/// The ranges are those of Unicode 16.0, `DerivedCoreProperties.txt` and `PropList.txt`.
pub fn is_hidden(char: char) -> bool {
    char.is_control()
        || (char != ' ' && char.is_whitespace())
        || matches!(u32::from(char),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
            | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffc
            | 0x13430..=0x1345f | 0x1bca0..=0x1bca3 | 0x1d159 | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff | 0xf0000..=0x10ffff)
        || u32::from(char) & 0xfffe == 0xfffe
}

/// Whether the character is drawn over the one before it: the blocks of combining diacritical marks, and the marks of
/// Hebrew, Arabic, Syriac, Thai, Lao, Tibetan and Kana, of which fonts draw any number on top of each other.
fn is_mark(char: char) -> bool {
    matches!(u32::from(char),
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x6d6..=0x6dc
        | 0x6df..=0x6e4 | 0x730..=0x74a | 0xe31 | 0xe34..=0xe3a | 0xe47..=0xe4e | 0xeb1 | 0xeb4..=0xebc
        | 0xec8..=0xece | 0xf71..=0xf84 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0x3099..=0x309a
        | 0xfe20..=0xfe2f)
}

/// `text` with every hidden character as an escape of JSON, `\u202e`: inside of a JSON string that is another spelling
/// of the same text. Runs of combining marks are cut open in the same way.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut marks = 0_usize;
    for char in text.chars() {
        marks = if is_mark(char) { marks.saturating_add(1) } else { 0 };
        match char {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            char if is_hidden(char) || marks > MOST_MARKS => escape(char, &mut shown),
            char => shown.push(char),
        }
    }
    shown
}

/// The name of a tool, an operation or an agent: as it is where that is clear, else as JSON in quotes, so that no name
/// reads as more than a name: not as a column, an argument or a second name beside it.
pub fn name(text: &str) -> String {
    let within = |char: char| char.is_alphanumeric() || "_-.:/@+".contains(char);
    if !text.is_empty() && text.chars().all(within) {
        return visible(text);
    }
    visible(Canonical::of(&Value::from(text)).as_str())
}

/// JSON text with hidden characters as escapes, for a page or a terminal. Line breaks between tokens stay.
pub fn visible_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for (index, line) in json.split('\n').enumerate() {
        if index > 0 {
            shown.push('\n');
        }
        shown.push_str(&visible(line));
    }
    shown
}

fn escape(char: char, shown: &mut String) {
    let mut units = [0; 2];
    for unit in char.encode_utf16(&mut units) {
        _ = write!(shown, "\\u{unit:04x}");
    }
}

/// The arguments of an action on one line of about `most` characters: `amount=340 note="two words" to=ann@example.com`.
///
/// `key_params` come first, then short values, then the rest by name. A value that is cut is followed by the number of
/// characters that are missing, `"Dear customer"…+383`, outside of the quotes, where no argument can write it.
/// Arguments for which there is no room are counted: `+2 more`.
pub fn arguments(params: &Value, key_params: &[String], most: usize) -> String {
    let Value::Object(members) = params else { return value(params, most) };
    let rank = |name: &str| key_params.iter().position(|key| key == name).unwrap_or(key_params.len());
    // Behind the parameters to show first come short values, then whole ones, then those that are cut.
    let length = |text: &str| match text.chars().count() {
        0..24 => 0_u8,
        _ if text.contains('…') => 2,
        _ => 1,
    };
    let mut parts: Vec<(usize, u8, &str, String)> = members
        .iter()
        .map(|(name, member)| {
            let text = match member {
                Value::String(text) if is_word(text) && text.len() <= VALUE_CHARS.min(most) => text.clone(),
                member => value(member, VALUE_CHARS.min(most)),
            };
            (rank(name), length(&text), name, text)
        })
        .collect();
    order::sort_by(&mut parts, Ord::cmp);
    let all = parts.len();
    let mut line = String::new();
    for (index, (_, _, name, text)) in parts.iter().enumerate() {
        let part = format!("{}={text}", shown_name(name));
        let length = line.chars().count().saturating_add(part.chars().count());
        if index > 0 && length >= most {
            _ = write!(line, " +{} more", all.saturating_sub(index));
            break;
        }
        if index > 0 {
            line.push(' ');
        }
        line.push_str(&part);
    }
    line
}

/// Whether a text without its quotes cannot be taken for anything else: not for a number, a literal of JSON, a cut or
/// another argument.
pub fn is_word(text: &str) -> bool {
    let within = |char: char| char.is_alphanumeric() || "-_.@/:".contains(char);
    text.starts_with(char::is_alphabetic)
        && text.chars().all(|char| within(char) && !is_hidden(char) && !is_mark(char))
        && !["true", "false", "null"].contains(&text)
}

/// A name as it is where that is clear; else as JSON, so that no name reads as an argument beside it.
fn shown_name(name: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "_-.".contains(char);
    if !name.is_empty() && name.chars().all(|char| plain(char) && !is_hidden(char) && !is_mark(char)) {
        return clipped(name, NAME_CHARS);
    }
    value(&Value::from(name), NAME_CHARS)
}

/// One value as JSON in which nothing hides, of at most about `most` characters and the number of those left out.
pub fn value(value: &Value, most: usize) -> String {
    match value {
        Value::String(text) => {
            let mut chars = text.char_indices();
            let head = match chars.nth(most) {
                Some((end, _)) => text.get(..end).unwrap_or_default(),
                None => text,
            };
            let left = text.get(head.len()..).unwrap_or_default().chars().count();
            let shown = visible(Canonical::of(&Value::from(head)).as_str());
            if left == 0 { shown } else { format!("{shown}…+{left}") }
        }
        other => clipped(&visible(Canonical::of(other).as_str()), most),
    }
}

/// The first `most` characters, and how many are missing.
fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => {
            let (head, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            format!("{head}…+{}", rest.chars().count())
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn line(json: &str, key_params: &[&str], most: usize) -> String {
        let params = json::parse(json.as_bytes(), json::MAX_BYTES).unwrap();
        arguments(&params, &key_params.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), most)
    }

    #[test]
    fn nothing_hides() {
        for code in [
            0x0, 0x7f, 0x85, 0x9b, 0xa0, 0xad, 0x34f, 0x61c, 0x115f, 0x17b4, 0x180b, 0x180e, 0x180f, 0x2003,
            0x200b, 0x200c, 0x200d, 0x200e, 0x2028, 0x2029, 0x202e, 0x202f, 0x2060, 0x2065, 0x2066, 0x206f,
            0x2800, 0x3000, 0x3164, 0xe000, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0xfffb, 0xffff, 0x1bca0, 0x1d173,
            0xfffc, 0x13430, 0x1d159, 0xe0001, 0xe0020, 0xe007f, 0xe0100, 0x10fffd,
        ] {
            let char = char::from_u32(code).unwrap();
            assert!(is_hidden(char), "U+{code:04X} is drawn");
            let shown = visible(&format!("a{char}b"));
            assert!(!shown.contains(char) && shown.starts_with("a\\u"), "{shown}");
        }
        for text in ["plain text", "größer", "日本語", "עברית", "a\u{301}", "😀", "ﬁ"] {
            assert_eq!(visible(text), text);
        }
        assert_eq!(visible("a\u{300}\u{301}\u{302}b"), "a\u{300}\u{301}\\u0302b");
        assert_eq!(visible("\u{e0041}"), "\\udb40\\udc41");
        for (letter, mark) in [("ส", "\u{e47}"), ("ا", "\u{64b}"), ("א", "\u{591}"), ("か", "\u{3099}")]
        {
            let shown = visible(&format!("{letter}{}", mark.repeat(60)));
            assert_eq!(shown.matches(mark).count(), MOST_MARKS, "{shown}");
        }
    }

    #[test]
    fn a_name_reads_as_nothing_but_a_name() {
        for text in ["process_refund", "stripe.refund", "mcp:files/read", "größer", "a@example.com"] {
            assert_eq!(name(text), text);
        }
        assert_eq!(name("bot  pay(amount=5)"), "\"bot  pay(amount=5)\"");
        assert_eq!(name("pay operation=approve"), "\"pay operation=approve\"");
        assert_eq!(name("\"pay\""), "\"\\\"pay\\\"\"");
        assert_eq!(name(" pay"), "\" pay\"");
        assert_eq!(name("x\u{202e}pay\n"), "\"x\\u202epay\\n\"");
        assert_eq!(name(""), "\"\"");
    }

    #[test]
    fn what_decides_comes_first_however_long_the_rest_is() {
        let long = "x".repeat(400);
        assert_eq!(
            line(&format!(r#"{{"aaa":"{long}","amount":340}}"#), &[], 200),
            format!(r#"amount=340 aaa="{}"…+352"#, "x".repeat(48))
        );
        assert_eq!(
            line(&format!(r#"{{"body":"{long}","to":"ann@example.com","url":"https://a"}}"#), &["url"], 60),
            "url=https://a to=ann@example.com +1 more"
        );
    }

    #[test]
    fn a_text_never_reads_as_a_number_and_no_argument_writes_a_mark_of_a_cut() {
        assert_eq!(line(r#"{"amount":"340"}"#, &[], 60), r#"amount="340""#);
        assert_eq!(line(r#"{"amount":340}"#, &[], 60), "amount=340");
        assert_eq!(line(r#"{"a":"c-1","b":"true","c":"x=1"}"#, &[], 60), r#"a=c-1 b="true" c="x=1""#);
        assert_eq!(line(r#"{"a":"b\" c=1"}"#, &[], 60), r#"a="b\" c=1""#);
        assert_eq!(line(r#"{"a":"x +2 more"}"#, &[], 60), r#"a="x +2 more""#);
        assert_eq!(line(r#"{"a=1 b":2}"#, &[], 60), r#""a=1 b"=2"#);
        let marks = "\u{e34}".repeat(20);
        assert!(!line(&format!(r#"{{"a":"ส{marks}","ส{marks}":1}}"#), &[], 300).contains(&marks));
    }

    #[test]
    fn every_cut_says_how_much_is_missing() {
        assert_eq!(line(r#"{"a":"abcdef"}"#, &[], 3), r#"a="abc"…+3"#);
        assert_eq!(line(r#"{"a":[1,2,3,4,5]}"#, &[], 5), "a=[1,2,…+6");
        let names = line(&format!(r#"{{"{}":1}}"#, "n".repeat(50)), &[], 100);
        assert_eq!(names, format!("{}…+10=1", "n".repeat(40)));
    }
}
