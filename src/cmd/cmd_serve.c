/* cmd_serve.c: `steno serve`: the live service on a port, until it is told to stop.
 *
 * Owner: the main thread, which is the network thread; SIGHUP starts a thread that opens the new model meanwhile and
 * hands it over through a descriptor. See docs/man/steno-serve.1.
 */
#include "api/auth.h"
#include "api/service.h"
#include "api/wyoming.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/config_options.h"
#include "cmd/notify.h"
#include "cmd/serve_parts.h"
#include "cmd/stoppable.h"
#include "privacy/find.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define SPARE_DESCRIPTORS 128 /* for models, engines, logs … beside connections */

/* What the reloading thread makes. Its own until it writes to the descriptor, the main thread's after that. */
typedef struct reload {
    config config;
    steno_model *model;
    steno_engine *engine;
    privacy *privacy;
    int speaker_streams;
    shadow_engines *shadow;
    steno_err error;
    char why[ERR_DETAIL_BYTES];
} reload;

typedef struct serve {
    config_inputs given;
    config config;
    service *service;
    int signal_fd, reload_fd;
    bool stopping, reloading, again; /* again: another SIGHUP came while one was worked on */
    int stopped_by;                  /* the second signal */
    net_timer *watchdog;             /* NULL: systemd wants no signs of life */
    int watchdog_ms;
    pthread_t reloader;
    reload reload;
    serve_parts parts;
} serve;

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void help(void) {
    printf("Usage: steno serve [options]\n\n"
           "Recognises live speech for clients on a network: WebSockets at /v1/stream (docs/protocol.md), a page that\n"
           "shows it at /, the state of the server at /healthz, /readyz and /v1/status.\n\n"
           "Every key of the configuration file is an option too, which wins (steno.conf(5), docs/configuration.md):\n"
           "  --config FILE            read this file; SIGHUP reads it again, for new streams\n");
    config_options_help();
    printf(
        "  -h, --help               this text\n"
        "\nSIGTERM or SIGINT: no new streams, and the end once the running ones have ended; a second one: the end.\n");
}

static log_level level_of(const config *c) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(c->log_level, names[i]) == 0) return (log_level)i;
    }
    return LOG_LEVEL_INFO;
}

/* ---- SIGHUP ----------------------------------------------------------------------------------------------------- */

static void log_complaint(void *ctx, bool warning, const char *text) {
    (void)ctx;
    log_line(warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "SIGHUP: %s", text);
}

static void *reload_main(void *arg) {
    serve *s = arg;
    reload *r = &s->reload;
    uint64_t one = 1;
    double weights_bytes;
    config_report report = {.say = log_complaint};
    r->error = config_load(&s->given, &r->config, NULL, &report);
    if (r->error == STENO_OK) r->error = serve_open_privacy(&r->config, &r->privacy);
    if (r->error == STENO_OK)
        r->error = serve_open_engine(&r->config, &r->model, &r->engine, &r->speaker_streams, &weights_bytes);
    if (r->error == STENO_OK) serve_open_shadow(&r->config, r->model, weights_bytes, &r->shadow);
    if (r->error != STENO_OK) snprintf(r->why, sizeof r->why, "%s", steno_error_detail());
    if (write(s->reload_fd, &one, sizeof one) < 0) abort(); /* an event counter at zero takes one */
    return NULL;
}

