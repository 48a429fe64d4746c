//! Numbers: cards of networks' ranges, and everything else that APIs number. Made without the detector's tables, so that
//! a mistake in those is seen.

use weir_tests::rng::Rng;

/// The card networks that are generated: first digits, and how many digits in all. From the networks' public guides for
/// merchants.
const CARDS: &[(&str, &str, u32)] = &[
    ("visa", "4", 16),
    ("visa", "45", 16),
    ("visa", "401288", 16),
    ("mastercard", "51", 16),
    ("mastercard", "53", 16),
    ("mastercard", "55", 16),
    ("mastercard", "2223", 16),
    ("mastercard", "2651", 16),
    ("amex", "34", 15),
    ("amex", "37", 15),
    ("discover", "6011", 16),
    ("discover", "65", 16),
    ("jcb", "3530", 16),
    ("jcb", "3566", 16),
    ("diners", "36", 14),
    ("unionpay", "6221", 16),
];

/// The digit that makes the sum of ISO/IEC 7812-1 annex B a multiple of ten, for the digits in front of it.
fn check_digit(digits: &str) -> char {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let doubled = u32::from(b - b'0') << (1 - i % 2);
            doubled / 10 + doubled % 10
        })
        .sum();
    char::from(b'0' + ((10 - sum % 10) % 10) as u8)
}

/// One of the items. The slice must not be empty.
#[allow(clippy::indexing_slicing)]
pub fn one_of<T: Copy>(rng: &mut Rng, items: &[T]) -> T {
    items[rng.bits() as usize % items.len()]
}

/// So many random digits behind the given ones.
pub fn digits(rng: &mut Rng, begin: &str, len: usize) -> String {
    let mut number = begin.to_owned();
    while number.len() < len {
        number.push(char::from(b'0' + rng.range(0, 9) as u8));
    }
    number
}

/// The same number with a last digit that is its check digit.
pub fn checked(mut number: String) -> String {
    number.pop();
    let check = check_digit(&number);
    number.push(check);
    number
}

/// A card number.
pub fn card(rng: &mut Rng) -> String {
    let (_, begin, len) = one_of(rng, CARDS);
    checked(digits(rng, begin, len as usize))
}

/// The groups in which a card of this length is written.
pub fn grouped(card: &str, separator: &str) -> String {
    let sizes: &[usize] = match card.len() {
        15 => &[4, 6, 5],
        14 => &[4, 6, 4],
        _ => &[4, 4, 4, 4],
    };
    let mut rest = card;
    let mut groups = Vec::new();
    for size in sizes {
        let (group, after) = rest.split_at((*size).min(rest.len()));
        groups.push(group);
        rest = after;
    }
    groups.join(separator)
}

/// The names of such a field, and what makes a number for it.
pub type Other = (&'static [&'static str], fn(&mut Rng) -> String);

/// What APIs number that is no card: a name, and a number of the kind. The names are those that such fields have.
pub const OTHERS: &[Other] = &[
    (&["createdUs", "event_time", "ts_micros", "recorded"], |r| {
        r.range(1_500_000_000_000_000, 1_800_000_000_000_000).to_string()
    }),
    (&["startNs", "ts", "epochNanos", "observed_nanos"], |r| {
        r.range(1_500_000_000_000_000_000, 1_800_000_000_000_000_000).to_string()
    }),
    (&["updatedMs", "lastSeen", "expiry_ms"], |r| {
        r.range(1_500_000_000_000, 1_800_000_000_000).to_string()
    }),
    (&["snowflake", "tweet_id", "guild", "messageId", "channel_id"], |r| {
        (r.bits() >> 2 | 1 << 58).to_string()
    }),
    (&["id", "node", "author", "parent_id", "userId"], |r| {
        r.range(300_000_000_000_000_000, 999_999_999_999_999_999).to_string()
    }),
    (&["orderNumber", "order_no", "order", "orderRef", "salesOrder"], |r| {
        let begin = r.range(1, 9).to_string();
        digits(r, &begin, 16)
    }),
    (&["tracking", "tracking_number", "trackingCode", "parcelNo", "shipment_number"], |r| {
        let (begin, len) = one_of(r, &[("61", 15), ("42", 16), ("5", 14), ("37", 15), ("65", 16)]);
        digits(r, begin, len)
    }),
    (&["msisdn", "phone", "mobileNumber", "callerId", "fax"], |r| {
        let begin = one_of(r, &["49151", "447", "5511", "861", "3933"]);
        digits(r, begin, 13)
    }),
    (&["accountId", "ad_account", "profile_id", "pageId", "tenant"], |r| {
        let (begin, len) =
            one_of(r, &[("1000", 15), ("765611", 17), ("36", 14), ("5", 16), ("4", 16)]);
        digits(r, begin, len)
    }),
    (&["invoiceNumber", "invoice_no", "billNo", "receipt_number"], |r| {
        let begin = format!("{}", r.range(2019, 2026));
        let len = r.range(14, 16) as usize;
        digits(r, &begin, len)
    }),
    (&["transactionId", "txn", "paymentId", "transfer_id", "settlementId"], |r| {
        let begin = r.range(1, 6).to_string();
        digits(r, &begin, 16)
    }),
    (&["imei", "serialNumber", "deviceId", "meid"], |r| checked(digits(r, "35", 15))),
    (&["ean", "gtin", "barcode", "sku"], |r| digits(r, "4", 13)),
    (&["bytesUsed", "memory", "offset", "counter", "heapSize", "seqNo"], |r| {
        let len = r.range(13, 17) as usize;
        let begin = r.range(1, 9).to_string();
        digits(r, &begin, len)
    }),
    (&["ticketNumber", "case_number", "incident", "requestNumber"], |r| {
        let begin = r.range(3, 6).to_string();
        digits(r, &begin, 16)
    }),
    (&["cursor", "after", "pageToken", "nonce", "etag"], |r| {
        let begin = r.range(1, 9).to_string();
        digits(r, &begin, 16)
    }),
    (&["score", "lat", "lng", "ratio", "price"], |r| {
        let whole = r.range(0, 50);
        format!("{whole}.{}", digits(r, "4", 16))
    }),
    (&["sha", "digest", "etag", "spanId", "traceId"], |r| format!("{:016x}", r.bits())),
];
