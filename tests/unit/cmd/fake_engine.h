/* fake_engine.h: stands in for the engine and the media host, so that the feeder can be tested alone.
 *
 * Included by one test program, whose definitions win over the library's at link time. Single-threaded: work is done
 * inside steno_engine_poll(), a random little at a time (the seed is the test's), and the descriptor is readable as
 * long as work or events remain.
 *
 * A recording is described by its path, "frames[:channels[:fail_at]]"; "missing…" cannot be opened, and nothing while
 * fds_for are open. Sample 0 of every
 * channel carries the number of the recording, sample i > 0 is i / 2^22, negated on odd channels. The engine checks
 * that order, and makes a segment of every FAKE_SEGMENT samples (a quarter of that on odd channels, so that segments
 * end in another order than they start) and of the rest; its text says what it was made of. With speakers the labels of all
 * segments come at the end, each of speaker "its id modulo 3", and a turn a segment.
 */
#ifndef STENO_TESTS_FAKE_ENGINE_H
#define STENO_TESTS_FAKE_ENGINE_H

#include "audio/media.h"
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FAKE_SEGMENT 16000
#define FAKE_STREAMS 512
#define FAKE_ROOM    5000 /* samples a stream holds */

struct media {
    size_t frames, at, fail_at;
    int channels, number, fd;
    bool known;
};

typedef struct fake_stream {
    steno_stream_id id;
    void *user;
    size_t pushed, done, announced;
    uint32_t segments;
    bool finished, refused, speakers;
    uint32_t labelled, turned; /* segments whose labels and turns came */
    steno_turn turn;
    int number, channel;
    struct media *owner;
} fake_stream;

/* Everything the tests look at. */
static struct fake {
    uint64_t random;
    int fd, media_open, media_most, streams_open, streams_most;
    int fail_stream_of; /* an ERROR event for this recording, halfway; -1: none */
    size_t text_bytes;  /* extra text in every segment */
    int refuse_finish;  /* so many times AGAIN */
    int fds_for;        /* recordings: opening more is AGAIN; 0: no limit, -1: not even one */
    int refused;        /* so often */
    bool scrambled;     /* samples came in a wrong order */
    size_t segments_made;
    uint64_t next_id;
    fake_stream streams[FAKE_STREAMS];
    char *text;
} fake;

static uint32_t fake_random(uint32_t below) {
    fake.random = fake.random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(fake.random >> 33) % below;
}

static void fake_reset(uint64_t seed) {
    free(fake.text);
    if (fake.fd > 0) close(fake.fd);
    fake = (struct fake){.random = seed, .fail_stream_of = -1, .next_id = 1};
    fake.fd = eventfd(1, EFD_NONBLOCK);
}

/* ---- media ------------------------------------------------------------------------------------------------------- */

void media_limits_init(media_limits *l) {
    *l = (media_limits){0};
}

steno_err media_open(media_host *h, const char *path, media_channels channels, const media_limits *limits,
                     media **out) {
    (void)h;
    (void)limits;
    if (strncmp(path, "missing", 7) == 0) return err_fail(STENO_E_NOT_FOUND, "%s: no such file", path);
    if (fake.fds_for && fake.media_open >= (fake.fds_for < 0 ? 0 : fake.fds_for)) {
        fake.refused++;
        return err_fail(STENO_E_AGAIN, "%s: too many open files", path);
    }
    media *m = calloc(1, sizeof *m);
    long frames = 0, number = 0, n = 1, fail_at = -1;
    sscanf(path, "%ld#%ld:%ld:%ld", &frames, &number, &n, &fail_at);
    m->frames = (size_t)frames;
    m->number = (int)number;
    m->channels = channels == MEDIA_SPLIT ? (int)n : 1;
    m->fail_at = fail_at < 0 ? SIZE_MAX : (size_t)fail_at;
    m->fd = eventfd(1, EFD_NONBLOCK); /* always readable */
    if (++fake.media_open > fake.media_most) fake.media_most = fake.media_open;
    *out = m;
    return STENO_OK;
}

void media_close(media *m) {
    close(m->fd);
    free(m);
    fake.media_open--;
}

