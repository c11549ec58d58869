//! How much work a regular expression can be: for each character of a text, a bound on the steps of the search.
//!
//! The search keeps a set of states and takes each character through all of them, so its work depends on the text
//! and on the expression as if its repetitions were written out. A state is only left by a character that it takes.
//! So for each character the bound is the sum, over all places of the expression that take it, of the states that
//! can follow, and of those that a search can begin in. Copies of one place, as in `sk-\w{32}`, are charged to the
//! characters that lead to the first of them where these are fewer than those that the copies take.
//!
//! Expressions arrive here after they compiled. A misreading here makes a bound less precise and never changes a match.

/// Steps for each character, by its ASCII code in lower case; the last is for all others.
#[derive(Debug, Clone)]
pub(super) struct Cost(Box<[u64; CLASSES]>);

const CLASSES: usize = 129;
/// All characters.
const ALL: Set = Set { ascii: u128::MAX, other: true, ranges: 2 };
/// The cost of each character in addition to the steps of states, in steps.
const PER_CHARACTER: u64 = 6;
/// The cost of each state that a search begins in. These are reached for certain, others only possibly.
const PER_START: u64 = 2;

/// Some characters.
#[derive(Debug, Clone, Copy)]
struct Set {
    ascii: u128,
    other: bool,
    /// About how many comparisons it takes to tell whether a character is one of them.
    ranges: u64,
}

#[derive(Debug)]
enum Node {
    /// An assertion, or nothing at all.
    Empty,
    Set(Set),
    Concat(Vec<Node>),
    Any(Vec<Node>),
    Repeat(Box<Node>, u64, Option<u64>),
}

impl Cost {
    /// The cost of an expression that compiles.
    pub(super) fn of(pattern: &str) -> Self {
        let root = Parser { rest: pattern }.alternation(false);
        let start = root.first().saturating_mul(PER_START).saturating_add(PER_CHARACTER);
        let mut cost = Cost(Box::new([start; CLASSES]));
        // A search begins before every character.
        cost.add(&root, ALL, 1, 1);
        cost
    }

    /// A bound on the steps of a search through `text`.
    pub(super) fn over(&self, text: &str) -> u64 {
        let mut sum = 0_u64;
        for byte in text.bytes() {
            // The bytes of a character behind its first take no step.
            let step = if byte & 0xc0 == 0x80 { 0 } else { self.at(byte.to_ascii_lowercase()) };
            sum = sum.saturating_add(step);
        }
        sum.saturating_add(self.at(0x80))
    }

    fn at(&self, byte: u8) -> u64 {
        self.0.get(usize::from(byte).min(CLASSES.saturating_sub(1))).copied().unwrap_or(0)
    }

    /// Adds the states after each place of `node` to the characters that lead there. The whole node is repeated `times`
    /// times, comes after one of the characters `before`, and is followed by `after` states.
    fn add(&mut self, node: &Node, before: Set, after: u64, times: u64) {
        match node {
            Node::Empty => {}
            Node::Set(set) => self.charge(*set, after.saturating_add(1).saturating_mul(times)),
            Node::Concat(nodes) => {
                let mut before = before;
                for (index, node) in nodes.iter().enumerate() {
                    let rest = nodes.iter().skip(index.saturating_add(1));
                    self.add(node, before, through(rest, after), times);
                    before = if node.is_nullable() { before.or(node.last()) } else { node.last() };
                }
            }
            Node::Any(nodes) => {
                nodes.iter().for_each(|node| self.add(node, before, after.saturating_add(1), times));
            }
            Node::Repeat(node, least, most) => {
                // All but the last of the copies that must be there lead into the next copy only.
                let must = least.saturating_sub(1);
                let rest = most.unwrap_or(*least).max(1).saturating_sub(must);
                let copies = if node.is_nullable() { must.saturating_add(rest) } else { 1 };
                let next = node.first().saturating_add(2).saturating_mul(copies);
                let behind = next.saturating_add(after);
                let again = before.or(node.last());
                match &**node {
                    Node::Set(set) if before.size() < set.size() => {
                        let in_all = next.saturating_add(1).saturating_mul(must);
                        self.charge(before, in_all.saturating_mul(times));
                        // Only what ends can be charged to its beginning.
                        let place = if most.is_some() { before } else { *set };
                        self.charge(
                            place,
                            behind.saturating_add(1).saturating_mul(rest).saturating_mul(times),
                        );
                    }
                    node => {
                        self.add(node, again, next, times.saturating_mul(must));
                        self.add(node, again, behind, times.saturating_mul(rest));
                    }
                }
            }
        }
    }

