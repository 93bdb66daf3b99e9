/* test_deepgram_document.c: a transcript as Deepgram's answer: channels, utterances by pause, paragraphs by sentence. */
#include "api/deepgram_document.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static deepgram_query query;
static deepgram_about about = {.request_id = "id-1", .model = "tiny", .query = &query, .channels = 2};

static const steno_word hello[] = {{0.5, 1.0, 0.9f, 0, 6, 0}, {1.0, 1.5, 0.7f, 7, 6, 0}};
static const steno_word more[] = {{2.0, 2.4, 0.5f, 0, 1, 0}, {2.4, 2.5, 0.5f, 2, 2, 0}, {4.5, 5.0, 0.5f, 5, 5, 0}};
static const steno_word other[] = {{1.0, 1.2, 1.0f, 0, 4, 0}};

typedef struct heard {
    int channel;
    released_segment segment;
} heard;

static const heard all[] = {
    {0, {.text = "Hello, there.", .start_s = 0.5, .end_s = 1.5, .words = hello, .n_words = 2}},
    {1, {.text = "Yes?", .start_s = 1.0, .end_s = 1.2, .words = other, .n_words = 1}},
    {0, {.text = "I -- Again", .start_s = 2.0, .end_s = 5.0, .words = more, .n_words = 3}},
};

/* The answer, as it is read. */
static json_t *document_of(const heard *list, size_t n, const char *metadata) {
    deepgram_track tracks[2] = {0};
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(deepgram_track_add(&tracks[list[i].channel], &list[i].segment, query.punctuate), STENO_OK);
    char *text = deepgram_document(tracks, &about, metadata, &bytes);
    assert_non_null(text);
    assert_int_equal(strlen(text), bytes);
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!o) fail_msg("%s", text);
    mem_free(text);
    deepgram_track_free(&tracks[0]);
    deepgram_track_free(&tracks[1]);
    return o;
}

static void is_written(json_t *o, const char *want) {
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    assert_string_equal(text, want);
    free(text);
}

static void expect(const heard *list, size_t n, const char *want) {
    json_t *o = document_of(list, n, "{}");
    is_written(json_object_get(o, "results"), want);
    json_decref(o);
}

static void ask(const char *const *args, int n) {
    deepgram_query_free(&query);
    assert_int_equal(deepgram_query_parse(args, n, DEEPGRAM_FILE, "tiny", "en", &query), STENO_OK);
}

static void channels(void **state) {
    (void)state;
    ask(NULL, 0);
    about.channels = 2;
    expect(all, 3,
           "{\"channels\":[{\"alternatives\":[{\"transcript\":\"hello there i again\",\"confidence\":0.62,\"words\":["
           "{\"word\":\"hello\",\"start\":0.5,\"end\":1.0,\"confidence\":0.9},"
           "{\"word\":\"there\",\"start\":1.0,\"end\":1.5,\"confidence\":0.7},"
           "{\"word\":\"i\",\"start\":2.0,\"end\":2.4,\"confidence\":0.5},"
           "{\"word\":\"again\",\"start\":4.5,\"end\":5.0,\"confidence\":0.5}]}]},"
           "{\"alternatives\":[{\"transcript\":\"yes\",\"confidence\":1.0,\"words\":["
           "{\"word\":\"yes\",\"start\":1.0,\"end\":1.2,\"confidence\":1.0}]}]}]}");
    about.channels = 1;
    expect(NULL, 0, "{\"channels\":[{\"alternatives\":[{\"transcript\":\"\",\"confidence\":0.0,\"words\":[]}]}]}");
}

static void metadata_comes_first(void **state) {
    (void)state;
    ask(NULL, 0);
    json_t *o = document_of(all, 3, "{\"k\":1}");
    char *text = json_dumps(o, JSON_COMPACT);
    assert_memory_equal(text, "{\"metadata\":{\"k\":1},\"results\":{", 31);
    free(text);
    json_decref(o);
}

static json_t *member(json_t *o, const char *name) {
    json_t *m = json_object_get(o, name);
    assert_non_null(m);
    return m;
}

static void utterance_is(json_t *list, size_t i, const char *text, int channel, double start, double end) {
    json_t *u = json_array_get(list, i);
    assert_string_equal(json_string_value(member(u, "transcript")), text);
    assert_int_equal(json_integer_value(member(u, "channel")), channel);
    assert_true(json_real_value(member(u, "start")) == start && json_real_value(member(u, "end")) == end);
    assert_int_equal(json_string_length(member(u, "id")), 36);
    assert_true(json_array_size(member(u, "words")) > 0);
}

