/* capture.h: runs a subcommand inside the test and keeps what it printed. Main thread only. After cmocka.h. */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CAPTURE_BYTES 262144

static char captured_out[CAPTURE_BYTES], captured_err[CAPTURE_BYTES];

static void capture_read(FILE *from, char *to) {
    rewind(from);
    to[fread(to, 1, CAPTURE_BYTES - 1, from)] = '\0';
    fclose(from);
}

/* `line` is cut at spaces into arguments. Returns the exit status; -1 when the capture itself failed. */
static int capture(int (*command)(int, char **), const char *line) {
    char text[1024], *argv[32], *save = NULL;
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *at = strtok_r(text, " ", &save); at && argc < 31; at = strtok_r(NULL, " ", &save)) argv[argc++] = at;
    argv[argc] = NULL;
    FILE *out = tmpfile(), *err = tmpfile();
    int old_out = dup(1), old_err = dup(2);
    if (!out || !err || old_out < 0 || old_err < 0) return -1;
    fflush(stdout);
    dup2(fileno(out), 1);
    dup2(fileno(err), 2);
    int status = command(argc, argv);
    fflush(stdout);
    dup2(old_out, 1);
    dup2(old_err, 2);
    close(old_out);
    close(old_err);
    capture_read(out, captured_out);
    capture_read(err, captured_err);
    return status;
}

/* A file for a subcommand to read. */
static inline void capture_put(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

/* How many lines went to standard error. */
static inline int capture_complaints(void) {
    int n = 0;
    for (const char *at = captured_err; *at; at++) n += *at == '\n';
    return n;
}

#endif
