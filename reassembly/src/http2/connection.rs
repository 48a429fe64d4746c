//! The passive decoder of one direction of a connection.

use std::ops::Range;

use super::block::{Gathered, HeaderBlock, Origin};
use super::frame::{FrameHeader, HEADER_LEN, PREFACE, Settings, flag, kind};
use super::hpack::{Decoder, Fields};
use super::{Error, Event, Role, Step};

/// Most octets of a header block, CONTINUATION included (design.md, rule 3); beyond it is an error. nginx takes
/// 32 KB, nghttp2 64 KB.
pub const MAX_HEADER_BLOCK: usize = 64 * 1024;

/// Most frames that carry one header block; beyond it is an error. Empty CONTINUATION frames would otherwise go on
/// for ever below [`MAX_HEADER_BLOCK`].
pub const MAX_BLOCK_FRAMES: usize = 128;

/// Where the decoder is in the stream.
///
/// ```text
/// Preface ──► Header ──► Fixed ──► Content ──► Padding ──► End
///                ▲        ▲  │ (SETTINGS: each)              │
///                │        └──┘                               │
///                └───────────────────────────────────────────┘
///  any ──► Failed
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Within the client's connection preface.
    Preface,
    /// Within a frame header.
    Header,
    /// Within that many octets of payload that are needed together.
    Fixed(usize),
    /// Within the content: data, a fragment of a header block, or what is passed over.
    Content,
    /// Within the padding.
    Padding,
    /// After the last octet of a frame, which may still owe an event.
    End,
    /// An error was found. Nothing more is read.
    Failed(Error),
}

/// What a step found, without what it borrows.
enum Found {
    Event(Event<'static>),
    Headers,
    /// That many octets of content, the last ones consumed.
    Data(usize),
}

/// One direction of an HTTP/2 connection, read and never answered.
///
/// It keeps what both ends keep for decoding: the place in the frame, the header block begun, the HPACK context.
/// Streams are the caller's affair.
pub struct Http2 {
    role: Role,
    state: State,
    /// Octets of the preface, of a frame header or of a fixed part that have arrived so far.
    partial: [u8; HEADER_LEN],
    have: usize,
    frame: FrameHeader,
    /// Octets of the payload not yet read, and how many of them are padding.
    left: usize,
    padding: usize,
    settings: Settings,
    /// The first frame of a connection must be SETTINGS.
    settings_first: bool,
    /// The stream whose header block is open: the next frame must continue it.
    open_block: Option<u32>,
    pub(super) gathered: Gathered,
    pub(super) fields: Fields,
    pub(super) decoder: Decoder,
    /// Whether the last poll completed the header block: then it can be edited.
    pub(super) complete: bool,
    /// Ranges of it that were edited.
    pub(super) edited: Vec<Range<usize>>,
}

impl Http2 {
    /// The decoder of what `role` sends. With `expect_preface` the connection begins here: the client's preface is
    /// checked (RFC 9113 §3.4; also after an h2c upgrade, whose request is stream 1), and that SETTINGS comes first.
    pub fn new(role: Role, expect_preface: bool) -> Http2 {
        let preface = expect_preface && role == Role::Client;
        Http2 {
            role,
            state: if preface { State::Preface } else { State::Header },
            partial: [0; HEADER_LEN],
            have: 0,
            frame: FrameHeader::default(),
            left: 0,
            padding: 0,
            settings: Settings::default(),
            settings_first: expect_preface,
            open_block: None,
            gathered: Gathered::default(),
            fields: Fields::default(),
            decoder: Decoder::new(),
            complete: false,
            edited: Vec::new(),
        }
    }

    /// The other end announced SETTINGS_HEADER_TABLE_SIZE ([`Settings::header_table_size`] of the other direction,
    /// or [`Settings::from_upgrade`]), which limits this direction's encoder.
    pub fn set_max_table_size(&mut self, size: u32) {
        self.decoder.set_max_table_size(size);
    }

    /// The header block that the last poll completed; the next poll ends it. Values that were edited since are the
    /// new ones; a field that was made another altogether (refused, or an indexed one blanked) is as it was sent.
    pub fn header_block(&self) -> Option<HeaderBlock<'_>> {
        self.complete.then(|| self.block())
    }

