//! All that can be seen of TLS without the keys: the server name that the client asks for (RFC 8446 §4.1.2, RFC 6066 §3).

/// The server name indication of a ClientHello that is whole in `bytes`, the first bytes of the connection.
pub fn server_name(bytes: &[u8]) -> Option<&[u8]> {
    let mut record = Reader(bytes);
    if record.take(1)? != [0x16] {
        return None;
    }
    record.take(2)?;
    let mut hello = Reader(record.vector(2)?);
    if hello.take(1)? != [1] {
        return None;
    }
    let mut hello = Reader(hello.vector(3)?);
    hello.take(2 + 32)?;
    hello.vector(1)?; // session id
    hello.vector(2)?; // cipher suites
    hello.vector(1)?; // compression methods
    let mut extensions = Reader(hello.vector(2)?);
    while !extensions.0.is_empty() {
        let kind = extensions.take(2)?;
        let mut data = Reader(extensions.vector(2)?);
        if kind == [0, 0] {
            let mut names = Reader(data.vector(2)?);
            // The only name type there is: host_name.
            return (names.take(1)? == [0]).then(|| names.vector(2)).flatten();
        }
    }
    None
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    /// A vector whose length stands before it in `n` bytes.
    fn vector(&mut self, n: usize) -> Option<&'a [u8]> {
        let len = self.take(n)?.iter().fold(0, |len, b| len << 8 | usize::from(*b));
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(n: usize, bytes: &[u8]) -> Vec<u8> {
        let len = (bytes.len() as u32).to_be_bytes();
        [&len[4 - n..], bytes].concat()
    }

    #[test]
    fn the_name_in_a_client_hello() {
        let name = vector(2, &[vec![0], vector(2, b"api.example")].concat());
        let extensions = [vec![0, 10], vector(2, &[1, 2]), vec![0, 0], vector(2, &name)].concat();
        let body = [
            vec![3, 3],
            vec![7; 32],
            vec![0],
            vector(2, &[1, 2]),
            vec![1, 0],
            vector(2, &extensions),
        ];
        let hello = [vec![1], vector(3, &body.concat())].concat();
        let record = [vec![0x16, 3, 1], vector(2, &hello)].concat();
        assert_eq!(server_name(&record), Some(&b"api.example"[..]));
        for cut in 0..record.len() {
            assert_eq!(server_name(&record[..cut]), None, "cut at {cut}");
        }
    }
}
