//! Bytes are counted for the service that they belong to, as read or under the reason why not.

use super::*;
use crate::engine::services::{Bytes, Reading};

const SERVICES: &str = "version: 1
mode: monitor
services:
  - name: shop
    ports: [80]
    hosts: [shop.example]
  - name: web
    ports: [80]
  - name: mail
    ports: [25]
rules:
  - name: cards
    services: [shop, web]
    detect: [payment-card]
    action: alert
";

fn bytes(p: &Play, service: &str) -> Bytes {
    p.engine.services().rows().find(|row| row.0 == service).map(|row| *row.1).unwrap()
}

fn count(p: &Play, service: &str, reading: Reading) -> u64 {
    bytes(p, service)[reading as usize]
}

#[test]
fn requests_name_the_service() {
    let mut p = Play::open(SERVICES);
    let shop = "GET / HTTP/1.1\r\nHost: shop.example:80\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
    p.say(Dir::ToServer, shop);
    p.say(Dir::ToClient, answer);
    let web = "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n";
    p.say(Dir::ToServer, web);
    p.take();
    assert_eq!(count(&p, "shop", Reading::Read), (shop.len() + answer.len()) as u64);
    assert_eq!(count(&p, "web", Reading::Read), web.len() as u64);
    let other: u64 = bytes(&p, "other").iter().sum();
    assert_eq!(other, 0);
}

#[test]
fn an_encoded_body_is_not_read() {
    let mut p = Play::open(SERVICES);
    let request = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    p.say(Dir::ToServer, request);
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 500\r\n\r\n";
    p.say(Dir::ToClient, format!("{head}{}", "x".repeat(500)));
    p.take();
    assert_eq!(count(&p, "shop", Reading::Encoded), 500);
    assert_eq!(count(&p, "shop", Reading::Read), (request.len() + head.len()) as u64);
}

#[test]
fn what_is_not_read_has_a_reason() {
    let mut p = Play::open(SERVICES);
    p.say(Dir::ToServer, b"\x16\x03\x01\0\x20hello");
    p.say(Dir::ToClient, b"\x16\x03\x03answer");
    assert_eq!(count(&p, "web", Reading::Tls), 19);
    let mut p = Play::open(SERVICES);
    p.say(Dir::ToServer, b"SSH-2.0-OpenSSH");
    assert_eq!(count(&p, "web", Reading::Unknown), 15);
    let data = frame("10.0.0.1:40000", "10.0.0.2:25", 1, 1, Flags::ACK, b"MAIL FROM");
    p.engine.handle(&mut p.wire, p.now, Side::A, data);
    assert_eq!(count(&p, "mail", Reading::NoRule), 9);
    for service in ["web", "mail"] {
        assert_eq!(count(&p, service, Reading::Read), 0, "{service}");
    }
}
