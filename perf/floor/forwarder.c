/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor: a minimal two-port AF_XDP forwarder. Every packet of one device's queue 0 leaves by the other device
 * and nothing is looked at, so whatever Weir costs more than this is Weir's own cost.
 *
 * One thread, both ports, one UMEM, copy mode, a poll loop, batches of 64. System calls only, no libxdp, so that
 * it is all on this page. Wake-ups are batched as they can be: polling an AF_XDP socket makes the kernel send what
 * is in its transmit ring (xsk_poll in net/xdp/xsk.c), so that one poll sends on both ports and waits for packets.
 *
 *     cc -O2 -o forwarder forwarder.c
 *     forwarder DEVICE DEVICE [CORE]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FRAME 4096	/* bytes of a frame */
#define FRAMES 16384	/* frames in all */
#define RING 2048	/* slots of each ring */
#define FILL 1024	/* frames kept in the fill ring */
#define BATCH 64	/* packets taken from a ring at a time */
#define TX_BUDGET 256	/* packets sent by one wake-up, where the kernel can be told */

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* since Linux 6.17; the default is 32 */
#endif

/* A ring shared with the kernel: one side produces, the other consumes. Positions run freely and are masked. */
struct ring {
	uint32_t *producer, *consumer, *flags;
	void *slots; /* of u64 (fill, completion) or struct xdp_desc (rx, tx) */
};

struct port {
	const char *name;
	int fd, ifindex;
	struct ring rx, tx, fill, done;
	uint32_t filled;  /* frames with the kernel for receiving */
	uint32_t sending; /* frames with the kernel for sending */
};

static uint64_t pool[FRAMES]; /* the free frames: last in, first out */
static uint32_t pooled;
static volatile sig_atomic_t stopped;

#define LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define ADDRS(r) ((uint64_t *)(r).slots)
#define DESCS(r) ((struct xdp_desc *)(r).slots)

static void die(const char *what, const char *which)
{
	fprintf(stderr, "forwarder: %s %s: %s\n", what, which, strerror(errno));
	exit(1);
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Loads `return bpf_redirect_map(xsks, ctx->rx_queue_index, XDP_PASS)` and attaches it to the port's device. The
 * attachment is a BPF link: it goes when the process ends. */
static void attach(struct port *p)
{
	uint32_t key = 0;
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = 1 };
	int xsks = bpf(BPF_MAP_CREATE, &map);

	if (xsks < 0)
		die("creating the XSKMAP of", p->name);

	struct bpf_insn code[] = {
		/* r2 = ctx->rx_queue_index */
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1,
		  .off = __builtin_offsetof(struct xdp_md, rx_queue_index) },
		/* r1 = xsks, an instruction of two slots */
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = xsks },
		{ 0 },
		/* r3 = XDP_PASS; r0 = bpf_redirect_map(r1, r2, r3); return r0 */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr program = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.expected_attach_type = BPF_XDP,
		.insns = (uintptr_t)code,
		.insn_cnt = sizeof(code) / sizeof(*code),
		.license = (uintptr_t)"Apache-2.0",
	};
	int prog = bpf(BPF_PROG_LOAD, &program);

	if (prog < 0)
		die("loading the XDP program of", p->name);

	union bpf_attr slot = { .map_fd = xsks, .key = (uintptr_t)&key, .value = (uintptr_t)&p->fd };
	union bpf_attr link = { .link_create = { .prog_fd = prog, .target_ifindex = p->ifindex,
						 .attach_type = BPF_XDP, .flags = XDP_FLAGS_DRV_MODE } };

	if (bpf(BPF_MAP_UPDATE_ELEM, &slot) < 0)
		die("entering the socket of", p->name);
	if (bpf(BPF_LINK_CREATE, &link) < 0)
		die("attaching the XDP program to", p->name);
}

static struct ring map_ring(struct port *p, int option, const struct xdp_ring_offset *at, size_t slot, off_t where)
{
	int size = RING;
	char *base;

	if (setsockopt(p->fd, SOL_XDP, option, &size, sizeof(size)) < 0)
		die("sizing a ring of", p->name);
	base = mmap(NULL, at->desc + RING * slot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->fd, where);
	if (base == MAP_FAILED)
		die("mapping a ring of", p->name);
	return (struct ring){ (uint32_t *)(base + at->producer), (uint32_t *)(base + at->consumer),
			      (uint32_t *)(base + at->flags), base + at->desc };
}

/* Opens and binds the socket. `first` is the port that registered the UMEM; a second port shares it, with rings of
 * its own, and inherits its bind flags. */
