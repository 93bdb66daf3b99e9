/* test_net_parsers.c: heads, chunks and frames: what is taken, what is refused, and that cuts change nothing. */
#include "net/net_chunk.h"
#include "net/net_frame.h"
#include "net/net_head.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- heads ------------------------------------------------------------------------------------------------------ */

static char head_bytes[20000];

static int parse(net_head *h, const char *text) {
    snprintf(head_bytes, sizeof head_bytes, "%s", text);
    net_head_parse(h, head_bytes, strlen(text));
    assert_non_null(h->why);
    assert_true(h->status == 0 || h->why[0]);
    return h->status;
}

static void a_whole_head(void **state) {
    net_head h;
    char out[8];
    (void)state;
    assert_int_equal(
        parse(&h,
              "POST /a%20b%2Fc?x=1%262&&y+z=%C3%A4#f HTTP/1.1\r\nhost:  here\t\r\nContent-Type: a/b\r\n"
              "AUTHORIZATION: Bearer K\r\nOrigin:o\r\nIf-None-Match: \"e\"\r\nX-Request-ID: 7\r\nX-Long: 0123456789\r\n"
              "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n"),
        0);
    assert_string_equal(h.r.method, "POST");
    assert_string_equal(h.r.path, "/a b/c");
    assert_int_equal(h.r.n_args, 2);
    assert_string_equal(h.r.args[0], "x=1&2");
    assert_string_equal(h.r.args[1], "y z=\xc3\xa4");
    assert_string_equal(h.r.host, "here");
    assert_string_equal(h.r.content_type, "a/b");
    assert_string_equal(h.r.authorization, "Bearer K");
    assert_string_equal(h.r.origin, "o");
    assert_string_equal(h.r.if_none_match, "\"e\"");
    assert_string_equal(h.r.request_id, "7");
    assert_int_equal(h.r.content_length, 12);
    assert_true(h.keep_alive && h.expects_continue && !h.chunked && !h.websocket && !h.r.upgrades);
    assert_true(net_header(&h.r, "x-LONG", out, sizeof out));
    assert_string_equal(out, "0123456");
    assert_false(net_header(&h.r, "x-none", out, sizeof out));
}

