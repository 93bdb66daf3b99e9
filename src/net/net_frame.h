/* net_frame.h: the frames of a WebSocket as a server reads them (RFC 6455): pure.
 *
 * Owner      whoever calls.
 * Invariants what the RFC forbids a client is an error with the close code to say; text is checked as it comes, also where
 *            a character is cut; lengths are checked before a byte of theirs is read.
 */
#ifndef STENO_NET_NET_FRAME_H
#define STENO_NET_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_CONTROL_BYTES_MAX 125

typedef struct net_frame {
    uint8_t head[14], n_head;    /* of the frame that begins */
    uint8_t opcode;              /* of the frame at hand */
    uint8_t message;             /* opcode of the message at hand, 0: between messages */
    bool fin, in_payload, begun; /* begun: a piece of the message was handed over */
    uint8_t utf8_state, n_control, mask_at;
    uint8_t mask[4];
    uint64_t left;
    uint64_t message_bytes;
    unsigned char control[NET_CONTROL_BYTES_MAX];
} net_frame;

typedef enum net_frame_event {
    NET_FRAME_MORE,
    NET_FRAME_DATA, /* a piece: see net_frame_piece */
    NET_FRAME_PING, /* control[n_control] */
    NET_FRAME_PONG,
    NET_FRAME_CLOSE, /* code is 1005 when none was said */
    NET_FRAME_WRONG  /* code is what to close with */
} net_frame_event;

typedef struct net_frame_piece {
    unsigned char *bytes;
    size_t n;
    bool text, first, last;
    int code;
    const char *why; /* WRONG: static */
} net_frame_piece;

/* Reads at most to the next event and says how far (*used). Bytes are unmasked where they lie. */
net_frame_event net_frame_step(net_frame *f, unsigned char *bytes, size_t n, uint64_t message_bytes_max, size_t *used,
                               net_frame_piece *piece);
/* The head of a frame that a server sends, into out[10]; how many bytes it has. */
size_t net_frame_head(unsigned char *out, unsigned opcode, size_t n);

#endif
