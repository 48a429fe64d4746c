//! What the scanner says of bodies: which cards it finds, and how many it sees where none are.

use weir_inspect::detector::DetectorSet;
use weir_inspect::scan::{Catalog, Found, ScanState, Scanner};

use super::generate::Body;

/// What a full Ethernet segment carries of a TCP stream.
const PIECE: usize = 1448;

/// The scanner with the detector of cards alone.
#[derive(Debug)]
pub struct Judge {
    scanner: Scanner,
    cards: DetectorSet,
}

impl Default for Judge {
    fn default() -> Judge {
        let catalog = Catalog::builtin();
        let mut cards = DetectorSet::EMPTY;
        catalog.by_name("payment-card").iter().for_each(|d| cards.insert(d.id));
        Judge { scanner: Scanner::new(&catalog, &cards), cards }
    }
}

impl Judge {
    /// The ranges of a body that are taken for cards; it comes in pieces, as it would on the wire.
    pub fn find(&self, bytes: &[u8], binary: bool) -> Vec<(usize, usize)> {
        let (mut state, mut found) = (ScanState::default(), Vec::new());
        state.set_binary(binary);
        let mut pieces = bytes.chunks(PIECE).peekable();
        while let Some(piece) = pieces.next() {
            self.scanner.scan(&mut state, piece, pieces.peek().is_none(), &self.cards, &mut found);
        }
        found.iter().map(|f: &Found| (f.start as usize, f.end as usize)).collect()
    }

    /// How many of a body's cards are found, and what else is.
    pub fn judge(&self, body: &Body) -> (usize, Vec<(usize, usize)>) {
        let found = self.find(&body.bytes, body.binary);
        let right = body.cards.iter().filter(|card| found.contains(card)).count();
        (right, found.into_iter().filter(|f| !body.cards.contains(f)).collect())
    }
}
