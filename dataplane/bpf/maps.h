/* SPDX-License-Identifier: Apache-2.0
 *
 * The maps of the XDP program: its whole interface to user space. The layouts are mirrored in src/xdp/abi.rs.
 *
 * The object is loaded once per port. `xsks`, `peer` and `stats` belong to one port; all others are shared by both
 * (pinned once, reused by the second load).
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#include "helpers.h"

/* Queues per port. A packet of a queue beyond this takes the fallback; the preflight check refuses such a port. */
#define MAX_QUEUES 256
/* Blocked prefixes per IP version; beyond it user space gets an error and says so. */
#define MAX_BLOCKED 65536
/* Bypassed directions of flows (two entries a flow); beyond it the least recently used returns to inspection. */
#define MAX_BYPASS 131072

/* Bits of config.flags. */
enum {
	INSPECT_ALL = 1 << 0, /* every TCP port, not only those in `ports` */
	FAIL_OPEN = 1 << 1,   /* fallback sends to the peer port; without it, drops */
	MIRROR = 1 << 2,      /* one receive-only port: nothing is redirected to a peer, nothing is dropped */
};

struct config {
	__u64 heartbeat_limit_ns; /* a worker silent for longer is taken for dead */
	__u32 flags;
	__u32 reserved;
};

/* What became of a packet; each packet counts once, in `stats` of the port it came in by. */
enum stat {
	STAT_TO_USER,         /* redirected to the worker's AF_XDP socket */
	STAT_TO_PEER,         /* not inspected: redirected to the peer port (mirror: passed to the host) */
	STAT_BLOCKED,         /* dropped: source address blocked */
	STAT_BYPASSED,        /* flow marked by user space: redirected to the peer port */
	STAT_FALLBACK_OPEN,   /* no live worker: redirected to the peer port (mirror: passed to the host) */
	STAT_FALLBACK_CLOSED, /* no live worker: dropped */
	STAT_MAX,
};

/* One cache line per worker, so that workers on different cores do not share one. */
struct heartbeat {
	__u64 ns; /* CLOCK_MONOTONIC, which is what bpf_ktime_get_ns reads; 0: never */
	__u64 pad[7];
};

struct key4 {
	__u32 prefix_len;
	__u8 addr[4];
};

struct key6 {
	__u32 prefix_len;
	__u8 addr[16];
};

struct blocked {
	__u64 expires_ns; /* CLOCK_MONOTONIC; ~0: never */
	__u64 packets;
	__u64 bytes;
	__u32 prefix_len; /* of the key: a lookup does not tell which prefix matched */
	__u32 reserved;
};

/* One direction of a flow. IPv4 addresses are the last four bytes, the rest is zero. */
struct flow {
	__u8 src[16];
	__u8 dst[16];
	__be16 src_port;
	__be16 dst_port;
	__u16 vlan[2]; /* outer and inner VLAN id, 0 without a tag; host byte order */
	__u32 version; /* 4 or 6 */
};

struct bypass {
	__u64 expires_ns;
	__u32 from_seq; /* holds for segments that begin at or after it (RFC 9293 §3.4 arithmetic), but no FIN or RST */
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} config SEC(".maps");

/* Bitmap of the TCP ports to inspect: bit p % 64 of element p / 64. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536 / 64);
	__type(key, __u32);
	__type(value, __u64);
} ports SEC(".maps");

/* Mapped into the workers' memory: worker i, which owns queue i of both ports, writes element i without a system call. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, struct heartbeat);
} heartbeat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_BLOCKED);
	__type(key, struct key4);
	__type(value, struct blocked);
} blocked4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_BLOCKED);
	__type(key, struct key6);
	__type(value, struct blocked);
} blocked6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_BYPASS);
	__type(key, struct flow);
	__type(value, struct bypass);
} bypass SEC(".maps");

/* Per port: the AF_XDP socket of each queue. The kernel empties a slot when its socket closes. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

/* Per port: element 0 is the interface index of the other port. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} peer SEC(".maps");

/* Per port: packets by enum stat. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STAT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} stats SEC(".maps");

#endif
