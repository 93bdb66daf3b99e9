/* test_multipart.c: forms as clients send them, cut at every place; names, file names, limits and refusals. */
#include "api/multipart.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What came, as one text: "<name|filename|type>content;" */
typedef struct seen {
    char text[8192];
    size_t n;
} seen;

static void add(seen *s, const void *bytes, size_t n) {
    assert_true(s->n + n < sizeof s->text);
    memcpy(s->text + s->n, bytes, n);
    s->n += n;
    s->text[s->n] = 0;
}

static steno_err on_begin(void *user, const multipart_part *p) {
    char head[1024];
    int n = snprintf(head, sizeof head, "<%s|%s|%s>", p->name, p->filename ? p->filename : "-", p->type);
    add(user, head, (size_t)n);
    return STENO_OK;
}

static steno_err on_data(void *user, const unsigned char *bytes, size_t n) {
    assert_true(n > 0);
    add(user, bytes, n);
    return STENO_OK;
}

static steno_err on_end(void *user) {
    add(user, ";", 1);
    return STENO_OK;
}

static const multipart_handler handler = {on_begin, on_data, on_end};

static const multipart_limits *limits; /* of the parse that comes next */

static steno_err push_copy(multipart *m, const char *bytes, size_t n) {
    unsigned char *copy = malloc(n ? n : 1); /* of the exact size, so that reading past it is seen */
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    steno_err e = multipart_push(m, copy, n);
    free(copy);
    return e;
}

/* In pieces that end at `a`, at `b` and at the end. */
static steno_err parse_cut(const char *type, const char *body, size_t n, size_t a, size_t b, seen *out) {
    static multipart m;
    out->n = 0;
    out->text[0] = 0;
    ERR_TRY(multipart_init(&m, type, limits, &handler, out));
    ERR_TRY(push_copy(&m, body, a));
    ERR_TRY(push_copy(&m, body + a, b - a));
    ERR_TRY(push_copy(&m, body + b, n - b));
    return multipart_finish(&m);
}

static steno_err parse_single(const char *type, const char *body, size_t n, seen *out) {
    static multipart m;
    out->n = 0;
    out->text[0] = 0;
    ERR_TRY(multipart_init(&m, type, limits, &handler, out));
    for (size_t i = 0; i < n; i++) ERR_TRY(push_copy(&m, body + i, 1));
    return multipart_finish(&m);
}

#define TYPE "multipart/form-data; boundary=XyZ"

static void expect_n(const char *type, const char *body, size_t n, const char *want, size_t want_n) {
    static seen s;
    for (size_t cut = 0; cut <= n; cut++) {
        assert_int_equal(parse_cut(type, body, n, cut, cut, &s), STENO_OK);
        assert_int_equal(s.n, want_n);
        assert_memory_equal(s.text, want, want_n);
    }
    assert_int_equal(parse_single(type, body, n, &s), STENO_OK);
    assert_memory_equal(s.text, want, want_n + 1);
}

static void expect(const char *type, const char *body, const char *want) {
    expect_n(type, body, strlen(body), want, strlen(want));
}

/* The same refusal however it is cut. */
static void refuse(const char *type, const char *body, steno_err want, const char *reason) {
    static seen s;
    size_t n = strlen(body);
    for (size_t cut = 0; cut <= n; cut++) {
        steno_err e = parse_cut(type, body, n, cut, cut, &s);
        assert_int_equal(e, want);
        if (!strstr(steno_error_detail(), reason)) fail_msg("'%s' has no '%s'", steno_error_detail(), reason);
    }
}

#define PART(disposition, rest) "--XyZ\r\nContent-Disposition: form-data; " disposition "\r\n" rest
#define END                     "--XyZ--\r\n"

static const char whole_form[] = PART("name=\"model\"", "\r\nwhisper-1\r\n")
    PART("name=\"file\"; filename=\"a b.wav\"", "Content-Type: audio/wav\r\n\r\nRIFF\r\n--XyYY\r\n\r-\r\n-\r\n\r\n")
        PART("name=\"timestamp_granularities[]\"", "\r\nword\r\n") END;

static const char whole_seen[] = "<model|-|>whisper-1;<file|a b.wav|audio/wav>RIFF\r\n--XyYY\r\n\r-\r\n-\r\n;"
                                 "<timestamp_granularities[]|-|>word;";

static void forms_cut_anywhere(void **state) {
    (void)state;
    expect(TYPE, whole_form, whole_seen);
}

static void forms_cut_twice(void **state) {
    static seen s;
    size_t n = sizeof whole_form - 1;
    (void)state;
    for (size_t a = 0; a <= n; a++)
        for (size_t b = a; b <= n; b++) {
            assert_int_equal(parse_cut(TYPE, whole_form, n, a, b, &s), STENO_OK);
            assert_string_equal(s.text, whole_seen);
        }
}