static void open_port(struct port *p, const struct port *first, void *memory)
{
	struct xdp_umem_reg reg = { .addr = (uintptr_t)memory, .len = (uint64_t)FRAME * FRAMES, .chunk_size = FRAME };
	struct sockaddr_xdp at = { .sxdp_family = AF_XDP };
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);
	int budget = TX_BUDGET;

	p->ifindex = if_nametoindex(p->name);
	if (!p->ifindex)
		die("finding", p->name);
	p->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		die("opening a socket for", p->name);
	if (!first && setsockopt(p->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0)
		die("registering memory for", p->name);
	/* The offsets exist once the memory does; a sharing socket has the same. */
	if (getsockopt(p->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len) < 0)
		die("asking for the rings of", p->name);
	p->fill = map_ring(p, XDP_UMEM_FILL_RING, &offsets.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	p->done = map_ring(p, XDP_UMEM_COMPLETION_RING, &offsets.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);
	p->rx = map_ring(p, XDP_RX_RING, &offsets.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	p->tx = map_ring(p, XDP_TX_RING, &offsets.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);

	at.sxdp_ifindex = p->ifindex;
	at.sxdp_flags = first ? XDP_SHARED_UMEM : XDP_COPY | XDP_USE_NEED_WAKEUP;
	at.sxdp_shared_umem_fd = first ? first->fd : 0;
	if (bind(p->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("binding to queue 0 of", p->name);
	/* Refused by older kernels, which send 32. */
	setsockopt(p->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
}

/* Takes back what has been sent, and gives the kernel frames to receive into, a batch at a time. */
static void recycle(struct port *p)
{
	uint32_t at = *p->done.consumer, end = LOAD(p->done.producer);

	p->sending -= end - at;
	for (; at != end; at++)
		pool[pooled++] = ADDRS(p->done)[at % RING];
	STORE(p->done.consumer, at);

	if (p->filled + BATCH > FILL)
		return;
	for (at = *p->fill.producer; p->filled < FILL && pooled; p->filled++)
		ADDRS(p->fill)[at++ % RING] = pool[--pooled];
	STORE(p->fill.producer, at);
}

/* Moves a batch from one port's receive ring to the other's transmit ring; returns how many. The frames stay where
 * they are. What does not fit goes back to the pool. */
static uint32_t forward(struct port *from, struct port *to)
{
	uint32_t at = *from->rx.consumer, n = LOAD(from->rx.producer) - at, out = *to->tx.producer;

	if (n > BATCH)
		n = BATCH;
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_desc packet = DESCS(from->rx)[(at + i) % RING];

		if (to->sending == RING) {
			pool[pooled++] = packet.addr;
			continue;
		}
		packet.options = 0;
		DESCS(to->tx)[out++ % RING] = packet;
		to->sending++;
	}
	STORE(from->rx.consumer, at + n);
	STORE(to->tx.producer, out);
	from->filled -= n;
	return n;
}

/* Packets in the transmit ring that the kernel has not taken yet. */
static uint32_t unsent(const struct port *p)
{
	return *p->tx.producer - LOAD(p->tx.consumer);
}

static void kick(const struct port *p)
{
	if (unsent(p) && sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY &&
	    errno != ENOBUFS && errno != ENETDOWN && errno != EINTR)
		die("sending on", p->name);
}

int main(int argc, char **argv)
{
	struct port a = { 0 }, b = { 0 };
	struct sigaction on_signal = { .sa_handler = stop };
	void *memory;

	if (argc < 3) {
		fprintf(stderr, "usage: forwarder DEVICE DEVICE [CORE]\n");
		return 1;
	}
	a.name = argv[1];
	b.name = argv[2];
	if (argc > 3) {
		cpu_set_t cores;

		CPU_ZERO(&cores);
		CPU_SET(atoi(argv[3]), &cores);
		if (sched_setaffinity(0, sizeof(cores), &cores) < 0)
			die("pinning to core", argv[3]);
	}
	memory = mmap(NULL, (size_t)FRAME * FRAMES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mapping", "memory");
	for (; pooled < FRAMES; pooled++)
		pool[pooled] = (uint64_t)FRAME * pooled;
	open_port(&a, NULL, memory);
	open_port(&b, &a, memory);
	recycle(&a);
	recycle(&b);
	attach(&a);
	attach(&b);
	sigaction(SIGINT, &on_signal, NULL);
	sigaction(SIGTERM, &on_signal, NULL);

	/* POLLIN only: POLLOUT would be true nearly always. */
	struct pollfd both[2] = { { .fd = a.fd, .events = POLLIN }, { .fd = b.fd, .events = POLLIN } };

	while (!stopped) {
		int full = forward(&a, &b) == BATCH;

		full |= forward(&b, &a) == BATCH;
		recycle(&a);
		recycle(&b);
		if (full || unsent(&a) > TX_BUDGET || unsent(&b) > TX_BUDGET) {
			kick(&a);
			kick(&b);
		} else if (poll(both, 2, unsent(&a) + unsent(&b) > 32 ? 1 : 20) < 0 && errno != EINTR) {
			die("polling", "both ports");
		}
	}
	return 0;
}
