/* test_media_parser.c: what the parent makes of a child's bytes: the honest, the broken and the hostile. */
#include "audio/media_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#define CHANNELS 2
#define FRAMES   1000

static unsigned char bytes[64 * 1024];
static size_t n_bytes;

static void add(const void *what, size_t n) {
    assert_true(n_bytes + n <= sizeof bytes);
    memcpy(bytes + n_bytes, what, n);
    n_bytes += n;
}

static void add_frame(uint32_t type, uint32_t count) {
    media_frame f = {MEDIA_FRAME_MAGIC, type, count, 0};
    add(&f, sizeof f);
}

static void add_head(uint32_t channels, double duration_s) {
    media_head head = {channels, 0, duration_s};
    add_frame(MEDIA_FRAME_HEAD, sizeof head);
    add(&head, sizeof head);
}

static void add_data(uint32_t frames, uint32_t channels, float first) {
    add_frame(MEDIA_FRAME_DATA, frames);
    for (uint32_t i = 0; i < frames * channels; i++) {
        float v = i == 0 ? first : (float)(i % 200) / 200.0f;
        add(&v, sizeof v);
    }
}

static void add_end(uint32_t outcome, const char *detail) {
    media_end end = {.outcome = outcome, .promised_s = 3, .reached_s = (double)NAN};
    strncpy(end.detail, detail, sizeof end.detail - 1);
    add_frame(MEDIA_FRAME_END, sizeof end);
    add(&end, sizeof end);
}

/* Feeds everything, at most `step` new bytes and `cap` frames at a time; returns the frames that came out. */
static size_t feed(media_parser *p, size_t step, size_t cap, float *out) {
    size_t at = 0, seen = 0, frames = 0;
    while (seen < n_bytes || at < n_bytes) {
        size_t before = at, got;
        seen = seen + step < n_bytes ? seen + step : n_bytes;
        do {
            size_t used = media_parser_step(p, bytes + at, seen - at, out + frames * CHANNELS, cap, &got);
            assert_true(used <= seen - at && got <= cap);
            at += used;
            frames += got;
        } while (got > 0);
        if (p->fault || p->not_numbers || p->ended) break;
        if (seen == n_bytes && at == before) break;
    }
    return frames;
}

static void start(media_parser *p) {
    n_bytes = 0;
    media_parser_init(p, CHANNELS, 1.0);
}

static void whole_equals_pieces(void **state) {
    (void)state;
    static const size_t steps[] = {1, 3, 17, 1000, sizeof bytes}, caps[] = {1, 7, 5000};
    static float whole[FRAMES * CHANNELS], pieces[FRAMES * CHANNELS];
    media_parser p;
    start(&p);
    add_head(CHANNELS, 12.5);
    add_data(600, CHANNELS, 0);
    add_data(400, CHANNELS, 0);
    add_end(MEDIA_DONE, "");
    assert_int_equal(feed(&p, sizeof bytes, FRAMES, whole), FRAMES);
    assert_true(p.ended && !p.fault);
    assert_int_equal(p.channels, CHANNELS);
    assert_true(p.duration_s == 12.5 && p.end.promised_s == 3 && p.end.reached_s == 0);
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        for (size_t c = 0; c < sizeof caps / sizeof caps[0]; c++) {
            media_parser_init(&p, CHANNELS, 1.0);
            memset(pieces, 0, sizeof pieces);
            assert_int_equal(feed(&p, steps[s], caps[c], pieces), FRAMES);
            assert_true(p.ended);
            assert_memory_equal(pieces, whole, sizeof whole);
        }
    }
}

static void refused(const char *why) {
    static float out[FRAMES * CHANNELS];
    media_parser p;
    media_parser_init(&p, CHANNELS, 0.05);
    feed(&p, sizeof bytes, FRAMES, out);
    if (!p.fault || !strstr(p.fault, why)) fail_msg("'%s' instead of '%s'", p.fault ? p.fault : "accepted", why);
    size_t got;
    assert_int_equal(media_parser_step(&p, bytes, n_bytes, out, FRAMES, &got), 0); /* and nothing after that */
}