/* What looks like the beginning of a boundary inside a file is content; so is a zero byte. */
static void contents_near_boundaries(void **state) {
    static const char body[] = PART("name=f; filename=x", "\r\n") "\r\n\r\n--Xy\r\n--\r\r\n--XyY\0\r\n--XyZ--";
    static const char want[] = "<f|x|>\r\n\r\n--Xy\r\n--\r\r\n--XyY\0;";
    (void)state;
    expect_n(TYPE, body, sizeof body - 1, want, sizeof want - 1);
    expect(TYPE, PART("name=f; filename=x", "\r\n\r\n") END, "<f|x|>;");
    expect(TYPE, PART("name=f; filename=x", "\r\n") END, "<f|x|>;"); /* not even the line break of an empty content */
    expect(TYPE, PART("name=f; filename=x", "\r\n-\r\n") END, "<f|x|>-;");
    expect(TYPE, END, "");
}

static void around_the_form(void **state) {
    (void)state;
    expect(TYPE, "This is a form.\r\n--Xy\r\n" PART("name=a", "\r\n1\r\n") END "and this is its end --XyZ", "<a|-|>1;");
    expect("Multipart/Form-Data ; charset=utf-8; Boundary=\"a b\"",
           "--a b \t\r\ncontent-disposition:form-data;name=a\r\n\r\n1\r\n--a b--", "<a|-|>1;");
    expect(TYPE, PART("name=a", "X-Other: 1\r\nContent-Transfer-Encoding: BINARY\r\n\r\n1\r\n") END, "<a|-|>1;");
    expect(TYPE, "--XyZ\r\nContent-Disposition: form-data;\r\n\tname=\"a\"\r\n\r\n1\r\n" END, "<a|-|>1;");
}

static void names_of_files(void **state) {
    (void)state;
    expect(TYPE, PART("name=f; filename=\"a\\\"b%22c.wav\"", "\r\n\r\n") END, "<f|a\"b\"c.wav|>;");
    expect(TYPE, PART("name=f; filename=\"C:\\dir\\x.wav\"", "\r\n\r\n") END, "<f|x.wav|>;");
    expect(TYPE, PART("name=f; filename=\"../../etc/passwd\"", "\r\n\r\n") END, "<f|passwd|>;");
    expect(TYPE, PART("name=f; filename=\"a;name=b\"; x=\"\\\";name=c\"", "\r\n\r\n") END, "<f|a;name=b|>;");
    expect(TYPE, PART("name=f; filename=\"\"", "\r\n\r\n") END, "<f||>;");
    expect(TYPE, PART("name=f; filename=plain; filename*=UTF-8''na%C3%AFve%20%e2%82%ac.wav", "\r\n\r\n") END,
           "<f|na\xc3\xafve \xe2\x82\xac.wav|>;");
    expect(TYPE, PART("name=f; filename*=iso-8859-1'en'na%EFve", "\r\n\r\n") END, "<f|na\xc3\xafve|>;");
    expect(TYPE, PART("name=f; filename=\"na\xc3\xafve \xff\x01\"", "\r\n\r\n") END, "<f|na\xc3\xafve ?\x3f|>;");
}

static void no_forms(void **state) {
    (void)state;
    refuse("application/json", "", STENO_E_FORMAT, "not multipart/form-data");
    refuse("multipart/form-data", "", STENO_E_FORMAT, "no boundary");
    refuse("multipart/form-data; boundary=", "", STENO_E_FORMAT, "no boundary");
    refuse("multipart/form-data; boundary=a; boundary=b", "", STENO_E_FORMAT, "no boundary");
    refuse("multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", "",
           STENO_E_FORMAT, "1 to 70");
    assert_true(multipart_is("multipart/form-data"));
    assert_true(multipart_is("MULTIPART/form-data;boundary=x"));
    assert_false(multipart_is("multipart/form-database; boundary=x"));
    assert_false(multipart_is(""));
}

static void broken_forms(void **state) {
    (void)state;
    refuse(TYPE, "", STENO_E_FORMAT, "before its closing boundary");
    refuse(TYPE, PART("name=a", "\r\n1\r\n"), STENO_E_FORMAT, "before its closing boundary");
    refuse(TYPE, PART("name=a", "\r\n1\r\n") "--XyZ-", STENO_E_FORMAT, "before its closing boundary");
    refuse(TYPE, PART("name=a", "\r\n1\r\n") "--XyZ-x", STENO_E_FORMAT, "followed by something else");
    refuse(TYPE, PART("name=a", "\r\n1\r\n") "--XyZW", STENO_E_FORMAT, "followed by something else");
    refuse(TYPE, PART("name=a", "\r\n1\r\n") "--XyZ\rW", STENO_E_FORMAT, "followed by something else");
    refuse(TYPE, "--XyZ\r\n\r\n1\r\n" END, STENO_E_FORMAT, "no Content-Disposition");
    refuse(TYPE, "--XyZ\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" END, STENO_E_FORMAT, "not form-data");
    refuse(TYPE, "--XyZ\r\nno header\r\n\r\n1\r\n" END, STENO_E_FORMAT, "has no name");
    refuse(TYPE, PART("filename=x", "\r\n1\r\n") END, STENO_E_FORMAT, "no name that can be read");
    refuse(TYPE, PART("name=\"x", "\r\n1\r\n") END, STENO_E_FORMAT, "no name that can be read");
    refuse(TYPE, PART("name=a; name=b", "\r\n1\r\n") END, STENO_E_FORMAT, "no name that can be read");
    refuse(TYPE, PART("name=a", "Content-Disposition: form-data; name=b\r\n\r\n1\r\n") END, STENO_E_FORMAT, "two");
    refuse(TYPE, PART("name=a; filename*=UTF-8''%0", "\r\n1\r\n") END, STENO_E_FORMAT, "file name of form field 'a'");
    refuse(TYPE, PART("name=a; filename*=UTF-8''%00", "\r\n1\r\n") END, STENO_E_FORMAT, "file name of form field 'a'");
    refuse(TYPE, PART("name=a; filename*=KOI8-R''x", "\r\n1\r\n") END, STENO_E_FORMAT, "file name of form field 'a'");
    refuse(TYPE, PART("name=a", "Content-Transfer-Encoding: base64\r\n\r\n1\r\n") END, STENO_E_UNSUPPORTED,
           "Content-Transfer-Encoding");
}

