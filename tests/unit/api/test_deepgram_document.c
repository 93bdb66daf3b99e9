/* test_deepgram_document.c: a transcript as Deepgram's answer: channels, utterances by pause, paragraphs by sentence. */
#include "api/deepgram_document.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static deepgram_query query;
static deepgram_about about = {.request_id = "id-1", .model = "tiny", .query = &query, .channels = 2};

static const steno_word hello[] = {{0.5, 1.0, 0.9f, 0, 6}, {1.0, 1.5, 0.7f, 7, 6}};
static const steno_word more[] = {{2.0, 2.4, 0.5f, 0, 1}, {2.4, 2.5, 0.5f, 2, 2}, {4.5, 5.0, 0.5f, 5, 5}};
static const steno_word other[] = {{1.0, 1.2, 1.0f, 0, 4}};

static document_segment segments[] = {
    {0, {.text = "Hello, there.", .start_s = 0.5, .end_s = 1.5, .words = hello, .n_words = 2}},
    {1, {.text = "Yes?", .start_s = 1.0, .end_s = 1.2, .words = other, .n_words = 1}},
    {0, {.text = "I -- Again", .start_s = 2.0, .end_s = 5.0, .words = more, .n_words = 3}},
};
static const document all = {.segments = segments, .n = 3};

/* The answer as JSON; without the metadata. */
static char *answer(const document *d) {
    json_t *o = deepgram_document(d, &about, json_object());
    assert_non_null(o);
    char *text = json_dumps(json_object_get(o, "results"), JSON_COMPACT | JSON_REAL_PRECISION(10));
    json_decref(o);
    return text;
}

static void expect(const document *d, const char *want) {
    char *text = answer(d);
    assert_string_equal(text, want);
    free(text);
}

static void ask(const char *const *args, int n) {
    deepgram_query_free(&query);
    assert_int_equal(deepgram_query_parse(args, n, DEEPGRAM_FILE, "tiny", "en", &query), STENO_OK);
}

static void channels(void **state) {
    (void)state;
    ask(NULL, 0);
    about.channels = 2;
    expect(&all,
           "{\"channels\":[{\"alternatives\":[{\"transcript\":\"hello there i again\",\"confidence\":0.62,\"words\":["
           "{\"word\":\"hello\",\"start\":0.5,\"end\":1.0,\"confidence\":0.9},"
           "{\"word\":\"there\",\"start\":1.0,\"end\":1.5,\"confidence\":0.7},"
           "{\"word\":\"i\",\"start\":2.0,\"end\":2.4,\"confidence\":0.5},"
           "{\"word\":\"again\",\"start\":4.5,\"end\":5.0,\"confidence\":0.5}]}]},"
           "{\"alternatives\":[{\"transcript\":\"yes\",\"confidence\":1.0,\"words\":["
           "{\"word\":\"yes\",\"start\":1.0,\"end\":1.2,\"confidence\":1.0}]}]}]}");
    about.channels = 1;
    expect(&(document){0},
           "{\"channels\":[{\"alternatives\":[{\"transcript\":\"\",\"confidence\":0.0,\"words\":[]}]}]}");
}

static void metadata_comes_first(void **state) {
    (void)state;
    ask(NULL, 0);
    json_t *o = deepgram_document(&all, &about, json_pack("{s:i}", "k", 1));
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
    json_t *o = deepgram_document(&all, &about, json_object());
    json_t *list = member(member(o, "results"), "utterances");
    assert_int_equal(json_array_size(list), 3);
    utterance_is(list, 0, "Hello, there. I --", 0, 0.5, 2.5); /* a pause of 0.5 s is none */
    utterance_is(list, 1, "Yes?", 1, 1.0, 1.2);
    utterance_is(list, 2, "Again", 0, 4.5, 5.0);
    assert_string_not_equal(json_string_value(member(json_array_get(list, 0), "id")),
                            json_string_value(member(json_array_get(list, 1), "id")));
    json_decref(o);
    ask(longer, 2);
    o = deepgram_document(&all, &about, json_object());
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
    json_t *o = deepgram_document(&all, &about, json_object());
    char *text = json_dumps(paragraphs_of(o), JSON_COMPACT | JSON_REAL_PRECISION(10));
    assert_string_equal(
        text, "{\"transcript\":\"\\nHello, there. I -- Again\",\"paragraphs\":[{\"sentences\":["
              "{\"text\":\"Hello, there.\",\"start\":0.5,\"end\":1.5},"
              "{\"text\":\"I -- Again\",\"start\":2.0,\"end\":5.0}],\"start\":0.5,\"end\":5.0,\"num_words\":4}]}");
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
        w[i] = (steno_word){start, start + 0.9, 1.0f, 3 * i, 2};
        memcpy(said + 3 * i, i == 7 ? "Z!" : "A. ", i == 7 ? 2 : 3);
    }
    document_segment one = {0, {.text = said, .words = w, .n_words = 8}};
    document d = {.segments = &one, .n = 1};
    ask(args, 1);
    about.channels = 1;
    json_t *o = deepgram_document(&d, &about, json_object());
    json_t *p = paragraphs_of(o);
    assert_int_equal(json_array_size(member(p, "paragraphs")), 3);
    assert_string_equal(json_string_value(member(p, "transcript")), "\nA. A. A. A. A.\n\nA. A.\n\nZ!");
    json_decref(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels),   cmocka_unit_test(metadata_comes_first), cmocka_unit_test(utterances),
        cmocka_unit_test(paragraphs), cmocka_unit_test(paragraphs_end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    deepgram_query_free(&query);
    return failed;
}