static void lengths_and_connections(void **state) {
    net_head h;
    (void)state;
    assert_int_equal(parse(&h, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_int_equal(h.r.content_length, 0);
    assert_int_equal(
        parse(&h, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nConnection: x, Close\r\n\r\n"), 0);
    assert_int_equal(h.r.content_length, -1);
    assert_true(h.chunked && !h.keep_alive);
    assert_int_equal(parse(&h, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0);
    assert_true(h.http10 && !h.keep_alive);
    assert_int_equal(parse(&h, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000000000\r\n\r\n"), 0);
    assert_true(h.r.content_length == INT64_C(100000000000000000));
    assert_int_equal(parse(&h, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000000001\r\n\r\n"), 413);
}

#define WS                                                                                                             \
    "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "        \
    "dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void upgrades(void **state) {
    net_head h;
    (void)state;
    assert_int_equal(parse(&h, "GET /s HTTP/1.1\r\nHost: x\r\n" WS
                               "Sec-WebSocket-Protocol: a,b\r\nsec-websocket-protocol:  c , d,\r\n\r\n"),
                     0);
    assert_true(h.websocket && h.r.upgrades);
    assert_string_equal(h.r.protocols, "a, b, c, d");
    assert_string_equal(h.websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_int_equal(parse(&h, "GET /s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"), 0);
    assert_false(h.websocket); /* without Connection it asks for nothing */
    assert_int_equal(parse(&h, "POST /s HTTP/1.1\r\nHost: x\r\n" WS "\r\n"), 400);
}

static void limits(void **state) {
    net_head h;
    char text[4096];
    (void)state;
    size_t n = (size_t)snprintf(text, sizeof text, "GET /?");
    for (int i = 0; i < NET_ARGS_MAX + 1; i++) n += (size_t)snprintf(text + n, sizeof text - n, "a%d=1&", i);
    snprintf(text + n, sizeof text - n, " HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(parse(&h, text), 0);
    assert_true(h.r.too_many_args);
    assert_int_equal(h.r.n_args, NET_ARGS_MAX);
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /?x=", 8);
    snprintf(text + 8 + NET_ARG_BYTES_MAX, 100, " HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(parse(&h, text), 0);
    assert_true(h.r.too_many_args);
}

/* Its end is found wherever the bytes were cut. */
static void the_end_of_a_head(void **state) {
    static const char *const texts[] = {"GET / HTTP/1.1\r\nA: b\r\n\r\nrest", "\n\nrest", "a\n\r\nrest",
                                        "a\r\n\r\nrest"};
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        const unsigned char *bytes = (const unsigned char *)texts[t];
        size_t n = strlen(texts[t]), end = n - 4;
        uint32_t scanned = 0;
        for (size_t have = 0; have < end; have++) assert_int_equal(net_head_end(bytes, have, &scanned), 0);
        assert_int_equal(net_head_end(bytes, end, &scanned), end);
        scanned = 0;
        assert_int_equal(net_head_end(bytes, n, &scanned), end);
    }
}

/* ---- chunks ----------------------------------------------------------------------------------------------------- */

/* The body, or NULL when it is wrong or more follows. `cut`: bytes a step. */
static const char *unchunk(const char *text, size_t n, size_t cut, size_t *length) {
    static char body[4096];
    net_chunk c = {0};
    *length = 0;
    for (size_t at = 0; at < n;) {
        size_t used, data, some = n - at < cut ? n - at : cut;
        net_chunk_event e = net_chunk_step(&c, (const unsigned char *)text + at, some, &used, &data);
        if (e == NET_CHUNK_WRONG) return NULL;
        if (e == NET_CHUNK_DATA) {
            memcpy(body + *length, text + at + used - data, data);
            *length += data;
        }
        at += used;
        if (e == NET_CHUNK_END) return at == n ? body : NULL;
        assert_true(used > 0);
    }
    return NULL;
}

static void chunks(void **state) {
    static const char text[] =
        "5\r\nhello\r\n00a;name=\"v\" ; x\r\n, world \r\n\r\n1 \r\n!\r\n0\r\nA: b\r\nC: d\r\n\r\n";
    (void)state;
    for (size_t cut = 1; cut < sizeof text; cut++) {
        size_t n;
        const char *body = unchunk(text, sizeof text - 1, cut, &n);
        assert_non_null(body);
        assert_int_equal(n, 16);
        assert_memory_equal(body, "hello, world \r\n!", 16);
    }
}

static void wrong_chunks(void **state) {
    static const char *const texts[] = {
        "\r\n",        "g\r\n",     "-1\r\n",   "0x1\r\n",       "1\n",
        "1\r\rx",      "1\r\nxx",   "1\r\nx\n", "1;\x01\r\n",    "fffffffffffffffff\r\n",
        "0\r\nA: b\n", "0\r\n\r\r", ";\r\n",    "1\r\nx\r\n\r\n"};
    size_t n;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_null(unchunk(texts[i], strlen(texts[i]), 100, &n));
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

static size_t frame(unsigned char *out, unsigned first, const char *payload, size_t n) {
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    size_t at = net_frame_head(out, 0, n);
    out[0] = (unsigned char)first;
    out[1] |= 0x80;
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < n; i++) out[at + i] = (unsigned char)payload[i] ^ mask[i & 3];
    return at + n;
}

typedef struct heard {
    char text[70000];
    size_t n;
    int messages, pings, code;
    bool wrong, closed;
} heard;

static void hear(heard *h, const unsigned char *bytes, size_t n, size_t cut) {
    static unsigned char copy[80000];
    net_frame f = {0};
    bool inside = false;
    memcpy(copy, bytes, n);
    *h = (heard){0};
    for (size_t at = 0; at < n;) {
        size_t used, some = n - at < cut ? n - at : cut;
        net_frame_piece p;
        net_frame_event e = net_frame_step(&f, copy + at, some, 66000, &used, &p);
        at += used;
        if (e == NET_FRAME_DATA) {
            assert_int_equal(p.first, !inside);
            inside = !p.last;
            memcpy(h->text + h->n, p.bytes, p.n);
            h->n += p.n;
            h->messages += p.last;
        }
        h->pings += e == NET_FRAME_PING;
        h->wrong = e == NET_FRAME_WRONG;
        h->closed = e == NET_FRAME_CLOSE;
        h->code = p.code;
        if (h->wrong || h->closed) return;
    }
}

static void messages_in_pieces(void **state) {
    static unsigned char bytes[80000];
    static char big[66000];
    static heard h;
    (void)state;
    memset(big, 'b', sizeof big);
    size_t n = frame(bytes, 0x01, "gr\xc3", 3); /* cut inside a character */
    n += frame(bytes + n, 0x89, "ping", 4);
    n += frame(bytes + n, 0x00, "", 0);
    n += frame(bytes + n, 0x80, "\xbc\xc3\x9f", 3);
    n += frame(bytes + n, 0x82, "", 0);
    n += frame(bytes + n, 0x82, big, 65536);
    n += frame(bytes + n, 0x81, big, 200);
    n += frame(bytes + n, 0x88, "\x03\xe8 so long", 10);
    static const size_t cuts[] = {1, 2, 3, 5, 7, 64, 4096, 80000};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        hear(&h, bytes, n, cuts[i]);
        assert_false(h.wrong);
        assert_true(h.closed);
        assert_int_equal(h.code, 1000);
        assert_int_equal(h.messages, 4);
        assert_int_equal(h.pings, 1);
        assert_int_equal(h.n, 6 + 65536 + 200);
        assert_memory_equal(h.text, "gr\xc3\xbc\xc3\x9f", 6);
    }
}

static int code_of(unsigned first, const char *payload, size_t n) {
    unsigned char bytes[300];
    static heard h;
    hear(&h, bytes, frame(bytes, first, payload, n), 300);
    assert_true(h.wrong || h.closed || h.code == 0);
    return h.wrong ? -h.code : h.code;
}

static void frames_that_are_none(void **state) {
    static const char long_text[126] = "";
    (void)state;
    assert_int_equal(code_of(0x83, "", 0), -1002);             /* no such kind */
    assert_int_equal(code_of(0x8b, "", 0), -1002);             /* nor control */
    assert_int_equal(code_of(0xc1, "", 0), -1002);             /* reserved bits */
    assert_int_equal(code_of(0x80, "", 0), -1002);             /* goes on with nothing */
    assert_int_equal(code_of(0x09, "", 0), -1002);             /* control in pieces */
    assert_int_equal(code_of(0x89, long_text, 126), -1002);    /* too long */
    assert_int_equal(code_of(0x88, "x", 1), -1002);            /* half a code */
    assert_int_equal(code_of(0x88, "\x03\xed", 2), -1002);     /* 1005 is never sent */
    assert_int_equal(code_of(0x88, "\x03\xe7", 2), -1002);     /* 999 */
    assert_int_equal(code_of(0x88, "\x03\xe8\xff", 3), -1007); /* a reason that is no text */
    assert_int_equal(code_of(0x88, "", 0), 1005);
    assert_int_equal(code_of(0x88, "\x0b\xb8", 2), 3000);
    static const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
                                      "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80",
                                      "\xc3",         "\xe2\x82",         "\xf0\x9f\x98",     "\xc3("};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(code_of(0x81, bad[i], strlen(bad[i])), -1007);
    static const char *const good[] = {
        "", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(code_of(0x81, good[i], strlen(good[i])), 0);
    assert_int_equal(code_of(0x82, "\xff", 1), 0); /* binary is not looked at */
    unsigned char unmasked[2] = {0x81, 0x00}, huge[14] = {0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static heard h;
    hear(&h, unmasked, 2, 2);
    assert_true(h.wrong && h.code == 1002);
    hear(&h, huge, 14, 14);
    assert_true(h.wrong && h.code == 1009);
}

/* Many small frames of one message are too long together. */
static void a_long_message_of_short_frames(void **state) {
    net_frame f = {0};
    unsigned char bytes[64];
    net_frame_event e = NET_FRAME_MORE;
    (void)state;
    for (int i = 0; i < 12 && e != NET_FRAME_WRONG; i++) {
        size_t used, n = frame(bytes, i ? 0x00 : 0x02, "0123456789", 10);
        net_frame_piece p;
        e = net_frame_step(&f, bytes, n, 100, &used, &p);
        assert_int_equal(e, i < 10 ? NET_FRAME_DATA : NET_FRAME_WRONG);
        if (e == NET_FRAME_WRONG) assert_int_equal(p.code, 1009);
    }
}

/* Noise is answered, never believed for ever: each step uses bytes or ends. */
static void noise(void **state) {
    unsigned seed = (unsigned)time(NULL);
    unsigned char bytes[600];
    static heard h;
    net_head head;
    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        size_t n = 1 + (size_t)rand() % 599, length;
        for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(rand() % 5 ? "GET /:\r\n 01;a"[rand() % 13] : rand());
        unchunk((const char *)bytes, n, 1 + (size_t)rand() % n, &length);
        memcpy(head_bytes, bytes, n);
        net_head_parse(&head, head_bytes, n);
        bytes[0] = (unsigned char)(rand() % 2 ? 0x81 : 0x01);
        bytes[1] |= 0x80;
        hear(&h, bytes, n, 1 + (size_t)rand() % n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_whole_head),
                                       cmocka_unit_test(lengths_and_connections),
                                       cmocka_unit_test(upgrades),
                                       cmocka_unit_test(limits),
                                       cmocka_unit_test(the_end_of_a_head),
                                       cmocka_unit_test(chunks),
                                       cmocka_unit_test(wrong_chunks),
                                       cmocka_unit_test(messages_in_pieces),
                                       cmocka_unit_test(frames_that_are_none),
                                       cmocka_unit_test(a_long_message_of_short_frames),
                                       cmocka_unit_test(noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
