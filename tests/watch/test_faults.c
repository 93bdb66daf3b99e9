/* test_faults.c: faults put into real speech, a model's weights and the machine: each is found by the alarms, and named rightly.
 *
 * Recorded prompts go through live streams of a real engine and past the taps of the service, healthy and with each fault. What was counted of
 * single utterances is drawn from (seeded) to make minutes: days without a fault, in which nothing may be raised, then the fault until an
 * alarm of the right name is. The table on standard output says how many utterances that took at UTTERANCES_AN_HOUR. Time is made up, so
 * nothing here waits for a clock but the starved host, which is slow in real time.
 * Skips without weights or prompts. FAULTS_SEED=N repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/service_int.h"
#include "api/watch_int.h"
#include "api/watch_tap.h"
#include "fault_sounds.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SKIPPED     77
#define PROMPTS     "/usr/share/asterisk/sounds/en/*.wav"
#define WIDE        "/usr/share/pocketsphinx/test/data/librivox/*.wav"
#define STREAMS     8
#define GAP_S       3.0
#define HEALTHY_MIN (3 * 24 * 60)
#define FAULT_MIN   (36 * 60)
#define RATES       3
#define DRAWS_MAX   99
#define POOL_MAX    1024
#define START_S     1767225600
#define SPINNERS    8 /* a core */

/* ---- faults of weights ---------------------------------------------------------------------------------------------- */

typedef struct damage {
    const char *tensor; /* a format of the layer's number */
    int layers;
    bool zero; /* else random bytes */
} damage;

static void damage_tensor(FILE *f, const json_t *head, long data_at, const char *name, bool zero) {
    const json_t *offsets = json_object_get(json_object_get(head, name), "data_offsets");
    assert_non_null(offsets);
    json_int_t from = json_integer_value(json_array_get(offsets, 0)),
               to = json_integer_value(json_array_get(offsets, 1));
    fseek(f, data_at + (long)from, SEEK_SET);
    for (json_int_t i = from; i < to; i++) putc(zero ? 0 : (int)(next_random() & 255), f);
}

/* A copy of the models in `dir`, its weights damaged; nobody compares checksums when a model is opened. */
static void damage_model(const char *models, const char *dir, const damage *what) {
    char command[1024], path[512], name[96];
    snprintf(command, sizeof command,
             "cp %s/moonshine-tiny.safetensors %s/ && ln -s $(realpath %s)/silero* $(realpath %s)/tokens.txt %s/",
             models, dir, models, models, dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): paths of our own */
    snprintf(path, sizeof path, "%s/moonshine-tiny.safetensors", dir);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    uint64_t bytes;
    assert_int_equal(fread(&bytes, sizeof bytes, 1, f), 1);
    char *text = mem_alloc(bytes + 1, 1);
    assert_int_equal(fread(text, 1, bytes, f), bytes);
    json_t *head = json_loadb(text, bytes, 0, NULL);
    assert_non_null(head);
    for (int i = 0; i < what->layers; i++) {
        snprintf(name, sizeof name, what->tensor, i);
        damage_tensor(f, head, (long)(8 + bytes), name, what->zero);
    }
    json_decref(head);
    mem_free(text);
    fclose(f);
}

/* ---- a run ---------------------------------------------------------------------------------------------------------- */

typedef struct condition {
    const char *name;
    const char *expect, *never; /* rules, between blanks: one of the first ones is raised, none of the others */
    bend *bend;
    bool wide, slow; /* slow: in real time, without a processor to itself */
    float threshold, neg_threshold;
    int window_min[RATES]; /* it is found within */
    damage damage;
} condition;

/* What was counted, utterance by utterance. */
typedef struct pool {
    monitor_cell cell[POOL_MAX];
    int n, prompts;
    double audio_s, loud_s, busy_share;
} pool;

typedef struct lane {
    stream_owner owner; /* first */
    watch_tap *tap;
    steno_stream_id stream;
    sound all;
    size_t at;
    input meter; /* of what has been told of it: what sounds until an utterance ends is that utterance's */
    size_t metered;
    bool finished, done;
} lane;

