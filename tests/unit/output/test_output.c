/* test_output.c: the six formats, byte for byte, on segments with awkward texts, names and times. */
#include "output/format.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/err.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const steno_word two_words[] = {
    {.start_s = 1.0, .end_s = 1.25, .confidence = 0.9f, .text_offset = 0, .text_bytes = 5},
    {.start_s = 1.3, .end_s = 1.9996, .confidence = 0.75f, .text_offset = 6, .text_bytes = 6},
};
static const released_segment hello = {.id = 7,
                                       .start_s = 1.0,
                                       .end_s = 1.9996,
                                       .confidence = 0.8129f,
                                       .text = "Hello world.",
                                       .words = two_words,
                                       .n_words = 2};
static const steno_stats stats = {.audio_s = 3,
                                  .speech_s = 1.5,
                                  .vad_cpu_s = 0.001,
                                  .encode_cpu_s = 0.0104,
                                  .decode_cpu_s = 0.02,
                                  .segments = 1,
                                  .tokens = 5};

/* The whole document of some segments; freed by the caller. */
static char *write_all(const char *format, output_head head, const released_segment *segments, const int *channels,
                       size_t n, const char *error) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    output o;
    if (!head.model) head.model = "tiny";
    if (!head.language) head.language = "en";
    output_tail tail = {.duration_s = 3.0, .media_cpu_s = 0.004, .stats = &stats, .error = error};
    assert_int_equal(output_begin(&o, output_format_find(format), out, &head), STENO_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(output_segment(&o, channels ? channels[i] : 1, &segments[i]), STENO_OK);
    assert_int_equal(output_end(&o, &tail), STENO_OK);
    fclose(out);
    return text;
}

static void check(const char *format, output_head head, const released_segment *segments, const int *channels, size_t n,
                  const char *want) {
    char *got = write_all(format, head, segments, channels, n, NULL);
    assert_string_equal(got, want);
    free(got);
}

static const output_head plain = {.file = "dir/a b.wav", .words = true, .first = true};

static void text(void **state) {
    const released_segment two[] = {hello, {.text = "a\nb\tc \xFF!"}};
    const int channels[] = {1, 2};
    (void)state;
    check("text", plain, two, NULL, 2, "Hello world.\na b c \xEF\xBF\xBD!\n");
    check("text", (output_head){.file = "x", .split = true, .first = true}, two, channels, 2,
          "[1] Hello world.\n[2] a b c \xEF\xBF\xBD!\n");
    check("text", (output_head){.file = "x\ny", .many = true}, two, NULL, 1, "\n==> x y <==\nHello world.\n");
    check("text", (output_head){.file = "x", .many = true, .first = true}, NULL, NULL, 0, "==> x <==\n");
}

static void json(void **state) {
    (void)state;
    check("json", plain, &hello, NULL, 1,
          "{\"file\":\"dir/a b.wav\",\"model\":\"tiny\",\"language\":\"en\",\"segments\":[\n"
          "  {\"id\":0,\"start\":1,\"end\":2,\"text\":\"Hello world.\",\"confidence\":0.813,\"words\":["
          "{\"word\":\"Hello\",\"start\":1,\"end\":1.25,\"confidence\":0.9},"
          "{\"word\":\"world.\",\"start\":1.3,\"end\":2,\"confidence\":0.75}]}\n"
          "],\"duration\":3,\"stats\":{\"speech\":1.5,\"segments\":1,\"tokens\":5,"
          "\"cpu\":{\"media\":0.004,\"vad\":0.001,\"encode\":0.01,\"decode\":0.02,\"other\":0}}}\n");
}

static void json_of_many_is_a_line_each(void **state) {
    const released_segment two[] = {hello, hello};
    const int channels[] = {2, 1};
    (void)state;
    char *got =
        write_all("json", (output_head){.file = "x", .many = true, .split = true}, two, channels, 2, "it broke");
    assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
    json_t *root = json_loads(got, 0, NULL);
    assert_non_null(root);
    json_t *segments = json_object_get(root, "segments");
    assert_int_equal(json_array_size(segments), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(segments, 0), "channel")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(segments, 1), "id")), 1);
    assert_null(json_object_get(json_array_get(segments, 0), "words"));
    assert_string_equal(json_string_value(json_object_get(root, "error")), "it broke");
    json_decref(root);
    free(got);
}

