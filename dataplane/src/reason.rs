//! Design rule 4: every packet ends in one named reason, and the same names serve counters, logs and tests.

/// Where a received packet ended. The sum over all reasons plus the packets still held equals the packets received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Reason {
    /// Sent on unchanged after inspection.
    Forwarded,
    /// Sent on with some bytes changed (masked, blanked, retransmission rewritten, MPTCP neutralised).
    Edited,
    /// Sent on without inspection: not TCP, or no service of the policy.
    NotInspected,
    /// Sent on without inspection under an exception policy (memory, parser error, midstream, overload, undecodable).
    ExceptionPass,
    /// Dropped under an exception policy.
    ExceptionDrop,
    /// Dropped: malformed at layer 2–4 in a way no receiver would accept.
    Malformed,
    /// Dropped: TCP checksum wrong, so that no receiver would take it.
    BadChecksum,
    /// Dropped: sequence or acknowledgement number outside the window (RFC 9293 §3.10.7.4, RFC 5961).
    OutOfWindow,
    /// Absorbed: a retransmission of bytes that Weir already holds.
    Absorbed,
    /// Absorbed by the tombstone of a refused flow, which answers in the server's place.
    Tombstone,
    /// Dropped: its flow was reset or blocked by a rule.
    Blocked,
    /// Dropped: ring to the owning worker was full.
    HandoverFull,
    /// Dropped: no free frame or the transmit ring stayed full.
    NoFrame,
    /// Received on a mirror port: inspected, never sent.
    Mirrored,
}

impl Reason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Reason; 14] = [
        Reason::Forwarded,
        Reason::Edited,
        Reason::NotInspected,
        Reason::ExceptionPass,
        Reason::ExceptionDrop,
        Reason::Malformed,
        Reason::BadChecksum,
        Reason::OutOfWindow,
        Reason::Absorbed,
        Reason::Tombstone,
        Reason::Blocked,
        Reason::HandoverFull,
        Reason::NoFrame,
        Reason::Mirrored,
    ];

    /// The name in metrics labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Forwarded => "forwarded",
            Reason::Edited => "edited",
            Reason::NotInspected => "not_inspected",
            Reason::ExceptionPass => "exception_pass",
            Reason::ExceptionDrop => "exception_drop",
            Reason::Malformed => "malformed",
            Reason::BadChecksum => "bad_checksum",
            Reason::OutOfWindow => "out_of_window",
            Reason::Absorbed => "absorbed",
            Reason::Tombstone => "tombstone",
            Reason::Blocked => "blocked",
            Reason::HandoverFull => "handover_full",
            Reason::NoFrame => "no_frame",
            Reason::Mirrored => "mirrored",
        }
    }
}
