//! What is read beside a body, since it has a coding of its own: the parts of a multipart body, or all of it as UTF-16.

use weir_inspect::decode::{Decoder, PartCoding, PartEvent, Parts, Unicode};
use weir_inspect::policy::{Cause, RuleId, Selection};

use super::content::{Content, PieceOutcome, Reading};
use super::transaction::Request;
use super::{Feed, reading};

/// Why a match in text that is not UTF-8 is not masked.
const UNICODE: &str = "utf-16";

/// The coded parts of a body: each is a content of its own, of which nothing has a place on the wire.
pub struct CodedParts {
    /// None: all of the body is one.
    parts: Option<Parts>,
    /// The part that is being read.
    content: Option<Box<Content>>,
    /// The rule that ended the message.
    pub blocked_by: Option<RuleId>,
}

impl CodedParts {
    /// Those of a multipart body.
    pub fn of_multipart(content_type: &[u8]) -> Option<CodedParts> {
        let parts = Some(Parts::new(content_type)?);
        Some(CodedParts { parts, content: None, blocked_by: None })
    }

    /// All of a body that seems to be UTF-16 or UTF-32.
    ///
    /// # Errors
    /// It can't be read now.
    pub fn of_text(
        feed: &Feed<'_>,
        rules: &Selection,
        unicode: Unicode,
    ) -> Result<CodedParts, Cause> {
        let mut content = begin(feed, rules, Decoder::of_text(unicode), UNICODE)?;
        content.set_text();
        Ok(CodedParts { parts: None, content: Some(Box::new(content)), blocked_by: None })
    }

    /// What waits for more bytes can be held no longer. True: an enforced rule ends the message.
    pub fn decide(&mut self, feed: &mut Feed<'_>, request: &Request) -> bool {
        self.content.as_mut().is_some_and(|content| content.decide(feed, request))
    }

    /// Takes the next bytes of the body.
    pub fn piece(
        &mut self,
        feed: &mut Feed<'_>,
        request: &Request,
        rules: &Selection,
        (at, bytes, last): (u64, &[u8], bool),
    ) -> PieceOutcome {
        let mut outcome = PieceOutcome::default();
        let CodedParts { parts, content, blocked_by } = self;
        let mut read = |feed: &mut Feed<'_>, content: &mut Content, bytes: &[u8], last| {
            let PieceOutcome { hold_from, blocked } = content.piece(feed, request, at, bytes, last);
            *blocked_by = blocked_by.or(content.blocked_by);
            outcome = PieceOutcome { hold_from, blocked: outcome.blocked | blocked };
        };
        let mut unreadable = false;
        let mut each = |event: PartEvent<'_>| match (event, content.as_mut()) {
            (PartEvent::Begin(coding), _) => match part(feed, rules, coding) {
                Ok(begun) => *content = Some(Box::new(begun)),
                Err(cause) => unreadable |= reading::unreadable(feed, rules, cause),
            },
            (PartEvent::Bytes(bytes), Some(content)) => read(feed, content, bytes, false),
            (PartEvent::End, Some(ended)) => {
                read(feed, ended, &[], true);
                *content = None;
            }
            (_, None) => {}
        };
        match parts {
            Some(parts) => parts.feed(bytes, &mut each),
            None => each(PartEvent::Bytes(bytes)),
        }
        if let Some(content) = content.as_mut().filter(|_| last) {
            read(feed, content, &[], true);
        }
        outcome.blocked |= unreadable;
        outcome
    }
}

/// Begins the content of a coded part.
fn part(feed: &Feed<'_>, rules: &Selection, coding: PartCoding) -> Result<Content, Cause> {
    let decoder = coding.decoder().map_err(|_| Cause::Undecodable)?;
    let why = match coding {
        PartCoding::Gzip => reading::CODED,
        PartCoding::Zip | PartCoding::Base64Zip => reading::ARCHIVED,
    };
    begin(feed, rules, decoder, why)
}

/// Begins a content that is read beside another. `why`: nothing in it can be masked.
fn begin(
    feed: &Feed<'_>,
    rules: &Selection,
    decoder: Decoder,
    why: &'static str,
) -> Result<Content, Cause> {
    if feed.cx.decoders_in_use() >= feed.cx.settings.limits.decoders {
        return Err(Cause::Overload);
    }
    let mut content = Content::default();
    content.begin(*rules, Reading::Scan, false);
    content.sealed = Some(why);
    content.undo(Box::new(decoder), feed.cx.decoder_token());
    Ok(content)
}