static void utterances(void **state) {
    static const char *const args[] = {"utterances=true", "punctuate=true"};
    static const char *const longer[] = {"utterances=true", "utt_split=3"};
    (void)state;
    ask(args, 2);
    about.channels = 2;
    json_t *o = document_of(all, 3, "{}");
    json_t *list = member(member(o, "results"), "utterances");
    assert_int_equal(json_array_size(list), 3);
    utterance_is(list, 0, "Hello, there. I --", 0, 0.5, 2.5); /* a pause of 0.5 s is none */
    utterance_is(list, 1, "Yes?", 1, 1.0, 1.2);
    utterance_is(list, 2, "Again", 0, 4.5, 5.0);
    assert_string_not_equal(json_string_value(member(json_array_get(list, 0), "id")),
                            json_string_value(member(json_array_get(list, 1), "id")));
    json_decref(o);
    ask(longer, 2);
    o = document_of(all, 3, "{}");
    list = member(member(o, "results"), "utterances");
    assert_int_equal(json_array_size(list), 2);
    utterance_is(list, 0, "hello there i again", 0, 0.5, 5.0);
    json_decref(o);
}

static json_t *paragraphs_of(json_t *o) {
    json_t *channel = json_array_get(member(member(o, "results"), "channels"), 0);
    return member(json_array_get(member(channel, "alternatives"), 0), "paragraphs");
}

static void paragraphs(void **state) {
    static const char *const args[] = {"paragraphs=true"};
    (void)state;
    ask(args, 1);
    about.channels = 1;
    json_t *o = document_of(all, 3, "{}");
    char *text = json_dumps(paragraphs_of(o), JSON_COMPACT | JSON_REAL_PRECISION(10));
    assert_string_equal(
        text, "{\"paragraphs\":[{\"sentences\":["
              "{\"text\":\"Hello, there.\",\"start\":0.5,\"end\":1.5},"
              "{\"text\":\"I -- Again\",\"start\":2.0,\"end\":5.0}],\"start\":0.5,\"end\":5.0,\"num_words\":4}],"
              "\"transcript\":\"\\nHello, there. I -- Again\"}");
    free(text);
    json_decref(o);
}

/* Sentences of one word each: a paragraph has five at most, and ends at a long pause. */
static void paragraphs_end(void **state) {
    static const char *const args[] = {"paragraphs=true"};
    steno_word w[8];
    char said[64] = "";
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        double start = i < 7 ? i : 8.5;
        w[i] = (steno_word){start, start + 0.9, 1.0f, 3 * i, 2, STENO_SPEAKER_UNKNOWN};
        memcpy(said + 3 * i, i == 7 ? "Z!" : "A. ", i == 7 ? 2 : 3);
    }
    heard one = {0, {.text = said, .words = w, .n_words = 8}};
    ask(args, 1);
    about.channels = 1;
    json_t *o = document_of(&one, 1, "{}");
    json_t *p = paragraphs_of(o);
    assert_int_equal(json_array_size(member(p, "paragraphs")), 3);
    assert_string_equal(json_string_value(member(p, "transcript")), "\nA. A. A. A. A.\n\nA. A.\n\nZ!");
    json_decref(o);
}

/* Quotes, line ends and what is no text at all come out as JSON. */
static void texts_are_escaped(void **state) {
    static const char *const args[] = {"punctuate=true", "paragraphs=true", "utterances=true"};
    static const steno_word w[] = {{0, 1, 1.0f, 0, 6, 0}, {1, 2, 1.0f, 7, 4, 0}, {2, 3, 1.0f, 12, 2, 0}};
    heard one = {0, {.text = "\"Hi\\a\" b\nc. \xff\xfe", .words = w, .n_words = 3}};
    (void)state;
    ask(args, 3);
    about.channels = 1;
    json_t *o = document_of(&one, 1, "{}");
    json_t *first =
        json_array_get(member(json_array_get(member(member(o, "results"), "channels"), 0), "alternatives"), 0);
    assert_string_equal(json_string_value(member(first, "transcript")), "\"Hi\\a\" b\nc. ??");
    assert_string_equal(json_string_value(member(json_array_get(member(first, "words"), 0), "word")), "hi\\a");
    json_decref(o);
}

