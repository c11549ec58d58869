//! Hosts and addresses: what `domain`, `email_domain` and `cidr` compare.
//!
//! A text is parsed whole before anything is compared. A text that two common readers (RFC 3986, WHATWG, curl,
//! Python, a mail server) could read as different hosts has no host here, and the condition is undetermined.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The schemes whose authority names the host that is asked. In others it is a bucket, a script, a local file, or
/// something that a parameter in the query replaces.
const SCHEMES: [&str; 21] = [
    "http", "https", "ws", "wss", "ftp", "ftps", "sftp", "ssh", "git", "imap", "imaps", "smtp", "smtps",
    "ldap", "ldaps", "redis", "rediss", "amqp", "amqps", "mqtt", "mqtts",
];

/// The most bytes of a name, and of one label of it (RFC 1035 §2.3.4).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;
/// The most bytes of a local part (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// A host. Two spellings of one host are one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case and without a final dot.
    Name(String),
    /// An IPv4 address, written as four plain decimal parts.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

/// How a text refers to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// `scheme://host/…`, or a bare `host.example/…`.
    Url,
    /// `local@host.example`.
    Mailbox,
}

impl Reference {
    /// The host that `text` refers to; none if it has no host, or if parsers differ about it.
    pub fn host(self, text: &str) -> Option<Host> {
        match self {
            Reference::Url => {
                if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
                    return None;
                }
                if text.contains("://") { with_scheme(text) } else { bare(text) }
            }
            Reference::Mailbox => mailbox(text),
        }
    }

    /// A host as a policy names it; none when nothing that is referred to this way could have it.
    pub fn operand(self, text: &str) -> Option<Host> {
        match self {
            Reference::Url => Host::parse(text),
            Reference::Mailbox => Host::parse(text).filter(|host| matches!(host, Host::Name(_))),
        }
    }
}

impl Host {
    /// Reads a name or an IPv4 address.
    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let last = name.rsplit('.').next().unwrap_or_default();
        // A host whose last label is a number is an address (WHATWG URL §3.5, "ends in a number"). Spelled in any
        // way but this one, some readers see another address in it, and some a name.
        if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X")
        {
            return text.parse().ok().map(Host::V4);
        }
        let sound = name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label);
        sound.then(|| Host::Name(name.to_ascii_lowercase()))
    }

    /// Whether it is `domain` or under it.
    pub fn is_under(&self, domain: &Host) -> bool {
        match (self, domain) {
            (Host::Name(name), Host::Name(domain)) => match name.strip_suffix(domain.as_str()) {
                Some(before) => before.is_empty() || before.ends_with('.'),
                None => false,
            },
            _ => self == domain,
        }
    }

    fn address(self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(address)),
            Host::V6(address) => Some(IpAddr::V6(address)),
        }
    }
}

/// Letters, digits, hyphens inside, and underscores, which are common in names though not in host names.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether a host name that has no scheme before it can be nothing else.
fn is_plain(name: &str) -> bool {
    name.contains('.') && !name.ends_with('.') && !name.contains('_')
}

/// `scheme://userinfo@host:port/…` (RFC 3986 §3.2).
fn with_scheme(text: &str) -> Option<Host> {
    let (scheme, rest) = text.split_once("://")?;
    SCHEMES.iter().find(|known| known.eq_ignore_ascii_case(scheme))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A second `@` would be in the place, where no host can have one.
    let place = match authority.split_once('@') {
        Some((user, place)) => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:".contains(&byte);
            let sound = !user.is_empty() && !user.starts_with(':') && user.bytes().all(allowed);
            sound.then_some(place)?
        }
        None => authority,
    };
    match place.strip_prefix('[') {
        Some(literal) => {
            let (address, port) = literal.split_once(']')?;
            let sound = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            sound.then(|| address.parse().ok().map(Host::V6)).flatten()
        }
        None => Host::parse(without_port(place)?),
    }
}

