//! Who asks: a token from where the policy says it stands, told apart by a keyed hash. The token itself is kept nowhere.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use super::Message;

/// Longest JWT that is decoded; a longer one is an identity as it stands.
const MAX_JWT: usize = 8 << 10;

/// Where a token stands, and what of it tells callers apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extract {
    pub place: Place,
    /// The token is a JWT (RFC 7519), and this claim of it counts.
    pub claim: Option<String>,
}

/// Where a token stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A header field or gRPC metadata, in lower case. Behind an authentication scheme (`Bearer`), what follows it.
    Header(String),
    Cookie(String),
    /// A parameter of the query.
    Query(String),
    /// A header, in lower case, with the client's certificate.
    Certificate(String),
    /// A header, in lower case, with the JA4 fingerprint of the client, which counts together with its address.
    Ja4(String),
}

/// A caller, told apart from others by keyed hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Of the first token found; without one, of the address. 0: not looked for, since no rule needs it.
    pub identity: u64,
    /// Of the address.
    pub source: u64,
}

/// What `Authorization` says, where a policy names nothing else.
pub(super) fn default() -> Vec<Extract> {
    vec![Extract { place: Place::Header("authorization".to_owned()), claim: None }]
}

/// Finds out who sends a message, whose query is given apart.
pub(super) fn caller(
    extracts: &[Extract],
    message: &Message<'_>,
    query: &[u8],
    key: &[u8; 16],
) -> Caller {
    let source = source(message, key);
    if let Some(ja4) = message.ja4 {
        return Caller { identity: of_client(ja4.as_bytes(), source, key), source };
    }
    let token = extracts.iter().enumerate().find_map(|(n, extract)| {
        let token = extract.token(message, query).filter(|t| !t.is_empty())?;
        if let Place::Ja4(_) = extract.place {
            return Some(of_client(token, source, key));
        }
        // What stands in another place is another token, even if it reads the same.
        let hash = |bytes: &[u8]| hash(key, n as u8 + 1, bytes);
        Some(match &extract.claim {
            Some(claim) => match jwt_claim(token, claim) {
                Some(value) => hash(value.as_bytes()),
                None => hash(token),
            },
            None => hash(token),
        })
    });
    Caller { identity: token.unwrap_or(source), source }
}

/// A kind of client at an address, whether Weir has seen its TLS or a proxy tells of it.
fn of_client(ja4: &[u8], source: u64, key: &[u8; 16]) -> u64 {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write_u8(u8::MAX);
    hasher.write(ja4);
    hasher.write_u64(source);
    hasher.finish().max(1)
}

/// Never 0, which is nobody.
fn hash(key: &[u8; 16], kind: u8, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write_u8(kind);
    hasher.write(bytes);
    hasher.finish().max(1)
}

/// Of the address and its VLANs: another network may have the same addresses.
fn source(message: &Message<'_>, key: &[u8; 16]) -> u64 {
    let ip = match message.src {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write_u8(0);
    hasher.write(&ip.octets());
    hasher.write_u16(message.vlans.outer);
    hasher.write_u16(message.vlans.inner);
    hasher.finish().max(1)
}

impl Extract {
    fn token<'a>(&self, message: &Message<'a>, query: &'a [u8]) -> Option<&'a [u8]> {
        match &self.place {
            Place::Header(name) => {
                let value = message.headers.get(name)?.trim_ascii();
                // A scheme and one space (RFC 9110 §11.4); a value of several words stays whole.
                let mut words = value.splitn(2, |b| *b == b' ');
                let (scheme, rest) = (words.next(), words.next());
                let is_scheme = scheme.is_some_and(|s| s.iter().all(u8::is_ascii_alphanumeric));
                Some(rest.map(<[u8]>::trim_ascii).filter(|_| is_scheme).unwrap_or(value))
            }
            Place::Cookie(name) => pair(message.headers.get("cookie")?, b';', name.as_bytes()),
            Place::Certificate(name) => Some(certificate(message.headers.get(name)?.trim_ascii())),
            Place::Ja4(name) => Some(message.headers.get(name)?.trim_ascii()),
            Place::Query(name) => pair(query, b'&', name.as_bytes()),
        }
    }
}

/// What tells a client's certificate from others in Envoy's `x-forwarded-client-cert`: elements between commas, the client's
/// own first, each of `key=value` between semicolons, quoted where a value holds either. Of another form the whole.
fn certificate(value: &[u8]) -> &[u8] {
    /// Whether a byte is this separator, outside of quotes.
    fn outside(separator: u8) -> impl FnMut(&u8) -> bool {
        let mut quoted = false;
        move |b| {
            quoted ^= *b == b'"';
            !quoted && *b == separator
        }
    }
    let first = value.split(outside(b',')).next().unwrap_or(value);
    let of = |key: &[u8]| {
        let mut pairs = first.split(outside(b';'));
        let named =
            |pair: &[u8]| pair.get(..key.len()).is_some_and(|k| k.eq_ignore_ascii_case(key));
        let pair = pairs.find(|pair| named(pair) && pair.get(key.len()) == Some(&b'='))?;
        pair.get(key.len() + 1..).map(|v| v.trim_ascii()).filter(|v| !v.is_empty() && *v != b"\"\"")
    };
    of(b"URI").or_else(|| of(b"Subject")).or_else(|| of(b"Hash")).unwrap_or(value)
}

/// The value of the first `name=value` in a list.
fn pair<'a>(list: &'a [u8], separator: u8, name: &[u8]) -> Option<&'a [u8]> {
    list.split(|b| *b == separator).find_map(|item| {
        item.trim_ascii().strip_prefix(name).and_then(|rest| rest.strip_prefix(b"="))
    })
}

