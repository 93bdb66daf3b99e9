/* test_stoppable.c: output to a reader that stalls, leaves, or takes its time. */
#include "cmd/stoppable.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 300000 /* more than a pipe holds */

/* A pipe without room. */
static void make_full(int ends[2]) {
    static const char bytes[4096];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], bytes, sizeof bytes) > 0) {
    }
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
}

static void a_stalled_reader_can_be_left(void **state) {
    (void)state;
    int ends[2], stop = eventfd(1, 0);
    stoppable s;
    make_full(ends);
    FILE *out = stoppable_open(&s, ends[1], stop);
    assert_non_null(out);
    assert_true(fputs("too much", out) >= 0);
    assert_int_equal(fflush(out), EOF);
    assert_int_equal(errno, ECANCELED);
    uint64_t gone;
    assert_int_equal(read(stop, &gone, sizeof gone), sizeof gone); /* the stop was taken note of elsewhere */
    for (int i = 0; i < MANY; i++) putc('x', out);                 /* and what still comes does not wait either */
    fclose(out);
    assert_int_equal(s.error, ECANCELED);
    close(stop);
    close(ends[0]);
    close(ends[1]);
}

static void a_slow_reader_gets_everything(void **state) {
    (void)state;
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        int ends[2], stop = eventfd(0, 0), status;
        stoppable s;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(fcntl(ends[1], F_SETFL, flags), 0);
        pid_t reader = fork();
        assert_true(reader >= 0);
        if (reader == 0) {
            unsigned char bytes[1000];
            unsigned at = 0;
            ssize_t n;
            close(ends[1]);
            while ((n = read(ends[0], bytes, sizeof bytes)) > 0) {
                for (ssize_t i = 0; i < n; i++) {
                    if (bytes[i] != at++ % 251) _exit(1);
                }
            }
            _exit(at == MANY ? 0 : 2);
        }
        close(ends[0]);
        FILE *out = stoppable_open(&s, ends[1], stop);
        assert_non_null(out);
        for (int i = 0; i < MANY; i++) putc(i % 251, out);
        assert_int_equal(fclose(out), 0);
        close(ends[1]);
        assert_int_equal(waitpid(reader, &status, 0), reader);
        assert_int_equal(status, 0);
        close(stop);
    }
}

static void refusals_keep_their_reason(void **state) {
    (void)state;
    int ends[2];
    stoppable s;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    FILE *out = stoppable_open(&s, ends[1], -1);
    assert_non_null(out);
    putc('x', out);
    assert_int_equal(fflush(out), EOF);
    assert_int_equal(errno, EPIPE);
    fclose(out);
    close(ends[1]);
    int unwritable = open("/dev/null", O_RDONLY);
    out = stoppable_open(&s, unwritable, -1);
    assert_non_null(out);
    putc('x', out);
    assert_int_equal(fflush(out), EOF);
    assert_int_equal(errno, EBADF);
    fclose(out);
    close(unwritable);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stalled_reader_can_be_left),
        cmocka_unit_test(a_slow_reader_gets_everything),
        cmocka_unit_test(refusals_keep_their_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
