//! `select` and `decide` run once a message on the packet path: they must not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use weir_inspect::policy::{Direction, Message, Part, Policy};

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

/// The system's allocator, counting what this thread asks for.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated_per_message() {
    let source = include_str!("../../configs/policy-block.yaml");
    let (policy, _) = Policy::compile(source).unwrap();
    let detector = policy.catalog().by_name("payment-card").unwrap().id;
    let message = Message {
        host: Some(b"api.internal:80"),
        method: b"DELETE",
        path: b"/x/../admin/users/7",
        ..Message::new(Direction::Response, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 80)
    };
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the allocator does not count");
    let response = policy.select(&message);
    let request = policy.select(&Message { direction: Direction::Request, ..message });
    let decision = policy.decide(&response, Part::Body, detector);
    let relevant = policy.flow_relevant(message.dst, message.port, message.vlans);
    let service = policy.service_of(message.dst, message.port, message.vlans, message.host);
    assert_eq!(ALLOCATIONS.get(), before);
    assert!(decision.is_some_and(|d| d.acts()) && request.verdict().is_some());
    assert!(relevant && service.is_some());
}