/// `host.example`, `host.example:8443/path`: at least two labels, and nothing that makes it a path, a mailbox or a
/// URL without slashes.
fn bare(text: &str) -> Option<Host> {
    let (place, path) = match text.find(['/', '?', '#']) {
        Some(end) => text.split_at_checked(end)?,
        None => (text, ""),
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    // Some readers take a query without a path before it for a part of the host.
    if path.is_empty() && place.len() < text.len() || path.contains(['@', '%']) {
        return None;
    }
    let name = without_port(place)?;
    if is_plain(name) { Host::parse(name) } else { None }
}

/// The host part of `host:port`.
fn without_port(place: &str) -> Option<&str> {
    match place.split_once(':') {
        Some((host, port)) => is_port(port).then_some(host),
        None => Some(place),
    }
}

fn is_port(port: &str) -> bool {
    let digits = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    digits && !port.starts_with('0') && port.parse::<u16>().is_ok()
}

/// `local@host.example` with a dot-atom before the at sign (RFC 5321 §4.1.2). An exclamation mark or a percent sign
/// in it is a route to another host for some mail servers, and `/ ? #` mean something else in a URL.
fn mailbox(text: &str) -> Option<Host> {
    let (local, domain) = text.split_once('@')?;
    let is_atom = |atom: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"$&'*+-=^_`{|}~".contains(&byte);
        !atom.is_empty() && atom.bytes().all(allowed)
    };
    if local.len() > MAX_LOCAL_BYTES || !local.split('.').all(is_atom) || !is_plain(domain) {
        return None;
    }
    Reference::Mailbox.operand(domain)
}

/// The address in `text`, or the address of its URL. A URL needs its scheme here: `10.0.0.1/8` is not one.
pub fn address(text: &str) -> Option<IpAddr> {
    if text.contains("://") { Reference::Url.host(text)?.address() } else { text.parse().ok() }
}

/// A network, such as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many leading bits count.
    bits: u32,
}

impl Network {
    /// Reads a network (RFC 4632 notation).
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match length {
            None => most,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|length| *length <= most)?
            }
            Some(_) => return None,
        };
        Some(Network { address, bits })
    }

    /// Whether the address is in the network. No network of one family has an address of the other.
    fn contains(&self, address: IpAddr) -> bool {
        let same = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        same >= self.bits
    }
}

/// Whether `address` is in one of `networks`.
///
/// An IPv6 address with an IPv4 address in it can be meant either way. Where both readings agree, that is the answer.
/// Where they differ, a condition that restricts holds, and for one that permits (`permits`) there is no answer.
/// An IPv4-mapped address always reaches the IPv4 one, so that reading alone can permit.
pub fn within(networks: &[Network], address: IpAddr, permits: bool) -> Option<bool> {
    let any = |address: IpAddr| networks.iter().any(|network| network.contains(address));
    let plain = any(address);
    let IpAddr::V6(v6) = address else { return Some(plain) };
    let Some((v4, is_mapped)) = embedded(v6) else { return Some(plain) };
    let inner = any(IpAddr::V4(v4));
    if plain == inner || !permits {
        return Some(plain || inner);
    }
    if is_mapped && inner { Some(true) } else { None }
}

