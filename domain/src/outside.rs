//! What of the outside may be asked: addresses of the public internet, and those of one's own that are allowed by name. Names are resolved elsewhere; every
//! address they lead to passes here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// The longest address that is asked.
pub const LONGEST_URL: usize = 2000;

/// Why an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Not an http or https address, or one with a user in it.
    Malformed,
    /// It leads into a network that is not public and not allowed.
    Private,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}
const fn v6(first: u16, second: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), bits)
}

/// IANA's registry of special purpose, as far as it is not globally reachable, and multicast.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Of IPv6 only global unicast is public, without what in it is documentation, benchmark, or a way to other addresses.
const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 3);
const NOT_PUBLIC_V6: [Ipv6Net; 3] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x3fff, 0, 20)];

/// The IPv4 address inside of one of IPv6: mapped, compatible, translated (NAT64, also of a local prefix), 6to4, Teredo's client.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0x2002, high, low, ..] => of(high, low),
        [0x2001, 0, .., high, low] => of(!high, !low),
        [0x64, 0xff9b, .., high, low] | [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => of(high, low),
        _ => None,
    }
}

/// Whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NOT_PUBLIC_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => match inner(v6) {
            // the well-known prefix of NAT64 leads to public addresses legitimately; whatever else is in disguise is not asked at all
            Some(v4) => v6.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) && is_public(IpAddr::V4(v4)),
            None => PUBLIC_V6.contains(&v6) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&v6)),
        },
    }
}

/// Whether an address may be connected to: public, or in a network that is allowed by name.
pub fn may_connect(address: IpAddr, allowed: &[IpNet]) -> bool {
    let plain = address.to_canonical();
    allowed.iter().any(|net| net.contains(&plain)) || is_public(address)
}

/// Reads an address to be asked, the way the client reads it: decimal, octal, hexadecimal and short notations become what they mean. Where it names its
/// host by an address, or by a name that only ever means this machine, it is held against the networks at once.
pub fn read(text: &str, allowed: &[IpNet]) -> Result<Url, Unfit> {
    if text.len() > LONGEST_URL {
        return Err(Unfit::Malformed);
    }
    let url = Url::parse(text).map_err(|_| Unfit::Malformed)?;
    let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    // what the reader would drop silently is more likely a trick than an address
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\');
    if !plain || !clean {
        return Err(Unfit::Malformed);
    }
    let fits = match url.host() {
        None => return Err(Unfit::Malformed),
        Some(Host::Ipv4(address)) => may_connect(IpAddr::V4(address), allowed),
        Some(Host::Ipv6(address)) => may_connect(IpAddr::V6(address), allowed),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let here = name == "localhost" || name.ends_with(".localhost");
            !here || may_connect(IpAddr::V4(Ipv4Addr::LOCALHOST), allowed)
        }
    };
    if fits { Ok(url) } else { Err(Unfit::Private) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn private_networks_in_every_notation_are_not_asked() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0x7f.0x0.0x0.0x1",
            "127.255.255.254",
            "0",
            "0.0.0.0",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[::ffff:0:127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::a00:1]",
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::1]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[100::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[5f00::1]",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "１２７.０.０.１",
        ] {
            assert_eq!(read(&format!("http://{host}:8080/x"), &[]), Err(Unfit::Private), "{host}");
        }
    }

    #[test]
    fn what_is_no_address_to_ask_is_malformed() {
        for bad in [
            "",
            "x",
            "//example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "http://",
            "http://user@example.com",
            "http://:x@example.com",
            "gopher://example.com",
            "http://exa mple.com",
            "http://127.0.0.1.5.6",
            "http://256.1.1.1",
            "http:\\\\10.0.0.1",
            "http://example.com\\@10.0.0.1",
            "http://[::1",
            "http://[fe80::1%25eth0]",
            "javascript:1",
            "http://example.com\n",
            "unix:/run/x",
            "http://0x7f.0.0.0.1.1",
        ] {
            assert_eq!(read(bad, &[]), Err(Unfit::Malformed), "{bad}");
        }
    }

    #[test]
    fn public_addresses_and_ones_own_that_are_allowed_are_asked() {
        for good in [
            "https://example.com/hooks?a=1",
            "http://93.184.216.34",
            "https://[2606:2800:220:1:248:1893:25c8:1946]/x",
            "http://[64:ff9b::5db8:d822]/",
        ] {
            assert!(read(good, &[]).is_ok(), "{good}");
        }
        let own: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for good in ["http://127.0.0.1:1", "http://localhost", "http://[fd00::5]", "http://[::ffff:127.0.0.1]"] {
            assert!(read(good, &own).is_ok(), "{good}");
        }
        assert_eq!(read("http://10.0.0.1", &own), Err(Unfit::Private));
    }

    proptest! {
        #[test]
        fn no_disguise_makes_a_private_address_public(address: u32) {
            let v4 = Ipv4Addr::from(address);
            let disguises = [v4.to_ipv6_mapped(), v4.to_ipv6_compatible(), Ipv6Addr::from((0x64_ff9b_u128 << 96) | u128::from(address)),
                Ipv6Addr::from((0x2002_u128 << 112) | (u128::from(address) << 80))];
            if !is_public(IpAddr::V4(v4)) {
                for disguise in disguises {
                    prop_assert!(!is_public(IpAddr::V6(disguise)), "{disguise}");
                }
            }
            // however the number is written, it means the same
            for text in [format!("http://{address}"), format!("http://0x{address:x}"), format!("http://0{address:o}"), format!("http://{v4}")] {
                prop_assert_eq!(read(&text, &[]).is_ok(), is_public(IpAddr::V4(v4)), "{}", text);
            }
        }
    }
}
