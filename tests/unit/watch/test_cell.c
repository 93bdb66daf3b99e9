/* test_cell.c: cells are written, read and added without loss; what is no cell is refused with its name. */
#include "watch/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Every field another value: a field that a table forgets is seen. */
static monitor_cell full(void) {
    monitor_cell c = {.start_s = 1767571260};
    uint64_t *counts[] = {&c.utterances,     &c.empty,
                          &c.looped,         &c.language_switches,
                          &c.streams,        &c.texts,
                          &c.partials,       &c.partial_revisions,
                          &c.speaker_labels, &c.speaker_revisions,
                          &c.input_clipped,  &c.input_quiet,
                          &c.input_noisy,    &c.input_narrow,
                          &c.streams_judged, &c.streams_clipped,
                          &c.streams_quiet,  &c.streams_noisy,
                          &c.streams_narrow};
    double *sums[] = {
        &c.speech_s,        &c.audio_s,        &c.characters,         &c.words,           &c.tokens,
        &c.tokens_repeated, &c.confidence_sum, &c.confidence_squares, &c.compression_sum, &c.compression_squares,
        &c.busy_s,          &c.capacity_s,     &c.memory_bytes};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) *counts[i] = 100 + i;
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) *sums[i] = .125 + (double)i;
    for (size_t i = 0; i < CELL_CONFIDENCE_BINS; i++) c.confidence_bin[i] = 10 * i;
    for (size_t i = 0; i < CELL_LATENCY_BINS; i++) c.latency_bin[i] = 7 * i;
    strcpy(c.at.host, "a \"host\"");
    strcpy(c.at.model, "base");
    strcpy(c.at.language, "zh");
    strcpy(c.at.key, "k1");
    return c;
}

static void what_is_written_is_read(void **state) {
    (void)state;
    char line[CELL_LINE_BYTES_MAX];
    monitor_cell c = full(), back, none = {.start_s = 60};
    size_t n = cell_print(line, &c);
    assert_int_equal(n, strlen(line));
    assert_int_equal(cell_read(line, n, &back), STENO_OK);
    assert_memory_equal(&back, &c, sizeof c);
    assert_true(cell_same_series(&back.at, &c.at));
    assert_int_equal(cell_read(line, cell_print(line, &none), &back), STENO_OK);
    assert_memory_equal(&back, &none, sizeof none);
    assert_string_equal(line, "{\"start_s\":60}");
}

static void cells_add_up(void **state) {
    (void)state;
    char line[CELL_LINE_BYTES_MAX];
    monitor_cell a = full(), b = full(), read_back;
    cell_add(&a, &b);
    assert_int_equal(a.utterances, 200);
    assert_int_equal(a.streams_narrow, 2 * b.streams_narrow);
    assert_int_equal(a.latency_bin[CELL_LATENCY_BINS - 1], 2 * b.latency_bin[CELL_LATENCY_BINS - 1]);
    assert_true(a.memory_bytes == 2 * b.memory_bytes);
    assert_int_equal(a.start_s, b.start_s);
    assert_int_equal(cell_read(line, cell_print(line, &a), &read_back), STENO_OK);
    assert_memory_equal(&read_back, &a, sizeof a);
}

/* All fields as long as they can be. */
static void the_longest_cell_fits_a_line(void **state) {
    (void)state;
    char line[CELL_LINE_BYTES_MAX];
    monitor_cell c = full(), back;
    memset(c.at.host, '\x01', sizeof c.at.host - 1); /* six bytes each when escaped */
    memset(c.at.model, '\x01', sizeof c.at.model - 1);
    memset(c.at.language, '\x01', sizeof c.at.language - 1);
    memset(c.at.key, '\x01', sizeof c.at.key - 1);
    for (size_t i = 0; i < CELL_LATENCY_BINS; i++) c.latency_bin[i] = 999999999999999;
    for (size_t i = 0; i < CELL_CONFIDENCE_BINS; i++) c.confidence_bin[i] = 999999999999999;
    c.memory_bytes = 123456789012345;
    size_t n = cell_print(line, &c);
    assert_true(n > 0);
    assert_int_equal(cell_read(line, n, &back), STENO_OK);
}

static void what_is_no_cell_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *says;
    } wrong[] = {
        {"", "no JSON object"},
        {"[1]", "something else"},
        {"{\"empty\":-1}", "\"empty\""},
        {"{\"empty\":\"1\"}", "\"empty\""},
        {"{\"speech_s\":1e16}", "\"speech_s\""},
        {"{\"start_s\":null}", "\"start_s\""},
        {"{\"text\":\"hello\"}", "\"text\""},
        {"{\"latency_bin\":[1,2]}", "\"latency_bin\""},
        {"{\"latency_bin\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,true]}", "\"latency_bin\""},
        {"{\"language\":\"much too long a language\"}", "\"language\""},
        {"{\"empty\":1,\"empty\":2}", "no JSON object"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        monitor_cell c;
        assert_int_equal(cell_read(wrong[i].line, strlen(wrong[i].line), &c), STENO_E_INVALID);
        if (!strstr(steno_error_detail(), wrong[i].says)) fail_msg("%s: %s", wrong[i].line, steno_error_detail());
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(cells_add_up),
        cmocka_unit_test(the_longest_cell_fits_a_line),
        cmocka_unit_test(what_is_no_cell_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