/* A body with one text of `n` times 'x' in it. */
static char *filled(const char *before, size_t n, const char *after) {
    char *body = malloc(strlen(before) + n + strlen(after) + 1);
    assert_non_null(body);
    char *at = stpcpy(body, before);
    memset(at, 'x', n);
    strcpy(at + n, after);
    return body;
}

static void expect_limit(const char *before, size_t most, const char *after, const char *reason) {
    static seen s;
    char *body = filled(before, most, after);
    assert_int_equal(parse_cut(TYPE, body, strlen(body), 0, 0, &s), STENO_OK);
    free(body);
    body = filled(before, most + 1, after);
    assert_int_equal(parse_cut(TYPE, body, strlen(body), 0, 0, &s), STENO_E_LIMIT);
    if (!strstr(steno_error_detail(), reason)) fail_msg("'%s' has no '%s'", steno_error_detail(), reason);
    free(body);
}

static void each_limit(void **state) {
    static const multipart_limits small = {.parts = 2, .field_bytes = 1000};
    static const char head_rest[] = "\r\n\r\n1\r\n" END;
    static const char head_start[] = "Content-Disposition: form-data; name=a\r\nX: ";
    (void)state;
    expect_limit("--XyZ\r\nContent-Disposition: form-data; name=", MULTIPART_NAME_BYTES_MAX, head_rest,
                 "name of a form");
    expect_limit("--XyZ\r\nContent-Disposition: form-data; name=a; filename=", MULTIPART_FILENAME_BYTES_MAX, head_rest,
                 "file's name");
    expect_limit(PART("name=a", "X: "), MULTIPART_HEAD_BYTES_MAX - (sizeof head_start - 1) - 4, head_rest, "headers");
    limits = &small;
    expect_limit(PART("name=a", "\r\n"), 1000, "\r\n" END, "longer than 1000 bytes");
    refuse(TYPE, PART("name=a", "\r\n1\r\n") PART("name=a", "\r\n1\r\n") PART("name=a", "\r\n1\r\n") END, STENO_E_LIMIT,
           "more than 2 parts");
    limits = NULL;
}

/* After a failure nothing more is taken. */
static void stays_failed(void **state) {
    static multipart m;
    static seen s;
    (void)state;
    s.n = 0;
    assert_int_equal(multipart_init(&m, TYPE, NULL, &handler, &s), STENO_OK);
    assert_int_equal(push_copy(&m, "--XyZW", 6), STENO_E_FORMAT);
    assert_int_equal(push_copy(&m, whole_form, sizeof whole_form - 1), STENO_E_FORMAT);
    assert_int_equal(multipart_finish(&m), STENO_E_FORMAT);
    assert_int_equal(s.n, 0);
}

static steno_err no_room(void *user, const unsigned char *bytes, size_t n) {
    (void)user, (void)bytes, (void)n;
    return err_fail(STENO_E_IO, "no room");
}

static void a_handler_fails(void **state) {
    static const multipart_handler failing = {on_begin, no_room, on_end};
    static multipart m;
    static seen s;
    (void)state;
    s.n = 0;
    assert_int_equal(multipart_init(&m, TYPE, NULL, &failing, &s), STENO_OK);
    assert_int_equal(push_copy(&m, whole_form, sizeof whole_form - 1), STENO_E_IO);
    assert_string_equal(steno_error_detail(), "no room");
    assert_string_equal(s.text, "<model|-|>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_cut_anywhere),
        cmocka_unit_test(forms_cut_twice),
        cmocka_unit_test(contents_near_boundaries),
        cmocka_unit_test(around_the_form),
        cmocka_unit_test(names_of_files),
        cmocka_unit_test(no_forms),
        cmocka_unit_test(broken_forms),
        cmocka_unit_test(each_limit),
        cmocka_unit_test(stays_failed),
        cmocka_unit_test(a_handler_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
