//! Addresses and hosts: what `cidr` and `domain` compare.
//!
//! Both read their value strictly. Text that two programs could read as different hosts has no host here, and the
//! condition is undetermined.

use std::net::IpAddr;

/// A network, such as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    /// How many leading bits of the 128 count. IPv4 is kept in its IPv4-mapped form (RFC 4291 §2.5.5.2).
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
        let (most, before) = if address.is_ipv4() { (32_u32, 96_u32) } else { (128, 0) };
        let length = match length {
            None => most,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|length| *length <= most)?
            }
            Some(_) => return None,
        };
        Some(Network { address: mapped(address), bits: length.saturating_add(before) })
    }

    /// Whether the address is in the network. IPv4-mapped addresses count as IPv4 ones.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = self.address ^ mapped(address);
        differing.leading_zeros() >= self.bits
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The host of a URL with an authority (`scheme://…`, RFC 3986 §3.2) or of a bare e-mail address, in lower case
/// and without a final dot. None where there is none, or where programs differ about which it is.
pub fn host(text: &str) -> Option<String> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return None;
    }
    let host = match text.split_once("://") {
        Some((scheme, rest)) => {
            let mut chars = scheme.chars();
            let starts = chars.next().is_some_and(|first| first.is_ascii_alphabetic());
            if !starts || !chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')) {
                return None;
            }
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            // Everything before the last `@` is user information, which may itself look like a host.
            let place = authority.rsplit('@').next().unwrap_or_default();
            if place.starts_with('[') {
                return None;
            }
            match place.split_once(':') {
                Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
                Some(_) => return None,
                None => place,
            }
        }
        None => {
            let (local, host) = text.split_once('@')?;
            if local.is_empty() || host.contains('@') {
                return None;
            }
            host
        }
    };
    domain(host)
}

/// A domain as a policy names it, in lower case: `example.com` also covers `api.example.com`.
pub fn domain(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.split('.').all(label).then(|| name.to_ascii_lowercase())
}

/// Whether `host` is `domain` or under it. Both in lower case.
pub fn is_under(host: &str, domain: &str) -> bool {
    match host.strip_suffix(domain) {
        Some("") => true,
        Some(before) => before.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let within = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(within("10.0.0.0/8", "10.255.0.1"));
        assert!(!within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("10.1.2.3/8", "10.9.9.9"));
        assert!(within("0.0.0.0/0", "1.2.3.4"));
        assert!(!within("0.0.0.0/0", "2001:db8::1"));
        assert!(within("192.0.2.7", "192.0.2.7"));
        assert!(within("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(within("2001:db8::/32", "2001:db8:1::1"));
        assert!(!within("2001:db8::/32", "2001:db9::1"));
        assert!(within("::/0", "10.0.0.1"));
        for bad in ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/+8", "::/129", "x", "010.0.0.1"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("https://api.Example.com/x?y#z", Some("api.example.com")),
            ("https://example.com:8443/", Some("example.com")),
            ("https://user:pw@example.com/", Some("example.com")),
            ("https://good.example@evil.example/", Some("evil.example")),
            ("ftp://example.com.", Some("example.com")),
            ("ann@example.com", Some("example.com")),
            ("https://evil.example\\@good.example/", None),
            ("https://exam\tple.com/", None),
            ("https://ｅxample.com/", None),
            ("https://ex%61mple.com/", None),
            ("https:///path", None),
            ("https:example.com", None),
            ("//example.com/", None),
            ("example.com", None),
            ("a@b@example.com", None),
            ("@example.com", None),
            ("Ann <ann@example.com>", None),
            ("https://[::1]/", None),
            ("https://example.com:x/", None),
            ("://example.com", None),
            ("", None),
        ] {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn under_a_domain() {
        assert!(is_under("example.com", "example.com"));
        assert!(is_under("a.b.example.com", "example.com"));
        assert!(!is_under("badexample.com", "example.com"));
        assert!(!is_under("example.com.evil.org", "example.com"));
    }
}
