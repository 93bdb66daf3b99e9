/* test_upload.c: bodies into files and fields: contents, limits, refusals, what is left on disk, failing memory. */
#include "api/upload.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char directory[64];

static int make_directory(void **state) {
    (void)state;
    strcpy(directory, "/tmp/steno-test-upload-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int entries(void) {
    int n = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static int remove_directory(void **state) {
    (void)state;
    assert_int_equal(entries(), 0);
    return rmdir(directory);
}

static int open_files(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

#define TYPE                    "multipart/form-data; boundary=XyZ"
#define PART(disposition, rest) "--XyZ\r\nContent-Disposition: form-data; " disposition "\r\n" rest
#define END                     "--XyZ--\r\n"

static upload_config config_of(void) {
    return (upload_config){.directory = directory, .files_max = 2};
}

static steno_err push(upload *u, const char *body, size_t piece, upload_refusal *why) {
    size_t n = strlen(body);
    for (size_t at = 0; at < n; at += piece) {
        size_t some = n - at < piece ? n - at : piece;
        ERR_TRY(upload_push(u, (const unsigned char *)body + at, some, false, why));
    }
    return upload_push(u, NULL, 0, true, why);
}

static upload *take(const upload_config *config, const char *type, const char *body, size_t piece) {
    upload *u;
    upload_refusal why;
    assert_int_equal(upload_open(config, type, &u, &why), STENO_OK);
    if (push(u, body, piece, &why) != STENO_OK) fail_msg("refused: %d %s", why.status, why.message);
    return u;
}

static void refuse(const upload_config *config, const char *type, const char *body, upload_reason reason, int status,
                   const char *message) {
    upload *u;
    upload_refusal why;
    int before = open_files();
    steno_err e = upload_open(config, type, &u, &why);
    if (e == STENO_OK) e = push(u, body, 7, &why);
    assert_int_not_equal(e, STENO_OK);
    assert_int_equal(why.reason, reason);
    assert_int_equal(why.status, status);
    if (!strstr(why.message, message)) fail_msg("'%s' has no '%s'", why.message, message);
    assert_null(strstr(why.message, directory));
    upload_free(u);
    assert_int_equal(open_files(), before);
    assert_int_equal(entries(), 0);
}

static void expect_file(const upload *u, int i, const char *field, const char *name, const char *type,
                        const char *content) {
    char got[256] = "";
    const upload_file *f = upload_file_at(u, i);
    assert_string_equal(f->field, field);
    assert_string_equal(f->filename, name);
    assert_string_equal(f->type, type);
    assert_int_equal(f->bytes, strlen(content));
    assert_int_equal(read(f->fd, got, sizeof got - 1), (ssize_t)strlen(content));
    assert_string_equal(got, content);
}

static const char form[] = PART("name=model", "\r\nwhisper-1\r\n")
    PART("name=file; filename=a.wav", "Content-Type: audio/wav\r\n\r\nfirst\r\n") PART("name=l", "\r\nword\r\n")
        PART("name=file; filename=b.wav", "\r\nthe second\r\n") PART("name=l", "\r\nsegment\r\n") END;

static void a_form(void **state) {
    upload_config c = config_of();
    int before = open_files();
    (void)state;
    for (size_t piece = 1; piece < sizeof form; piece++) {
        upload *u = take(&c, TYPE, form, piece);
        assert_int_equal(entries(), 0); /* the files have no names */
        assert_int_equal(upload_files(u), 2);
        expect_file(u, 0, "file", "a.wav", "audio/wav", "first");
        expect_file(u, 1, "file", "b.wav", "", "the second");
        assert_int_equal(upload_fields(u), 3);
        assert_string_equal(upload_value(u, "model"), "whisper-1");
        assert_string_equal(upload_value(u, "l"), "word");
        assert_string_equal(upload_field_at(u, 2)->name, "l");
        assert_string_equal(upload_field_at(u, 2)->value, "segment");
        assert_int_equal(upload_field_at(u, 2)->bytes, 7);
        assert_null(upload_value(u, "nothing"));
        upload_free(u);
    }
    assert_int_equal(open_files(), before);
}

static void files_with_names(void **state) {
    upload_config c = config_of();
    char path[128];
    (void)state;
    c.keep = true;
    upload *u = take(&c, TYPE, form, 5);
    assert_int_equal(entries(), 2);
    upload_free(u);
    assert_int_equal(entries(), 0);
    u = take(&c, TYPE, form, 5);
    upload_keep(u);
    upload_free(u);
    assert_int_equal(entries(), 2);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%d", directory, i);
        assert_int_equal(unlink(path), 0);
    }
}

static void a_descriptor_goes_on(void **state) {
    upload_config c = config_of();
    char got[8] = "";
    (void)state;
    upload *u = take(&c, TYPE, form, 5);
    int fd = upload_release_fd(u, 0);
    upload_free(u);
    assert_int_equal(read(fd, got, 7), 5);
    assert_string_equal(got, "first");
    close(fd);
}

static void raw_bodies(void **state) {
    upload_config c = config_of();
    (void)state;
    refuse(&c, "audio/wav", "RIFF", UPLOAD_BAD_TYPE, 415, "not multipart/form-data");
    c.raw = true;
    upload *u = take(&c, "audio/wav", "RIFF", 1);
    assert_int_equal(upload_files(u), 1);
    expect_file(u, 0, "", "", "audio/wav", "RIFF");
    upload_free(u);
    u = take(&c, TYPE, form, 9); /* a form is one, all the same */
    assert_int_equal(upload_files(u), 2);
    upload_free(u);
}

/* An input of a browser's form that was left empty is no file; one that is empty but has a name is. */
static void empty_inputs(void **state) {
    upload_config c = config_of();
    static const char body[] = PART("name=a; filename=\"\"", "\r\n\r\n") PART("name=b; filename=x", "\r\n\r\n")
        PART("name=c; filename=y", "\r\n1\r\n") END;
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        c.keep = keep;
        upload *u = take(&c, TYPE, body, 3);
        assert_int_equal(upload_files(u), 2);
        expect_file(u, 0, "b", "x", "", "");
        expect_file(u, 1, "c", "y", "", "1");
        assert_int_equal(entries(), keep ? 2 : 0);
        upload_free(u);
    }
}

static void limits(void **state) {
    upload_config c = config_of();
    static const char *const spooled[] = {"l", NULL};
    (void)state;
    c.files_max = 1;
    refuse(&c, TYPE, form, UPLOAD_TOO_MANY, 400, "more than 1 file");
    c = config_of();
    c.keep = true;
    c.file_bytes_max = 9;
    refuse(&c, TYPE, form, UPLOAD_TOO_LARGE, 413, "a file is longer than 9 bytes");
    c.bytes_max = sizeof form - 2;
    c.file_bytes_max = 10;
    refuse(&c, TYPE, form, UPLOAD_TOO_LARGE, 413, "the body is longer");
    c = config_of();
    c.field_bytes_max = 6;
    refuse(&c, TYPE, PART("name=l", "\r\nsegment\r\n") END, UPLOAD_TOO_LARGE, 413, "form field 'l' is longer than 6");
    c.spooled = spooled;
    upload *u = take(&c, TYPE, PART("name=\"l[3]\"", "\r\nsegment\r\n") PART("name=k", "\r\nwhole\r\n") END, 4);
    assert_null(upload_value(u, "l[3]"));
    assert_int_equal(upload_files(u), 1);
    expect_file(u, 0, "l[3]", "", "", "segment");
    assert_string_equal(upload_value(u, "k"), "whole");
    upload_free(u);
}

/* `count` fields of `bytes` each. */
static char *many_fields(int count, size_t bytes) {
    static const char head[] = PART("name=a", "\r\n");
    char *body = malloc((size_t)count * (sizeof head + bytes + 2) + sizeof END), *at = body;
    assert_non_null(body);
    for (int i = 0; i < count; i++) {
        at = stpcpy(at, head);
        memset(at, 'x', bytes);
        at = stpcpy(at + bytes, "\r\n");
    }
    strcpy(at, END);
    return body;
}

static void limits_of_fields(void **state) {
    upload_config c = config_of();
    (void)state;
    char *body = many_fields(UPLOAD_FIELDS_MAX, 10);
    upload_free(take(&c, TYPE, body, 1000));
    free(body);
    body = many_fields(UPLOAD_FIELDS_MAX + 1, 10);
    refuse(&c, TYPE, body, UPLOAD_TOO_MANY, 400, "more than 64 fields");
    free(body);
    body = many_fields(5, 60000);
    refuse(&c, TYPE, body, UPLOAD_TOO_LARGE, 413, "together");
    free(body);
}

static void forms_that_are_none(void **state) {
    upload_config c = config_of();
    (void)state;
    refuse(&c, "multipart/form-data", form, UPLOAD_BAD_FORM, 400, "no boundary");
    refuse(&c, TYPE, PART("name=file; filename=a", "\r\ncut"), UPLOAD_BAD_FORM, 400, "before its closing boundary");
    refuse(&c, TYPE, "--XyZ\r\n\r\n", UPLOAD_BAD_FORM, 400, "no Content-Disposition");
}

static void no_directory(void **state) {
    upload_config c = config_of();
    (void)state;
    c.directory = "/nonexistent/steno";
    refuse(&c, TYPE, form, UPLOAD_FAILED, 500, "could not be kept");
}

/* /dev/full answers every write as a full disk does; a limit on file sizes does the same for regular files. */
static void a_full_disk(void **state) {
    upload_config c = config_of();
    upload *u;
    upload_refusal why;
    (void)state;
    c.raw = true;
    assert_int_equal(upload_open(&c, "audio/wav", &u, &why), STENO_OK);
    int fd = open("/dev/full", O_RDWR), count = 0;
    assert_true(fd >= 0);
    for (int i = 3; i < 64; i++) { /* the spool file is the deleted one */
        char link[64], target[256];
        snprintf(link, sizeof link, "/proc/self/fd/%d", i);
        ssize_t n = readlink(link, target, sizeof target - 1);
        if (n < 0) continue;
        target[n] = 0;
        if (!strstr(target, directory)) continue;
        dup2(fd, i);
        count++;
    }
    close(fd);
    assert_int_equal(count, 1);
    assert_int_equal(upload_push(u, (const unsigned char *)"RIFF", 4, true, &why), STENO_E_IO);
    assert_int_equal(why.reason, UPLOAD_DISK_FULL);
    assert_int_equal(why.status, 507);
    upload_free(u);
}

static void memory_fails(void **state) {
    upload_config c = config_of();
    upload *u;
    upload_refusal why;
    int before = open_files();
    (void)state;
    c.keep = true;
    for (uint64_t nth = 1;; nth++) {
        mem_fault_arm(nth);
        steno_err e = upload_open(&c, TYPE, &u, &why);
        if (e == STENO_OK) e = push(u, form, 10, &why);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        upload_free(u);
        assert_int_equal(entries(), 0);
        assert_int_equal(open_files(), before);
        assert_int_equal(e, hit ? STENO_E_NOMEM : STENO_OK);
        if (!hit) break;
        assert_int_equal(why.status, 500);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form),
        cmocka_unit_test(files_with_names),
        cmocka_unit_test(a_descriptor_goes_on),
        cmocka_unit_test(raw_bodies),
        cmocka_unit_test(empty_inputs),
        cmocka_unit_test(limits),
        cmocka_unit_test(limits_of_fields),
        cmocka_unit_test(forms_that_are_none),
        cmocka_unit_test(no_directory),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