static void hostile_frames(void **state) {
    (void)state;
    media_parser p;
    start(&p), add("garbage garbage!", 16), refused("a damaged frame");
    start(&p), add_frame(77, 0), refused("an unknown frame");
    start(&p), add_frame(MEDIA_FRAME_HEAD, 3), refused("a header of a wrong size");
    start(&p), add_head(0, 0), refused("a wrong channel count");
    start(&p), add_head(CHANNELS + 1, 0), refused("a wrong channel count");
    start(&p), add_head(0xffffffffu, 0), refused("a wrong channel count");
    start(&p), add_head(1, 0), add_head(1, 0), refused("a second header");
    start(&p), add_data(1, 1, 0), refused("samples before the header");
    start(&p), add_head(1, 0), add_frame(MEDIA_FRAME_DATA, 0), refused("a chunk of a wrong size");
    start(&p), add_head(1, 0), add_frame(MEDIA_FRAME_DATA, 0xffffffffu), refused("a chunk of a wrong size");
    start(&p), add_head(1, 0), add_data(801, 1, 0), refused("more audio than was allowed");
    start(&p), add_head(1, 0), add_data(500, 1, 0), add_data(301, 1, 0), refused("more audio than was allowed");
    start(&p), add_frame(MEDIA_FRAME_END, 1), refused("an end of a wrong size");
    start(&p), add_end(MEDIA_OUTCOMES, ""), refused("an unknown outcome");
    start(&p), add_end(MEDIA_DONE, ""), refused("success without a header");
}

static void samples_are_checked(void **state) {
    (void)state;
    static const double wild[] = {(double)NAN, (double)INFINITY, (double)-INFINITY};
    float out[8];
    size_t got;
    media_parser p;
    for (size_t i = 0; i < 3; i++) {
        start(&p);
        add_head(1, 0);
        add_data(4, 1, (float)wild[i]);
        media_parser_step(&p, bytes, n_bytes, out, 8, &got);
        assert_true(p.not_numbers);
        assert_int_equal(got, 0);
    }
    start(&p);
    add_head(1, (double)INFINITY);
    add_data(1, 1, 1e38f);
    add_data(1, 1, -1.5f);
    media_parser_step(&p, bytes, n_bytes, out, 8, &got);
    assert_int_equal(got, 2);
    assert_true(out[0] == 1.0f && out[1] == -1.0f && p.duration_s == 0);
}

static void the_header_alone(void **state) {
    (void)state;
    media_parser p;
    size_t got;
    start(&p);
    add_head(2, 1);
    add_data(4, 2, 0);
    size_t used = media_parser_step(&p, bytes, n_bytes, NULL, 0, &got);
    assert_int_equal(used, sizeof(media_frame) + sizeof(media_head));
    assert_int_equal(p.channels, 2);
    assert_int_equal(media_parser_step(&p, bytes + used, n_bytes - used, NULL, 0, &got), 0);
}

static void check_clean(const char *text, size_t n, const char *want) {
    char out[16];
    media_clean_text(text, n, out, sizeof out);
    assert_string_equal(out, want);
}

static void text_is_cleaned(void **state) {
    (void)state;
    check_clean("plain", 5, "plain");
    check_clean("plain", 3, "pla");
    check_clean("two\nlines\t", 10, "two lines");
    check_clean("\x1b[31mred", 8, " [31mred");
    check_clean("caf\xc3\xa9", 5, "caf\xc3\xa9");
    check_clean("cut\xc3", 4, "cut?");
    check_clean("\xc0\xaf\xed\xa0\x80\xf5", 6, "??????"); /* overlong, surrogate, beyond Unicode */
    check_clean("a\xe2\x80\xae"
                "b",
                5, "a b"); /* right-to-left override */
    check_clean("a\xc2\x9b"
                "b",
                4, "a b"); /* a control character of Latin-1 */
    check_clean("0123456789abcdefgh", 18, "0123456789abcde");
    check_clean("0123456789abcd\xc3\xa9", 16, "0123456789abcd"); /* never half a character */
    check_clean("end\0more", 8, "end");
    check_clean("", 0, "");
}

/* The detail of a hostile child: no terminator, control characters. */
static void end_detail_is_cleaned(void **state) {
    (void)state;
    media_parser p;
    float out[8];
    size_t got;
    start(&p);
    media_end end = {.outcome = MEDIA_CORRUPT, .promised_s = 1e300, .reached_s = -1};
    memset(end.detail, '\n', sizeof end.detail);
    memcpy(end.detail, "bad", 3);
    end.detail[sizeof end.detail - 1] = 'x';
    add_frame(MEDIA_FRAME_END, sizeof end);
    add(&end, sizeof end);
    media_parser_step(&p, bytes, n_bytes, out, 8, &got);
    assert_true(p.ended);
    assert_string_equal(p.end.detail, "bad");
    assert_true(p.end.promised_s == 0 && p.end.reached_s == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_equals_pieces), cmocka_unit_test(hostile_frames),
        cmocka_unit_test(samples_are_checked), cmocka_unit_test(the_header_alone),
        cmocka_unit_test(text_is_cleaned),     cmocka_unit_test(end_detail_is_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