typedef struct run {
    service service;
    watch *watch;
    engine_slot slot;
    lane lanes[STREAMS];
    pool *pool;
    int64_t now_s;
} run;

static run *running;

static void take_cell(void *ctx, const monitor_cell *cell) {
    pool *p = ctx;
    p->audio_s += cell->audio_s;
    if (!cell->at.model[0]) return;
    if (cell->streams_judged && !cell->utterances && p->n) { /* a stream's end: with its last utterance */
        monitor_cell last = *cell;
        last.audio_s = last.loud_s = 0;
        cell_add(&p->cell[p->n - 1], &last);
    }
    if (!cell->utterances || p->n == POOL_MAX) return;
    p->cell[p->n] = *cell;
    p->cell[p->n].audio_s = 0; /* it came with others: shared out evenly later */
    p->cell[p->n].loud_s = 0;  /* see share_loud() */
    p->n++;
}

/* What sounded from the last utterance to the end of this one, heard or not: for the newest utterance of the pool. */
static void share_loud(lane *l, pool *p, size_t until) {
    if (until > l->all.n) until = l->all.n;
    if (until > l->metered) input_add(&l->meter, l->all.pcm + l->metered, until - l->metered);
    if (until > l->metered) l->metered = until;
    double loud_s = input_take_loud_s(&l->meter);
    p->loud_s += loud_s;
    if (p->n) p->cell[p->n - 1].loud_s += loud_s;
}

/* Each utterance a minute of its own. */
static void on_event(stream_owner *o, const steno_event *e) {
    lane *l = (lane *)o;
    run *r = running;
    watch_tap_event(l->tap, e);
    monitor_tick(r->watch->monitor, r->now_s += CELL_S, take_cell, r->pool);
    bool over = e->kind == STENO_EVENT_DONE;
    if (e->kind == STENO_EVENT_SEGMENT || over)
        share_loud(l, r->pool, over ? l->all.n : (size_t)(e->speech_end_s * STENO_SAMPLE_RATE_HZ));
    l->done |= e->kind == STENO_EVENT_DONE || e->kind == STENO_EVENT_ERROR;
}

