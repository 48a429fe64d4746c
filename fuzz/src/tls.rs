//! The ClientHello of TLS.

use weir_reassembly::tls::server_name;

/// The input is the first bytes of a connection.
///
/// A name lies within the one record, behind its length and the type `host_name`; what follows the record says nothing,
/// and a record that is not whole gives no name.
pub fn tls(data: &[u8]) {
    let Some(name) = server_name(data) else { return };
    let [0x16, _, _, high, low, ..] = *data else { panic!("a name, and no handshake record") };
    let end = 5 + usize::from(u16::from_be_bytes([high, low]));
    let at = name.as_ptr() as usize - data.as_ptr() as usize;
    assert!(at > 5 && at + name.len() <= end && end <= data.len());
    let length = (name.len() as u16).to_be_bytes();
    assert_eq!(data[at - 3..at], [0, length[0], length[1]]);
    assert_eq!(server_name(&data[..end]), Some(name), "the record alone");
    assert_eq!(server_name(&data[..end - 1]), None, "cut short");
}
