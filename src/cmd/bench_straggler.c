/* bench_straggler.c: `steno bench live --straggler`: do commands of half a second wait for recordings of 15 s?
 *
 * One engine of one shard in this process, no network: live streams that give commands over and over at random times, alone,
 * then beside recordings transcribed on the same shard, then the same with slices off. A command ends with the speaker letting go of
 * the button (steno_live_finalize()), so that nothing of it can be recognised during a pause: its latency, from there to its
 * final being polled, is that of the whole recognition.
 *
 * Owner: the main thread. Streams are paced by one tick; a recording goes in as fast as the engine takes it and is followed by
 * the next at once.
 */
#include "base/mem.h"
#include "cmd/bench_live.h"
#include "privacy/gate.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define COMMAND_SAMPLES   (STENO_SAMPLE_RATE_HZ / 2)
#define COMMAND_MIN       (STENO_SAMPLE_RATE_HZ * 35 / 100)
#define COMMAND_MAX       (STENO_SAMPLE_RATE_HZ * 75 / 100)
#define COMMANDS_WANTED   8 /* fewer clips of that length: half-second pieces of others serve */
#define RECORDING_SAMPLES ((size_t)STENO_SAMPLE_RATE_HZ * 15)
#define PAUSE_MIN         (STENO_SAMPLE_RATE_HZ * 3 / 2) /* between commands: the endpoint and a half to 2.5 s more */
#define PAUSE_SPREAD      (STENO_SAMPLE_RATE_HZ * 2)
#define CHUNK_SAMPLES     320
#define TICK_MS           4
#define WARM_UP_S         4.0
#define PARTS             3

typedef struct command_stream {
    steno_stream_id id;
    uint64_t random, pushed;
    double began_s;
    const int16_t *command;
    size_t n_command, at, pause_left;
    bool released;     /* the command is over, its last chunk not yet pushed */
    double released_s; /* when it was; 0: no final is awaited */
} command_stream;

typedef struct recording_stream {
    steno_stream_id id; /* 0: none */
    float *pcm;         /* owned [RECORDING_SAMPLES] */
    size_t at;
    bool finished;
} recording_stream;

typedef struct part {
    const char *name;
    bool recordings, no_slices;
    bench_samples latency;
    uint64_t recordings_done, commands;
} part;

typedef struct straggler {
    const bench_straggler_config *config;
    steno_model *model;
    steno_engine *engine;
    bench_clip *commands; /* owned list; their samples are the corpus's */
    size_t n_commands;
    command_stream *live;
    recording_stream *recordings;
    bench_talk talk; /* of which recordings are made */
    part *now;
    double measured_from_s, until_s;
    gate *gate;      /* of all streams: it lets everything pass, and so keeps nothing of any */
    steno_err error; /* of what came through it */
} straggler;

/* ---- audio ------------------------------------------------------------------------------------------------------ */

static steno_err choose_commands(straggler *s) {
    const bench_corpus *c = s->config->corpus;
    s->commands = mem_alloc(c->n, sizeof *s->commands);
    if (!s->commands) return err_fail(STENO_E_NOMEM, "no memory for commands");
    for (size_t i = 0; i < c->n; i++) {
        if (c->clips[i].n >= COMMAND_MIN && c->clips[i].n <= COMMAND_MAX) s->commands[s->n_commands++] = c->clips[i];
    }
    if (s->n_commands >= COMMANDS_WANTED) return STENO_OK;
    s->n_commands = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->clips[i].n >= COMMAND_SAMPLES)
            s->commands[s->n_commands++] = (bench_clip){c->clips[i].pcm, COMMAND_SAMPLES};
    }
    return s->n_commands ? STENO_OK : err_fail(STENO_E_INVALID, "the corpus has no recording of half a second");
}

static size_t random_pause(command_stream *c) {
    return PAUSE_MIN + bench_random(&c->random, PAUSE_SPREAD);
}

static void fill_chunk(straggler *s, command_stream *c, float *out) {
    for (size_t i = 0; i < CHUNK_SAMPLES; i++) {
        if (c->pause_left > 0) {
            c->pause_left--;
            out[i] = (float)((int)bench_random(&c->random, 3) - 1) / 32768.0f;
            continue;
        }
        if (c->at == 0) {
            const bench_clip *clip = &s->commands[bench_random(&c->random, (uint32_t)s->n_commands)];
            c->command = clip->pcm;
            c->n_command = clip->n;
        }
        out[i] = (float)c->command[c->at++] / 32768.0f;
        if (c->at < c->n_command) continue;
        c->at = 0;
        c->released = true;
        c->pause_left = random_pause(c);
    }
}