/* Whatever bytes come in, strict readers accept what comes out, and valid characters survive. */
static void json_strings(void **state) {
    static const char *const in[] = {"\"\\/\b\f\n\r\t\x01\x1f\x7f",
                                     "caf\xC3\xA9 \xE4\xB8\xAD \xF0\x9F\x98\x80",
                                     "\xFF\xC3",
                                     "\xED\xA0\x80",
                                     "\xC0\x80",
                                     "\xF4\x90\x80\x80",
                                     "\xE2\x80\xA8|\xE2\x80\xA9"};
    static const char *const want[] = {
        "\"\\/\b\f\n\r\t\x01\x1f\x7f", "caf\xC3\xA9 \xE4\xB8\xAD \xF0\x9F\x98\x80",
        "\xEF\xBF\xBD\xEF\xBF\xBD",    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD",
        "\xEF\xBF\xBD\xEF\xBF\xBD",    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD",
        "\xE2\x80\xA8|\xE2\x80\xA9"};
    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        const released_segment s = {.text = in[i]};
        char *got = write_all("json", (output_head){.file = in[i]}, &s, NULL, 1, NULL);
        json_t *root = json_loads(got, 0, NULL);
        assert_non_null(root);
        assert_string_equal(json_string_value(json_object_get(root, "file")), want[i]);
        json_t *segment = json_array_get(json_object_get(root, "segments"), 0);
        assert_string_equal(json_string_value(json_object_get(segment, "text")), want[i]);
        json_decref(root);
        free(got);
    }
}

static void numbers(void **state) {
    static const struct {
        double value;
        const char *want;
    } cases[] = {{0, "0"},      {-0.0001, "0"},       {1, "1"},   {10, "10"},      {100.5, "100.5"}, {0.12349, "0.123"},
                 {0.9996, "1"}, {7200.25, "7200.25"}, {NAN, "0"}, {INFINITY, "0"}, {-INFINITY, "0"}, {1e300, "0"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *got = NULL;
        size_t bytes = 0;
        FILE *out = open_memstream(&got, &bytes);
        output_put_number(out, cases[i].value);
        fclose(out);
        assert_string_equal(got, cases[i].want);
        free(got);
    }
}

static void tsv(void **state) {
    const released_segment odd = {.start_s = 3723.0045, .end_s = 3724, .text = "a\tb\\c\nd"};
    const int channel = 2;
    (void)state;
    check("tsv", plain, &hello, NULL, 1, "start\tend\ttext\n1000\t2000\tHello world.\n");
    check("tsv", (output_head){.file = "t\tx", .many = true, .split = true, .first = true}, &odd, &channel, 1,
          "file\tstart\tend\tchannel\ttext\nt\\tx\t3723005\t3724000\t2\ta\\tb\\\\c\\nd\n");
    check("tsv", (output_head){.file = "x", .many = true}, &hello, NULL, 1, "x\t1000\t2000\tHello world.\n");
}

static void ctm(void **state) {
    const released_segment wordless = {.start_s = 10, .end_s = 12, .confidence = 0.5f, .text = "one two"};
    const int channel = 2;
    (void)state;
    check("ctm", plain, &hello, NULL, 1, "a_b 1 1.000 0.250 Hello 0.9\na_b 1 1.300 0.700 world. 0.75\n");
    check("ctm", (output_head){.file = ";;x.wav", .split = true}, &hello, &channel, 1,
          "_;;x 2 1.000 0.250 Hello 0.9\n_;;x 2 1.300 0.700 world. 0.75\n");
    check("ctm", (output_head){.file = "-"}, &wordless, NULL, 1,
          "stdin 1 10.000 0.857 one 0.5\nstdin 1 11.143 0.857 two 0.5\n");
}

static void subtitles(void **state) {
    const released_segment odd = {.start_s = 359999.5, .end_s = 360000.25, .text = "a < b && c --> d"};
    const int channel = 1;
    (void)state;
    check("srt", plain, &hello, NULL, 1, "1\n00:00:01,000 --> 00:00:02,000\nHello world.\n\n");
    check("vtt", plain, &hello, NULL, 1, "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello world.\n\n");
    check("vtt", plain, &odd, NULL, 1, "WEBVTT\n\n99:59:59.500 --> 100:00:00.250\na &lt; b &amp;&amp; c --&gt; d\n\n");
    check("vtt", (output_head){.file = "x", .split = true}, &hello, &channel, 1,
          "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<v Channel 1>Hello world.\n\n");
    check("srt", (output_head){.file = "x", .split = true}, &hello, &channel, 1,
          "1\n00:00:01,000 --> 00:00:02,000\n[1] Hello world.\n\n");
    check("vtt", plain, NULL, NULL, 0, "WEBVTT\n\n");
    check("srt", plain, NULL, NULL, 0, "");
}

/* Words of the lengths 1..7, 200 ms each, 120 of them: about 550 columns. */
static size_t long_segment(char *out, steno_word *words, size_t n) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i) out[at++] = ' ';
        size_t length = 1 + i * 5 % 7;
        words[i] = (steno_word){.start_s = (double)i * 0.2,
                                .end_s = (double)i * 0.2 + 0.2,
                                .text_offset = (uint32_t)at,
                                .text_bytes = (uint32_t)length};
        memset(out + at, 'a' + (int)(i % 26), length);
        at += length;
    }
    out[at] = 0;
    return at;
}