int media_fd(const media *m) {
    return m->fd;
}

steno_err media_read(media *m, float *out, size_t cap, size_t *got) {
    *got = 0;
    if (fake_random(4) == 0) return STENO_E_AGAIN;
    m->known = true;
    if (m->at >= m->fail_at) return err_fail(STENO_E_FORMAT, "%ld#%d: corrupt", (long)m->frames, m->number);
    size_t end = m->frames < m->fail_at ? m->frames : m->fail_at;
    size_t n = end - m->at < cap ? end - m->at : cap;
    if (n > 1) n = 1 + fake_random((uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < m->channels; c++) {
            size_t at = m->at + i;
            float v = at == 0 ? (float)m->number : ldexpf((float)at, -22);
            out[i * (size_t)m->channels + (size_t)c] = c % 2 ? -v : v;
        }
    }
    m->at += n;
    *got = n;
    return STENO_OK;
}

int media_channel_count(const media *m) {
    return m->known ? m->channels : 0;
}

double media_duration_hint_s(const media *m) {
    return (double)m->frames / STENO_SAMPLE_RATE_HZ;
}

double media_cpu_s(const media *m) {
    (void)m;
    return 0.25;
}

/* ---- engine ------------------------------------------------------------------------------------------------------ */

steno_err steno_stream_open(steno_engine *engine, const steno_vad_options *vad, void *user, steno_stream_id *out) {
    (void)engine;
    (void)vad;
    for (int i = 0; i < FAKE_STREAMS; i++) {
        if (fake.streams[i].id) continue;
        fake.streams[i] = (fake_stream){.id = fake.next_id++, .user = user, .number = -1};
        *out = fake.streams[i].id;
        if (++fake.streams_open > fake.streams_most) fake.streams_most = fake.streams_open;
        return STENO_OK;
    }
    return err_fail(STENO_E_LIMIT, "all streams are open");
}

static fake_stream *fake_find(steno_stream_id id);

steno_err steno_stream_speakers(steno_engine *engine, steno_stream_id id, const steno_speakers_options *speakers) {
    (void)engine;
    fake_stream *s = fake_find(id);
    if (!s || speakers->contract != STENO_SPEAKERS_REVISE) return err_fail(STENO_E_INVALID, "not as asked");
    s->speakers = true;
    return STENO_OK;
}

static fake_stream *fake_find(steno_stream_id id) {
    for (int i = 0; id && i < FAKE_STREAMS; i++) {
        if (fake.streams[i].id == id) return &fake.streams[i];
    }
    return NULL;
}

static void fake_check(fake_stream *s, float v) {
    if (s->pushed == 0) {
        s->number = (int)fabsf(v);
        return;
    }
    float want = ldexpf((float)s->pushed, -22);
    if (fabsf(v) != want) fake.scrambled = true;
    if (s->pushed == 1) s->channel = v < 0 ? 1 : 0;
    if ((v < 0) != (s->channel == 1)) fake.scrambled = true;
}

static void fake_wake(void) {
    uint64_t one = 1;
    if (write(fake.fd, &one, sizeof one) < 0) abort();
}

steno_err steno_stream_push(steno_engine *engine, steno_stream_id id, const float *pcm, size_t n, size_t *taken) {
    (void)engine;
    fake_stream *s = fake_find(id);
    *taken = 0;
    if (!s) return err_fail(STENO_E_NOT_FOUND, "no such stream");
    while (*taken < n && s->pushed - s->done < FAKE_ROOM) {
        fake_check(s, pcm[(*taken)++]);
        s->pushed++;
    }
    s->refused = *taken < n;
    fake_wake();
    return STENO_OK;
}

steno_err steno_stream_finish(steno_engine *engine, steno_stream_id id) {
    (void)engine;
    fake_stream *s = fake_find(id);
    if (!s) return err_fail(STENO_E_NOT_FOUND, "no such stream");
    if (fake.refuse_finish > 0) {
        fake.refuse_finish--;
        return STENO_E_AGAIN;
    }
    s->finished = true;
    fake_wake();
    return STENO_OK;
}

