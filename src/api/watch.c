/* watch.c: see watch.h. */
#include "api/watch_int.h"

#include "api/service_int.h"
#include "api/webhook.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SERIES_BEFORE 2 /* alarms are kept of so many times the series there are monitors of: models come and go */

int64_t watch_now_s(void) {
    return (int64_t)time(NULL);
}

/* ---- configuration -------------------------------------------------------------------------------------------------- */

static steno_err read_secret(const char *path, char out[WATCH_SECRET_BYTES]) {
    out[0] = 0;
    if (!path || !path[0]) return STENO_OK;
    FILE *in = fopen(path, "re");
    if (!in) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    bool read = fgets(out, WATCH_SECRET_BYTES, in) != NULL;
    fclose(in);
    out[strcspn(out, "\r\n")] = 0;
    return read && out[0] ? webhook_secret_check(out)
                          : err_fail(STENO_E_INVALID, "%s: its first line is no secret", path);
}

/* It stands in JSON: what is no UTF-8, or is cut within a letter, would take the answer and every alarm with it. */
static bool is_text(const char *name) {
    json_t *o = json_string(name);
    bool is = o != NULL;
    json_decref(o);
    return is;
}

static steno_err check_name(const char *name) {
    if (!name || !name[0]) return STENO_OK;
    if (strlen(name) >= CELL_HOST_BYTES)
        return err_fail(STENO_E_INVALID, "fleet_name is longer than %d bytes", CELL_HOST_BYTES - 1);
    return is_text(name) ? STENO_OK : err_fail(STENO_E_INVALID, "fleet_name is no UTF-8");
}

static void set_name(watch *w, const char *name) {
    if (name && name[0])
        snprintf(w->name, sizeof w->name, "%s", name);
    else if (gethostname(w->name, sizeof w->name - 1) != 0 || !is_text(w->name))
        snprintf(w->name, sizeof w->name, "localhost");
}

steno_err watch_configure(watch *w, const watch_config *config) {
    const char *url = config->webhook_url ? config->webhook_url : "";
    char secret[WATCH_SECRET_BYTES];
    if (url[0]) ERR_TRY(webhook_url_check(url));
    if (strlen(url) >= sizeof w->url) return err_fail(STENO_E_INVALID, "the address of alarms is too long");
    ERR_TRY(check_name(config->name));
    ERR_TRY(read_secret(config->secret_file, secret));
    ERR_TRY(watch_fleet_configure(w, config));
    set_name(w, config->name);
    snprintf(w->url, sizeof w->url, "%s", url);
    memcpy(w->secret, secret, sizeof w->secret);
    w->key_labels = config->key_labels;
    for (int i = 0; i < WATCH_WORST && !config->texts; i++) w->worst[i].text[0] = 0;
    w->texts = config->texts;
    w->retain_days = config->retain_days;
    w->expired_s = 0;
    return STENO_OK;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static steno_err open_parts(watch *w, const watch_config *config) {
    size_t series = config->series_max > 0 ? (size_t)config->series_max : MONITOR_SERIES_DEFAULT;
    size_t alarms = series * SERIES_BEFORE;
    ERR_TRY(ident_make("host_", w->id));
    ERR_TRY(text_meter_open(&w->meter));
    ERR_TRY(monitor_open(series, w->started_s, &w->monitor));
    ERR_TRY(alarm_open(alarms < ALARM_SERIES_MAX ? alarms : ALARM_SERIES_MAX, &w->alarms));
    ERR_TRY(alarm_judge(w->alarms, "", WATCH_PEERS));
    return watch_configure(w, config);
}

steno_err watch_open(const watch_config *config, service *v, watch **out) {
    *out = NULL;
    if (!config->on) return STENO_OK;
    watch *w = mem_alloc(1, sizeof *w);
    if (!w) return err_fail(STENO_E_NOMEM, "no memory to watch");
    w->service = v;
    w->started_s = w->minute_s = watch_now_s() / CELL_S * CELL_S;
    w->sampled_ms = net_now_ms();
    steno_err e = open_parts(w, config);
    if (e != STENO_OK) {
        watch_close(w);
        return e;
    }
    if (w->url[0] && !v->jobs) log_line(LOG_LEVEL_WARN, "alarms go to no webhook: there is no store to keep them in");
    watch_keep_start(w);
    *out = w;
    return STENO_OK;
}

void watch_close(watch *w) {
    if (!w) return;
    watch_fleet_stop(w);
    watch_keep_stop(w);
    monitor_close(w->monitor);
    alarm_close(w->alarms);
    text_meter_close(w->meter);
    mem_free(w);
}

const monitor *watch_monitor(const watch *w) {
    return w ? w->monitor : NULL;
}

const alarm_set *watch_alarms(const watch *w) {
    return w ? w->alarms : NULL;
}

/* ---- once a minute -------------------------------------------------------------------------------------------------- */

static double resident_bytes(void) {
    long pages = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (!in) return 0;
    if (fscanf(in, "%ld %ld", &pages, &resident) != 2)
        resident = 0; /* NOLINT(cert-err34-c): two numbers of the kernel's */
    fclose(in);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* What the shards of all engines computed since the last look, of what they could. */
static void sample_host(watch *w) {
    int64_t now_ms = net_now_ms();
    double busy_s = 0;
    int shards = 0;
    for (engine_slot *slot = w->service->slots; slot; slot = slot->next) {
        steno_engine_stats s;
        steno_engine_get_stats(slot->engine, &s);
        busy_s += s.busy_s - slot->watched_busy_s;
        slot->watched_busy_s = s.busy_s;
        if (s.shards > shards) shards = s.shards;
    }
    monitor_host(w->monitor, busy_s, shards * (double)(now_ms - w->sampled_ms) / 1000, resident_bytes());
    w->sampled_ms = now_ms;
}

static void minute_over(void *context, const monitor_cell *cell) {
    watch *w = context;
    watch_keep_cell(w, cell);
    alarm_feed(w->alarms, cell, watch_alarm, w);
}

void watch_feed(watch *w, const monitor_cell *cell) {
    if (w && w->restored) alarm_feed(w->alarms, cell, watch_alarm, w);
}

static double thread_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void watch_sweep(watch *w) {
    if (!w || !w->restored) return; /* what was before comes first */
    int64_t now_s = watch_now_s();
    if (now_s / CELL_S * CELL_S <= w->minute_s) return;
    double from_ms = thread_ms();
    w->minute_s = now_s / CELL_S * CELL_S;
    sample_host(w);
    monitor_tick(w->monitor, now_s, minute_over, w);
    watch_keep_minute(w);
    w->minute_ms = thread_ms() - from_ms;
}

void watch_stop(watch *w) {
    if (!w || w->stopped) return;
    watch_fleet_stop(w);
    if (w->restored) {
        sample_host(w);
        monitor_tick(w->monitor, watch_now_s() + CELL_S, minute_over, w);
        watch_keep_minute(w);
    }
    w->stopped = true;
}