static void cues_fit_the_screen(void **state) {
    char out[2048];
    steno_word words[120];
    (void)state;
    long_segment(out, words, 120);
    const released_segment s = {.start_s = 0, .end_s = 24, .text = out, .words = words, .n_words = 120};
    char *got = write_all("srt", plain, &s, NULL, 1, NULL);
    char *copy = strdup(got), *rest = copy, *line, joined[4096] = "";
    int lines_in_cue = 0, cues = 0;
    double last_end = 0;
    while ((line = strsep(&rest, "\n"))) {
        int h[2], m[2], sec[2], ms[2];
        if (sscanf(line, "%d:%d:%d,%d --> %d:%d:%d,%d", &h[0], &m[0], &sec[0], &ms[0], &h[1], &m[1], &sec[1], &ms[1]) ==
            8) {
            double from = sec[0] + ms[0] / 1000.0, to = sec[1] + ms[1] / 1000.0;
            assert_true(from >= last_end && to > from && to - from <= 7.0001);
            last_end = to;
            lines_in_cue = 0;
            cues++;
        } else if (line[0] >= 'a') {
            assert_true(strlen(line) <= 42);
            assert_true(++lines_in_cue <= 2);
            if (joined[0]) strcat(joined, " ");
            strcat(joined, line);
        }
    }
    assert_string_equal(joined, out); /* every word once, in order */
    assert_in_range(cues, 6, 12);
    free(copy);
    free(got);
}

static void cues_end_with_sentences_and_pauses(void **state) {
    const char *said = "This is the first whole sentence. And the second one";
    static const uint32_t at[] = {0, 5, 8, 12, 18, 24, 34, 38, 42, 49}, n[] = {4, 2, 3, 5, 5, 9, 3, 3, 6, 3};
    steno_word words[10];
    (void)state;
    for (size_t i = 0; i < 10; i++)
        words[i] = (steno_word){
            .start_s = (double)i * 0.2, .end_s = (double)i * 0.2 + 0.2, .text_offset = at[i], .text_bytes = n[i]};
    words[9].start_s = 3.5; /* a pause before the last word */
    words[9].end_s = 3.7;
    const released_segment s = {.start_s = 0, .end_s = 3.7, .text = said, .words = words, .n_words = 10};
    check("srt", plain, &s, NULL, 1,
          "1\n00:00:00,000 --> 00:00:01,200\nThis is the first whole sentence.\n\n"
          "2\n00:00:01,200 --> 00:00:01,800\nAnd the second\n\n"
          "3\n00:00:03,500 --> 00:00:03,700\none\n\n");
}

