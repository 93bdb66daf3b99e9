/* net_chunk.c: see net_chunk.h. */
#include "net/net_chunk.h"

#define SIZE_DIGITS_MAX 15

enum {
    AT_SIZE,    /* hexadecimal digits */
    AT_EXTRA,   /* ";name=value" up to CR */
    AT_SIZE_LF, /* the LF behind it */
    AT_DATA,    /* bytes of the body */
    AT_DATA_CR, /* the CR LF behind them */
    AT_DATA_LF,
    AT_TRAILER, /* the beginning of a trailer line */
    AT_LINE,    /* inside one */
    AT_LINE_LF, /* the LF behind it */
    AT_LAST_LF, /* the LF of the empty line */
    AT_END
};

static int hex(unsigned char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool plain(net_chunk *c, unsigned char b) {
    return ++c->extra <= NET_CHUNK_EXTRA_MAX && (b >= 0x20 || b == '\t') && b != 0x7f;
}

static bool go(net_chunk *c, bool right, uint8_t next) {
    c->state = next;
    return right;
}

static bool read_size(net_chunk *c, unsigned char b) {
    int digit = hex(b);
    if (digit >= 0) {
        c->left = c->left << 4 | (unsigned)digit;
        return ++c->digits <= SIZE_DIGITS_MAX;
    }
    if (c->digits == 0) return false;
    if (b == '\r') return go(c, true, AT_SIZE_LF);
    return go(c, b == ';' || b == ' ' || b == '\t', AT_EXTRA);
}

static bool after_size(net_chunk *c, unsigned char b) {
    c->digits = 0;
    return go(c, b == '\n', c->left ? AT_DATA : AT_TRAILER);
}

/* One byte that is not of the body. False: it may not stand there. */
static bool step(net_chunk *c, unsigned char b) {
    switch (c->state) {
    case AT_SIZE:
        return read_size(c, b);
    case AT_EXTRA:
        return b == '\r' ? go(c, true, AT_SIZE_LF) : plain(c, b);
    case AT_SIZE_LF:
        return after_size(c, b);
    case AT_DATA_CR:
        return go(c, b == '\r', AT_DATA_LF);
    case AT_DATA_LF:
        return go(c, b == '\n', AT_SIZE);
    case AT_TRAILER:
        return b == '\r' ? go(c, true, AT_LAST_LF) : go(c, plain(c, b), AT_LINE);
    case AT_LINE:
        return b == '\r' ? go(c, true, AT_LINE_LF) : plain(c, b);
    case AT_LINE_LF:
        return go(c, b == '\n', AT_TRAILER);
    case AT_LAST_LF:
        return go(c, b == '\n', AT_END);
    default:
        return false;
    }
}

net_chunk_event net_chunk_step(net_chunk *c, const unsigned char *bytes, size_t n, size_t *used, size_t *data) {
    *used = *data = 0;
    while (*used < n) {
        if (c->state == AT_DATA) {
            size_t k = n - *used < c->left ? n - *used : (size_t)c->left;
            *used += k;
            *data = k;
            c->left -= k;
            if (c->left == 0) c->state = AT_DATA_CR;
            return NET_CHUNK_DATA;
        }
        if (!step(c, bytes[(*used)++])) return NET_CHUNK_WRONG;
        if (c->state == AT_END) return NET_CHUNK_END;
    }
    return NET_CHUNK_MORE;
}
