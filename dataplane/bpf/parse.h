/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds source, destination and TCP fields of a frame. Every step is bounded and checked against the end of the
 * frame, for the verifier and for us.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "maps.h"

/* 802.1Q or QinQ. A third tag is not IP to us, as it is not to the engine. */
#define MAX_VLAN_TAGS 2
/* Extension headers followed (RFC 8200 §4.1 lists seven kinds, each once but for destination options). */
#define MAX_EXTENSIONS 8

#define IP_MORE_FRAGMENTS 0x2000
#define IP_FRAGMENT_OFFSET 0x1fff
#define IP6_MORE_FRAGMENTS 0x0001
#define IP6_FRAGMENT_OFFSET 0xfff8

enum kind {
	OTHER,   /* no TCP in it: not ours to inspect */
	TCP,     /* ports, sequence number and flags are known */
	UNCLEAR, /* IP, and it may be TCP, but a fragment, cut short or malformed: ports can't be trusted */
};

struct vlan_tag {
	__be16 tci;
	__be16 next;
};

/* RFC 8200 §4.5; the kernel's uapi has no such struct. */
struct fragment {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

struct packet {
	struct flow flow;
	__u32 seq;
	__u8 syn;
	__u8 ends; /* FIN or RST */
};

INLINE enum kind parse_tcp(void *at, void *end, struct packet *p)
{
	struct tcphdr *tcp = at;

	if ((void *)(tcp + 1) > end)
		return UNCLEAR;
	p->flow.src_port = tcp->source;
	p->flow.dst_port = tcp->dest;
	p->seq = net32(tcp->seq);
	p->syn = tcp->syn;
	p->ends = tcp->fin | tcp->rst;
	return TCP;
}

INLINE enum kind parse_ipv4(void *at, void *end, struct packet *p)
{
	struct iphdr *ip = at;

	if ((void *)(ip + 1) > end)
		return UNCLEAR;
	p->flow.version = 4;
	__builtin_memcpy(p->flow.src + 12, &ip->saddr, 4);
	__builtin_memcpy(p->flow.dst + 12, &ip->daddr, 4);
	if (ip->protocol != IPPROTO_TCP)
		return OTHER;
	/* Only a first fragment has ports, and it may end before them (RFC 1858): all fragments of TCP go the same way. */
	if (ip->frag_off & net16(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET))
		return UNCLEAR;
	if (ip->version != 4 || ip->ihl < 5)
		return UNCLEAR;
	return parse_tcp(at + ip->ihl * 4, end, p);
}

INLINE enum kind parse_ipv6(void *at, void *end, struct packet *p)
{
	struct ipv6hdr *ip = at;
	__u8 next, fragmented = 0;

	if ((void *)(ip + 1) > end)
		return UNCLEAR;
	p->flow.version = 6;
	__builtin_memcpy(p->flow.src, &ip->saddr, 16);
	__builtin_memcpy(p->flow.dst, &ip->daddr, 16);
	next = ip->nexthdr;
	at += sizeof(*ip);

	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		struct ipv6_opt_hdr *opt = at;

		switch (next) {
		case IPPROTO_TCP:
			return fragmented ? UNCLEAR : parse_tcp(at, end, p);
		case IPPROTO_FRAGMENT: {
			struct fragment *frag = at;

			if ((void *)(frag + 1) > end)
				return UNCLEAR;
			/* An "atomic" fragment is whole (RFC 6946). */
			if (frag->offset & net16(IP6_MORE_FRAGMENTS | IP6_FRAGMENT_OFFSET))
				fragmented = 1;
			next = frag->next;
			at += sizeof(*frag);
			/* After a later fragment's header come payload bytes: only the protocol is known. */
			if ((frag->offset & net16(IP6_FRAGMENT_OFFSET)) && next != IPPROTO_TCP)
				return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
						       next == IPPROTO_DSTOPTS || next == IPPROTO_AH ?
					       UNCLEAR :
					       OTHER;
			break;
		}
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if ((void *)(opt + 1) > end)
				return UNCLEAR;
			next = opt->nexthdr;
			at += (opt->hdrlen + 1) * 8;
			break;
		case IPPROTO_AH: /* the one length in units of four bytes, less two (RFC 4302 §2.2) */
			if ((void *)(opt + 1) > end)
				return UNCLEAR;
			next = opt->nexthdr;
			at += (opt->hdrlen + 2) * 4;
			break;
		default:
			return OTHER;
		}
	}
	return UNCLEAR; /* more extension headers than anybody sends: user space decides */
}

INLINE enum kind parse(void *data, void *end, struct packet *p)
{
	struct ethhdr *eth = data;
	void *at = eth + 1;
	__be16 type;

	if (at > end)
		return OTHER;
	type = eth->h_proto;
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_tag *tag = at;

		if (type != net16(ETH_P_8021Q) && type != net16(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return OTHER;
		p->flow.vlan[i] = net16(tag->tci) & 0x0fff;
		type = tag->next;
		at = tag + 1;
	}
	if (type == net16(ETH_P_IP))
		return parse_ipv4(at, end, p);
	if (type == net16(ETH_P_IPV6))
		return parse_ipv6(at, end, p);
	return OTHER;
}

#endif