static void a_word_longer_than_a_line_stays_whole(void **state) {
    char out[200], want[400];
    (void)state;
    memset(out, 'x', 120);
    strcpy(out + 120, " y");
    const released_segment s = {.start_s = 0, .end_s = 2, .text = out};
    char *got = write_all("srt", plain, &s, NULL, 1, NULL);
    snprintf(want, sizeof want, "%.120s\ny\n", out);
    assert_non_null(strstr(got, want));
    free(got);
}

static void wide_characters_count_twice(void **state) {
    char out[30 * 3 + 1] = "";
    steno_word words[30];
    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        strcat(out, "\xE4\xB8\xAD");
        words[i] = (steno_word){.start_s = i * 0.1, .end_s = i * 0.1 + 0.1, .text_offset = i * 3, .text_bytes = 3};
    }
    const released_segment s = {.start_s = 0, .end_s = 3, .text = out, .words = words, .n_words = 30};
    char want[200];
    snprintf(want, sizeof want, "1\n00:00:00,000 --> 00:00:03,000\n%.45s\n%.45s\n\n", out, out);
    check("srt", plain, &s, NULL, 1, want); /* 60 columns: 15 characters a line, without a space between */
}

static void refused_bytes_are_an_error(void **state) {
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (!full) skip();
    output o;
    assert_int_equal(output_begin(&o, &output_json, full, &(output_head){.file = "x", .model = "m", .language = "l"}),
                     STENO_E_IO);
    assert_string_equal(steno_error_detail(), "No space left on device");
    fclose(full);
}