    fn block(&self) -> HeaderBlock<'_> {
        let Origin { stream, promised, end_stream, frame_at } = self.gathered.origin;
        let Http2 { gathered, fields, .. } = self;
        HeaderBlock { stream, promised, end_stream, frame_at, end: gathered.end, fields, gathered }
    }

    /// Reads on in the stream: `input` begins at offset `at`, where the last step stopped.
    ///
    /// A step consumes a prefix of the input and gives at most one event. Poll again as long as there is an event,
    /// even if no input is left; without an event all of it is consumed, and more is needed. After an error each
    /// step consumes nothing and gives the error again.
    pub fn poll<'a>(&'a mut self, at: u64, input: &'a [u8]) -> Step<'a> {
        self.complete = false;
        self.edited.clear();
        let (consumed, found) = self.step(at, input);
        let event = found.map(|found| match found {
            Found::Event(event) => event,
            Found::Headers => Event::Headers(self.block()),
            Found::Data(length) => {
                let start = consumed - length;
                let bytes = input.get(start..consumed).unwrap_or_default();
                Event::Data { stream: self.frame.stream, at: at + start as u64, bytes }
            }
        });
        Step { consumed, event }
    }

    fn step(&mut self, at: u64, input: &[u8]) -> (usize, Option<Found>) {
        if let State::Failed(error) = self.state {
            return (0, Some(Found::Event(Event::Error(error))));
        }
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            let here = at + consumed as u64;
            match self.advance(here, rest) {
                Ok(Progress::Took(octets)) => consumed += octets,
                Ok(Progress::Found(octets, found)) => return (consumed + octets, Some(found)),
                Ok(Progress::Starved(octets)) => return (consumed + octets, None),
                Err(error) => {
                    self.state = State::Failed(error);
                    return (consumed, Some(Found::Event(Event::Error(error))));
                }
            }
        }
    }

    /// Reads on within one state. `input` begins at offset `at`.
    fn advance(&mut self, at: u64, input: &[u8]) -> Result<Progress, Error> {
        match self.state {
            State::Failed(error) => Err(error),
            State::Preface => self.preface(at, input),
            State::Header => match self.fill(HEADER_LEN, input) {
                Filled::Starved(taken) => Ok(Progress::Starved(taken)),
                Filled::Whole(taken) => {
                    let begin = (at + taken as u64).saturating_sub(HEADER_LEN as u64);
                    self.begin_frame(FrameHeader::parse(&self.partial, begin))?;
                    Ok(Progress::Found(taken, Found::Event(Event::FrameHeader(self.frame))))
                }
            },
            State::Fixed(length) => match self.fill(length, input) {
                Filled::Starved(taken) => Ok(Progress::Starved(taken)),
                Filled::Whole(taken) => {
                    self.left -= length; // `begin_frame` and `fixed` ask for no more than is left
                    self.fixed()?;
                    Ok(Progress::Took(taken))
                }
            },
            State::Content => self.content(at, input),
            State::Padding => {
                let taken = self.padding.min(input.len());
                self.padding -= taken;
                if self.padding > 0 {
                    return Ok(Progress::Starved(taken));
                }
                self.state = State::End;
                Ok(Progress::Took(taken))
            }
            State::End => {
                self.state = State::Header;
                let found = self.end_frame(at)?;
                Ok(found.map_or(Progress::Took(0), |found| Progress::Found(0, found)))
            }
        }
    }

    fn preface(&mut self, at: u64, input: &[u8]) -> Result<Progress, Error> {
        let expected = PREFACE.get(self.have..).unwrap_or_default();
        let taken = expected.len().min(input.len());
        if expected.get(..taken) != input.get(..taken) {
            return Err(Error::Preface);
        }
        self.have += taken;
        if taken < expected.len() {
            return Ok(Progress::Starved(taken));
        }
        let begin = (at + taken as u64).saturating_sub(PREFACE.len() as u64);
        self.have = 0;
        self.state = State::Header;
        Ok(Progress::Found(taken, Found::Event(Event::Preface { at: begin })))
    }

    /// Gathers `length` octets in `partial`, at most [`HEADER_LEN`].
    fn fill(&mut self, length: usize, input: &[u8]) -> Filled {
        let missing = self.partial.get_mut(self.have..length).unwrap_or_default();
        let taken = missing.len().min(input.len());
        for (slot, octet) in missing.iter_mut().zip(input) {
            *slot = *octet;
        }
        self.have += taken;
        if self.have < length {
            return Filled::Starved(taken);
        }
        self.have = 0;
        Filled::Whole(taken)
    }

    /// Checks a frame against the ones before, and says what of its payload is read first.
    fn begin_frame(&mut self, frame: FrameHeader) -> Result<(), Error> {
        match (self.open_block, frame.kind) {
            (None, kind::CONTINUATION) => return Err(Error::Continuation),
            (Some(open), kind::CONTINUATION) if open == frame.stream => {}
            (Some(_), _) => return Err(Error::Continuation),
            (None, _) => {}
        }
        if self.settings_first && (frame.kind != kind::SETTINGS || frame.has(flag::ACK)) {
            return Err(Error::SettingsFirst);
        }
        self.settings_first = false;
        frame.validate()?;
        if frame.kind == kind::PUSH_PROMISE && self.role == Role::Client {
            return Err(Error::Push);
        }
        if frame.has_block() {
            if frame.kind != kind::CONTINUATION {
                self.gathered.begin(Origin {
                    stream: frame.stream,
                    promised: None,
                    end_stream: frame.kind == kind::HEADERS && frame.has(flag::END_STREAM),
                    frame_at: frame.at,
                });
            }
            self.gathered.frames += 1;
            if self.gathered.frames > MAX_BLOCK_FRAMES {
                return Err(Error::HeaderBlockTooLarge);
            }
            self.open_block = Some(frame.stream);
        }
        self.frame = frame;
        self.left = frame.length as usize;
        self.padding = 0;
        self.settings = Settings { ack: frame.has(flag::ACK), ..Settings::default() };

        let fixed = self.fixed_length();
        if fixed > self.left {
            // Only the lengths of DATA, HEADERS and PUSH_PROMISE can be too short still.
            return Err(Error::FrameSize(frame.kind));
        }
        self.state = if fixed > 0 { State::Fixed(fixed) } else { State::Content };
        Ok(())
    }

    /// Octets at the beginning of the payload that are read together: the pad length, the priority, the promised
    /// stream (RFC 9113 §6.1, §6.2, §6.6), or the whole of a small frame.
    fn fixed_length(&self) -> usize {
        let pad_length = usize::from(self.is_padded());
        match self.frame.kind {
            kind::HEADERS if self.frame.has(flag::PRIORITY) => pad_length + 5,
            kind::DATA | kind::HEADERS => pad_length,
            kind::PUSH_PROMISE => pad_length + 4,
            kind::RST_STREAM | kind::WINDOW_UPDATE => 4,
            kind::GOAWAY => 8,
            kind::SETTINGS => self.left.min(6),
            _ => 0,
        }
    }

    fn is_padded(&self) -> bool {
        matches!(self.frame.kind, kind::DATA | kind::HEADERS | kind::PUSH_PROMISE)
            && self.frame.has(flag::PADDED)
    }

    /// The fixed part has arrived.
    fn fixed(&mut self) -> Result<(), Error> {
        self.state = State::Content;
        let [p0, p1, p2, p3, p4, p5, ..] = self.partial;
        if self.is_padded() {
            self.padding = usize::from(p0);
            self.left = self.left.checked_sub(self.padding).ok_or(Error::Padding)?;
        }
        match self.frame.kind {
            kind::PUSH_PROMISE => {
                let id = if self.is_padded() { [p1, p2, p3, p4] } else { [p0, p1, p2, p3] };
                self.gathered.origin.promised = Some(u32::from_be_bytes(id) & 0x7fff_ffff);
            }
            kind::SETTINGS => {
                self.settings.add(&[p0, p1, p2, p3, p4, p5])?;
                if self.left > 0 {
                    self.state = State::Fixed(6); // the length is a multiple of six
                }
            }
            kind::WINDOW_UPDATE if self.word() & 0x7fff_ffff == 0 && self.frame.stream == 0 => {
                return Err(Error::WindowUpdate);
            }
            _ => {}
        }
        Ok(())
    }

    /// The first four octets of the fixed part.
    fn word(&self) -> u32 {
        let [w0, w1, w2, w3, ..] = self.partial;
        u32::from_be_bytes([w0, w1, w2, w3])
    }

    fn content(&mut self, at: u64, input: &[u8]) -> Result<Progress, Error> {
        if self.left == 0 {
            self.state = State::Padding;
            return Ok(Progress::Took(0));
        }
        let taken = self.left.min(input.len());
        if taken == 0 {
            return Ok(Progress::Starved(0));
        }
        self.left -= taken;
        match self.frame.kind {
            kind::DATA => Ok(Progress::Found(taken, Found::Data(taken))),
            _ if self.frame.has_block() => {
                if self.gathered.len() + taken > MAX_HEADER_BLOCK {
                    return Err(Error::HeaderBlockTooLarge);
                }
                self.gathered.append(at, input.get(..taken).unwrap_or_default());
                Ok(Progress::Took(taken))
            }
            _ => Ok(Progress::Took(taken)),
        }
    }

    /// The frame, which ends at offset `at`, is complete: what it said.
    fn end_frame(&mut self, at: u64) -> Result<Option<Found>, Error> {
        let frame = self.frame;
        let (stream, word) = (frame.stream, self.word());
        let event = match frame.kind {
            kind::DATA => Event::DataEnd { stream, at, end_stream: frame.has(flag::END_STREAM) },
            kind::RST_STREAM => Event::ResetStream { stream, code: word },
            kind::WINDOW_UPDATE => Event::WindowUpdate { stream, increment: word & 0x7fff_ffff },
            kind::SETTINGS => Event::Settings(self.settings),
            kind::GOAWAY => {
                let [.., c0, c1, c2, c3, _] = self.partial;
                let code = u32::from_be_bytes([c0, c1, c2, c3]);
                Event::GoAway { last_stream: word & 0x7fff_ffff, code }
            }
            _ if frame.has_block() => {
                if !frame.has(flag::END_HEADERS) {
                    return Ok(None);
                }
                self.open_block = None;
                self.gathered.end = at;
                self.decoder.decode(self.gathered.octets(), &mut self.fields)?;
                self.complete = true;
                return Ok(Some(Found::Headers));
            }
            _ => return Ok(None),
        };
        Ok(Some(Found::Event(event)))
    }
}

/// What reading within one state came to: octets consumed, and whether to go on.
enum Progress {
    /// Go on in the next state.
    Took(usize),
    /// Stop: there is an event.
    Found(usize, Found),
    /// Stop: all of the input was consumed.
    Starved(usize),
}

/// What came of gathering octets: how many were taken now, and whether that is all.
enum Filled {
    Whole(usize),
    Starved(usize),
}
