//! What Weir itself says to a client whose request it refuses on HTTP/1. It says nothing about the reason, so that nobody
//! can probe the policy with it.

use weir_inspect::policy::Policy;

/// An answer of Weir's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 403 (RFC 9110 §15.5.4).
    Forbidden,
    /// 429 (RFC 6585 §4).
    TooManyRequests {
        /// Seconds after which the client may try again.
        retry_after: u64,
    },
    /// 302 (RFC 9110 §15.4.3) to where the policy sends callers that it challenges, or 429 if that is nowhere.
    Challenge {
        /// As above.
        retry_after: u64,
    },
}

impl Answer {
    /// The whole response. It ends the connection.
    pub fn bytes(self, policy: &Policy) -> Vec<u8> {
        const BODY: &str = "Refused by Weir's policy.\r\n";
        let status = match (self, policy.challenge_location()) {
            (Answer::Forbidden, _) => "403 Forbidden".to_owned(),
            (Answer::Challenge { retry_after }, Some(location)) => {
                format!("302 Found\r\nLocation: {location}\r\nRetry-After: {retry_after}")
            }
            (Answer::TooManyRequests { retry_after } | Answer::Challenge { retry_after }, _) => {
                format!("429 Too Many Requests\r\nRetry-After: {retry_after}")
            }
        };
        let length = BODY.len();
        let response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{BODY}"
        );
        response.into_bytes()
    }
}