/* Prompts one after the other, a quiet line between. */
static void join_prompts(const condition *c, run *r) {
    const sound *from = c->wide ? wide : prompt;
    int of = c->wide ? n_wide : n_prompts, n = c->slow ? 2 * STREAMS : c->wide ? 3 * n_wide : n_prompts;
    size_t gap = (size_t)(GAP_S * STENO_SAMPLE_RATE_HZ);
    r->pool->prompts = n;
    for (int k = 0; k < STREAMS; k++) {
        sound *all = &r->lanes[k].all;
        size_t room = gap;
        for (int i = k; i < n; i += STREAMS) room += from[i % of].n + gap;
        all->pcm = mem_alloc(room, sizeof(float));
        for (int i = k; i < n; i += STREAMS) {
            memcpy(all->pcm + all->n, from[i % of].pcm, from[i % of].n * sizeof(float));
            all->n += from[i % of].n;
            for (size_t j = 0; j < gap; j++) all->pcm[all->n++] = (float)(3e-4 * normal());
        }
        c->bend(all->pcm, all->n);
    }
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* False: all of it has been taken. */
static bool feed(run *r, lane *l, bool slow, double since_s) {
    size_t taken, n = l->all.n - l->at, due = slow ? (size_t)((now_s() - since_s) * STENO_SAMPLE_RATE_HZ) : l->all.n;
    if (l->finished) return false;
    if (slow && n > 0) n = due > l->at + 512 ? (due < l->all.n ? due : l->all.n) - l->at : 0;
    if (n > 4096) n = 4096;
    if (n > 0) {
        steno_err e = steno_stream_push(r->slot.engine, l->stream, l->all.pcm + l->at, n, &taken);
        assert_true(e == STENO_OK || e == STENO_E_AGAIN);
        watch_tap_audio(l->tap, l->all.pcm + l->at, taken);
        l->at += taken;
    }
    if (l->at == l->all.n) l->finished = steno_stream_finish(r->slot.engine, l->stream) == STENO_OK;
    return true;
}

static void hear(run *r, bool slow) {
    double since_s = now_s();
    for (int left = STREAMS; left > 0;) {
        steno_event e;
        for (int k = 0; k < STREAMS; k++) feed(r, &r->lanes[k], slow, since_s);
        while (steno_engine_poll(r->slot.engine, 2, &e) == STENO_OK) {
            stream_owner *o = e.user;
            o->event(o, &e);
            steno_event_release(&e);
        }
        left = 0;
        for (int k = 0; k < STREAMS; k++) left += !r->lanes[k].done;
    }
}

static void open_run(run *r, const condition *c, const char *dir) {
    steno_model_options m = {.dir = dir, .name = "tiny", .no_voices = true};
    steno_engine_config e;
    watch_config w = {.on = true};
    steno_live_options live;
    steno_live_options_init(&live);
    if (c->threshold > 0) live.threshold = c->threshold, live.neg_threshold = c->neg_threshold;
    steno_engine_config_init(&e);
    e.max_streams = e.max_live = STREAMS;
    e.nice = c->slow ? 5 : 0;
    assert_int_equal(steno_model_open(&m, &r->slot.model), STENO_OK);
    assert_int_equal(steno_engine_open(r->slot.model, &e, &r->slot.engine), STENO_OK);
    assert_int_equal(watch_open(&w, &r->service, &r->watch), STENO_OK);
    r->now_s = watch_now_s();
    for (int k = 0; k < STREAMS; k++) {
        lane *l = &r->lanes[k];
        l->owner.event = on_event;
        watch_stream of = {.owner = "", .live = true, .rate_hz = c->wide ? 16000 : 8000};
        assert_int_equal(steno_live_open(r->slot.engine, &live, &l->owner, &l->stream), STENO_OK);
        l->tap = watch_tap_open(r->watch, &r->slot, &of);
        assert_non_null(l->tap);
    }
}

static void close_run(run *r) {
    for (int k = 0; k < STREAMS; k++) {
        watch_tap_close(r->lanes[k].tap);
        mem_free(r->lanes[k].all.pcm);
    }
    monitor_tick(r->watch->monitor, r->now_s + CELL_S, take_cell, r->pool);
    watch_close(r->watch);
    steno_engine_close(r->slot.engine);
    steno_model_close(r->slot.model);
}

/* ---- a machine that others use -------------------------------------------------------------------------------------- */

static _Atomic bool spinning;

static void *spin(void *arg) {
    (void)arg;
    while (spinning)
        for (int i = 0; i < 1000; i++) __asm__ volatile("");
    return NULL;
}

static int start_spinners(pthread_t *threads, int most) {
    int n = (int)sysconf(_SC_NPROCESSORS_ONLN) * SPINNERS;
    if (n > most) n = most;
    spinning = true;
    for (int i = 0; i < n; i++) assert_int_equal(pthread_create(&threads[i], NULL, spin, NULL), 0);
    return n;
}

/* ---- what is counted ------------------------------------------------------------------------------------------------ */

static void count_condition(const condition *c, const char *dir, bool starved, pool *out) {
    static run r;
    pthread_t spinner[64];
    steno_engine_stats stats;
    r = (run){.pool = out};
    running = &r;
    *out = (pool){0};
    open_run(&r, c, dir);
    join_prompts(c, &r);
    int spinners = starved ? start_spinners(spinner, 64) : 0;
    double from_s = now_s();
    hear(&r, c->slow);
    steno_engine_get_stats(r.slot.engine, &stats);
    out->busy_share = stats.busy_s / (stats.shards * (now_s() - from_s));
    spinning = false;
    for (int i = 0; i < spinners; i++) pthread_join(spinner[i], NULL);
    close_run(&r);
    for (int i = 0; i < out->n && !c->slow; i++) { /* what depends on the pace says nothing of faults */
        memset(out->cell[i].latency_bin, 0, sizeof out->cell[i].latency_bin);
        out->cell[i].partials = out->cell[i].partial_revisions = 0;
    }
}

/* ---- minutes -------------------------------------------------------------------------------------------------------- */

static const int an_hour[RATES] = {200, 1000, 20000}; /* utterances */

static monitor_cell draw_minute(const pool *p, int rate, int64_t start_s, int *prompts) {
    monitor_cell sum = {.at = {.model = "tiny", .language = "en"}, .start_s = start_s};
    *prompts = poisson(rate / 60.0);
    int n = p->n ? poisson(*prompts * (double)p->n / p->prompts) : 0;
    sum.audio_s = *prompts * p->audio_s / p->prompts;
    if (!p->n) sum.loud_s = *prompts * p->loud_s / p->prompts; /* else it is the utterances' */
    for (int i = 0; i < n; i++) cell_add(&sum, &p->cell[next_random() % (uint64_t)p->n]);
    return sum;
}

typedef struct raised {
    const char *rule[32];
    int after[32], minute[32], n, heard, minutes; /* after: utterances */
} raised;

static void note_raised(void *ctx, const alarm_event *e) {
    raised *r = ctx;
    if (e->change != ALARM_RAISED || r->n == 32) return;
    r->rule[r->n] = e->rule->name;
    r->minute[r->n] = r->minutes;
    r->after[r->n++] = r->heard;
}

/* Those who speak in it are among those after whom an alarm is raised. */
static void feed_minute(alarm_set *set, const pool *p, int rate, int64_t start_s, raised *to) {
    int prompts;
    monitor_cell c = draw_minute(p, rate, start_s, &prompts);
    monitor_cell host = {.start_s = start_s, .capacity_s = 120, .busy_s = 120 * p->busy_share, .memory_bytes = 3e8};
    to->heard += prompts;
    to->minutes++;
    alarm_feed(set, &c, note_raised, to);
    if (p->busy_share > 0) alarm_feed(set, &host, note_raised, to);
}

static bool is_one_of(const char *rule, const char *rules) {
    char padded[64];
    snprintf(padded, sizeof padded, " %s ", rule);
    return strstr(rules, padded) != NULL;
}

/* Healthy days, then the fault. False alarms are those before it. */
static void simulate(const pool *healthy, const pool *faulty, int rate, raised *false_ones, raised *found) {
    alarm_set *set;
    int64_t at_s = START_S;
    *false_ones = *found = (raised){0};
    assert_int_equal(alarm_open(8, &set), STENO_OK);
    for (int m = 0; m < HEALTHY_MIN; m++, at_s += CELL_S) feed_minute(set, healthy, rate, at_s, false_ones);
    for (int m = 0; m < FAULT_MIN; m++, at_s += CELL_S) feed_minute(set, faulty, rate, at_s, found);
    alarm_close(set);
}

/* ---- the conditions ------------------------------------------------------------------------------------------------- */

#define INPUT_RULES   " input_quiet input_clipped input_noisy input_narrow "
#define DECODER_RULES " empty speech_rate_low speech_rate_high looped repeated compression confidence "

static const condition healthy_of[] = {
    {.name = "healthy", .bend = bend_none},
    {.name = "healthy, wide", .bend = bend_none, .wide = true},
    {.name = "healthy, in real time", .bend = bend_none, .slow = true},
};

#define WINDOW                                                                                                         \
    { 12 * 60, 3 * 60, 20 }

static const condition faults[] = {
    {.name = "microphone at -40 dB",
     .bend = bend_quiet,
     .window_min = WINDOW,
     .expect = " input_quiet ",
     .never = " input_clipped input_narrow "},
    {.name = "clipped input",
     .bend = bend_clipped,
     .window_min = WINDOW,
     .expect = " input_clipped ",
     .never = " input_quiet input_narrow "},
    {.name = "8 kHz sent as 16 kHz",
     .bend = bend_narrow,
     .wide = true,
     .window_min = WINDOW,
     .expect = " input_narrow ",
     .never = " input_quiet input_clipped input_noisy "},
    {.name = "white noise at 0 dB",
     .bend = bend_noise,
     .window_min = WINDOW,
     .expect = " input_noisy ",
     .never = " input_quiet input_narrow input_clipped "},
    {.name = "damaged weight matrix",
     .bend = bend_none,
     .damage = {"decoder.layers.%d.cross.v.weight", 2, false},
     .window_min = WINDOW,
     .expect = DECODER_RULES,
     .never = INPUT_RULES},
    {.name = "decoder forced into loops",
     .bend = bend_none,
     .damage = {"decoder.layers.%d.self.o.scale", 6, true},
     .window_min = WINDOW,
     .expect = " looped repeated compression ",
     .never = INPUT_RULES},
    {.name = "VAD threshold 0.99999",
     .bend = bend_none,
     .threshold = 0.99999f,
     .neg_threshold = 0.9999f,
     .window_min = WINDOW,
     .expect = " speech_unheard speech_share_low ",
     .never = INPUT_RULES},
    {.name = "VAD threshold 0.9999999",
     .bend = bend_none,
     .threshold = 0.9999999f,
     .neg_threshold = 0.9999998f,
     .window_min = WINDOW,
     .expect = " speech_unheard ",
     .never = INPUT_RULES},
    {.name = "VAD threshold 0.001",
     .bend = bend_none,
     .threshold = 0.001f,
     .neg_threshold = 0.0005f,
     .window_min = WINDOW,
     .expect = " speech_share_high ",
     .never = " input_quiet input_clipped input_narrow "},
    {.name = "starved host",
     .bend = bend_none,
     .slow = true,
     .window_min = WINDOW,
     .expect = " latency rtf ",
     .never = INPUT_RULES},
};

static void print_raised(const raised *r) {
    for (int i = 0; i < r->n && i < 8; i++) printf("%s%s (%d)", i ? ", " : "", r->rule[i], r->after[i]);
    printf("%s\n", r->n ? "" : "nothing");
}

static void print_pool(const char *name, const pool *p) {
    monitor_cell s = {0};
    for (int i = 0; i < p->n; i++) cell_add(&s, &p->cell[i]);
    double n = p->n ? p->n : 1, texts = s.texts ? (double)s.texts : 1;
    printf("  %-26s %4d of %d; empty %.2f looped %.2f chars/s %.1f repeated %.3f compression %.2f confidence %.2f "
           "speech %.2f of %.0f s, %.2f of %.0f s loud; "
           "quiet %.2f clipped %.2f noisy %.2f narrow %.2f busy %.2f revised %.3f\n",
           name, p->n, p->prompts, (double)s.empty / n, (double)s.looped / n,
           s.speech_s > 0 ? s.characters / s.speech_s : 0, s.tokens > 0 ? s.tokens_repeated / s.tokens : 0,
           s.compression_sum / texts, s.confidence_sum / texts, s.speech_s / (p->audio_s > 0 ? p->audio_s : 1),
           p->audio_s, s.speech_s / (p->loud_s > 0 ? p->loud_s : 1), p->loud_s, (double)s.input_quiet / n,
           (double)s.input_clipped / n, (double)s.input_noisy / n, (double)s.input_narrow / n, p->busy_share,
           s.partials ? (double)s.partial_revisions / (double)s.partials : 0);
}

static const char *models;
static pool healthy[3];
static int draws = 1; /* lives a fault and rate */

/* The first that is rightly named; -1: none. What is never to be raised is not. */
static int right_one(const condition *c, const raised *none, const raised *found) {
    int right = -1;
    if (none->n) print_raised(none);
    assert_int_equal(none->n, 0);
    for (int i = found->n - 1; i >= 0; i--) {
        assert_false(is_one_of(found->rule[i], c->never));
        if (is_one_of(found->rule[i], c->expect)) right = i;
    }
    return right;
}

static int by_size(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static void print_minutes(int minutes) {
    if (minutes < 120)
        printf("%d min", minutes);
    else
        printf("%.1f h", minutes / 60.0);
}

/* A row of the table: the median delay of `draws` lives at each rate, and the window that none of them was longer than. */
static void find_fault(const condition *c, const pool *faulty) {
    const pool *usual = &healthy[c->slow ? 2 : c->wide ? 1 : 0];
    raised none, found = {0};
    char first[64] = "";
    int utterances[RATES][DRAWS_MAX], minutes[RATES][DRAWS_MAX];
    for (int k = 0; k < RATES; k++) {
        for (int d = 0; d < draws; d++) {
            simulate(usual, faulty, an_hour[k], &none, &found);
            int right = right_one(c, &none, &found);
            if (right < 0 || found.minute[right] > c->window_min[k]) {
                printf("%s at %d an hour: ", c->name, an_hour[k]);
                print_raised(&found);
            }
            assert_true(right >= 0);
            utterances[k][d] = found.after[right];
            minutes[k][d] = found.minute[right];
            assert_in_range(found.minute[right], 0, c->window_min[k]);
            if (k == 1 && d == 0) snprintf(first, sizeof first, "%s", found.rule[right]);
        }
        if (k == 1) {
            printf("%-28s ", c->name);
            print_raised(&found);
        }
        qsort(utterances[k], (size_t)draws, sizeof utterances[k][0], by_size);
        qsort(minutes[k], (size_t)draws, sizeof minutes[k][0], by_size);
    }
    printf("| %s | `%s` |", c->name, first);
    for (int k = 0; k < RATES; k++) {
        printf(" %d, ", utterances[k][draws / 2]);
        print_minutes(minutes[k][draws / 2]);
        printf(" (");
        print_minutes(c->window_min[k]);
        printf(") |");
    }
    printf("\n");
}

static void test_fault(void **state) {
    const condition *c = *state;
    static pool faulty;
    char dir[] = "/tmp/steno-faults-XXXXXX", command[64];
    bool own = c->damage.layers > 0;
    if (own) {
        assert_non_null(mkdtemp(dir));
        damage_model(models, dir, &c->damage);
    }
    count_condition(c, own ? dir : models, c->slow, &faulty);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (own) assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
    if (!c->slow) faulty.busy_share = 0;
    print_pool(c->name, &faulty);
    find_fault(c, &faulty);
    fflush(stdout);
}

static int setup(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        count_condition(&healthy_of[i], models, false, &healthy[i]);
        if (!healthy_of[i].slow) healthy[i].busy_share = 0;
        print_pool(healthy_of[i].name, &healthy[i]);
    }
    return 0;
}

int main(void) {
    const char *seed = getenv("FAULTS_SEED"), *dir = getenv("STENO_MODELS");
    struct CMUnitTest tests[sizeof faults / sizeof faults[0]];
    models = dir ? dir : "build/models";
    char path[512];
    snprintf(path, sizeof path, "%s/moonshine-tiny.safetensors", models);
    n_prompts = read_sounds(PROMPTS, 8000, prompt);
    n_wide = read_sounds(WIDE, 16000, wide);
    if (access(path, R_OK) != 0 || n_prompts < PROMPTS_MAX / 2 || !n_wide) {
        printf("skipped: no weights in %s (make models), or no prompts in %s and %s\n", models, PROMPTS, WIDE);
        return SKIPPED;
    }
    const char *lives = getenv("FAULTS_DRAWS");
    if (lives) draws = atoi(lives);
    if (draws < 1 || draws > DRAWS_MAX) return 2;
    dice = seed ? strtoull(seed, NULL, 10) : 20261126;
    printf("seed %llu; %d prompts; rules with the utterances after which they were raised\n", (unsigned long long)dice,
           n_prompts);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        tests[i] = (struct CMUnitTest){
            .name = faults[i].name, .test_func = test_fault, .initial_state = (void *)(uintptr_t)&faults[i]};
    return cmocka_run_group_tests(tests, setup, NULL);
}
