/* net_frame.c: see net_frame.h. */
#include "net/net_frame.h"

#include <string.h>

#define OP_CONTINUE  0
#define OP_TEXT      1
#define OP_BINARY    2
#define OP_CLOSE     8
#define OP_PING      9
#define OP_PONG      10
#define WRONG_FRAME  1002
#define WRONG_TEXT   1007
#define WRONG_LENGTH 1009
#define NO_CODE      1005

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* States: 0 between characters; 1, 2, 3: so many bytes to come; 4 … 7: the next byte has narrower limits (after E0, ED, F0,
 * F4), then as 1, 1, 2, 2. */
static bool utf8_byte(uint8_t *state, unsigned char b) {
    static const struct {
        unsigned char low, high, next;
    } narrow[8] = {{0, 0, 0},       {0x80, 0xbf, 0}, {0x80, 0xbf, 1}, {0x80, 0xbf, 2},
                   {0xa0, 0xbf, 1}, {0x80, 0x9f, 1}, {0x90, 0xbf, 2}, {0x80, 0x8f, 2}};
    if (*state) {
        if (b < narrow[*state].low || b > narrow[*state].high) return false;
        *state = narrow[*state].next;
        return true;
    }
    if (b < 0x80) return true;
    if (b < 0xc2 || b > 0xf4) return false;
    *state = b < 0xe0 ? 1 : b == 0xe0 ? 4 : b == 0xed ? 5 : b < 0xf0 ? 2 : b == 0xf0 ? 6 : b == 0xf4 ? 7 : 3;
    return true;
}

static bool utf8_bytes(uint8_t *state, const unsigned char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!utf8_byte(state, bytes[i])) return false;
    }
    return true;
}

/* ---- heads ------------------------------------------------------------------------------------------------------ */

static net_frame_event wrong(net_frame_piece *piece, int code, const char *why) {
    piece->code = code;
    piece->why = why;
    return NET_FRAME_WRONG;
}

/* How many bytes a head has that begins with these two. */
static uint8_t head_bytes(const uint8_t *head) {
    unsigned length = head[1] & 0x7f;
    return (uint8_t)(2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4);
}

static uint64_t payload_bytes(const net_frame *f) {
    unsigned length = f->head[1] & 0x7f;
    uint64_t n = 0;
    if (length < 126) return length;
    for (int i = 2; i < f->n_head - 4; i++) n = n << 8 | f->head[i];
    return n;
}

static net_frame_event check_head(net_frame *f, uint64_t message_bytes_max, net_frame_piece *piece) {
    bool control = f->opcode >= OP_CLOSE;
    if (f->opcode > OP_PONG || (f->opcode > OP_BINARY && !control)) return wrong(piece, WRONG_FRAME, "no such frame");
    if (control && (!f->fin || f->left > NET_CONTROL_BYTES_MAX))
        return wrong(piece, WRONG_FRAME, "a control frame in pieces or too long");
    if (control) return NET_FRAME_MORE;
    if ((f->opcode == OP_CONTINUE) != (f->message != 0))
        return wrong(piece, WRONG_FRAME, "a message begins inside another, or goes on outside of one");
    if (f->left > message_bytes_max || f->message_bytes > message_bytes_max - f->left)
        return wrong(piece, WRONG_LENGTH, "message too long");
    f->message_bytes += f->left;
    return NET_FRAME_MORE;
}

static net_frame_event begin_frame(net_frame *f, uint64_t message_bytes_max, net_frame_piece *piece) {
    f->opcode = f->head[0] & 0x0f;
    f->fin = f->head[0] & 0x80;
    f->left = payload_bytes(f);
    memcpy(f->mask, f->head + f->n_head - 4, 4);
    f->mask_at = f->n_head = f->n_control = 0;
    net_frame_event e = check_head(f, message_bytes_max, piece);
    if (e != NET_FRAME_MORE) return e;
    if (f->opcode == OP_TEXT || f->opcode == OP_BINARY) {
        f->message = f->opcode;
        f->begun = false;
        f->utf8_state = 0;
    }
    f->in_payload = true;
    return NET_FRAME_MORE;
}

