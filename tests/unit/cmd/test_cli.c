/* test_cli.c: lists of files, names of results, numbers from options, the progress line. */
#include "cmd/cli.h"
#include "cmd/progress.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_all(cli_paths *p, const char *const *paths, size_t n) {
    for (size_t i = 0; i < n; i++) assert_int_equal(cli_paths_add(p, paths[i]), STENO_OK);
}

static void results_never_share_a_name(void **state) {
    static const char *const in[] = {"a/x.wav", "b/x.mp3", "x-2.wav", "c/x.flac", "y.tar.gz", "-", ".hidden"};
    static const char *const want[] = {"out/x.txt",     "out/x-2.txt",   "out/x-2-2.txt",  "out/x-3.txt",
                                       "out/y.tar.txt", "out/stdin.txt", "out/.hidden.txt"};
    cli_paths p = {0};
    char **names;
    const char **clash;
    (void)state;
    add_all(&p, in, 7);
    assert_int_equal(cli_result_names(&p, "out", "txt", &names, &clash), STENO_OK);
    for (size_t i = 0; i < 7; i++) assert_string_equal(names[i], want[i]);
    assert_null(clash[0]);
    assert_string_equal(clash[1], "a/x.wav");
    assert_string_equal(clash[2], "b/x.mp3");
    assert_string_equal(clash[3], "a/x.wav");
    assert_null(clash[4]);
    cli_names_free(names, clash, p.n);
    cli_paths_free(&p);
}

static void many_names(void **state) {
    cli_paths p = {0};
    char **names, path[32];
    const char **clash;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof path, "d%d/f%d.wav", i, i % 1000);
        assert_int_equal(cli_paths_add(&p, path), STENO_OK);
    }
    assert_int_equal(cli_result_names(&p, ".", "json", &names, &clash), STENO_OK);
    assert_string_equal(names[999], "./f999.json");
    assert_string_equal(names[1999], "./f999-2.json");
    assert_string_equal(clash[1999], "d999/f999.wav");
    cli_names_free(names, clash, p.n);
    cli_paths_free(&p);
}

/* A list with the given bytes. */
static steno_err read_list(const char *bytes, size_t n, bool zero, cli_paths *p) {
    char name[] = "/tmp/steno-test-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    steno_err e = cli_paths_read(p, name, zero);
    unlink(name);
    return e;
}

static void lists(void **state) {
    cli_paths p = {0};
    (void)state;
    assert_int_equal(read_list("a b.wav\n\nc\nlast", 16, false, &p), STENO_OK);
    assert_int_equal(p.n, 3);
    assert_string_equal(p.path[0], "a b.wav");
    assert_string_equal(p.path[2], "last");
    assert_int_equal(read_list("x\ny\0z\0", 6, true, &p), STENO_OK);
    assert_int_equal(p.n, 5);
    assert_string_equal(p.path[3], "x\ny");
    assert_int_equal(cli_paths_read(&p, "/nowhere/at/all", false), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "/nowhere/at/all"));
    char *too_long = malloc(CLI_PATH_BYTES_MAX + 1);
    memset(too_long, 'x', CLI_PATH_BYTES_MAX + 1);
    assert_int_equal(read_list(too_long, CLI_PATH_BYTES_MAX + 1, false, &p), STENO_E_LIMIT);
    assert_int_equal(read_list(too_long, CLI_PATH_BYTES_MAX - 1, false, &p), STENO_OK);
    free(too_long);
    cli_paths_free(&p);
}

static void numbers(void **state) {
    int i = -1;
    float f = -1;
    bool b = false;
    (void)state;
    assert_true(cli_int("12", 0, 20, &i) && i == 12);
    assert_false(cli_int("21", 0, 20, &i));
    assert_false(cli_int("", 0, 20, &i));
    assert_false(cli_int("1x", 0, 20, &i));
    assert_false(cli_int("99999999999999999999", 0, 20, &i));
    assert_int_equal(i, 12);
    assert_true(cli_float("0.5", 0, 1, &f) && f == 0.5f);
    assert_false(cli_float("nan", 0, 1, &f));
    assert_false(cli_float("1.01", 0, 1, &f));
    assert_false(cli_float("0.5s", 0, 1, &f));
    assert_true(cli_switch("on", &b) && b);
    assert_true(cli_switch("off", &b) && !b);
    assert_false(cli_switch("maybe", &b));
}

static void progress_lines(void **state) {
    char line[PROGRESS_COLUMNS + 1];
    (void)state;
    progress_line(&(feeder_progress){.files = 1, .audio_s = 600, .fraction = 0.25}, 10, line);
    assert_string_equal(line, "[#####...............]  25 %, 60.0x real time, 0:00:30 left");
    progress_line(&(feeder_progress){.files = 12, .files_done = 3, .audio_s = 3600, .fraction = 0.5}, 7200, line);
    assert_string_equal(line, "[##########..........]  50 %, 0.5x real time, 2:00:00 left, 3 of 12 files");
    progress_line(&(feeder_progress){.files = 1, .audio_s = 61}, 2, line);
    assert_string_equal(line, "0:01:01 of audio, 30.5x real time");
    size_t n = progress_line(
        &(feeder_progress){.files = 1234567890, .files_done = 1234567890, .audio_s = 1e15, .fraction = 7}, 1e-9, line);
    assert_int_equal(n, PROGRESS_COLUMNS);
    assert_int_equal(strlen(line), PROGRESS_COLUMNS);
}

/* Fails every allocation in turn. */
static void survives_lack_of_memory(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth < 100; nth++) {
        cli_paths p = {0};
        char **names = NULL;
        const char **clash = NULL;
        mem_fault_arm(nth);
        steno_err e = read_list("a\na\nb\n", 6, false, &p);
        if (e == STENO_OK) e = cli_result_names(&p, "d", "txt", &names, &clash);
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        assert_int_equal(e, hit ? STENO_E_NOMEM : STENO_OK);
        cli_names_free(names, clash, p.n);
        cli_paths_free(&p);
        if (!hit) return;
    }
    fail_msg("the sweep did not end");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_never_share_a_name),
        cmocka_unit_test(many_names),
        cmocka_unit_test(lists),
        cmocka_unit_test(numbers),
        cmocka_unit_test(progress_lines),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