    fn charge(&mut self, set: Set, steps: u64) {
        for (code, cost) in self.0.iter_mut().enumerate() {
            let bits = set.ascii.checked_shr(u32::try_from(code).unwrap_or(0));
            if bits.map_or(set.other, |bits| bits & 1 == 1) {
                *cost = cost.saturating_add(steps);
            }
        }
    }
}

/// How many states the search is in when it comes to `nodes`, behind which there are `after`.
fn through<'n>(nodes: impl Iterator<Item = &'n Node>, after: u64) -> u64 {
    let mut sum = 0_u64;
    for node in nodes {
        sum = sum.saturating_add(node.first());
        if !node.is_nullable() {
            return sum;
        }
    }
    sum.saturating_add(after)
}

impl Node {
    /// How many states the search is in when it comes to this node.
    fn first(&self) -> u64 {
        match self {
            Node::Empty => 1,
            Node::Set(set) => set.ranges.saturating_div(4).saturating_add(1),
            Node::Concat(nodes) => through(nodes.iter(), 1),
            // Each way costs a look even where it leads nowhere.
            Node::Any(nodes) => {
                nodes.iter().fold((nodes.len() as u64).saturating_div(2).saturating_add(2), |sum, node| {
                    sum.saturating_add(node.first())
                })
            }
            Node::Repeat(node, least, most) => {
                let copies = if node.is_nullable() { most.unwrap_or(*least).max(1) } else { 1 };
                node.first().saturating_add(2).saturating_mul(copies)
            }
        }
    }

    /// The characters that can be the last that it takes.
    fn last(&self) -> Set {
        match self {
            Node::Empty => Set::NONE,
            Node::Set(set) => *set,
            Node::Concat(nodes) => {
                let mut last = Set::NONE;
                for node in nodes.iter().rev() {
                    last = last.or(node.last());
                    if !node.is_nullable() {
                        break;
                    }
                }
                last
            }
            Node::Any(nodes) => nodes.iter().fold(Set::NONE, |last, node| last.or(node.last())),
            Node::Repeat(node, ..) => node.last(),
        }
    }

    /// Whether it can match nothing.
    fn is_nullable(&self) -> bool {
        match self {
            Node::Empty => true,
            Node::Set(_) => false,
            Node::Concat(nodes) => nodes.iter().all(Node::is_nullable),
            Node::Any(nodes) => nodes.iter().any(Node::is_nullable),
            Node::Repeat(node, least, _) => *least == 0 || node.is_nullable(),
        }
    }
}

impl Set {
    const NONE: Set = Set { ascii: 0, other: false, ranges: 0 };

    fn range(low: char, high: char) -> Self {
        let mut ascii = 0;
        for code in u32::from(low)..=u32::from(high).min(0x7f) {
            ascii |= 1_u128.checked_shl(code).unwrap_or(0);
        }
        Set { ascii, other: !high.is_ascii(), ranges: 2 }
    }

    fn or(self, other: Set) -> Self {
        let ranges = self.ranges.saturating_add(other.ranges);
        Set { ascii: self.ascii | other.ascii, other: self.other || other.other, ranges }
    }

    /// All from the one character of this to the one of `high`.
    fn to(self, high: Set) -> Self {
        let last = 127_u32.saturating_sub(high.ascii.leading_zeros());
        let first = self.ascii.trailing_zeros();
        let mut set = Set { other: self.other || high.other, ascii: 0, ranges: 2 };
        for code in first..=(if high.ascii == 0 { 127 } else { last }) {
            set.ascii |= 1_u128.checked_shl(code).unwrap_or(0);
        }
        set
    }

    fn size(self) -> u32 {
        self.ascii.count_ones().saturating_add(u32::from(self.other))
    }

    fn negated(self) -> Self {
        Set { ascii: !self.ascii, other: true, ..self }
    }

