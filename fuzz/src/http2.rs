//! HTTP/2 and its header compression.

use weir_reassembly::http2::hpack::{
    Decoder, Fields, MAX_FIELDS, MAX_LIST_SIZE, MAX_TABLE_SIZE, OVERHEAD, Representation,
};
use weir_reassembly::http2::{CODING_FIELDS, Event, Http2, RANGE_FIELDS, Role};

type List = Vec<(Vec<u8>, Vec<u8>)>;

/// What came of a stream: events as text, data of a frame in one piece; and the edited stream.
struct Read {
    events: Vec<String>,
    blocks: Vec<Block>,
    edited: Vec<u8>,
}

/// A header block, after the edit that was asked for.
struct Block {
    fields: List,
    changed: bool,
}

/// What to do with each header block.
#[derive(Clone, Copy, PartialEq)]
enum Edit {
    Nothing,
    Mask,
    Blank,
    Refuse,
}

/// The first byte says what is read and edited, the second where it is cut; the rest is the stream.
///
/// No more is consumed than there is; offsets never go back; data are what the stream has there; the events do not
/// depend on how the stream is cut. What is edited is as well-formed for its receiver as before, keeps every length,
/// and, masked, is what the decoder says it is.
pub fn http2(data: &[u8]) {
    let [what, cut, stream @ ..] = data else { return };
    let role = if what & 1 == 0 { Role::Client } else { Role::Server };
    let begins = what & 2 != 0;
    let edit = [Edit::Nothing, Edit::Mask, Edit::Blank, Edit::Refuse][usize::from(what >> 2) % 4];

    let whole = read(role, begins, stream, stream.len().max(1), Edit::Nothing);
    let step = usize::from(*cut) + 1;
    assert_eq!(whole.events, read(role, begins, stream, step, Edit::Nothing).events, "by {step}");
    assert_eq!(whole.events, read(role, begins, stream, 1, Edit::Nothing).events, "byte by byte");

    let sent = read(role, begins, stream, step, edit);
    let received = read(role, begins, &sent.edited, step, Edit::Nothing);
    assert_eq!(sent.edited.len(), stream.len());
    assert_eq!(sent.blocks.len(), received.blocks.len());
    for (sent, received) in sent.blocks.iter().zip(&received.blocks) {
        assert_eq!(sent.fields.len(), received.fields.len());
        if !sent.changed || edit == Edit::Mask {
            assert_eq!(sent.fields, received.fields);
        }
    }
}

fn read(role: Role, begins: bool, stream: &[u8], step: usize, edit: Edit) -> Read {
    let mut http2 = Http2::new(role, begins);
    let mut read = Read { events: Vec::new(), blocks: Vec::new(), edited: stream.to_vec() };
    let (mut at, mut data) = (0, Vec::new());
    for piece in stream.chunks(step) {
        let end = at + piece.len();
        loop {
            let polled = http2.poll(at as u64, &stream[at..end]);
            assert!(polled.consumed <= end - at);
            let before = at;
            at += polled.consumed;
            let (mut block, mut failed) = (false, false);
            match polled.event {
                None => {
                    assert_eq!(at, end, "no event: all is consumed");
                    break;
                }
                Some(Event::Data { at: from, bytes, .. }) => {
                    assert!((before..at).contains(&(from as usize)));
                    assert_eq!(bytes, &stream[from as usize..from as usize + bytes.len()]);
                    data.extend_from_slice(bytes);
                }
                Some(Event::Headers(_)) => block = true,
                Some(event) => {
                    if let Event::DataEnd { at: end, .. } = event {
                        assert_eq!(end, at as u64);
                        read.events.push(format!("{data:?}"));
                        data.clear();
                    }
                    failed = matches!(event, Event::Error(_));
                    read.events.push(format!("{event:?}"));
                }
            }
            if block {
                read_block(&mut http2, edit, &mut read);
            }
            if failed {
                return read;
            }
        }
    }
    read.events.push(format!("{data:?}"));
    read
}

fn read_block(http2: &mut Http2, edit: Edit, read: &mut Read) {
    let block = http2.header_block().expect("complete");
    assert!(block.frame_at < block.end && block.end <= read.edited.len() as u64);
    let wire: Vec<u64> = block.wire_ranges(0..block.octets().len()).flatten().collect();
    assert!(wire.is_sorted() && wire.len() == block.octets().len());
    assert!(wire.iter().all(|at| (block.frame_at + 9..block.end).contains(at)));
    let fields = list(http2);
    read.events.push(format!("{} {} {fields:?}", block.stream, block.end_stream));
    let _ = match edit {
        Edit::Nothing => Ok(0),
        Edit::Blank => http2.blank(&[CODING_FIELDS, RANGE_FIELDS].concat()),
        Edit::Refuse => http2.refuse_request().map(|()| 1),
        Edit::Mask => {
            for (place, (_, value)) in fields.iter().enumerate() {
                // Of an entry of an earlier block only what was masked then.
                let _ = http2.mask_value(place, value.len() / 3..value.len());
            }
            Ok(0)
        }
    };
    for (at, octets) in http2.edits() {
        read.edited[at as usize..at as usize + octets.len()].copy_from_slice(octets);
    }
    let changed = http2.edits().next().is_some();
    read.blocks.push(Block { fields: list(http2), changed });
}

fn list(http2: &Http2) -> List {
    let block = http2.header_block().expect("complete");
    block.fields().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

/// Pieces of a first byte's length are header blocks of one connection.
///
/// The dynamic table keeps its size, the list its bounds; representations lie in the block one after the other.
pub fn hpack(data: &[u8]) {
    let mut decoder = Decoder::new();
    let mut fields = Fields::default();
    let mut rest = data;
    while let [length, more @ ..] = rest {
        let (block, next) = more.split_at(usize::from(*length).min(more.len()));
        rest = next;
        let decoded = decoder.decode(block, &mut fields);
        assert!(decoder.table_size() <= decoder.max_table_size());
        assert!(decoder.max_table_size() <= MAX_TABLE_SIZE as usize);
        if decoded.is_err() {
            return;
        }
        let (mut end, mut size) = (0, 0);
        for field in fields.iter() {
            assert!(end <= field.wire.start && field.wire.start < field.wire.end);
            end = field.wire.end;
            size += field.name.len() + field.value.len() + OVERHEAD;
            if let Representation::Literal { value, .. } = field.repr {
                assert_eq!(value.wire.end, end);
                assert!(value.huffman || block[value.wire] == *field.value);
            }
        }
        assert!(end <= block.len() && size <= MAX_LIST_SIZE && fields.len() <= MAX_FIELDS);
    }
}
