//! The paths to other files of its crate that the text of a Rust file names.
//!
//! It knows tokens, `use` trees and modules inside of a file, and nothing else of the language: enough for paths that
//! begin with `crate`, `super`, `self` or a module that the file declares.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct File {
    /// The paths, as they are seen from the file: those of a module inside of it without the `super` that leads out.
    pub(super) paths: BTreeSet<Vec<String>>,
    /// The names that the file hands on with `pub use`, each with the path that it has them from.
    pub(super) handed_on: BTreeMap<String, Vec<String>>,
}

/// Reads a file.
pub(super) fn read(content: &str) -> File {
    let tokens = tokens(content);
    let children = tokens
        .windows(3)
        .filter_map(|three| match three {
            [keyword, name, end] if keyword == "mod" && end == ";" => Some(name.clone()),
            _ => None,
        })
        .collect();
    let (inside, file) = (Vec::new(), File::default());
    let mut reader = Reader { tokens: &tokens, at: 0, inside, children, is_for_tests: false, file };
    reader.read();
    reader.file
}

struct Reader<'a> {
    tokens: &'a [String],
    at: usize,
    /// For each open brace, whether a module inside of the file begins with it.
    inside: Vec<bool>,
    /// The modules that the file declares.
    children: BTreeSet<String>,
    /// Whether `#[cfg(test)]` came, and not yet what it is said of.
    is_for_tests: bool,
    file: File,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn read(&mut self) {
        let cfg_test = ["#", "[", "cfg", "(", "test", ")", "]"].map(str::to_owned);
        let mut before = String::new();
        while self.at < self.tokens.len() {
            let token = self.peek(0).to_owned();
            match token.as_str() {
                "#" if self.tokens.get(self.at..).is_some_and(|rest| rest.starts_with(&cfg_test)) => {
                    self.is_for_tests = true;
                }
                "{" => self.inside.push(false),
                "}" => _ = self.inside.pop(),
                "mod" if self.peek(2) == "{" && self.is_for_tests => self.skip_module(),
                "mod" if self.peek(2) == "{" => {
                    self.inside.push(true);
                    self.at += 2;
                }
                "use" => {
                    let is_public = before == "pub" || before == ")";
                    self.at += 1;
                    self.tree(&[], is_public);
                    self.is_for_tests = false;
                }
                word if self.peek(1) == "::" && before != "::" && self.leads_on(word) => {
                    let path = self.path();
                    self.keep(path);
                    before.clear();
                    continue;
                }
                _ => {}
            }
            self.is_for_tests &= !matches!(token.as_str(), "{" | "}" | ";");
            before = token;
            self.at += 1;
        }
    }

    /// Goes to the brace that ends the module that begins here.
    fn skip_module(&mut self) {
        let mut open = 0;
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "{" => open += 1,
                "}" if open == 1 => break,
                "}" => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
        self.is_for_tests = false;
    }

    fn leads_on(&self, word: &str) -> bool {
        matches!(word, "crate" | "super" | "self") || self.children.contains(word)
    }

    /// The segments of the path that begins here.
    fn path(&mut self) -> Vec<String> {
        let mut path = vec![self.peek(0).to_owned()];
        self.at += 1;
        while self.peek(0) == "::" && is_word(self.peek(1)) {
            path.push(self.peek(1).to_owned());
            self.at += 2;
        }
        path
    }

    /// A tree of a `use`, behind `before`; stops at the token that ends it.
    fn tree(&mut self, before: &[String], is_public: bool) {
        let mut path = before.to_vec();
        loop {
            match self.peek(0) {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !matches!(self.peek(0), "}" | "") {
                        self.tree(&path, is_public);
                        if self.peek(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => {
                    self.keep_use(&path, is_public, Some(self.peek(1).to_owned()));
                    self.at += 2;
                    return;
                }
                word if is_word(word) || word == "*" => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _ => {
                    self.keep_use(&path, is_public, None);
                    return;
                }
            }
        }
    }

    fn keep_use(&mut self, path: &[String], is_public: bool, renamed: Option<String>) {
        let path: Vec<String> = path.iter().filter(|segment| *segment != "*").cloned().collect();
        if !path.first().is_some_and(|first| self.leads_on(first)) {
            return;
        }
        if let (true, Some(name)) = (is_public, renamed.or_else(|| path.last().cloned())) {
            self.file.handed_on.insert(name, path.clone());
        }
        self.keep(path);
    }

    fn keep(&mut self, mut path: Vec<String>) {
        let modules = self.inside.iter().filter(|is_module| **is_module).count();
        for _ in 0..modules {
            match path.first().map(String::as_str) {
                // Out of a module inside of the file, into the file.
                Some("super") => _ = path.remove(0),
                _ => break,
            }
        }
        if path.first().is_some_and(|first| self.leads_on(first)) {
            self.file.paths.insert(path);
        }
    }
}

fn is_word(token: &str) -> bool {
    token.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
}

/// Words, `::` and single characters; comments, texts and white space are left out.
fn tokens(content: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = content;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphabetic() || first == '_' {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            match raw_text(rest) {
                Some(length) => length,
                None => {
                    tokens.push(rest.get(..word).unwrap_or_default().to_owned());
                    word
                }
            }
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            character(rest)
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// The length of a raw or byte text at the beginning of `text`, if there is one.
fn raw_text(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let rest = text.get(prefix.len()..)?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if hashes == 0 && !prefix.ends_with('r') {
        return Some(prefix.len() + quoted(rest, '"'));
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inner = rest.get(hashes + 1..)?;
    Some(prefix.len() + hashes + 1 + inner.find(&end).map_or(inner.len(), |at| at + end.len()))
}

/// The length of what `mark` begins and ends, with its escapes.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == mark => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The length of a character in quotes, or of the mark of a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => quoted(text, '\''),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(content: &str) -> Vec<String> {
        read(content).paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn paths_are_found_in_uses_and_in_code() {
        let content = "mod child;\nuse std::fmt;\nuse crate::{a::{self, B as C}, d::*};\npub(super) use super::e;\n\
                       fn f<'a>(x: &'a child::X) -> crate::g::H { std::crate_::y(); i::self_() }";
        assert_eq!(
            paths(content),
            ["child::X", "crate::a::B", "crate::a::self", "crate::d", "crate::g::H", "super::e"]
        );
    }

    #[test]
    fn comments_and_texts_name_nothing() {
        let content = "//! [`crate::a`]\n/* crate::b */ const A: &str = \"crate::c \\\" crate::d\";\n\
                       const B: &str = r#\"crate::e \" \"#; const C: char = '\"'; const D: &[u8] = b\"crate::f\";\n\
                       use crate::g;";
        assert_eq!(paths(content), ["crate::g"]);
    }

    #[test]
    fn a_module_inside_of_the_file_is_the_file() {
        let content =
            "mod tests { use super::*; use super::super::other::X; fn f() { super::g() } }\nuse super::h;";
        assert_eq!(paths(content), ["super::h", "super::other::X"]);
    }

    #[test]
    fn tests_inside_of_the_file_are_left_out() {
        let content = "#[cfg(test)]\n#[cfg(unix)]\nmod tests { fn f() { crate::a::g() } }\n#[cfg(test)]\nuse crate::b;\n\
                       mod c { use crate::d; }";
        assert_eq!(paths(content), ["crate::b", "crate::d"]);
    }

    #[test]
    fn names_that_are_handed_on_are_known() {
        let file = read("mod a; pub use a::{B, c::D as E}; use a::F;");
        let handed_on: Vec<_> =
            file.handed_on.iter().map(|(name, path)| format!("{name}={}", path.join("::"))).collect();
        assert_eq!(handed_on, ["B=a::B", "E=a::c::D"]);
    }
}