    /// The set as the table sees it: each letter counts in lower case.
    fn folded(self) -> Self {
        const UPPER: u128 = 0x07ff_fffe_u128 << 0x40;
        Set { ascii: self.ascii | ((self.ascii & UPPER) << 0x20) | ((self.ascii >> 0x20) & UPPER), ..self }
    }
}

/// Reads what `regex-lite` reads, as far as it matters here.
struct Parser<'p> {
    rest: &'p str,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn eat(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// All up to `end`, which is read too.
    fn until(&mut self, end: char) -> &str {
        let (text, rest) = self.rest.split_once(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        text
    }

    /// White space and comments, where the flag `x` is set.
    fn space(&mut self, verbose: bool) {
        if !verbose {
            return;
        }
        self.rest = self.rest.trim_start();
        while self.eat("#") {
            _ = self.until('\n');
            self.rest = self.rest.trim_start();
        }
    }

    /// Everything up to the end of the group, or of the expression.
    fn alternation(&mut self, mut verbose: bool) -> Node {
        let (mut all, mut nodes) = (Vec::new(), Vec::new());
        loop {
            self.space(verbose);
            let Some(next) = self.next() else { break };
            let node = match next {
                ')' => break,
                '|' => {
                    all.push(Node::Concat(std::mem::take(&mut nodes)));
                    continue;
                }
                '(' => {
                    self.space(verbose);
                    let mut inner = verbose;
                    if self.eat("?P<") || self.eat("?<") {
                        _ = self.until('>');
                    } else if self.eat("?") {
                        let end = self.rest.find([':', ')']).unwrap_or(0);
                        let (flags, rest) = self.rest.split_at_checked(end).unwrap_or_default();
                        self.rest = rest;
                        let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
                        inner = (verbose || on.contains('x')) && !off.contains('x');
                        if self.next() == Some(')') {
                            verbose = inner;
                            continue;
                        }
                    }
                    Node::Concat(vec![Node::Empty, self.alternation(inner), Node::Empty])
                }
                '?' | '*' | '+' | '{' => {
                    let (least, most) = match next {
                        '?' => (0, Some(1)),
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => {
                            let count = |text: &str| text.trim().parse().ok();
                            let counts = self.until('}');
                            match counts.split_once(',') {
                                Some((least, most)) => (count(least).unwrap_or(0), count(most)),
                                None => (count(counts).unwrap_or(0), count(counts)),
                            }
                        }
                    };
                    self.space(verbose);
                    _ = self.eat("?");
                    Node::Repeat(Box::new(nodes.pop().unwrap_or(Node::Empty)), least, most)
                }
                '^' | '$' => Node::Empty,
                '.' => Node::Set(ALL),
                '[' => Node::Set(self.class(verbose).folded()),
                '\\' => self.escape(verbose).map_or(Node::Empty, |set| Node::Set(set.folded())),
                one => Node::Set(Set::range(one, one).folded()),
            };
            nodes.push(node);
        }
        all.push(Node::Concat(nodes));
        if all.len() == 1 { all.pop().unwrap_or(Node::Empty) } else { Node::Any(all) }
    }

    /// The class after a backslash; none if it consumes no character.
    fn escape(&mut self, verbose: bool) -> Option<Set> {
        let digit = Set::range('0', '9');
        let word = digit.or(Set::range('A', 'Z')).or(Set::range('a', 'z')).or(Set::range('_', '_'));
        let space = Set::range('\t', '\r').or(Set::range(' ', ' '));
        let one = match self.next()? {
            'd' => return Some(digit),
            'D' => return Some(digit.negated()),
            'w' => return Some(word),
            'W' => return Some(word.negated()),
            's' => return Some(space),
            'S' => return Some(space.negated()),
            'b' => {
                let named = self.rest.strip_prefix('{').map(str::trim_start);
                if named.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-')) {
                    _ = self.until('}');
                }
                return None;
            }
            'A' | 'z' | 'B' | '<' | '>' => return None,
            kind @ ('x' | 'u' | 'U') => {
                self.space(verbose);
                let code = if self.eat("{") {
                    self.until('}').chars().filter(char::is_ascii_hexdigit).collect()
                } else {
                    let mut code = String::new();
                    for _ in 0..(match kind {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    }) {
                        self.space(verbose);
                        code.extend(self.next());
                    }
                    code
                };
                u32::from_str_radix(&code, 16).ok().and_then(char::from_u32)?
            }
            'a' => '\x07',
            'f' => '\x0c',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\x0b',
            other => other,
        };
        Some(Set::range(one, one))
    }

    /// A class behind its bracket.
    fn class(&mut self, verbose: bool) -> Set {
        let mut set = Set::NONE;
        self.space(verbose);
        let negated = self.eat("^");
        self.space(verbose);
        let mut is_first = true;
        while let Some(next) = self.next() {
            let low = match next {
                ']' if !is_first => break,
                // A named class counts as everything.
                '[' => {
                    _ = self.until(']');
                    set = set.or(if negated { Set::NONE } else { ALL });
                    None
                }
                '\\' => self.escape(verbose),
                one => Some(Set::range(one, one)),
            };
            is_first = false;
            self.space(verbose);
            let Some(low) = low else { continue };
            set = set.or(low);
            if !self.rest.starts_with("-]") && self.eat("-") {
                self.space(verbose);
                let high = match self.next() {
                    Some(']') | None => break,
                    Some('\\') => self.escape(verbose).unwrap_or(ALL),
                    Some(one) => Set::range(one, one),
                };
                set = set.or(low.to(high));
            }
            self.space(verbose);
        }
        if negated { set.negated() } else { set }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pattern: &str, text: &str) -> u64 {
        assert!(regex_lite::Regex::new(pattern).is_ok(), "{pattern}");
        Cost::of(pattern).over(text)
    }

    #[test]
    fn repetitions_count_as_often_as_they_stand_there() {
        let text = "abc ".repeat(100);
        let once = steps(r"\w", &text);
        assert!(steps(r"\w{50}x", &text) > 10 * once);
        assert!(steps(r"(\w{7}){7}x", &text) > 10 * once);
        assert!(steps(r"\w{0,50}x", &text) > 10 * once);
        assert!(steps("(?x) \\w { 50 } # {1}\n x", &text) > 10 * once);
        assert!(steps(r"a\x{5b}b{60}c", "[") > 50);
        // Only what begins can go on: the copies are charged to the text that leads there.
        assert!(steps(r"sk-\w{50}", &text) < 3 * once);
        assert!(steps(r"sk-\w{50}", &"sk-".repeat(130)) > 3 * once);
    }

    #[test]
    fn every_letter_counts_in_both_cases() {
        for (pattern, text) in [("[A-F]{9}!", "deadbeef"), ("(?i)[^a]{9}!", "AAAA"), ("[^A-Z]{9}!", "abc")] {
            let other = text.to_ascii_uppercase();
            assert_eq!(steps(pattern, text), steps(pattern, &other), "{pattern}");
            assert!(steps(pattern, text) > steps("q", text), "{pattern}");
        }
        assert!(steps(r"[^\w]{30}x", "\u{e9}\u{e9}") > steps(r"\w{30}x", "\u{e9}\u{e9}"));
    }

    #[test]
    fn groups_flags_and_classes_are_passed_by() {
        // The text after them counts, so they were read to their end and not beyond.
        for before in [
            "(?P<name>a)",
            "(?<name>a)",
            "(?:a)",
            "(?i)",
            "(?i-s:a)",
            "[]a]",
            "[^]a]",
            "[-a]",
            "[a-]",
            "[[:alpha:]]",
            r"[\]a]",
            r"[a\-z]",
            r"\b",
            r"\b{start}",
            r"\(",
            r"\[",
            r"\{",
            "a{2}",
            "a{2,}?",
            "a{1,3}",
            "a*?",
            "a++",
            "(|a)",
            r"\x41",
            r"\x{41}",
            r"\u0041",
            r"\U00000041",
            "[\u{e9}-\u{ff}]",
            "[&a]",
            "[a~]",
            "(?x)[ a ] # [(\n",
        ] {
            let behind = format!("{before}0[1]{{200}}");
            assert!(steps(&behind, &"01".repeat(50)) > 50 * 200, "{before}");
        }
    }
}
