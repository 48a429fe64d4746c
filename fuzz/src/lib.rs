//! What must hold for any input of each parser: one function a parser, which panics where it does not hold.
//!
//! `fuzz_targets/` hands them to libFuzzer; `tests/smoke.rs` runs them on seeded mutations in `make test`. A new parser
//! gets a module here, a target there, and a line in the smoke test.

mod behaviour;
mod decode;
mod endpoints;
mod graphql;
mod grpc;
mod http1;
mod http2;
mod packet;
mod parts;
mod path;
mod policy;
mod scan;
mod shape;
mod tls;
mod websocket;

pub use behaviour::behaviour;
pub use decode::{CODINGS, decode};
pub use endpoints::endpoints;
pub use graphql::graphql;
pub use grpc::grpc;
pub use http1::http1;
pub use http2::{hpack, http2};
pub use packet::packet;
pub use parts::multipart_parts;
pub use path::{MEDIA, path};
pub use policy::policy;
pub use scan::scan;
pub use shape::shape;
pub use tls::tls;
pub use websocket::websocket;