static void start_reload(serve *s) {
    char lines[80];
    struct timespec now;
    if (s->reloading) {
        s->again = true;
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld\n", now.tv_sec * 1000000LL + now.tv_nsec / 1000);
    notify_systemd(lines);
    s->reload = (reload){0};
    s->reloading = pthread_create(&s->reloader, NULL, reload_main, s) == 0;
    if (s->reloading) return;
    log_line(LOG_LEVEL_ERROR, "SIGHUP: no thread to open the model with");
    notify_systemd("READY=1\n");
}

/* They stay as they are in `now` too, so that the next SIGHUP says so again. */
static void keep_fixed_keys(const config *old, config *now) {
    for (const config_key *key = NULL; (key = config_fixed_change(old, now, key));) {
        char value[CONFIG_TEXT_BYTES];
        config_get(old, key, value);
        log_line(LOG_LEVEL_WARN, "SIGHUP: %s stays %s until a restart", key->name, value[0] ? value : "empty");
        if (config_set(now, key, value) != STENO_OK) log_line(LOG_LEVEL_ERROR, "SIGHUP: %s", steno_error_detail());
    }
}

/* A renewed certificate, for connections from now on. Whether there is TLS at all waits for a restart. */
static steno_err reload_tls(serve *s, const net_config *now) {
    bool was = s->config.tls_certificate[0] != 0, is = now->tls_certificate != NULL;
    if (was != is) log_line(LOG_LEVEL_WARN, "SIGHUP: TLS stays %s until a restart", was ? "on" : "off");
    return was && is ? net_reload_tls(service_net(s->service), now->tls_certificate, now->tls_key) : STENO_OK;
}

/* Whatever fails, the service goes on as it was. */
static void apply_reload(serve *s, reload *r) {
    keep_fixed_keys(&s->config, &r->config);
    service_config c = serve_service_config(&r->config, &s->parts);
    c.speaker_streams = r->speaker_streams;
    c.privacy = r->privacy;
    c.shadow_engines = r->shadow;
    r->error = reload_tls(s, &c.net);
    if (r->error == STENO_OK) r->error = service_replace(s->service, &c, r->model, r->engine);
    if (r->error == STENO_OK) return;
    snprintf(r->why, sizeof r->why, "%s", steno_error_detail());
    shadow_engines_close(r->shadow);
    steno_engine_close(r->engine);
    steno_model_close(r->model);
}

static void use_reload(serve *s) {
    reload *r = &s->reload;
    if (r->error == STENO_OK) apply_reload(s, r);
    if (r->error != STENO_OK) {
        privacy_close(r->privacy);
        log_line(LOG_LEVEL_ERROR, "SIGHUP: the old configuration stays: %s", r->why);
        return;
    }
    s->config = r->config;
    log_set_level(level_of(&s->config));
    log_set_json(strcmp(s->config.log_format, "json") == 0);
    log_line(LOG_LEVEL_INFO, "SIGHUP: new streams use model %s (%s)", s->config.model, s->config.precision);
}

static void reload_ready(void *ctx) {
    serve *s = ctx;
    uint64_t count;
    if (read(s->reload_fd, &count, sizeof count) < 0) return;
    pthread_join(s->reloader, NULL);
    s->reloading = false;
    use_reload(s);
    notify_systemd("READY=1\n");
    if (s->again) {
        s->again = false;
        start_reload(s);
    }
}

/* ---- other signals ---------------------------------------------------------------------------------------------- */

static void signal_ready(void *ctx) {
    serve *s = ctx;
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            start_reload(s);
        } else if (!s->stopping) {
            s->stopping = true;
            notify_systemd("STOPPING=1\nSTATUS=draining\n");
            service_drain(s->service);
        } else {
            s->stopped_by = (int)info.ssi_signo;
            service_stop(s->service);
        }
    }
}

/* Before any thread starts: a thread that does not block a signal would die of it. */
static steno_err watch_signals(serve *s) {
    s->reload_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->signal_fd = stoppable_signals(NULL);
    if (s->signal_fd >= 0 && s->reload_fd >= 0) return STENO_OK;
    return err_fail(STENO_E_IO, "no descriptor for signals: %s", strerror(errno));
}

/* ---- systemd ---------------------------------------------------------------------------------------------------- */

/* The network thread says that it lives: nothing blocks on it, so a silence means that it hangs. */
static void sign_of_life(void *ctx) {
    serve *s = ctx;
    notify_systemd("WATCHDOG=1\n");
    net_timer_set(s->watchdog, s->watchdog_ms);
}

static steno_err tell_ready(serve *s) {
    char lines[256];
    s->watchdog_ms = notify_watchdog_ms();
    if (s->watchdog_ms > 0) {
        s->watchdog = net_timer_open(service_net(s->service), sign_of_life, s);
        if (!s->watchdog) return err_fail(STENO_E_NOMEM, "no memory for systemd's watchdog");
        sign_of_life(s);
    }
    snprintf(lines, sizeof lines, "READY=1\nSTATUS=listening on %s\n", net_address(service_net(s->service)));
    notify_systemd(lines);
    return STENO_OK;
}

/* ---- the run ---------------------------------------------------------------------------------------------------- */

/* As many descriptors as the connections need, or as many connections as there are descriptors for. */
static void fit_descriptors(net_config *c) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    rlim_t want = (rlim_t)c->max_connections + SPARE_DESCRIPTORS;
    if (limit.rlim_cur < want) {
        limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    }
    if (limit.rlim_cur >= want) return;
    int fit = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? (int)limit.rlim_cur - SPARE_DESCRIPTORS : SPARE_DESCRIPTORS;
    if (fit >= c->max_connections) return;
    log_line(LOG_LEVEL_WARN, "max_connections is %d and not %d: the process may have %llu descriptors (ulimit -n)", fit,
             c->max_connections, (unsigned long long)limit.rlim_cur);
    c->max_connections = fit;
}