static void base_names(void **state) {
    static const struct {
        const char *path;
        bool strip;
        const char *want;
    } cases[] = {{"a/b.c.wav", true, "b.c"}, {"a/b.c.wav", false, "b.c.wav"},
                 {"b", true, "b"},           {".wav", true, ".wav"},
                 {"-", true, "stdin"},       {"a.b/c", true, "c"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *base;
        size_t n = output_base_name(cases[i].path, cases[i].strip, &base);
        assert_int_equal(n, strlen(cases[i].want));
        assert_memory_equal(base, cases[i].want, n);
    }
}

static void unknown_format(void **state) {
    (void)state;
    assert_null(output_format_find("docx"));
    assert_null(output_format_find(""));
}

/* "Yes. No, I" is the enrolled judge's, then somebody's, then nobody can tell (whose words stay with the one before). */
static const steno_word spoken_words[] = {
    {.start_s = 1, .end_s = 1.5, .text_offset = 0, .text_bytes = 4, .speaker = 0},
    {.start_s = 1.5, .end_s = 2, .text_offset = 5, .text_bytes = 3, .speaker = 1},
    {.start_s = 2, .end_s = 2.5, .text_offset = 9, .text_bytes = 1, .speaker = STENO_SPEAKER_UNKNOWN},
};
static const released_segment spoken[] = {
    {.start_s = 1, .end_s = 2.5, .text = "Yes. No, I", .words = spoken_words, .n_words = 3, .speaker = 1},
    {.start_s = 3, .end_s = 4, .text = "And so", .speaker = 1},
    {.start_s = 5, .end_s = 6, .text = "Hm", .speaker = STENO_SPEAKER_UNKNOWN},
    {.start_s = 7, .end_s = 8, .text = "x", .speaker = STENO_SPEAKER_OTHER},
};
static const speaker_names court = {.n_voices = 1, .voices = {"<Judge>"}};

static void speakers(void **state) {
    const output_head head = {.file = "x.wav", .words = true, .first = true, .speakers = &court};
    const output_head split = {.file = "x.wav", .first = true, .split = true, .speakers = &court};
    const int channels[] = {1, 2};
    (void)state;
    check("text", head, spoken, NULL, 4, "<Judge>: Yes.\nS1: No, I\nAnd so\nUnknown: Hm\nother: x\n");
    check("text", split, &spoken[1], channels, 2, "[1] S1: And so\n[2] Unknown: Hm\n");
    check("tsv", head, spoken, NULL, 3,
          "start\tend\tspeaker\ttext\n1000\t1500\t<Judge>\tYes.\n1500\t2500\tS1\tNo, I\n3000\t4000\tS1\tAnd so\n"
          "5000\t6000\t\tHm\n");
    check("ctm", head, spoken, NULL, 1,
          "x 1 1.000 0.500 Yes. 0 lex <Judge>\nx 1 1.500 0.500 No, 0 lex S1\nx 1 2.000 0.500 I 0 lex unknown\n");
    check("srt", head, spoken, NULL, 1,
          "1\n00:00:01,000 --> 00:00:01,500\n<Judge>: Yes.\n\n2\n00:00:01,500 --> 00:00:02,500\nS1: No, I\n\n");
    check("vtt", head, &spoken[2], NULL, 2,
          "WEBVTT\n\n00:00:05.000 --> 00:00:06.000\nHm\n\n00:00:07.000 --> 00:00:08.000\n<v other>x\n\n");
    check("vtt", split, spoken, NULL, 1,
          "WEBVTT\n\n00:00:01.000 --> 00:00:01.500\n<v Channel 1 &lt;Judge&gt;>Yes.\n\n"
          "00:00:01.500 --> 00:00:02.500\n<v Channel 1 S1>No, I\n\n");
}

static void json_says_who_speaks(void **state) {
    const output_head head = {.file = "x.wav", .words = true, .first = true, .many = true, .speakers = &court};
    (void)state;
    char *got = write_all("json", head, spoken, NULL, 4, NULL);
    json_t *root = json_loads(got, 0, NULL);
    assert_non_null(root);
    json_t *first = json_array_get(json_object_get(root, "segments"), 0), *list = json_object_get(first, "words");
    assert_string_equal(json_string_value(json_object_get(first, "speaker")), "S1");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "speaker")), "<Judge>");
    assert_true(json_is_null(json_object_get(json_array_get(list, 2), "speaker")));
    static const struct {
        const char *label;
        double seconds;
    } want[] = {{"other", 1}, {"<Judge>", 0.5}, {"S1", 2}};
    json_t *people = json_object_get(root, "speakers");
    assert_int_equal(json_array_size(people), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *one = json_array_get(people, i);
        assert_string_equal(json_string_value(json_object_get(one, "label")), want[i].label);
        assert_true(json_number_value(json_object_get(one, "seconds")) == want[i].seconds);
    }
    json_decref(root);
    free(got);
}

static void labels_are_found_again(void **state) {
    char room[SPEAKER_LABEL_BYTES];
    (void)state;
    for (int i = STENO_SPEAKER_OTHER; i < STENO_SPEAKERS_MAX; i++) {
        const char *label = speaker_label(&court, i, room);
        assert_int_equal(label ? speaker_of_label(&court, label) : STENO_SPEAKER_UNKNOWN, i);
    }
    assert_int_equal(speaker_of_label(&court, "S16"), STENO_SPEAKER_UNKNOWN); /* one is the judge */
    assert_int_equal(speaker_of_label(&court, ""), STENO_SPEAKER_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(json),
        cmocka_unit_test(json_of_many_is_a_line_each),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(numbers),
        cmocka_unit_test(tsv),
        cmocka_unit_test(ctm),
        cmocka_unit_test(subtitles),
        cmocka_unit_test(cues_fit_the_screen),
        cmocka_unit_test(cues_end_with_sentences_and_pauses),
        cmocka_unit_test(a_word_longer_than_a_line_stays_whole),
        cmocka_unit_test(wide_characters_count_twice),
        cmocka_unit_test(refused_bytes_are_an_error),
        cmocka_unit_test(base_names),
        cmocka_unit_test(speakers),
        cmocka_unit_test(json_says_who_speaks),
        cmocka_unit_test(labels_are_found_again),
        cmocka_unit_test(unknown_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
