/* test_media_process.c: the life of the zygote and its children: many at once, stopped early, killed, orphaned; nothing
 * leaks and nothing hangs. */
#include "media_fixture.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MANY 48

static const double tone_hz = 600;

static media *open_path(const char *name) {
    media_limits limits;
    media *m = NULL;
    media_limits_init(&limits);
    assert_int_equal(media_open(fixture_host, fixture_path(name), MEDIA_MIX, &limits, &m), STENO_OK);
    return m;
}

/* A recording that takes longer to read than any pipe holds. */
static void make_long(const char *name) {
    fixture_wav(name, (wav){16000, 1, 16, 1, 0xffffffffu, true}, "", 0);
    assert_int_equal(truncate(fixture_path(name), 64 << 20), 0);
}

/* Waits for the header, so that the child is known to be at work. */
static void wait_started(media *m) {
    size_t got;
    steno_err e;
    while ((e = media_read(m, NULL, 0, &got)) == STENO_E_AGAIN) fixture_wait(m);
    assert_int_equal(e, STENO_OK);
    assert_int_equal(media_channel_count(m), 1);
}

static void many_at_once(void **state) {
    (void)state;
    media *m[MANY];
    int before = open_descriptors();
    for (int i = 0; i < MANY; i++) { /* each of its own length */
        char name[32];
        snprintf(name, sizeof name, "many%d.wav", i);
        fixture_tone_wav(name, 8000, 1, &tone_hz, 0.5, 1 + 0.1 * i);
    }
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "many%d.wav", i);
        m[i] = open_path(name);
    }
    for (int k = 0; k < MANY; k++) { /* read out of order */
        int i = (k * 29) % MANY;
        heard h = {0};
        heard_rest(&h, m[i], 1000);
        if (h.error != STENO_OK) fail_msg("%s", h.detail);
        assert_int_equal(h.frames, 2 * (size_t)((1 + 0.1 * i) * 8000));
        assert_true(fabs(tone_amplitude(&h, 0, tone_hz) - 0.5) < 0.002);
        free(h.pcm);
        media_close(m[i]);
    }
    assert_int_equal(open_descriptors(), before);
}

static void closing_early_ends_the_child(void **state) {
    (void)state;
    pid_t zygote = only_child(getpid());
    if (!zygote) skip(); /* this kernel does not list children */
    make_long("long.wav");
    media *m = open_path("long.wav");
    wait_started(m);
    int child = open_pid(only_child(zygote));
    assert_true(child >= 0);
    media_close(m);
    wait_gone(child);
    heard h = fixture_hear(fixture_path("many0.wav"), MEDIA_MIX); /* and the zygote is well */
    assert_int_equal(h.error, STENO_OK);
    free(h.pcm);
    media_close(NULL);
}

/* After a series of good and bad files everything is as it was before. */
static void nothing_leaks(void **state) {
    (void)state;
    fixture_write("bad.wav", "RIFF\0\0\0\0WAVE", 12);
    heard first = fixture_hear(fixture_path("many1.wav"), MEDIA_MIX);
    free(first.pcm);
    int before = open_descriptors();
    for (int i = 0; i < 20; i++) {
        static const char *const names[] = {"many1.wav", "bad.wav", "missing.wav", "."};
        heard h = fixture_hear(fixture_path(names[i % 4]), MEDIA_MIX);
        assert_int_equal(h.error == STENO_OK, i % 4 == 0);
        free(h.pcm);
    }
    assert_int_equal(open_descriptors(), before);
}