static void announce(const serve *s, const steno_engine *engine) {
    steno_engine_stats stats;
    steno_engine_get_stats((steno_engine *)engine, &stats);
    log_line(LOG_LEVEL_INFO, "model %s (%s) on %d threads, up to %d streams", s->config.model, s->config.precision,
             stats.shards, s->config.max_streams);
    log_line(LOG_LEVEL_INFO, "reserved: %d pages of key/value memory, %.0f s of audio, %d segments; %.0f MB resident",
             stats.kv_pages, stats.audio_frames * 0.032, stats.segments, serve_resident_bytes() / 1e6);
    log_line(LOG_LEVEL_INFO, "listening on %s://%s/", s->config.tls_certificate[0] ? "https" : "http",
             net_address(service_net(s->service)));
}

static steno_err listen_wyoming(const serve *s) {
    char address[80];
    if (s->config.wyoming_port < 0) return STENO_OK;
    ERR_TRY(wyoming_listen(s->service, s->config.wyoming_bind, s->config.wyoming_port, address));
    log_line(LOG_LEVEL_INFO, "listening for Home Assistant (Wyoming) on tcp://%s", address);
    if (!auth_bind(s->config.wyoming_bind, 1, true).loopback)
        log_line(LOG_LEVEL_WARN, "wyoming_bind: whoever reaches %s may use it, the protocol has no keys", address);
    return STENO_OK;
}

static steno_err start(serve *s) {
    steno_model *model;
    steno_engine *engine;
    double weights_bytes;
    ERR_TRY(watch_signals(s));
    ERR_TRY(media_host_start(NULL, &s->parts.media)); /* while there is one thread */
    ERR_TRY(serve_open_privacy(&s->config, &s->parts.privacy));
    ERR_TRY(serve_open_store(&s->config, &s->parts));
    service_config c = serve_service_config(&s->config, &s->parts);
    fit_descriptors(&c.net);
    ERR_TRY(serve_open_engine(&s->config, &model, &engine, &c.speaker_streams, &weights_bytes));
    serve_open_shadow(&s->config, model, weights_bytes, &c.shadow_engines);
    serve_give_store(&s->parts); /* the service's from now on */
    steno_err e = service_open(&c, model, engine, &s->service);
    if (e != STENO_OK) {
        char why[ERR_DETAIL_BYTES];
        snprintf(why, sizeof why, "%s", steno_error_detail());
        steno_engine_close(engine);
        steno_model_close(model);
        return err_fail(e, "%s", why);
    }
    net *n = service_net(s->service);
    if (!net_watch_open(n, s->signal_fd, signal_ready, s) || !net_watch_open(n, s->reload_fd, reload_ready, s))
        return err_fail(STENO_E_NOMEM, "signals cannot be watched");
    ERR_TRY(listen_wyoming(s));
    announce(s, engine);
    return tell_ready(s);
}

/* A model that is being opened for nobody. */
static void abandon_reload(serve *s) {
    if (!s->reloading) return;
    pthread_join(s->reloader, NULL);
    privacy_close(s->reload.privacy);
    if (s->reload.error != STENO_OK) return;
    shadow_engines_close(s->reload.shadow);
    steno_engine_close(s->reload.engine);
    steno_model_close(s->reload.model);
}

int cmd_serve(int argc, char **argv) {
    serve s = {.signal_fd = -1, .reload_fd = -1};
    int status = config_options_read("serve", argc, argv, help, &s.given);
    if (status >= 0) return status;
    config_report report = {.say = config_complain};
    if (config_load(&s.given, &s.config, NULL, &report) != STENO_OK) return 2;
    log_set_level(level_of(&s.config));
    log_set_json(strcmp(s.config.log_format, "json") == 0);
    if (start(&s) == STENO_OK) {
        service_run(s.service);
        log_line(LOG_LEVEL_INFO, "stopped");
        status = s.stopped_by ? 128 + s.stopped_by : 0;
    } else {
        fprintf(stderr, "steno: %s\n", steno_error_detail());
        status = 1;
    }
    abandon_reload(&s);
    if (s.watchdog) net_timer_close(s.watchdog);
    service_close(s.service);
    serve_close_parts(&s.parts);
    if (s.signal_fd >= 0) close(s.signal_fd);
    if (s.reload_fd >= 0) close(s.reload_fd);
    return status;
}
