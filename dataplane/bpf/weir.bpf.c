/* SPDX-License-Identifier: Apache-2.0
 *
 * Weir's XDP program: decides for each frame that a port receives whether user space inspects it.
 *
 *     blocked source? ── yes ─► drop
 *           │ no
 *     TCP on an inspected port? ── no ─► peer port
 *           │ yes
 *     SYN? ── yes ─► forget the flow's bypass ──┐
 *           │ no                                │
 *     bypassed, no FIN or RST? ─ yes ─► peer port
 *           │ no                                │
 *     worker alive and socket open? ◄───────────┘
 *           │ yes                └─ no ─► fallback: peer port (open) or drop (closed)
 *     AF_XDP socket of the queue
 *
 * It outlives the data plane: link and maps are pinned. What it needs to know is in the maps (maps.h).
 */
#include "parse.h"

/* Nested prefixes tried when the most specific one has expired and user space has not yet removed it. */
#define MAX_NESTED 4

INLINE int finish(enum stat why, int action)
{
	__u32 key = why;
	__u64 *count = bpf_map_lookup_elem(&stats, &key);

	if (count)
		*count += 1; /* per CPU, and XDP is not preempted by XDP: no atomic needed */
	return action;
}

/* Sends the frame out of the peer port. The kernel drops it where no peer is set. */
INLINE int to_peer(enum stat why, __u32 flags)
{
	if (flags & MIRROR)
		return finish(why, XDP_PASS); /* others on this host may listen too; a mirror port drops nothing */
	return finish(why, bpf_redirect_map(&peer, 0, XDP_DROP));
}

INLINE int fall_back(__u32 flags)
{
	if (flags & (FAIL_OPEN | MIRROR))
		return to_peer(STAT_FALLBACK_OPEN, flags);
	return finish(STAT_FALLBACK_CLOSED, XDP_DROP);
}

/* `key` starts as the whole address; its prefix_len shrinks past expired entries. */
INLINE int is_blocked(void *map, void *key, __u32 *prefix_len, __u64 now, __u64 bytes)
{
	for (int i = 0; i < MAX_NESTED; i++) {
		struct blocked *b = bpf_map_lookup_elem(map, key);

		if (!b)
			return 0;
		if (b->expires_ns > now) {
			__sync_fetch_and_add(&b->packets, 1);
			__sync_fetch_and_add(&b->bytes, bytes);
			return 1;
		}
		if (b->prefix_len == 0 || b->prefix_len > *prefix_len)
			return 0;
		*prefix_len = b->prefix_len - 1;
	}
	return 0;
}

INLINE int source_blocked(struct flow *flow, __u64 now, __u64 bytes)
{
	if (flow->version == 4) {
		struct key4 key = { .prefix_len = 32 };

		__builtin_memcpy(key.addr, flow->src + 12, 4);
		return is_blocked(&blocked4, &key, &key.prefix_len, now, bytes);
	}
	if (flow->version == 6) {
		struct key6 key = { .prefix_len = 128 };

		__builtin_memcpy(key.addr, flow->src, 16);
		return is_blocked(&blocked6, &key, &key.prefix_len, now, bytes);
	}
	return 0;
}

INLINE int port_inspected(__be16 port)
{
	__u32 number = net16(port), key = number / 64;
	__u64 *bits = bpf_map_lookup_elem(&ports, &key);

	return bits && (*bits >> (number % 64)) & 1;
}

INLINE int inspected(struct flow *flow, __u32 flags)
{
	return flags & INSPECT_ALL || port_inspected(flow->dst_port) || port_inspected(flow->src_port);
}

/* A new connection on the same addresses and ports must never inherit the old one's bypass, whoever's SYN it is. */
INLINE void forget_bypass(struct flow *flow)
{
	struct flow back = {
		.src_port = flow->dst_port,
		.dst_port = flow->src_port,
		.vlan = { flow->vlan[0], flow->vlan[1] },
		.version = flow->version,
	};

	__builtin_memcpy(back.src, flow->dst, 16);
	__builtin_memcpy(back.dst, flow->src, 16);
	bpf_map_delete_elem(&bypass, flow);
	bpf_map_delete_elem(&bypass, &back);
}

INLINE int bypassed(struct packet *p, __u64 now)
{
	struct bypass *b = bpf_map_lookup_elem(&bypass, &p->flow);

	/* A retransmission from before the mark was partly inspected: user space has the version that counts. */
	return b && b->expires_ns > now && (__s32)(p->seq - b->from_seq) >= 0;
}

INLINE int to_user(struct xdp_md *ctx, struct config *cfg, __u64 now)
{
	__u32 queue = ctx->rx_queue_index;
	struct heartbeat *beat = bpf_map_lookup_elem(&heartbeat, &queue);
	int action;

	/* Signed: a worker on another core may have read the clock a moment after us. */
	if (!beat || (__s64)(now - *(volatile __u64 *)&beat->ns) > (__s64)cfg->heartbeat_limit_ns)
		return fall_back(cfg->flags);
	/* The flags are the action to return for an empty slot. */
	action = bpf_redirect_map(&xsks, queue, XDP_DROP);
	if (action != XDP_REDIRECT)
		return fall_back(cfg->flags);
	return finish(STAT_TO_USER, action);
}

SEC("xdp")
int weir(struct xdp_md *ctx)
{
	struct packet p = {};
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	struct config *cfg = bpf_map_lookup_elem(&config, &zero);
	enum kind kind;

	if (!cfg)
		return XDP_ABORTED; /* can't be: array maps have all their elements */

	kind = parse(data, end, &p);
	if (!(cfg->flags & MIRROR) && source_blocked(&p.flow, now, end - data))
		return finish(STAT_BLOCKED, XDP_DROP);
	if (kind == OTHER)
		return to_peer(STAT_TO_PEER, cfg->flags);
	if (kind == UNCLEAR)
		return to_user(ctx, cfg, now);
	if (!inspected(&p.flow, cfg->flags))
		return to_peer(STAT_TO_PEER, cfg->flags);
	if (p.syn)
		forget_bypass(&p.flow);
	else if (!p.ends && bypassed(&p, now)) /* user space must learn that a flow has ended, or it keeps it */
		return to_peer(STAT_BYPASSED, cfg->flags);
	return to_user(ctx, cfg, now);
}

char LICENSE[] SEC("license") = "Apache-2.0";
