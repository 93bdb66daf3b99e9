/* test_bench_live_parts.c: what `steno bench live` stands on: /proc, endless talk, the server's port. */
#include "cmd/bench_corpus.h"
#include "cmd/bench_server.h"
#include "cmd/proc_usage.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_proc_stat(void **state) {
    (void)state;
    proc_usage u;
    /* A name with brackets and blanks; utime 250, stime 50, 7 threads, 1000 pages. */
    const char *line =
        "42 (a) b (c) S 1 42 42 0 -1 4194560 10 0 0 0 250 50 0 0 20 0 7 0 100 123456789 1000 18446744073709551615 1";
    assert_int_equal(proc_usage_parse(line, 100, 4096, &u), STENO_OK);
    assert_true(u.cpu_s > 2.999 && u.cpu_s < 3.001);
    assert_int_equal(u.rss_bytes, 4096000);
    assert_int_equal(u.threads, 7);
    assert_int_equal(proc_usage_parse("42 (a) S 1 42", 100, 4096, &u), STENO_E_FORMAT);
    assert_int_equal(proc_usage_parse("", 100, 4096, &u), STENO_E_FORMAT);
    assert_int_equal(proc_usage_parse("42 (a)", 100, 4096, &u), STENO_E_FORMAT);
}

static void test_proc_self(void **state) {
    (void)state;
    proc_usage u;
    assert_int_equal(proc_usage_read((int)getpid(), &u), STENO_OK);
    assert_true(u.rss_bytes > 100000 && u.threads >= 1);
    assert_int_equal(proc_usage_read(0x7ffffff0, &u), STENO_E_NOT_FOUND);
}

/* ---- talk ------------------------------------------------------------------------------------------------------- */

#define CLIP 4000

/* Clip i is the value 1000 * (i + 1) throughout. */
static void make_corpus(bench_corpus *c, int16_t *pcm, bench_clip *clips, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < CLIP; k++) pcm[i * CLIP + k] = (int16_t)(1000 * (i + 1));
        clips[i] = (bench_clip){pcm + i * CLIP, CLIP};
    }
    *c = (bench_corpus){.clips = clips, .n = n};
}

static void test_talk_without_gaps(void **state) {
    (void)state;
    static int16_t pcm[4 * CLIP], out[40 * CLIP], again[40 * CLIP], other[40 * CLIP];
    bench_clip clips[4];
    bench_corpus c;
    bench_talk t;
    const bench_gaps gaps = {0};
    make_corpus(&c, pcm, clips, 4);
    bench_talk_init(&t, &c, &gaps, 5);
    for (size_t at = 0; at < 40 * CLIP; at += 500) bench_talk_next(&t, out + at, 500);
    bench_talk_init(&t, &c, &gaps, 5);
    for (size_t at = 0; at < 40 * CLIP; at += 800)
        bench_talk_next(&t, again + at, 800); /* other pieces, the same talk */
    assert_memory_equal(out, again, sizeof out);
    bench_talk_init(&t, &c, &gaps, 6);
    bench_talk_next(&t, other, 40 * CLIP);
    assert_memory_not_equal(out, other, sizeof out);
    int heard[5] = {0};
    for (size_t i = 0; i < 40; i++) { /* whole clips, one after the other, all of them at some time */
        for (size_t k = 0; k < CLIP; k++) assert_int_equal(out[i * CLIP + k], out[i * CLIP]);
        heard[out[i * CLIP] / 1000]++;
    }
    for (int i = 1; i <= 4; i++) assert_true(heard[i] > 0);
}

static size_t count_talk(const bench_gaps *gaps, size_t n) {
    static int16_t pcm[4 * CLIP], chunk[320];
    bench_clip clips[4];
    bench_corpus c;
    bench_talk t;
    size_t talk = 0;
    make_corpus(&c, pcm, clips, 4);
    bench_talk_init(&t, &c, gaps, 1);
    for (size_t at = 0; at < n; at += 320) {
        bench_talk_next(&t, chunk, 320);
        for (size_t k = 0; k < 320; k++) {
            talk += chunk[k] >= 1000;
            assert_true(chunk[k] >= 1000 || abs(chunk[k]) <= 1);
        }
    }
    return talk;
}

static void test_gaps(void **state) {
    (void)state;
    const bench_gaps quarter = {.gap_ms = 750}, share = {.talk_share = 0.4};
    size_t n = 320 * 20000, talk = count_talk(&quarter, n); /* clips of 250 ms, gaps of 750 */
    assert_in_range(talk, n * 249 / 1000, n * 251 / 1000);
    assert_in_range(count_talk(&share, n), n * 39 / 100, n * 41 / 100);
}

static void test_trim(void **state) {
    (void)state;
    static int16_t pcm[16000];
    size_t from, to;
    for (size_t i = 0; i < 16000; i++) pcm[i] = (int16_t)(i % 2 ? 3 : -3); /* faint noise */
    for (size_t i = 4000; i < 12000; i++) pcm[i] = (int16_t)(i % 2 ? 8000 : -8000);
    bench_trim(pcm, 16000, &from, &to);
    assert_in_range(from, 4000 - 480 - 160, 4000 - 480);
    assert_in_range(to, 12000 + 480, 12000 + 480 + 160);
    memset(pcm, 0, sizeof pcm); /* nothing to hear: left as it is */
    bench_trim(pcm, 16000, &from, &to);
    assert_int_equal(from, 0);
    assert_int_equal(to, 16000);
    bench_trim(pcm, 10, &from, &to);
    assert_int_equal(to, 10);
}

static void test_corpus_that_is_none(void **state) {
    (void)state;
    bench_corpus c;
    assert_int_equal(bench_corpus_read("/nowhere", true, &c), STENO_E_NOT_FOUND);
    assert_int_equal(bench_corpus_read("/proc/self/task", true, &c),
                     STENO_E_NOT_FOUND); /* a folder without recordings */
    assert_non_null(strstr(steno_error_detail(), "no recordings"));
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

static void test_port(void **state) {
    (void)state;
    assert_int_equal(bench_server_port("2026-01-01T00:00:00Z info listening on http://127.0.0.1:40123/"), 40123);
    assert_int_equal(bench_server_port("http://[::1]:99"), 99);
    assert_int_equal(bench_server_port("ws://localhost:8080/v1/stream"), 8080);
    assert_int_equal(bench_server_port("reads http://example/ only"), 0);
    assert_int_equal(bench_server_port("http://a:99999/"), 0);
    assert_int_equal(bench_server_port("loading"), 0);
}

static void test_server_that_does_not_start(void **state) {
    (void)state;
    bench_server s;
    const char *const none[] = {NULL};
    assert_int_not_equal(bench_server_start(&s, "/bin/false", none), STENO_OK);
    assert_non_null(strstr(steno_error_detail(), "ended at once"));
    assert_int_equal(s.pid, 0);
    assert_int_equal(s.log_fd, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_stat),
        cmocka_unit_test(test_proc_self),
        cmocka_unit_test(test_talk_without_gaps),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_corpus_that_is_none),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_server_that_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
