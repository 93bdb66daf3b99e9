/* test_jobs_result.c: a transcript as it is kept and as it is fetched: the same in every format, whatever is in it; and what
 * is damaged is said. */
#include "api/jobs_int.h"
#include "base/mem.h"
#include "output/format.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const result_head about = {.model = "tiny", .language = "en"};

static void put(document *d, int channel, const char *text, double start_s, bool looped) {
    steno_word words[2] = {{start_s, start_s + 0.5, 0.5F, 0, 2, 1},
                           {start_s + 0.5, start_s + 1, 0.25F, 3, (uint32_t)strlen(text) - 3, 0}};
    released_segment s = {.id = (uint32_t)d->n,
                          .start_s = start_s,
                          .end_s = start_s + 1,
                          .confidence = 0.375F,
                          .looped = looped,
                          .text = text,
                          .words = words,
                          .n_words = 2};
    assert_int_equal(document_add(d, channel, &s), STENO_OK);
}

static document make(void) {
    document d = {0};
    put(&d, 0, "ab cd", 1.25, false);
    put(&d, 1, "\xc3\xa4\xe2\x82\xac \"q\\\n\t", 2.5, true); /* not a word boundary: bytes are bytes */
    put(&d, 0, "xy \xff\xfe", 4, false);                     /* no UTF-8 */
    document_sort(&d);
    return d;
}

static recording_result outcome(void) {
    return (recording_result){
        .audio_s = 6.5, .channels = 2, .media_cpu_s = 0.5, .stats = {.speech_s = 3, .tokens = 12}};
}

/* What src/output says of the document itself. */
static char *directly(const document *d, const recording_result *r, const output_format *f,
                      const speaker_names *speakers, size_t *n) {
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    output o;
    output_head head = {
        .file = "x.wav", .model = "tiny", .language = "en", .split = true, .words = true, .first = true};
    if (speakers) head.speakers = speakers;
    head.turns = speakers && f->turns;
    output_tail tail = {.duration_s = r->audio_s, .media_cpu_s = r->media_cpu_s, .stats = &r->stats};
    assert_int_equal(output_begin(&o, f, out, &head), STENO_OK);
    for (size_t i = 0; i < d->n; i++)
        assert_int_equal(output_segment(&o, d->segments[i].channel + 1, &d->segments[i].segment), STENO_OK);
    for (size_t i = 0; i < d->n_turns; i++)
        assert_int_equal(output_turns(&o, d->turns[i].channel + 1, &d->turns[i].turn, 1), STENO_OK);
    assert_int_equal(output_end(&o, &tail), STENO_OK);
    fclose(out);
    return text;
}

static void every_format(void **state) {
    static const char *const names[] = {"text", "json", "srt", "vtt", "tsv", "ctm"};
    job j = {.split = true, .words = true, .file_name = "x.wav"};
    document d = make(), sane = {0};
    recording_result r = outcome();
    char *kept;
    size_t n;
    (void)state;
    assert_int_equal(result_write(&about, &d, &r, &kept, &n), STENO_OK);
    for (size_t i = 0; i < 2; i++) /* what is not UTF-8 is not kept as it is: those segments are compared that can be */
        assert_int_equal(document_add(&sane, d.segments[i].channel, &d.segments[i].segment), STENO_OK);
    char *kept_sane;
    size_t n_sane;
    assert_int_equal(result_write(&about, &sane, &r, &kept_sane, &n_sane), STENO_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *got, *want;
        size_t got_n, want_n;
        assert_non_null(result_type(names[i]));
        assert_int_equal(result_render(&j, kept_sane, n_sane, names[i], &got, &got_n), STENO_OK);
        want = directly(&sane, &r, output_format_find(names[i]), NULL, &want_n);
        assert_int_equal(got_n, want_n);
        assert_memory_equal(got, want, want_n);
        free(want);
        mem_free(got);
        assert_int_equal(result_render(&j, kept, n, names[i], &got, &got_n), STENO_OK);
        assert_non_null(strstr(got, "xy"));
        mem_free(got);
    }
    assert_null(result_type("pdf"));
    mem_free(kept);
    mem_free(kept_sane);
    document_free(&d);
    document_free(&sane);
}

/* Labels, turns and names of voices go the same way. */
static void speakers_too(void **state) {
    static const char *const names[] = {"text", "json", "srt", "vtt", "tsv", "ctm", "rttm"};
    static const steno_turn turns[] = {{1.25, 2, 1}, {2, 2.5, 0}};
    job j = {.split = true, .words = true, .diarize = true, .file_name = "x.wav"};
    result_head head = about;
    head.speakers = (speaker_names){.n_voices = 1, .voices = {"Zo\xc3\xab"}};
    document d = {0};
    recording_result r = outcome();
    char *kept, *got, *want;
    size_t n, got_n, want_n;
    (void)state;
    put(&d, 0, "ab cd", 1.25, false);
    put(&d, 1, "ef gh", 2.5, false);
    assert_int_equal(document_add_turns(&d, 0, turns, 2), STENO_OK);
    assert_int_equal(result_write(&head, &d, &r, &kept, &n), STENO_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(result_render(&j, kept, n, names[i], &got, &got_n), STENO_OK);
        want = directly(&d, &r, output_format_find(names[i]), &head.speakers, &want_n);
        assert_string_equal(got, want);
        assert_non_null(strstr(got, "Zo\xc3\xab"));
        free(want);
        mem_free(got);
    }
    j.diarize = false;
    assert_int_equal(result_render(&j, kept, n, "rttm", &got, &got_n), STENO_E_INVALID);
    mem_free(kept);
    document_free(&d);
}

/* Cut anywhere, or with a byte that flipped: an error or a document, never a crash, and a cut is never taken for whole. */
static void damage(void **state) {
    job j = {.split = true, .words = true};
    document d = make();
    recording_result r = outcome();
    char *kept, *got;
    size_t n, got_n;
    (void)state;
    assert_int_equal(result_write(&about, &d, &r, &kept, &n), STENO_OK);
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(result_render(&j, kept, cut, "json", &got, &got_n), STENO_E_FORMAT);
        assert_null(got);
    }
    for (size_t at = 0; at < n; at++) {
        for (int bit = 0; bit < 8; bit++) {
            kept[at] = (char)(kept[at] ^ (1 << bit));
            if (result_render(&j, kept, n, "ctm", &got, &got_n) == STENO_OK) mem_free(got);
            kept[at] = (char)(kept[at] ^ (1 << bit));
        }
    }
    mem_free(kept);
    document_free(&d);
}

static void an_empty_one(void **state) {
    job j = {0};
    document d = {0};
    recording_result r = outcome();
    char *kept, *got;
    size_t n, got_n;
    (void)state;
    assert_int_equal(result_write(&about, &d, &r, &kept, &n), STENO_OK);
    assert_int_equal(result_render(&j, kept, n, "txt", &got, &got_n), STENO_OK);
    assert_string_equal(got, "");
    mem_free(got);
    mem_free(kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),
        cmocka_unit_test(speakers_too),
        cmocka_unit_test(damage),
        cmocka_unit_test(an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
