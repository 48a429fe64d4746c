//! An end: smoltcp's TCP and an application that follows its script.

use std::cell::Cell;
use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use weir_reassembly::packet::{self, Flags};
use weir_tests::rng::Rng;

use crate::packets::{in_ethernet, renumber};
use crate::script::{Leave, Talk};

/// The port of the service.
pub const PORT: u16 = 80;

thread_local! {
    /// The virtual clock in microseconds, where smoltcp wants a plain function for TCP timestamps.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

/// Sets the virtual clock.
pub fn set_clock(now: u64) {
    CLOCK.set(now);
}

fn timestamp() -> u32 {
    (CLOCK.get() / 1000) as u32
}

/// What is random about a connection's two ends.
#[derive(Clone, Debug)]
pub struct Stack {
    pub ipv6: bool,
    pub mtu: usize,
    timestamps: bool,
    nagle: bool,
    reno: bool,
    buffer: usize,
    /// How many bytes before the wrap each side's numbers begin; none: anywhere.
    wrap: [Option<u32>; 2],
    seed: u64,
}

impl Stack {
    /// The stack of a seed.
    pub fn random(rng: &mut Rng) -> Stack {
        let mtu = if rng.percent(50.0) { 1500 } else { rng.range(1280, 1500) as usize };
        let mut wrap = || rng.percent(40.0).then(|| rng.range(1, 20_000) as u32);
        Stack {
            wrap: [wrap(), wrap()],
            ipv6: rng.percent(30.0),
            mtu,
            timestamps: rng.percent(50.0),
            nagle: rng.percent(30.0),
            reno: rng.percent(50.0),
            buffer: [4096, 65_535, 400_000][rng.range(0, 2) as usize],
            seed: rng.bits(),
        }
    }
}

/// Packets to and from the stack, without Ethernet.
struct Wire {
    mtu: usize,
    received: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

struct Received(Vec<u8>);
struct Sending<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push(packet);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        Some((Received(self.received.pop_front()?), Sending(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut caps = DeviceCapabilities::default();
        caps.medium = Medium::Ip;
        caps.max_transmission_unit = self.mtu;
        caps
    }
}

/// One end of the connection.
pub struct End {
    client: bool,
    interface: Interface,
    wire: Wire,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    talk: Talk,
    step: usize,
    said: usize,
    wait_until: Option<u64>,
    /// What has been heard.
    pub heard: Vec<u8>,
    /// How many bytes of the other side there are to hear.
    to_hear: usize,
    /// The other side has ended the stream in order.
    pub finished: bool,
    connected: bool,
    /// What is added to this end's sequence numbers; known from its SYN on.
    shift: Option<u32>,
    /// How many bytes before the wrap they are to begin.
    wrap: Option<u32>,
}

impl End {
    /// An end that will say `talk` and hear `to_hear` bytes at most.
    pub fn new(client: bool, stack: &Stack, talk: Talk, to_hear: usize) -> End {
        let mut wire = Wire { mtu: stack.mtu, received: VecDeque::new(), sent: Vec::new() };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = stack.seed ^ u64::from(client);
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        let address = |client: bool| match stack.ipv6 {
            true => IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, if client { 1 } else { 2 }),
            false => IpAddress::v4(10, 0, 0, if client { 1 } else { 2 }),
        };
        let prefix = if stack.ipv6 { 64 } else { 24 };
        interface.update_ip_addrs(|all| all.push(IpCidr::new(address(client), prefix)).unwrap());
        let buffer = || SocketBuffer::new(vec![0; stack.buffer]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(stack.nagle);
        socket.set_tsval_generator(stack.timestamps.then_some(timestamp as fn() -> u32));
        socket.set_congestion_control(if stack.reno {
            CongestionControl::Reno
        } else {
            CongestionControl::None
        });
        // An idle end finds out that the other is gone, as any service does.
        socket.set_keep_alive(Some(smoltcp::time::Duration::from_secs(5)));
        if client {
            socket.connect(interface.context(), (address(false), PORT), 40_000).unwrap();
        } else {
            socket.listen(PORT).unwrap();
        }
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        End {
            client,
            interface,
            wire,
            sockets,
            handle,
            talk,
            step: 0,
            said: 0,
            wait_until: None,
            heard: Vec::new(),
            to_hear,
            finished: false,
            connected: false,
            shift: None,
            wrap: stack.wrap[usize::from(client)],
        }
    }

    /// Takes a packet without Ethernet header.
    pub fn receive(&mut self, ip: &[u8]) {
        let mut ip = ip.to_vec();
        renumber(&mut ip, 0, 0u32.wrapping_sub(self.shift.unwrap_or(0)));
        self.wire.received.push_back(ip);
    }

    /// Lets stack and application work; what they send, without Ethernet headers.
    pub fn act(&mut self, now: u64) -> Vec<Vec<u8>> {
        let at = Instant::from_micros(now as i64);
        loop {
            self.interface.poll(at, &mut self.wire, &mut self.sockets);
            if !self.application(now) {
                break;
            }
        }
        let mut sent = std::mem::take(&mut self.wire.sent);
        for ip in &mut sent {
            self.renumber(ip);
        }
        sent
    }

    /// Moves this end's sequence numbers to where the connection is to begin.
    fn renumber(&mut self, ip: &mut [u8]) {
        if self.shift.is_none()
            && let Some(before) = self.wrap
            && let Ok(p) = packet::parse(&in_ethernet(ip, false, true))
            && p.flags.has(Flags::SYN)
        {
            self.shift = Some(0u32.wrapping_sub(before).wrapping_sub(p.seq));
        }
        renumber(ip, self.shift.unwrap_or(0), 0);
    }

    /// One turn of the application; whether it did anything.
    fn application(&mut self, now: u64) -> bool {
        let socket = self.sockets.get_mut::<Socket>(self.handle);
        self.connected |= socket.may_send();
        let mut did = false;
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = socket.recv_slice(&mut buffer) {
            self.heard.extend(&buffer[..n]);
            did = true;
        }
        if self.connected
            && socket.recv_slice(&mut buffer) == Err(smoltcp::socket::tcp::RecvError::Finished)
        {
            self.finished = true;
        }
        if !self.connected {
            return did;
        }
        if let Some(write) = self.talk.writes.get(self.step)
            && self.heard.len() >= write.needs
            && socket.may_send()
        {
            let due = *self.wait_until.get_or_insert(now + write.delay.as_micros() as u64);
            if due <= now {
                let n = socket.send_slice(&self.talk.bytes[self.said..write.upto]).unwrap_or(0);
                self.said += n;
                if self.said == write.upto {
                    self.step += 1;
                    self.wait_until = None;
                }
                did |= n > 0;
            }
        }
        let said_all = self.step == self.talk.writes.len();
        match self.talk.leave {
            Leave::WhenDone if said_all && self.heard.len() >= self.to_hear => socket.close(),
            Leave::HalfClose if said_all => socket.close(),
            Leave::Close(n) if self.heard.len() >= n => socket.close(),
            Leave::Abort(n) if self.heard.len() >= n && socket.is_open() => {
                socket.abort();
                did = true;
            }
            // A server answers what it has got before it closes; a client has nothing more to say.
            _ if self.finished && (self.client || self.is_stuck()) => {
                self.sockets.get_mut::<Socket>(self.handle).close();
            }
            _ => {}
        }
        did
    }

    /// Whether what is to be said next waits for something that will never come.
    fn is_stuck(&self) -> bool {
        self.talk.writes.get(self.step).is_none_or(|w| w.needs > self.heard.len())
    }

    /// When the end has something to do without a packet.
    pub fn wakes_at(&mut self, now: u64) -> Option<u64> {
        let at = Instant::from_micros(now as i64);
        let stack = self.interface.poll_at(at, &self.sockets);
        let stack = stack.map(|t| (t.total_micros() as u64).max(now + 1));
        let application = self.wait_until.map(|t| t.max(now + 1));
        [stack, application].into_iter().flatten().min()
    }

    /// Whether the connection has ended for this end (a server listens again when one is reset early).
    pub fn is_over(&self) -> bool {
        let state = self.sockets.get::<Socket>(self.handle).state();
        matches!(state, State::Closed | State::TimeWait) || (!self.client && state == State::Listen)
    }

    /// The state of its TCP, for a failure's report.
    pub fn state(&self) -> String {
        let state = self.sockets.get::<Socket>(self.handle).state();
        let steps = self.talk.writes.len();
        format!(
            "{state}, said {} of {} (step {} of {steps}), heard {} of {}",
            self.said,
            self.talk.bytes.len(),
            self.step,
            self.heard.len(),
            self.to_hear
        )
    }
}
