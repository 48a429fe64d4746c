//! Bytes of packets → flows → ordered streams → messages. No I/O, no clock, no `unsafe`.
#![forbid(unsafe_code)]

pub mod checksum;
pub mod grpc;
pub mod http1;
pub mod http2;
pub mod packet;
pub mod tcp;
pub mod time;
pub mod tls;
pub mod websocket;
