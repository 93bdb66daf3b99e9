/* fuzz_net.c: any bytes as a request's head, a chunked body or WebSocket frames: refused, or the same wherever they are cut.
 *
 * The first byte chooses, the second says where to cut.
 */
#include "net/net_chunk.h"
#include "net/net_frame.h"
#include "net/net_head.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define BYTES_MAX   4096
#define MESSAGE_MAX 1000

/* What came out, so that two readings can be compared. */
typedef struct outcome {
    unsigned char bytes[2 * BYTES_MAX];
    size_t n;
    int end, code;
} outcome;

static unsigned char *copy_of(const uint8_t *data, size_t n) {
    unsigned char *copy = malloc(n ? n : 1); /* of the exact size, so that reading past it is seen */
    CHECK(copy);
    memcpy(copy, data, n);
    return copy;
}

static void note(outcome *o, const void *bytes, size_t n) {
    CHECK(o->n + n <= sizeof o->bytes);
    if (n) memcpy(o->bytes + o->n, bytes, n);
    o->n += n;
}

static void try_head(const uint8_t *data, size_t n) {
    static net_head h;
    unsigned char *text = copy_of(data, n);
    uint32_t scanned = 0, again = 0;
    size_t end = net_head_end(text, n, &scanned);
    for (size_t have = 0; have <= n; have++) {
        size_t found = net_head_end(text, have, &again);
        CHECK(found == (end && have >= end ? end : 0));
        if (found) break;
    }
    if (end) {
        net_head_parse(&h, (char *)text, end);
        CHECK(h.why && (h.status == 0 || (h.why[0] && h.status >= 400)));
        CHECK(h.status || (h.r.path[0] == '/' || strcmp(h.r.path, "*") == 0));
        CHECK(!h.chunked || h.r.content_length == -1);
        CHECK(h.r.content_length >= -1 && h.r.n_args <= NET_ARGS_MAX);
        for (int i = 0; i < h.r.n_args; i++) CHECK(strlen(h.r.args[i]) < NET_ARG_BYTES_MAX);
    }
    free(text);
}

static void read_chunks(const uint8_t *data, size_t n, size_t cut, outcome *o) {
    net_chunk c = {0};
    o->n = 0;
    o->end = NET_CHUNK_MORE;
    for (size_t at = 0; at < n;) {
        size_t used, payload, some = n - at < cut ? n - at : cut;
        unsigned char *piece = copy_of(data + at, some);
        net_chunk_event e = net_chunk_step(&c, piece, some, &used, &payload);
        CHECK(used <= some && used > 0 && payload <= used);
        note(o, piece + used - payload, payload);
        free(piece);
        at += used;
        o->end = e == NET_CHUNK_DATA ? NET_CHUNK_MORE : (int)e;
        if (e == NET_CHUNK_END || e == NET_CHUNK_WRONG) return;
    }
}

static void read_frames(const uint8_t *data, size_t n, size_t cut, outcome *o) {
    net_frame f = {0};
    uint64_t message = 0;
    o->n = 0;
    o->end = NET_FRAME_MORE;
    for (size_t at = 0; at < n;) {
        size_t used, some = n - at < cut ? n - at : cut;
        unsigned char *piece = copy_of(data + at, some);
        net_frame_piece p;
        net_frame_event e = net_frame_step(&f, piece, some, MESSAGE_MAX, &used, &p);
        CHECK(used <= some && used > 0);
        if (e == NET_FRAME_DATA) {
            message = (p.first ? 0 : message) + p.n;
            CHECK(message <= MESSAGE_MAX);
            note(o, p.bytes, p.n);
            if (p.last) note(o, p.text ? "t" : "b", 1);
        }
        if (e == NET_FRAME_PING || e == NET_FRAME_CLOSE) note(o, f.control, f.n_control);
        o->end = e == NET_FRAME_WRONG || e == NET_FRAME_CLOSE ? (int)e : NET_FRAME_MORE;
        o->code = p.code;
        CHECK(e != NET_FRAME_WRONG || (p.code >= 1002 && p.why && p.why[0]));
        free(piece);
        at += used;
        if (o->end != NET_FRAME_MORE) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static outcome whole, cut;
    if (size < 2 || size > BYTES_MAX) return 0;
    size_t step = 1 + data[1] % 16;
    if (data[0] % 3 == 0) {
        try_head(data + 2, size - 2);
        return 0;
    }
    void (*reader)(const uint8_t *, size_t, size_t, outcome *) = data[0] % 3 == 1 ? read_chunks : read_frames;
    reader(data + 2, size - 2, size, &whole);
    reader(data + 2, size - 2, step, &cut);
    CHECK(whole.end == cut.end);
    /* Text that is wrong is handed over up to the cut before; all else is the same. */
    if (whole.end == NET_FRAME_WRONG && data[0] % 3 == 2) return 0;
    CHECK(whole.n == cut.n && memcmp(whole.bytes, cut.bytes, cut.n) == 0);
    return 0;
}