/* Runs `use` with standard input taken from `fd`. */
static heard hear_standard_input(int fd, const media_limits *limits) {
    int saved = dup(STDIN_FILENO);
    assert_true(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    heard h = fixture_hear_limited("-", MEDIA_MIX, limits);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
    return h;
}

static void standard_input(void **state) {
    (void)state;
    int pipe_fds[2];
    media_limits limits;
    media_limits_init(&limits);
    fixture_tone_wav("short.wav", 8000, 1, &tone_hz, 0.5, 1);
    int file = open(fixture_path("short.wav"), O_RDONLY | O_CLOEXEC);
    heard h = hear_standard_input(file, &limits);
    assert_int_equal(h.error, STENO_OK);
    assert_int_equal(h.frames, 16000);
    free(h.pcm);
    char bytes[44 + 16000];
    assert_int_equal(pread(file, bytes, sizeof bytes, 0), sizeof bytes);
    for (int round = 0; round < 2; round++) { /* spooled from a pipe; then more than may be spooled */
        assert_int_equal(pipe(pipe_fds), 0);
        assert_int_equal(write(pipe_fds[1], bytes, sizeof bytes), sizeof bytes);
        close(pipe_fds[1]);
        if (round == 1) limits.max_spool_bytes = 1000;
        h = hear_standard_input(pipe_fds[0], &limits);
        close(pipe_fds[0]);
        assert_int_equal(h.error, round == 0 ? STENO_OK : STENO_E_LIMIT);
        if (round == 0)
            assert_int_equal(h.frames, 16000);
        else
            assert_string_equal(h.detail, "standard input: more than the limit of 1000 bytes that are spooled");
        free(h.pcm);
    }
    close(file);
}

/* A named pipe without a writer, and one whose writer takes its time, hold nobody up. */
static void a_pipe_is_never_waited_for(void **state) {
    (void)state;
    float pcm[64];
    size_t got;
    char bytes[44 + 16000];
    fixture_tone_wav("whole.wav", 8000, 1, &tone_hz, 0.5, 1);
    int file = open(fixture_path("whole.wav"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(file, bytes, sizeof bytes), sizeof bytes);
    close(file);
    int before = open_descriptors();
    assert_int_equal(mkfifo(fixture_path("fifo"), 0600), 0);
    media *m = open_path("fifo");
    assert_int_equal(media_read(m, pcm, 64, &got), STENO_E_AGAIN);
    int writer = open(fixture_path("fifo"), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    assert_true(writer >= 0);
    assert_int_equal(media_read(m, pcm, 64, &got), STENO_E_AGAIN);
    assert_int_equal(write(writer, bytes, 1000), 1000);
    fixture_wait(m);
    assert_int_equal(media_read(m, pcm, 64, &got), STENO_E_AGAIN);
    heard other = fixture_hear(fixture_path("whole.wav"), MEDIA_MIX);
    assert_int_equal(other.frames, 16000);
    free(other.pcm);
    assert_int_equal(write(writer, bytes + 1000, sizeof bytes - 1000), sizeof bytes - 1000);
    close(writer);
    heard h = {0};
    heard_rest(&h, m, 4096);
    if (h.error != STENO_OK) fail_msg("%s", h.detail);
    assert_int_equal(h.frames, 16000);
    free(h.pcm);
    media_close(m);
    m = open_path("fifo"); /* a writer that only looked in */
    close(open(fixture_path("fifo"), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
    h = (heard){0};
    heard_rest(&h, m, 4096);
    assert_int_equal(h.error, STENO_E_FORMAT);
    assert_non_null(strstr(h.detail, "/fifo: is empty"));
    assert_int_equal(media_read(m, pcm, 64, &got), STENO_E_FORMAT); /* and says it again */
    assert_non_null(strstr(steno_error_detail(), "/fifo: is empty"));
    media_close(m);
    m = open_path("fifo"); /* closed while it still waits */
    media_close(m);
    assert_int_equal(open_descriptors(), before);
}

/* However few descriptors are free, the answer is "not now", and everything works once there are enough. */
static void short_of_descriptors(void **state) {
    (void)state;
    struct rlimit old, few;
    media_limits limits;
    media_limits_init(&limits);
    fixture_tone_wav("short.wav", 8000, 1, &tone_hz, 0.5, 1);
    int before = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int spare = dup(0), refused = 0;
    assert_true(spare >= 0);
    close(spare); /* the lowest free number */
    for (int free_ones = 0; free_ones < 16; free_ones++) {
        media *m = NULL;
        few = (struct rlimit){.rlim_cur = (rlim_t)(spare + free_ones), .rlim_max = old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        steno_err e = media_open(fixture_host, fixture_path("short.wav"), MEDIA_MIX, &limits, &m);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_int_equal(open_descriptors(), before + (m ? 2 : 0));
        if (!m) {
            assert_int_equal(e, STENO_E_AGAIN);
            refused++;
            continue;
        }
        heard h = {0};
        heard_rest(&h, m, 4096);
        assert_int_equal(h.frames, 16000);
        free(h.pcm);
        media_close(m);
        break;
    }
    assert_in_range(refused, 1, 5); /* five are needed; fewer refusals where the numbers in use have gaps */
}

/* An allocation that fails at any point is an error, and nothing is left behind. */
static void allocation_failures(void **state) {
    (void)state;
    int before = open_descriptors();
    media_limits limits;
    media_limits_init(&limits);
    for (uint64_t nth = 1;; nth++) {
        mem_fault_arm(nth);
        media_host *h = NULL;
        media *m = NULL;
        steno_err e = media_host_start(NULL, &h);
        if (e == STENO_OK) e = media_open(h, fixture_path("short.wav"), MEDIA_MIX, &limits, &m);
        bool hit = mem_fault_hit() != 0;
        mem_fault_arm(0);
        assert_int_equal(e, hit ? STENO_E_NOMEM : STENO_OK);
        media_close(m);
        media_host_stop(h);
        assert_int_equal(open_descriptors(), before);
        if (!hit) break;
    }
}

/* The whole family goes when the parent is killed, whatever it was doing. */
static void orphans_end(void **state) {
    (void)state;
    int report[2];
    pid_t pids[2] = {0, 0};
    make_long("long.wav");
    assert_int_equal(pipe(report), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        media_limits limits;
        media_host *h;
        media *m;
        size_t got;
        media_limits_init(&limits);
        if (media_host_start(NULL, &h) != STENO_OK) _exit(1);
        if (media_open(h, fixture_path("long.wav"), MEDIA_MIX, &limits, &m) != STENO_OK) _exit(1);
        while (media_read(m, NULL, 0, &got) == STENO_E_AGAIN) {
            struct pollfd p = {.fd = media_fd(m), .events = POLLIN};
            poll(&p, 1, -1);
        }
        pids[0] = only_child(getpid());
        pids[1] = pids[0] ? only_child(pids[0]) : 0;
        if (write(report[1], pids, sizeof pids) != (ssize_t)sizeof pids) _exit(1);
        for (;;) pause();
    }
    close(report[1]);
    assert_int_equal(read(report[0], pids, sizeof pids), sizeof pids);
    close(report[0]);
    int zygote = pids[0] ? open_pid(pids[0]) : -1, child = pids[1] ? open_pid(pids[1]) : -1;
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    if (zygote < 0 || child < 0) skip();
    wait_gone(zygote);
    wait_gone(child);
}

/* Last: it takes the zygote away. */
static void a_dead_zygote_is_an_error(void **state) {
    (void)state;
    pid_t zygote = only_child(getpid());
    if (!zygote) skip();
    media_limits limits;
    media_limits_init(&limits);
    make_long("long.wav");
    media *m = open_path("long.wav"), *late = NULL;
    wait_started(m);
    int gone = open_pid(zygote), child = open_pid(only_child(zygote));
    assert_true(gone >= 0 && child >= 0);
    kill(zygote, SIGKILL);
    wait_gone(gone);
    wait_gone(child); /* though its pipe is full and nobody reads it */
    heard h = {0};
    heard_rest(&h, m, 4096);
    assert_int_equal(h.error, STENO_E_IO);
    assert_non_null(strstr(h.detail, "long.wav: the decoder process died"));
    free(h.pcm);
    media_close(m);
    assert_int_equal(media_open(fixture_host, fixture_path("long.wav"), MEDIA_MIX, &limits, &late), STENO_E_IO);
    assert_non_null(strstr(steno_error_detail(), "the decoder process is gone"));
    assert_null(late);
}

/* A program that forgets to call media_zygote_main() must not start itself for ever. */
static void no_zygote_of_a_zygote(void **state) {
    (void)state;
    media_host *h = NULL;
    setenv("STENO_MEDIA_ZYGOTE", "1", 1);
    assert_int_equal(media_host_start(NULL, &h), STENO_E_INTERNAL);
    unsetenv("STENO_MEDIA_ZYGOTE");
    assert_null(h);
    assert_int_equal(media_host_start("/nowhere/steno", &h), STENO_E_IO);
    assert_null(h);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(closing_early_ends_the_child),
        cmocka_unit_test(nothing_leaks),
        cmocka_unit_test(standard_input),
        cmocka_unit_test(a_pipe_is_never_waited_for),
        cmocka_unit_test(short_of_descriptors),
        cmocka_unit_test(allocation_failures),
        cmocka_unit_test(orphans_end),
        cmocka_unit_test(no_zygote_of_a_zygote),
        cmocka_unit_test(a_dead_zygote_is_an_error),
    };
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