static steno_err release(straggler *s, command_stream *c) {
    steno_err e = steno_live_finalize(s->engine, c->id);
    c->released = false;
    c->released_s = e == STENO_OK ? feeder_clock_s() : 0;
    return e == STENO_E_AGAIN ? STENO_OK : e; /* the one before is not answered yet: this command is not measured */
}

/* Pushes the chunks of a stream that are due. */
static steno_err push_commands(straggler *s, command_stream *c, double now_s) {
    float chunk[CHUNK_SAMPLES];
    while (c->began_s + (double)(c->pushed + CHUNK_SAMPLES) / STENO_SAMPLE_RATE_HZ <= now_s) {
        size_t done = 0, taken = 0;
        fill_chunk(s, c, chunk);
        while (done < CHUNK_SAMPLES) {
            ERR_TRY(steno_stream_push(s->engine, c->id, chunk + done, CHUNK_SAMPLES - done, &taken));
            if (taken == 0) return err_fail(STENO_E_LIMIT, "a live stream that is fed at the pace of time was full");
            done += taken;
        }
        c->pushed += CHUNK_SAMPLES;
        if (c->released) ERR_TRY(release(s, c));
    }
    return STENO_OK;
}

static steno_err feed_recording(straggler *s, recording_stream *r) {
    int16_t pcm[CHUNK_SAMPLES];
    size_t taken = 0;
    if (r->id == 0) {
        for (size_t at = 0; at < RECORDING_SAMPLES; at += CHUNK_SAMPLES) {
            bench_talk_next(&s->talk, pcm, CHUNK_SAMPLES);
            for (size_t i = 0; i < CHUNK_SAMPLES; i++) r->pcm[at + i] = (float)pcm[i] / 32768.0f;
        }
        r->at = 0;
        r->finished = false;
        ERR_TRY(steno_stream_open(s->engine, NULL, r, &r->id));
    }
    if (r->at < RECORDING_SAMPLES) {
        steno_err e = steno_stream_push(s->engine, r->id, r->pcm + r->at, RECORDING_SAMPLES - r->at, &taken);
        if (e != STENO_OK && e != STENO_E_AGAIN) return e;
        r->at += taken;
    }
    if (r->at < RECORDING_SAMPLES || r->finished) return STENO_OK;
    steno_err e = steno_stream_finish(s->engine, r->id);
    r->finished = e == STENO_OK;
    return e == STENO_E_AGAIN ? STENO_OK : e;
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static steno_err take_event(straggler *s, const released_event *event, double now_s) {
    recording_stream *r = event->user;
    command_stream *c = s->live;
    if (event->kind == STENO_EVENT_ERROR) return err_fail(event->error, "%s", event->detail);
    if (r && event->kind == STENO_EVENT_DONE) {
        r->id = 0;
        s->now->recordings_done += now_s >= s->measured_from_s;
    }
    if (r || event->kind != STENO_EVENT_SEGMENT || now_s < s->measured_from_s) return STENO_OK;
    while (c->id != event->stream) c++;
    if (event->segment.end != STENO_END_FINALIZED || c->released_s == 0) return STENO_OK;
    s->now->commands++;
    bench_samples_add(&s->now->latency, now_s - c->released_s);
    c->released_s = 0;
    return STENO_OK;
}

static void on_released(void *user, const released_event *event) {
    straggler *s = user;
    if (s->error == STENO_OK) s->error = take_event(s, event, feeder_clock_s());
}

static steno_err take_events(straggler *s) {
    steno_event event;
    while (s->error == STENO_OK && steno_engine_poll(s->engine, 0, &event) == STENO_OK) {
        gate_event(s->gate, &event, 0);
        steno_event_release(&event);
    }
    return s->error;
}

/* ---- a part ----------------------------------------------------------------------------------------------------- */

static steno_err open_engine(straggler *s) {
    const bench_straggler_config *c = s->config;
    steno_engine_config config = c->session.engine;
    config.shards = 1;
    config.max_streams = c->streams + c->recordings;
    config.max_live = c->streams;
    config.no_slices = s->now->no_slices;
    ERR_TRY(steno_engine_open(s->model, &config, &s->engine));
    double now_s = feeder_clock_s();
    for (int i = 0; i < c->streams; i++) {
        command_stream *l = &s->live[i];
        *l = (command_stream){.random = c->seed * 1000003u + (uint64_t)i, .began_s = now_s};
        l->pause_left = bench_random(&l->random, PAUSE_MIN);
        ERR_TRY(steno_live_open(s->engine, &c->live, NULL, &l->id));
    }
    return STENO_OK;
}

static steno_err run_part(straggler *s, part *p) {
    const bench_straggler_config *c = s->config;
    const bench_gaps gaps = {0};
    s->now = p;
    bench_talk_init(&s->talk, c->corpus, &gaps, c->seed);
    for (int i = 0; i < c->recordings; i++) s->recordings[i].id = 0;
    ERR_TRY(open_engine(s));
    s->measured_from_s = feeder_clock_s() + WARM_UP_S;
    s->until_s = s->measured_from_s + c->duration_s;
    for (;;) {
        double now_s = feeder_clock_s();
        if (now_s >= s->until_s) return STENO_OK;
        for (int i = 0; i < c->streams; i++) ERR_TRY(push_commands(s, &s->live[i], now_s));
        for (int i = 0; p->recordings && i < c->recordings; i++) ERR_TRY(feed_recording(s, &s->recordings[i]));
        ERR_TRY(take_events(s));
        struct pollfd fd = {.fd = steno_engine_fd(s->engine), .events = POLLIN};
        (void)poll(&fd, 1, TICK_MS);
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void print_part(part *p, double alone_p99_s, bool json, bool first) {
    bench_summary sum = bench_samples_summary(&p->latency);
    double ratio = alone_p99_s > 0 ? sum.p99 / alone_p99_s : 0;
    if (json)
        printf("%s\"%s\":{\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"commands\":%zu,\"recordings\":%llu,"
               "\"ratio\":%.3f}",
               first ? "{" : ",", p->name, sum.p50 * 1000, sum.p99 * 1000, sum.max * 1000, sum.n,
               (unsigned long long)p->recordings_done, ratio);
    else
        printf("%-20s p50 %7.1f ms  p99 %7.1f ms  max %7.1f ms  %6zu commands  %5llu recordings  p99 x %.2f\n", p->name,
               sum.p50 * 1000, sum.p99 * 1000, sum.max * 1000, sum.n, (unsigned long long)p->recordings_done, ratio);
}

static steno_err run_all(straggler *s, part parts[PARTS]) {
    const bench_straggler_config *c = s->config;
    gate_policy everything;
    policy_init(&everything);
    ERR_TRY(gate_open(NULL, &everything, on_released, s, &s->gate));
    ERR_TRY(choose_commands(s));
    s->live = mem_alloc((size_t)c->streams, sizeof *s->live);
    s->recordings = mem_alloc((size_t)c->recordings, sizeof *s->recordings);
    if (!s->live || !s->recordings) return err_fail(STENO_E_NOMEM, "no memory for %d streams", c->streams);
    for (int i = 0; i < c->recordings; i++) {
        s->recordings[i].pcm = mem_alloc(RECORDING_SAMPLES, sizeof(float));
        if (!s->recordings[i].pcm) return err_fail(STENO_E_NOMEM, "no memory for %d recordings", c->recordings);
    }
    ERR_TRY(steno_model_open(&c->session.model, &s->model));
    steno_err e = STENO_OK;
    for (int i = 0; e == STENO_OK && i < PARTS; i++) {
        e = run_part(s, &parts[i]);
        if (s->engine) steno_engine_close(s->engine);
        s->engine = NULL;
    }
    return e;
}

int bench_straggler(const bench_straggler_config *config) {
    straggler s = {.config = config};
    part parts[PARTS] = {{.name = "alone"},
                         {.name = "beside_recordings", .recordings = true},
                         {.name = "without_slices", .recordings = true, .no_slices = true}};
    steno_err e = run_all(&s, parts);
    double alone_s = bench_samples_percentile(&parts[0].latency, 0.99);
    if (e == STENO_OK && !config->json)
        printf("%d streams of commands, %d recordings of 15 s at a time, one shard, seed %llu, %g s each\n",
               config->streams, config->recordings, (unsigned long long)config->seed, config->duration_s);
    for (int i = 0; i < PARTS; i++) {
        if (e == STENO_OK) print_part(&parts[i], alone_s, config->json, i == 0);
        bench_samples_free(&parts[i].latency);
    }
    if (e == STENO_OK && config->json) printf("}\n");
    if (e != STENO_OK) fprintf(stderr, "steno: %s\n", steno_error_detail());
    if (s.model) steno_model_close(s.model);
    for (int i = 0; s.recordings && i < config->recordings; i++) mem_free(s.recordings[i].pcm);
    gate_free(s.gate);
    mem_free(s.recordings);
    mem_free(s.live);
    mem_free(s.commands);
    return e == STENO_OK ? 0 : 1;
}