static size_t fake_segment_samples(int channel) {
    return channel % 2 ? FAKE_SEGMENT / 4 : FAKE_SEGMENT;
}

/* A segment that says which samples of what it is made of. */
static void fake_segment(fake_stream *s, steno_event *event) {
    size_t end = s->announced + fake_segment_samples(s->channel);
    if (end > s->done) end = s->done;
    char *text = calloc(1, fake.text_bytes + 64);
    snprintf(text, 64, "%d/%d %zu", s->number, s->channel, s->announced);
    if (fake.text_bytes) memset(text + strlen(text), '.', fake.text_bytes);
    event->kind = STENO_EVENT_SEGMENT;
    event->owned = text;
    event->segment = (steno_segment){.id = s->segments++,
                                     .start_s = (double)s->announced / STENO_SAMPLE_RATE_HZ,
                                     .end_s = (double)end / STENO_SAMPLE_RATE_HZ,
                                     .confidence = 0.5f,
                                     .text = text};
    s->announced = end;
    fake.segments_made++;
}

static void fake_end(fake_stream *s, steno_event *event, bool broken) {
    event->kind = broken ? STENO_EVENT_ERROR : STENO_EVENT_DONE;
    event->error = STENO_E_INTERNAL;
    snprintf(event->detail, sizeof event->detail, "the stream broke");
    event->stats.audio_s = (double)s->done / STENO_SAMPLE_RATE_HZ;
    event->stats.segments = s->segments;
    s->id = 0;
    fake.streams_open--;
}

static void fake_label(fake_stream *s, steno_event *event) {
    event->kind = STENO_EVENT_SPEAKERS;
    event->segment = (steno_segment){.id = s->labelled, .text = "", .speaker = (int)(s->labelled % 3)};
    s->labelled++;
}

static void fake_turn(fake_stream *s, steno_event *event) {
    double each_s = (double)fake_segment_samples(s->channel) / STENO_SAMPLE_RATE_HZ;
    s->turn = (steno_turn){s->turned * each_s, (s->turned + 1) * each_s, (int)(s->turned % 3)};
    event->kind = STENO_EVENT_TURNS;
    event->turns = &s->turn;
    event->n_turns = 1;
    s->turned++;
}

/* One step of one stream; true when it made an event. */
static bool fake_step(fake_stream *s, steno_event *event) {
    size_t n = s->pushed - s->done;
    if (n > 1) n = 1 + fake_random((uint32_t)n);
    s->done += n;
    *event = (steno_event){.stream = s->id, .user = s->user};
    bool drained = s->finished && s->done == s->pushed;
    if (s->number == fake.fail_stream_of && s->done > FAKE_SEGMENT) {
        fake_end(s, event, true);
        return true;
    }
    if (s->done - s->announced >= fake_segment_samples(s->channel) || (drained && s->done > s->announced)) {
        fake_segment(s, event);
        return true;
    }
    if (!drained) return false;
    if (s->speakers && s->turned < s->segments) {
        if (s->labelled < s->segments)
            fake_label(s, event);
        else
            fake_turn(s, event);
        return true;
    }
    fake_end(s, event, false);
    return true;
}

steno_err steno_engine_poll(steno_engine *engine, int timeout_ms, steno_event *event) {
    (void)engine;
    (void)timeout_ms;
    bool busy = false;
    int from = (int)fake_random(FAKE_STREAMS);
    for (int i = 0; i < FAKE_STREAMS; i++) {
        fake_stream *s = &fake.streams[(from + i) % FAKE_STREAMS];
        if (!s->id || (s->done == s->pushed && !s->finished)) continue;
        busy = true;
        if (fake_random(3) == 0 && fake_step(s, event)) return STENO_OK;
    }
    uint64_t count;
    if (!busy && read(fake.fd, &count, sizeof count) < 0) return STENO_E_AGAIN; /* was empty already */
    return STENO_E_AGAIN;
}

void steno_event_release(steno_event *event) {
    free(event->owned);
    event->owned = NULL;
}

int steno_engine_fd(const steno_engine *engine) {
    (void)engine;
    return fake.fd;
}

#endif
