/* service_fixture.h: a service on a made-up model and a free port of loopback, for tests of what stands between network and
 * engine.
 *
 * Purpose   service_setup() makes the model once a program and the media host, whose zygote the program is itself (main()
 *           must look for MEDIA_ZYGOTE_ARG first); open_service() opens a service on it; run_until() turns the loop until
 *           a condition holds. Owner: the test's thread, which is the network thread.
 * Watchdog  nothing waits for a time: what never comes hangs, and alarm() in main() ends the program.
 */
#ifndef STENO_TESTS_SERVICE_FIXTURE_H
#define STENO_TESTS_SERVICE_FIXTURE_H

#include "../engine/fake_models.h"

#include "api/recording.h"
#include "api/service_int.h"
#include "api/wire_int.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/net_int.h"

#include <fcntl.h>
#include <signal.h>

#define WATCHDOG_S     240
#define LOOK_MS        1
#define SEED           20260411u
#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")

static fake_dir model_dir;
static media_host *host;

static inline int service_setup(void **state) {
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    if (media_host_start(NULL, &host) != STENO_OK) return -1;
    fake_dir_fill(&model_dir, &fake_tiny, SEED);
    return 0;
}

static inline int service_teardown(void **state) {
    (void)state;
    media_host_stop(host);
    fake_dir_remove(&model_dir);
    return 0;
}

/* ---- services --------------------------------------------------------------------------------------------------- */

typedef struct stage {
    int max_streams, max_live, decoders, recordings_max, audio_pool_s;
} stage;

static inline void open_engine(const stage *of, steno_model **model, steno_engine **engine) {
    steno_model_options options = {.dir = model_dir.path};
    steno_engine_config c;
    steno_engine_config_init(&c);
    c.shards = 1;
    c.max_batch = 4;
    c.max_streams = of->max_streams;
    c.max_live = of->max_live;
    c.audio_pool_s = of->audio_pool_s;
    c.kv_pool_mb = 20;
    assert_ok(steno_model_open(&options, model));
    assert_ok(steno_engine_open(*model, &c, engine));
}

static inline service_config config_of(const stage *of) {
    service_config c = {.net = {.bind = "127.0.0.1", .max_connections = 100, .ping_s = 60},
                        .idle_timeout_s = 60,
                        .resume_window_s = 5,
                        .drain_s = 60,
                        .max_ahead_ms = 1000000,
                        .media = host,
                        .decoders = of->decoders,
                        .recordings_max = of->recordings_max,
                        .auth = {.loopback = true}};
    media_limits_init(&c.media_limits);
    steno_live_options_init(&c.live);
    return c;
}

static inline service *open_service(const stage *of) {
    steno_model *model;
    steno_engine *engine;
    service *v;
    service_config c = config_of(of);
    open_engine(of, &model, &engine);
    assert_ok(service_open(&c, model, engine, &v));
    return v;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

typedef struct look {
    service *v;
    net_timer *timer;
    bool (*holds)(void *ctx);
    void *ctx;
} look;

static inline void look_again(void *ctx) {
    look *l = ctx;
    if (l->holds(l->ctx))
        net_stop(l->v->net);
    else
        net_timer_set(l->timer, LOOK_MS);
}

/* net_stop() is for good in a server; here the loop goes on the next time. */
static inline void run_until(service *v, bool (*holds)(void *ctx), void *ctx) {
    look l = {.v = v, .holds = holds, .ctx = ctx, .timer = net_timer_open(v->net, look_again, &l)};
    assert_non_null(l.timer);
    net_timer_set(l.timer, 0);
    v->net->stopping = false;
    net_run(v->net);
    net_timer_close(l.timer);
}

static inline int streams_of(const service *v) {
    int n = 0;
    for (const engine_slot *s = v->slots; s; s = s->next) n += s->streams;
    return n;
}

/* Nothing of anybody is left. */
static inline bool is_at_rest(void *ctx) {
    const service *v = ctx;
    steno_engine_stats s;
    steno_engine_get_stats(v->slots->engine, &s);
    return !v->recordings && !v->wires && !v->dead_voices && streams_of(v) == 0 && s.streams == 0;
}

static inline void close_at_rest(service *v) {
    run_until(v, is_at_rest, v);
    assert_int_equal(v->n_recordings, 0);
    assert_int_equal(v->recordings_owed, 0);
    assert_int_equal(v->recordings_running[0], 0);
    assert_int_equal(v->recordings_running[1], 0);
    assert_int_equal(v->connected, 0);
    assert_int_equal(v->promised, 0);
    assert_null(v->stalled);
    service_close(v);
}

#endif
