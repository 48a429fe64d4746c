//! The ClientHello of TLS.

use weir_reassembly::tls::ClientHello;

/// The input is the first bytes of a connection.
///
/// A name lies within the one record, behind its length and the type `host_name`; what follows the record says nothing,
/// and a record that is not whole gives nothing.
pub fn tls(data: &[u8]) {
    let Some(hello) = ClientHello::read(data) else { return };
    let [0x16, _, _, high, low, ..] = *data else { panic!("a hello, and no handshake record") };
    let end = 5 + usize::from(u16::from_be_bytes([high, low]));
    assert!(end <= data.len());
    assert!(ClientHello::read(&data[..end - 1]).is_none(), "cut short");
    let alone = ClientHello::read(&data[..end]).expect("the record alone");
    let ja4 = hello.ja4();
    assert_eq!(alone.ja4(), ja4);
    assert!(ja4.len() == 36 && ja4.is_ascii(), "{ja4}");
    let Some(name) = hello.server_name() else { return };
    let at = name.as_ptr() as usize - data.as_ptr() as usize;
    assert!(at > 5 && at + name.len() <= end);
    let length = (name.len() as u16).to_be_bytes();
    assert_eq!(data[at - 3..at], [0, length[0], length[1]]);
}