/// A claim of a JWT, as text. Its signature is the service's business: a forged token is a caller of its own.
fn jwt_claim(token: &[u8], claim: &str) -> Option<String> {
    use base64::Engine;
    if token.len() > MAX_JWT {
        return None;
    }
    let payload = token.split(|b| *b == b'.').nth(1)?;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&json).ok()?;
    let value = claims.get(claim)?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::super::{Direction, HeaderLookup};
    use super::*;

    struct Fields(Vec<(&'static str, String)>);

    impl HeaderLookup for Fields {
        fn get(&self, name: &str) -> Option<&[u8]> {
            self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_bytes())
        }
    }

    fn of(extracts: &[Extract], fields: &[(&'static str, &str)], query: &str) -> Caller {
        let fields = Fields(fields.iter().map(|(n, v)| (*n, (*v).to_owned())).collect());
        let message = Message {
            method: b"GET",
            headers: &fields,
            ..Message::new(Direction::Request, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 80)
        };
        caller(extracts, &message, query.as_bytes(), &[7; 16])
    }

    #[test]
    fn the_first_token_found_tells_callers_apart() {
        let chain = [
            Extract { place: Place::Header("x-api-key".to_owned()), claim: None },
            Extract { place: Place::Cookie("sid".to_owned()), claim: None },
            Extract { place: Place::Query("key".to_owned()), claim: None },
        ];
        let address = of(&chain, &[], "");
        assert_eq!(address.identity, address.source);
        let key = of(&chain, &[("x-api-key", "k1"), ("cookie", "sid=k1")], "key=k1");
        let cookie = of(&chain, &[("cookie", "a=b; sid=k1; c")], "key=k1");
        let query = of(&chain, &[("cookie", "sid=")], "x=1&key=k1");
        let all = [address, key, cookie, query];
        for (i, a) in all.iter().enumerate() {
            assert_eq!(a.source, address.source);
            assert!(all.iter().skip(i + 1).all(|b| a.identity != b.identity), "{i}");
        }
        assert_eq!(query.identity, of(&chain, &[], "key=k1").identity);
    }

    #[test]
    fn a_certificate_is_told_by_its_name_and_not_by_what_else_a_proxy_says() {
        for (header, part) in [
            ("By=spiffe://p/a;Hash=4f;Subject=\"CN=b;x,O=c\";URI=spiffe://p/b", "spiffe://p/b"),
            ("Hash=4f;Subject=\"CN=b;x,O=c\";URI=,By=x;URI=spiffe://p/proxy", "\"CN=b;x,O=c\""),
            ("hash=4f", "4f"),
            ("CN=b,O=c", "CN=b,O=c"),
            (":MIIB:", ":MIIB:"),
        ] {
            assert_eq!(certificate(header.as_bytes()), part.as_bytes(), "{header}");
        }
        let chain = [Extract { place: Place::Certificate("xfcc".to_owned()), claim: None }];
        let of = |value| of(&chain, &[("xfcc", value)], "").identity;
        assert_eq!(of("Hash=1;URI=spiffe://p/b"), of("By=x;Hash=2;URI=spiffe://p/b"), "renewed");
        assert_ne!(of("Hash=1;URI=spiffe://p/b"), of("Hash=1;URI=spiffe://p/c"));
    }

    #[test]
    fn a_kind_of_client_counts_with_its_address() {
        let chain = [Extract { place: Place::Ja4("x-ja4".to_owned()), claim: None }];
        let message = |ja4, last| Message {
            ja4,
            path: b"",
            ..Message::new(Direction::Request, [10, 0, 0, last].into(), [10, 0, 0, 9].into(), 443)
        };
        let seen = |ja4, last| caller(&chain, &message(Some(ja4), last), b"", &[7; 16]).identity;
        assert_ne!(seen("t13d", 1), seen("t13d", 2));
        assert_ne!(seen("t13d", 1), seen("t13i", 1));
        assert_eq!(
            of(&chain, &[("x-ja4", " t13d ")], "").identity,
            seen("t13d", 1),
            "told by a proxy"
        );
        let without = of(&chain, &[], "");
        assert_eq!(without.identity, without.source);
    }

    #[test]
    fn a_scheme_is_no_part_of_a_token() {
        let chain = default();
        let bearer = of(&chain, &[("authorization", "Bearer abc")], "");
        assert_eq!(bearer, of(&chain, &[("authorization", "bearer  abc ")], ""));
        assert_eq!(bearer, of(&chain, &[("authorization", "abc")], ""));
        assert_ne!(bearer, of(&chain, &[("authorization", "Bearer abd")], ""));
    }

    #[test]
    fn a_claim_outlives_its_token() {
        // {"sub":"alice","iat":1} and {"sub":"alice","iat":2}, then {"sub":"bob"}.
        let (first, second, bob) = (
            "Bearer e30.eyJzdWIiOiJhbGljZSIsImlhdCI6MX0.x",
            "Bearer e30.eyJzdWIiOiJhbGljZSIsImlhdCI6Mn0.y",
            "Bearer e30.eyJzdWIiOiJib2IifQ.x",
        );
        let place = Place::Header("authorization".to_owned());
        let chain = [Extract { place, claim: Some("sub".to_owned()) }];
        let of = |token| of(&chain, &[("authorization", token)], "").identity;
        assert_eq!(of(first), of(second));
        assert_ne!(of(first), of(bob));
        // No JWT, or not that claim: as it stands.
        assert_ne!(of("Bearer abc"), of("Bearer abd"));
    }
}
