//! The scanner.

use std::sync::LazyLock;

use weir_inspect::detector::DetectorSet;
use weir_inspect::scan::{Writing, 
    Catalog, Context, Found, Kind, MAX_HOLD, MaskStyle, ScanState, Scanner, mask_range,
};

/// All detectors of leaks.
static ALL: LazyLock<(Catalog, Scanner, DetectorSet)> = LazyLock::new(|| {
    let catalog = Catalog::builtin();
    let mut all = DetectorSet::EMPTY;
    catalog.iter().filter(|d| d.kind == Kind::Leak).for_each(|d| all.insert(d.id));
    let scanner = Scanner::new(&catalog, &all);
    (catalog, scanner, all)
});

/// The first byte says whether the content is protobuf, MessagePack, a form or a text with escapes, the second where it is cut; the rest is the content.
///
/// Findings lie in the content, none of a length that is held begins in what had left before, and which there are does
/// not depend on the cuts. A mask keeps the length and changes nothing beside the finding.
pub fn scan(data: &[u8]) {
    let [what, cut, content @ ..] = data else { return };
    let whole = read(content, content.len().max(1), *what);
    let step = usize::from(*cut) + 1;
    assert_eq!(together(&whole), together(&read(content, step, *what)), "in pieces of {step}");
    assert_eq!(together(&whole), together(&read(content, 1, *what)), "byte by byte");

    let (catalog, ..) = &*ALL;
    for f in whole.iter().filter(|f| !f.escaped) {
        let detector = catalog.get(f.detector).expect("a known detector");
        let mut masked = content[f.start as usize..f.end as usize].to_vec();
        mask_range(detector.mask_style, f.context, &mut masked);
        let utf8 = std::str::from_utf8(&content[f.start as usize..f.end as usize]).is_ok();
        assert!(!utf8 || std::str::from_utf8(&masked).is_ok(), "a mask keeps UTF-8");
    }
}

fn read(content: &[u8], step: usize, what: u8) -> Vec<Found> {
    let (_, scanner, all) = &*ALL;
    let mut state = ScanState::default();
    state.set_binary(what & 1 == 1);
    if what & 3 == 2 {
        state.set_escapes(match what & 20 {
            0 => Writing::Text,
            16 => Writing::Mail,
            _ => Writing::Form,
        });
    }
    if what & 9 == 8 {
        state.set_messagepack();
    }
    let (mut found, mut released, mut at) = (Vec::new(), 0, 0);
    loop {
        let end = (at + step).min(content.len());
        let (known, last) = (found.len(), end == content.len());
        let held = scanner.scan(&mut state, &content[at..end], last, all, &mut found);
        assert!(held <= MAX_HOLD.min(end) && (held == 0 || !last));
        for f in &found[known..] {
            assert!(f.start < f.end && f.end <= end as u64, "{f:?} of {end}");
            let matched = &content[f.start as usize..f.end as usize];
            assert!(matched.len() > MAX_HOLD || f.start >= released, "{f:?} after {released}");
            // A number of MessagePack has no digits.
            let copied =
                f.escaped || f.context == Context::Fixed || matched.starts_with(state.matched(f));
            assert!(f.continued || copied, "the copy of {f:?}");
            if f.escaped {
                let masked = state.masked(f, MaskStyle::Digits).expect("it has escapes");
                assert_eq!(masked.len(), matched.len(), "a mask keeps the length");
            }
        }
        released = released.max((end - held) as u64);
        at = end;
        if last {
            return found;
        }
    }
}

/// Detector, start and end of each match; the parts of one that was reported as a stream put together.
fn together(found: &[Found]) -> Vec<(u16, u64, u64, bool)> {
    let mut all: Vec<(u16, u64, u64, bool)> = Vec::new();
    for f in found {
        let part = all
            .iter_mut()
            .rev()
            .find(|m| f.continued && m.0 == f.detector.0 && m.2 == f.start && m.3 == f.escaped);
        match part {
            Some(part) => part.2 = f.end,
            None => {
                assert!(!f.continued, "a continued part follows its beginning");
                all.push((f.detector.0, f.start, f.end, f.escaped));
            }
        }
    }
    all.sort();
    all
}
