//! What one worker has counted since it started.

use crate::reason::Reason;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What one worker has counted since it started.
        #[derive(Clone, Debug, Default)]
        pub struct Counters {
            /// Packets by the reason in which they ended, indexed as [`Reason::ALL`].
            pub reasons: [u64; Reason::ALL.len()],
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Counters {
            /// The names of [`Counters::named`].
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// The counters with these values, in the order of [`Counters::NAMES`], and no reasons.
            pub fn from_named(values: [u64; Self::NAMES.len()]) -> Counters {
                let [$($name),+] = values;
                Counters { reasons: Default::default(), $($name),+ }
            }

            /// Every counter but the reasons, by name.
            pub fn named(&self) -> [(&'static str, u64); Self::NAMES.len()] {
                [$((stringify!($name), self.$name)),+]
            }
        }
    };
}

counters! {
    /// Packets given to the engine.
    received,
    /// Packets that Weir itself sent: the rest of a split one, an answer, a reset, an acknowledgement.
    originated,
    /// Payload bytes inspected in order.
    inspected_bytes,
    /// Payload bytes that passed without being read: TLS.
    unread_tls_bytes,
    /// Payload bytes that passed without being read: no protocol that Weir knows.
    unread_unknown_bytes,
    /// Payload bytes that passed without being read: tunnels (CONNECT, Upgrade).
    unread_tunnel_bytes,
    /// Body bytes that passed without being read: content codings.
    unread_encoded_bytes,
    /// Bytes of body content behind content codings that were read.
    decoded_bytes,
    /// Flows opened.
    flows_opened,
    /// Flows picked up in their middle.
    flows_midstream,
    /// Flows forgotten to make room.
    flows_evicted,
    /// HTTP/1 requests.
    http1_requests,
    /// HTTP/2 requests.
    http2_requests,
    /// WebSocket frames.
    websocket_frames,
    /// Findings reported.
    findings,
    /// Findings masked on the wire.
    masked,
    /// Entity-tags of masked bodies changed with them.
    etags_changed,
    /// Entity-tags of masked bodies that stayed: they had left, or hold nothing that could be changed.
    etags_kept,
    /// Requests, responses or streams refused or ended.
    blocked,
    /// Requests that waited for their turn.
    throttled,
    /// Requests that did not wait for their turn, since too many packets waited.
    throttle_skipped,
    /// Connections reset by Weir.
    resets,
    /// Tails released at the bound of a hold.
    hold_expired,
    /// Bytes of a match that had left when the verdict fell.
    released_bytes,
    /// Retransmissions that differed from what was forwarded first, and were rewritten to it.
    rewritten_retransmissions,
    /// Partial checksums completed.
    completed_checksums,
    /// MPTCP options turned into NOPs.
    mptcp_neutralised,
    /// Advertised windows lowered to what can be kept.
    windows_lowered,
    /// Exceptions: memory.
    exception_memory,
    /// Exceptions: parser error.
    exception_parser_error,
    /// Exceptions: midstream pickup.
    exception_midstream,
    /// Exceptions: overload.
    exception_overload,
    /// Exceptions: undecodable content.
    exception_undecodable,
    /// Events that found no room.
    events_lost,
    /// Requests by which a caller's behaviour was judged.
    behaviour_judged,
    /// Requests that were not judged, since another worker was at the same place of the table of callers.
    behaviour_busy,
    /// Callers forgotten to make room for others.
    behaviour_forgotten,
    /// Times that a caller came to a higher step of the ladder.
    behaviour_raised,
    /// Requests refused for their caller's behaviour.
    behaviour_refused,
    /// Bytes of HTTP/2 connection credit restored to a server after an ended stream.
    http2_credit_restored,
}

impl Counters {
    /// Counts a packet under the reason in which it ended.
    pub fn end(&mut self, reason: Reason) {
        if let Some(n) = self.reasons.get_mut(reason as usize) {
            *n += 1;
        }
    }

    /// How many packets ended in a reason.
    pub fn ended(&self, reason: Reason) -> u64 {
        self.reasons.get(reason as usize).copied().unwrap_or(0)
    }

    /// Packets received that have not ended yet: as many as wait in the engine (design rule 4).
    pub fn in_flight(&self) -> u64 {
        self.received - self.reasons.iter().sum::<u64>()
    }
}