static void numbers(void **state) {
    static const struct {
        double s;
        const char *text;
    } cases[] = {{0, "0.000"},        {0.0004, "0.000"},      {0.0005, "0.001"}, {0.12, "0.120"}, {1, "1.000"},
                 {59.9996, "60.000"}, {43200.5, "43200.500"}, {-1, "0.000"},     {NAN, "0.000"},  {1e300, "0.000"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        deepgram_text t = {0};
        deepgram_put_seconds(&t, cases[i].s);
        assert_int_equal(t.n, strlen(cases[i].text));
        assert_memory_equal(t.bytes, cases[i].text, t.n);
        deepgram_text_free(&t);
    }
}

/* Without memory there is no answer, and nothing is lost. */
static void memory_runs_out(void **state) {
    static const char *const args[] = {"paragraphs=true", "utterances=true"};
    bool good = false;
    (void)state;
    ask(args, 2);
    about.channels = 2;
    for (uint64_t nth = 1; !good; nth++) {
        deepgram_track tracks[2] = {0};
        size_t n;
        mem_fault_arm(nth);
        bool added = true;
        for (size_t i = 0; i < 3; i++)
            added &= deepgram_track_add(&tracks[all[i].channel], &all[i].segment, true) == STENO_OK;
        char *text = deepgram_document(tracks, &about, "{}", &n);
        good = !mem_fault_hit();
        mem_fault_arm(0);
        if (good) assert_true(added && text);
        if (!good) assert_true(!added || !text);
        mem_free(text);
        deepgram_track_free(&tracks[0]);
        deepgram_track_free(&tracks[1]);
    }
}

/* "Hello," and "I" are one's, what follows another's; one word nobody can tell of. */
static void speakers(void **state) {
    static const char *const args[] = {"utterances=true", "paragraphs=true", "diarize=true"};
    static const steno_word one[] = {{.speaker = 0}, {.speaker = 1}},
                            two[] = {{.speaker = 0}, {.speaker = -1}, {.speaker = 1}};
    static const released_segment labels[] = {
        {.id = 1, .text = "", .words = two, .n_words = 3, .speaker = 1, .speaker_margin = 0.5f},
        {.id = 0, .text = "", .words = one, .n_words = 2, .speaker = 0, .speaker_margin = 0.25f},
        {.id = 7, .text = "", .words = one, .n_words = 2},
    };
    deepgram_track t = {0};
    size_t n;
    (void)state;
    ask(args, 3);
    about.channels = 1;
    for (uint32_t i = 0; i < 2; i++) {
        released_segment s = all[2 * i].segment;
        s.id = i;
        assert_int_equal(deepgram_track_add(&t, &s, true), STENO_OK);
    }
    for (int i = 0; i < 3; i++) deepgram_track_label(&t, &labels[i]);
    char *text = deepgram_document(&t, &about, "{}", &n);
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *results = member(o, "results"), *list = member(results, "utterances");
    json_t *best = json_array_get(member(json_array_get(member(results, "channels"), 0), "alternatives"), 0);
    is_written(json_array_get(member(best, "words"), 0),
               "{\"word\":\"hello\",\"start\":0.5,\"end\":1.0,\"confidence\":0.9,\"punctuated_word\":\"Hello,\","
               "\"speaker\":0,\"speaker_confidence\":0.25}");
    assert_int_equal(json_array_size(list), 4);
    static const char *const said[] = {"Hello,", "there.", "I --", "Again"};
    static const int who[] = {0, 1, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(json_string_value(member(json_array_get(list, i), "transcript")), said[i]);
        assert_int_equal(json_integer_value(member(json_array_get(list, i), "speaker")), who[i]);
    }
    json_t *paragraphs = member(best, "paragraphs");
    assert_string_equal(json_string_value(member(paragraphs, "transcript")),
                        "\nSpeaker 0: Hello,\n\nSpeaker 1: there.\n\nSpeaker 0: I --\n\nSpeaker 1: Again");
    assert_int_equal(json_integer_value(member(json_array_get(member(paragraphs, "paragraphs"), 3), "speaker")), 1);
    json_decref(o);
    mem_free(text);
    deepgram_track_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels),        cmocka_unit_test(metadata_comes_first),
        cmocka_unit_test(utterances),      cmocka_unit_test(paragraphs),
        cmocka_unit_test(paragraphs_end),  cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(memory_runs_out), cmocka_unit_test(numbers),
        cmocka_unit_test(speakers),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    deepgram_query_free(&query);
    return failed;
}
