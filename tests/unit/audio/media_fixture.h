/* media_fixture.h: what the tests of src/audio share: a scratch folder, a wav writer, tones and reading a file whole.
 *
 * Every program that includes it is its own zygote: main() must look for MEDIA_ZYGOTE_ARG first.
 */
#ifndef STENO_TESTS_MEDIA_FIXTURE_H
#define STENO_TESTS_MEDIA_FIXTURE_H

#include "audio/media.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXTURE_PATH_BYTES 512
#define FIXTURE_WAIT_MS    60000 /* only a test that would hang reaches it */

static char fixture_dir[64];
static media_host *fixture_host;

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int fixture_setup(void **state) {
    (void)state;
    snprintf(fixture_dir, sizeof fixture_dir, "/tmp/steno-test-XXXXXX");
    if (!mkdtemp(fixture_dir)) return -1;
    return media_host_start(NULL, &fixture_host) == STENO_OK ? 0 : -1;
}

static inline int fixture_teardown(void **state) {
    (void)state;
    media_host_stop(fixture_host);
    fixture_host = NULL;
    return nftw(fixture_dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *fixture_path(const char *name) {
    static char path[FIXTURE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", fixture_dir, name);
    return path;
}

static inline void fixture_write(const char *name, const void *bytes, size_t n) {
    FILE *f = fopen(fixture_path(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* ---- wav files ---------------------------------------------------------------------------------------------------- */

typedef struct wav {
    uint32_t rate_hz;
    uint16_t channels, bits, format; /* format: 1 PCM, 3 float, 6 A-law, 7 mu-law */
    uint32_t data_bytes;             /* as the header says; 0: the truth */
    bool data_bytes_given;
} wav;

static inline void put(unsigned char **at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) *(*at)++ = (unsigned char)(value >> (8 * i));
}

static inline void fixture_wav(const char *name, wav w, const void *data, size_t n) {
    unsigned char header[44], *at = header;
    uint32_t frame_bytes = (uint32_t)w.channels * w.bits / 8;
    memcpy(at, "RIFF", 4), at += 4;
    put(&at, (uint32_t)(36 + n), 4);
    memcpy(at, "WAVEfmt ", 8), at += 8;
    put(&at, 16, 4), put(&at, w.format, 2), put(&at, w.channels, 2), put(&at, w.rate_hz, 4);
    put(&at, w.rate_hz * frame_bytes, 4), put(&at, frame_bytes & 0xffff, 2), put(&at, w.bits, 2);
    memcpy(at, "data", 4), at += 4;
    put(&at, w.data_bytes_given ? w.data_bytes : (uint32_t)n, 4);
    unsigned char *all = malloc(sizeof header + n);
    assert_non_null(all);
    memcpy(all, header, sizeof header);
    if (n) memcpy(all + sizeof header, data, n);
    fixture_write(name, all, sizeof header + n);
    free(all);
}

/* Channel c carries a tone of tone_hz[c] at `amplitude`; returns [frames, channels] of 16-bit samples to free(). */
static inline int16_t *fixture_tones(uint32_t rate_hz, int channels, const double *tone_hz, double amplitude,
                                     size_t frames) {
    int16_t *pcm = malloc(frames * (size_t)channels * sizeof *pcm);
    assert_non_null(pcm);
    for (size_t i = 0; i < frames; i++) {
        for (int c = 0; c < channels; c++) {
            double v = amplitude * sin(2 * M_PI * tone_hz[c] * (double)i / rate_hz);
            pcm[i * (size_t)channels + (size_t)c] = (int16_t)lrint(v * 32767);
        }
    }
    return pcm;
}

static inline void fixture_tone_wav(const char *name, uint32_t rate_hz, int channels, const double *tone_hz,
                                    double amplitude, double seconds) {
    size_t frames = (size_t)(seconds * rate_hz);
    int16_t *pcm = fixture_tones(rate_hz, channels, tone_hz, amplitude, frames);
    wav w = {.rate_hz = rate_hz, .channels = (uint16_t)channels, .bits = 16, .format = 1};
    fixture_wav(name, w, pcm, frames * (size_t)channels * sizeof *pcm);
    free(pcm);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

typedef struct heard {
    float *pcm; /* [frames, channels], to free() */
    size_t frames;
    int channels;
    steno_err error; /* of open or of the last read */
    char detail[ERR_DETAIL_BYTES];
    double hint_s, cpu_s;
} heard;

static inline void fixture_wait(const media *m) {
    struct pollfd p = {.fd = media_fd(m), .events = POLLIN};
    assert_int_equal(poll(&p, 1, FIXTURE_WAIT_MS), 1);
}

static inline void heard_append(heard *h, const float *pcm, size_t frames, int channels) {
    h->channels = channels;
    h->pcm = realloc(h->pcm, (h->frames + frames) * (size_t)channels * sizeof *pcm);
    assert_non_null(h->pcm);
    memcpy(h->pcm + h->frames * (size_t)channels, pcm, frames * (size_t)channels * sizeof *pcm);
    h->frames += frames;
}

/* Reads to the end, `cap` frames at a time. */
static inline void heard_rest(heard *h, media *m, size_t cap) {
    float *buffer = malloc(cap * MEDIA_MAX_CHANNELS * sizeof *buffer);
    assert_non_null(buffer);
    for (;;) {
        size_t got;
        h->error = media_read(m, buffer, cap, &got);
        if (h->error == STENO_E_AGAIN) {
            fixture_wait(m);
            continue;
        }
        if (h->error != STENO_OK || got == 0) break;
        assert_true(got <= cap);
        heard_append(h, buffer, got, media_channel_count(m));
    }
    if (h->error != STENO_OK) snprintf(h->detail, sizeof h->detail, "%s", steno_error_detail());
    h->hint_s = media_duration_hint_s(m);
    h->cpu_s = media_cpu_s(m);
    free(buffer);
}

static inline heard fixture_hear_limited(const char *path, media_channels channels, const media_limits *limits) {
    heard h = {0};
    media *m;
    h.error = media_open(fixture_host, path, channels, limits, &m);
    if (h.error != STENO_OK) {
        snprintf(h.detail, sizeof h.detail, "%s", steno_error_detail());
        return h;
    }
    heard_rest(&h, m, 4096);
    media_close(m);
    return h;
}

static inline heard fixture_hear(const char *path, media_channels channels) {
    media_limits limits;
    media_limits_init(&limits);
    return fixture_hear_limited(path, channels, &limits);
}

/* Amplitude of a tone in one channel, away from the ends: a windowed discrete Fourier sum. */
static inline double tone_amplitude(const heard *h, int channel, double tone_hz) {
    size_t skip = h->frames / 8, n = h->frames - 2 * skip;
    double re = 0, im = 0, weight = 0;
    for (size_t i = 0; i < n; i++) {
        double w = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n);
        double v = w * (double)h->pcm[(skip + i) * (size_t)h->channels + (size_t)channel];
        re += v * cos(2 * M_PI * tone_hz * (double)i / STENO_SAMPLE_RATE_HZ);
        im += v * sin(2 * M_PI * tone_hz * (double)i / STENO_SAMPLE_RATE_HZ);
        weight += w;
    }
    return 2 * hypot(re, im) / weight;
}

/* ---- processes ---------------------------------------------------------------------------------------------------- */

static inline int open_descriptors(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

/* The only child of a process, or 0. */
static inline pid_t only_child(pid_t parent) {
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (fscanf(f, "%d", &pid) != 1) pid = 0;
    fclose(f);
    return pid;
}

static inline int open_pid(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Blocks until the process has ended. */
static inline void wait_gone(int pidfd) {
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, FIXTURE_WAIT_MS), 1);
    close(pidfd);
}

/* Runs a shell command quietly in the scratch folder; true when it succeeded. */
static inline bool fixture_shell(const char *command) {
    char line[1024];
    snprintf(line, sizeof line, "cd %s && { %s; } >/dev/null 2>&1 </dev/null", fixture_dir, command);
    return system(line) == 0;
}

#endif