/// The IPv4 address inside of an IPv6 one, and whether the latter is nothing but another spelling of it.
fn embedded(address: Ipv6Addr) -> Option<(Ipv4Addr, bool)> {
    let bits = address.to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are what is wanted")]
    let word = |shift: u32| (bits >> shift) as u32;
    let low = word(0);
    let v4 = match (word(96), word(64), word(32)) {
        // IPv4-mapped, RFC 4291 §2.5.5.2.
        (0, 0, 0xffff) => return Some((Ipv4Addr::from_bits(low), true)),
        // IPv4-compatible, RFC 4291 §2.5.5.1; `::` and `::1` are none.
        (0, 0, 0) if low > 1 => low,
        // IPv4-translated, RFC 2765 §2.1.
        (0, 0, 0xffff_0000) => low,
        // NAT64, RFC 6052 §2.1 and RFC 8215.
        (0x0064_ff9b, 0, 0) => low,
        (0x0064_ff9b, second, _) if second >> 16 == 1 => low,
        // 6to4, RFC 3056 §2.
        (first, _, _) if first >> 16 == 0x2002 => word(80),
        // Teredo, RFC 4380 §4: the client's address, inverted.
        (0x2001_0000, _, _) => !low,
        // ISATAP, RFC 5214 §6.1.
        (_, _, 0x0000_5efe | 0x0200_5efe) => low,
        _ => return None,
    };
    Some((Ipv4Addr::from_bits(v4), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reference: Reference, text: &str) -> Option<String> {
        reference.host(text).map(|host| match host {
            Host::Name(name) => name,
            Host::V4(address) => address.to_string(),
            Host::V6(address) => format!("[{address}]"),
        })
    }

    #[test]
    fn urls_that_all_readers_read_alike_have_a_host() {
        for (text, host) in [
            ("https://api.Example.com/x?y#z", "api.example.com"),
            ("https://example.com:8443/", "example.com"),
            ("https://user:pw@example.com/", "example.com"),
            ("https://good.example@evil.example/", "evil.example"),
            ("ftp://example.com.", "example.com"),
            ("HTTPS://EXAMPLE.COM./", "example.com"),
            ("http://localhost:3000", "localhost"),
            ("https://evil.test?@good.example/", "evil.test"),
            ("https://evil.test#@good.example/", "evil.test"),
            ("https://evil.test/@good.example", "evil.test"),
            ("https://my_bucket.example.com/a%20b/\u{e4}", "my_bucket.example.com"),
            ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example"),
            ("https://r3---sn-4g5e.example/", "r3---sn-4g5e.example"),
            ("https://1.2.3.4.example/", "1.2.3.4.example"),
            ("http://169.254.169.254:80/latest/", "169.254.169.254"),
            ("http://[::1]:8080/", "[::1]"),
            ("http://[::FFFF:10.0.0.1]/", "[::ffff:10.0.0.1]"),
            ("example.com", "example.com"),
            ("WWW.Example.com/a?b=@c%20#d", "www.example.com"),
            ("example.com:8443/a:b", "example.com"),
            ("10.0.0.1/x", "10.0.0.1"),
        ] {
            assert_eq!(shown(Reference::Url, text).as_deref(), Some(host), "{text}");
        }
    }

    #[test]
    fn urls_that_readers_differ_about_have_none() {
        for text in [
            // Hosts that are not one in some reader.
            "https://evil.example\\@good.example/",
            "https://good.example/\\evil.example",
            "https://exam\tple.com/",
            " https://example.com/",
            "https://example.com/\n",
            "https://example.com/a b",
            "https://\u{ff45}xample.com/",
            "https://good.example\u{3002}evil.example/",
            "https://good.example\u{ff0f}.evil.example/",
            "https://ex%61mple.com/",
            "https://good.example%2f.evil.example/",
            "https://good.example;evil.example/",
            "https://good.example,evil.example/",
            "https://{{host}}/good.example",
            "https://-good.example/",
            "https://good-.example/",
            "https://xn--good-.example/",
            "https://good..example/",
            "https://.good.example/",
            "https://good.example../",
            "https:///path",
            "https:///good.example/",
            "https://?good.example",
            // User information.
            "https://a@b@good.example/",
            "https://@good.example/",
            "https://:@good.example/",
            "https://good.example%40@evil.example/",
            "https://good.example[@evil.example/",
            // Ports.
            "https://good.example:/",
            "https://good.example:x/",
            "https://good.example:0/",
            "https://good.example:080/",
            "https://good.example:65536/",
            "https://good.example:99999999999/",
            "https://good.example:80:80/",
            "https://good.example:+80/",
            // Numbers that some read as addresses and some as names.
            "http://2852039166/",
            "http://0xA9FEA9FE/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://169.0376.0xa9fe/",
            "http://127.1:6379/",
            "http://127.0.0.01/",
            "http://1.2.3.4./",
            "http://1.2.3.4.5/",
            "http://256.1.1.1/",
            "http://good.example.0x7f/",
            "http://good.example.1/",
            "http://good.example.0x/",
            "http://[::1%25eth0]/",
            "http://[::1]x/",
            "http://[::1/",
            "http://[1.2.3.4]/",
            "http://[v1.x]/",
            // Schemes whose authority is not the host that is asked.
            "javascript://good.example/%0aalert(1)",
            "data://good.example/",
            "file://good.example/etc/passwd",
            "gopher://good.example/",
            "s3://good.example/",
            "postgresql://good.example/db?host=evil.example",
            "jar:https://good.example/",
            "view-source:https://good.example/",
            "1http://good.example/",
            "://good.example",
            "ht\u{17f}tp://good.example/",
            // Without `scheme://`, where a path or a mailbox may be meant.
            "https:good.example",
            "https:/good.example",
            "https:/evil.example/@good.example",
            "//good.example/",
            "/good.example",
            "evil.example/x@good.example",
            "evil.example?@good.example",
            "evil.example#@good.example",
            "evil.example?x",
            "evil.example/%2e%2e",
            "evil.example/x://good.example/",
            "javascript:fetch(1)//@good.example",
            "good.example:x",
            "good.example:",
            "good.example.",
            "my_good.example",
            "localhost",
            "localhost:80",
            "127.1",
            "ann@good.example",
            "Ann <ann@good.example>",
            "",
        ] {
            assert_eq!(Reference::Url.host(text), None, "{text}");
        }
        let label = "a".repeat(MAX_LABEL_BYTES);
        assert!(Reference::Url.host(&format!("https://{label}.example/")).is_some());
        assert_eq!(Reference::Url.host(&format!("https://{label}a.example/")), None);
        assert_eq!(Reference::Url.host(&format!("https://{}example/", "a.".repeat(124))), None);
    }

    #[test]
    fn mailboxes() {
        for (text, host) in [
            ("ann@example.com", Some("example.com")),
            ("Ann.O'Neil+tag=x@Mail.Example.COM", Some("mail.example.com")),
            ("a@b@example.com", None),
            ("@example.com", None),
            ("ann@", None),
            ("ann", None),
            ("ann@localhost", None),
            ("ann@example.com.", None),
            ("ann@my_host.example", None),
            ("ann@10.0.0.1", None),
            ("ann@[10.0.0.1]", None),
            ("ann@example.com:25", None),
            ("ann@example.com, eve@evil.example", None),
            ("ann@example.com\n", None),
            (" ann@example.com", None),
            ("Ann <ann@example.com>", None),
            ("<ann@example.com>", None),
            ("mailto:ann@example.com", None),
            ("\"eve@evil.example\"@example.com", None),
            ("eve@evil.example(@example.com)", None),
            ("ann(x)@example.com", None),
            (".ann@example.com", None),
            ("ann.@example.com", None),
            ("a..b@example.com", None),
            ("evil.example/x@example.com", None),
            ("evil.example!eve@example.com", None),
            ("eve%evil.example@example.com", None),
            ("a?bcc=eve#@example.com", None),
            ("a\\b@example.com", None),
            ("\u{e4}nn@example.com", None),
            ("ann@ex\u{e4}mple.com", None),
            ("https://ann@example.com", None),
            ("", None),
        ] {
            assert_eq!(shown(Reference::Mailbox, text).as_deref(), host, "{text}");
        }
        let longest = "a".repeat(MAX_LOCAL_BYTES);
        assert!(Reference::Mailbox.host(&format!("{longest}@example.com")).is_some());
        assert_eq!(Reference::Mailbox.host(&format!("{longest}a@example.com")), None);
    }

    #[test]
    fn under_a_domain() {
        let under =
            |host, domain| Host::parse(host).unwrap().is_under(&Reference::Url.operand(domain).unwrap());
        assert!(under("example.com", "Example.com."));
        assert!(under("a.b.example.com", "example.com"));
        assert!(under("www.mit.edu", "edu"));
        assert!(under("169.254.169.254", "169.254.169.254"));
        assert!(!under("badexample.com", "example.com"));
        assert!(!under("example.com.evil.org", "example.com"));
        assert!(!under("1.2.3.4", "example.com"));
        for bad in [
            "https://x",
            "*.example.com",
            ".com",
            "",
            "a b",
            "0x7f.1",
            "2852039166",
            "[::1]",
            "ex\u{e4}mple.com",
            "a@b.c",
            "b.c:80",
            "b.c/",
        ] {
            assert_eq!(Reference::Url.operand(bad), None, "{bad}");
        }
        assert_eq!(Reference::Mailbox.operand("10.0.0.1"), None);
    }

    /// `Some(true)` in, `Some(false)` out, `None` undetermined: for a condition that restricts, then for one that
    /// permits.
    fn in_network(network: &[&str], address: &str) -> (Option<bool>, Option<bool>) {
        let networks: Vec<Network> = network.iter().map(|text| Network::parse(text).unwrap()).collect();
        let address = super::address(address).unwrap();
        (within(&networks, address, false), within(&networks, address, true))
    }

    #[test]
    fn networks() {
        const IN: (Option<bool>, Option<bool>) = (Some(true), Some(true));
        const OUT: (Option<bool>, Option<bool>) = (Some(false), Some(false));
        /// It restricts, and does not permit.
        const EITHER: (Option<bool>, Option<bool>) = (Some(true), None);
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", IN),
            ("10.0.0.0/8", "11.0.0.1", OUT),
            ("10.1.2.3/8", "10.9.9.9", IN),
            ("0.0.0.0/0", "1.2.3.4", IN),
            ("192.0.2.7", "192.0.2.7", IN),
            ("0.0.0.0/0", "2001:db8::1", OUT),
            ("2001:db8::/32", "2001:db8:1::1", IN),
            ("2001:db8::/32", "2001:db9::1", OUT),
            ("10.0.0.0/8", "http://10.0.0.1/x", IN),
            ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/x", IN),
            // No network of IPv6 has a plain IPv4 address.
            ("::/0", "10.0.0.1", OUT),
            ("::/64", "8.8.8.8", OUT),
            ("::ffff:0:0/96", "8.8.8.8", OUT),
            // IPv4 inside of IPv6.
            ("10.0.0.0/8", "::ffff:10.0.0.1", IN),
            ("::/0", "::ffff:10.0.0.1", EITHER),
            ("10.0.0.0/8", "::10.0.0.1", EITHER),
            ("10.0.0.0/8", "64:ff9b::10.0.0.1", EITHER),
            ("10.0.0.0/8", "64:ff9b:1::10.0.0.1", EITHER),
            ("10.0.0.0/8", "2002:a00:1::", EITHER),
            ("10.0.0.0/8", "2002:a00:1:5::7", EITHER),
            ("10.0.0.0/8", "::ffff:0:10.0.0.1", EITHER),
            ("10.0.0.0/8", "2001:0:1:2:3:4:f5ff:fffe", EITHER),
            ("10.0.0.0/8", "fe80::5efe:10.0.0.1", EITHER),
            ("10.0.0.0/8", "64:ff9b::11.0.0.1", OUT),
            ("64:ff9b::/96", "64:ff9b::10.0.0.1", EITHER),
            ("::/0", "64:ff9b::10.0.0.1", EITHER),
            // These two have no IPv4 address in them.
            ("::1", "::1", IN),
            ("::", "::", IN),
            ("0.0.0.0/8", "::1", OUT),
        ] {
            assert_eq!(in_network(&[network], address), expected, "{address} in {network}");
        }
        assert_eq!(in_network(&["0.0.0.0/0", "::/0"], "64:ff9b::10.0.0.1"), IN);
        for bad in [
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "x",
            "010.0.0.1",
            "fe80::%eth0/64",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
        for none in [
            "10.0.0.1/8",
            "10.0.0.1:80",
            "10.1",
            "0x7f.0.0.1",
            "fe80::1%eth0",
            "[::1]",
            "http://localhost/",
            "http://127.1/",
            "localhost",
            "",
        ] {
            assert_eq!(super::address(none), None, "{none}");
        }
    }
}