/* ---- payloads --------------------------------------------------------------------------------------------------- */

static void unmask(net_frame *f, unsigned char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) bytes[i] ^= f->mask[(f->mask_at + i) & 3];
    f->mask_at = (uint8_t)((f->mask_at + n) & 3);
}

static bool may_be_sent(int code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != NO_CODE && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static net_frame_event end_control(net_frame *f, net_frame_piece *piece) {
    f->in_payload = false;
    if (f->opcode == OP_PING) return NET_FRAME_PING;
    if (f->opcode == OP_PONG) return NET_FRAME_PONG;
    uint8_t state = 0;
    piece->code = f->n_control >= 2 ? f->control[0] << 8 | f->control[1] : NO_CODE;
    if (f->n_control == 1 || (f->n_control >= 2 && !may_be_sent(piece->code)))
        return wrong(piece, WRONG_FRAME, "no such close code");
    if (f->n_control > 2 && (!utf8_bytes(&state, f->control + 2, f->n_control - 2u) || state))
        return wrong(piece, WRONG_TEXT, "the reason is no UTF-8");
    return NET_FRAME_CLOSE;
}

static net_frame_event end_piece(net_frame *f, unsigned char *bytes, size_t n, net_frame_piece *piece) {
    bool whole = f->left == 0;
    *piece = (net_frame_piece){
        .bytes = bytes, .n = n, .text = f->message == OP_TEXT, .first = !f->begun, .last = whole && f->fin};
    f->begun = true;
    if (whole) f->in_payload = false;
    if (piece->text && (!utf8_bytes(&f->utf8_state, bytes, n) || (piece->last && f->utf8_state)))
        return wrong(piece, WRONG_TEXT, "the text is no UTF-8");
    if (piece->last) {
        f->message = 0;
        f->message_bytes = 0;
    }
    return NET_FRAME_DATA;
}

/* Some bytes of a payload, or the end of an empty one. */
static net_frame_event read_payload(net_frame *f, unsigned char *bytes, size_t n, size_t *used,
                                    net_frame_piece *piece) {
    size_t k = n < f->left ? n : (size_t)f->left;
    unmask(f, bytes, k);
    f->left -= k;
    *used += k;
    if (f->opcode < OP_CLOSE) return end_piece(f, bytes, k, piece);
    memcpy(f->control + f->n_control, bytes, k);
    f->n_control = (uint8_t)(f->n_control + k);
    return f->left ? NET_FRAME_MORE : end_control(f, piece);
}

net_frame_event net_frame_step(net_frame *f, unsigned char *bytes, size_t n, uint64_t message_bytes_max, size_t *used,
                               net_frame_piece *piece) {
    *used = 0;
    *piece = (net_frame_piece){0};
    while (!f->in_payload) {
        if (*used == n) return NET_FRAME_MORE;
        f->head[f->n_head++] = bytes[(*used)++];
        if (f->head[0] & 0x70) return wrong(piece, WRONG_FRAME, "no extension was agreed on");
        if (f->n_head < 2) continue;
        if (!(f->head[1] & 0x80)) return wrong(piece, WRONG_FRAME, "a client masks its frames");
        if (f->n_head < head_bytes(f->head)) continue;
        net_frame_event e = begin_frame(f, message_bytes_max, piece);
        if (e != NET_FRAME_MORE) return e;
    }
    if (*used == n && f->left > 0) return NET_FRAME_MORE;
    return read_payload(f, bytes + *used, n - *used, used, piece);
}

size_t net_frame_head(unsigned char *out, unsigned opcode, size_t n) {
    out[0] = (unsigned char)(0x80 | opcode);
    if (n < 126) {
        out[1] = (unsigned char)n;
        return 2;
    }
    int bytes = n < 65536 ? 2 : 8;
    out[1] = bytes == 2 ? 126 : 127;
    for (int i = 0; i < bytes; i++) out[2 + i] = (unsigned char)((uint64_t)n >> 8 * (bytes - 1 - i));
    return 2 + (size_t)bytes;
}
