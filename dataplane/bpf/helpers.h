/* SPDX-License-Identifier: Apache-2.0
 *
 * The few declarations that libbpf's bpf_helpers.h would give: sections, BTF-described maps, the helper functions
 * that weir.bpf.c calls (numbers from enum bpf_func_id in <linux/bpf.h>) and byte order.
 */
#ifndef WEIR_HELPERS_H
#define WEIR_HELPERS_H

#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

/* Map attributes are encoded in BTF types; libbpf reads them from there. */
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)BPF_FUNC_map_delete_elem;
static __u64 (*bpf_ktime_get_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static long (*bpf_redirect_map)(void *map, __u64 key, __u64 flags) = (void *)BPF_FUNC_redirect_map;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define net16(x) __builtin_bswap16(x)
#define net32(x) __builtin_bswap32(x)
#else
#define net16(x) (x)
#define net32(x) (x)
#endif

#endif
