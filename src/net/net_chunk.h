/* net_chunk.h: the frames of a chunked body, taken off: pure, a byte at a time where it must.
 *
 * Owner      whoever calls.
 * Invariants sizes are bare hexadecimal numbers; extensions and trailers are read and dropped, within NET_CHUNK_EXTRA_MAX.
 */
#ifndef STENO_NET_NET_CHUNK_H
#define STENO_NET_NET_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_CHUNK_EXTRA_MAX 4096 /* bytes of extensions and trailers of one body; more is an error */

typedef struct net_chunk {
    uint8_t state;
    uint8_t digits;
    uint16_t extra;
    uint64_t left; /* of this chunk's bytes */
} net_chunk;

typedef enum net_chunk_event { NET_CHUNK_MORE, NET_CHUNK_DATA, NET_CHUNK_END, NET_CHUNK_WRONG } net_chunk_event;

/* Reads at most to the next event and says how far (*used). DATA: the last *data of these bytes belong to the body. */
net_chunk_event net_chunk_step(net_chunk *c, const unsigned char *bytes, size_t n, size_t *used, size_t *data);

#endif
