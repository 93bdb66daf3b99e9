/* watch_ask.c: the thread, and what the network thread sees of it. See watch_ask.h. */
#include "api/watch_ask_int.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define IDLE_MS   60000
#define LOOKUP_MS 50 /* between looks whether a name was found */

int64_t ask_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void ask_wake(asker *a) {
    uint64_t one = 1;
    if (write(a->fd, &one, sizeof one) < 0) return; /* the counter is full: it is readable */
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

/* False: the end. */
static bool take_wishes(asker *a) {
    pthread_mutex_lock(&a->lock);
    bool closing = a->closing, again = a->again;
    ask_config *wanted = a->wanted;
    a->wanted = NULL;
    a->again = false;
    pthread_mutex_unlock(&a->lock);
    if (wanted) {
        mem_free(a->config);
        a->config = wanted;
        ask_names_changed(a);
    }
    for (size_t i = 0; i < a->n && (again || wanted); i++) a->host[i]->due_ms = 0;
    if (again) a->lookup_due_ms = 0;
    return !closing;
}

/* Its moment of the period after this one, and not before half of one is over. */
static int64_t next_due_ms(const asker *a, size_t i, int64_t now_ms) {
    int64_t period_ms = a->config->period_ms;
    if (!period_ms) return INT64_MAX;
    int64_t moment_ms = period_ms * (int64_t)i / (int64_t)a->n;
    int64_t due_ms = (now_ms - moment_ms) / period_ms * period_ms + moment_ms + period_ms;
    return due_ms - now_ms < period_ms / 2 ? due_ms + period_ms : due_ms;
}

static void ask_due(asker *a, int64_t now_ms) {
    for (size_t i = 0; i < a->n && a->under_way < ASK_AT_ONCE; i++) {
        asked *at = a->host[i];
        if (at->easy || at->due_ms > now_ms) continue;
        at->due_ms = next_due_ms(a, i, now_ms);
        asked_begin(at);
    }
}

static void take_finished(asker *a) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(a->multi, &left));) {
        asked *at = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&at);
        asked_finished(at, code);
    }
}

static void show(asker *a) {
    pthread_mutex_lock(&a->lock);
    a->n_views = a->n;
    for (size_t i = 0; i < a->n; i++) a->view[i] = a->host[i]->view;
    pthread_mutex_unlock(&a->lock);
    ask_wake(a);
}

static int wait_ms(const asker *a, int64_t now_ms) {
    int64_t due_ms = a->lookup_due_ms < now_ms + IDLE_MS ? a->lookup_due_ms : now_ms + IDLE_MS;
    if (ask_names_wait(a)) return LOOKUP_MS;
    for (size_t i = 0; i < a->n && a->under_way < ASK_AT_ONCE; i++)
        if (!a->host[i]->easy && a->host[i]->due_ms < due_ms) due_ms = a->host[i]->due_ms;
    return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

static void *ask_main(void *arg) {
    asker *a = arg;
    int running;
    while (take_wishes(a)) {
        ask_names_step(a, ask_now_ms());
        ask_due(a, ask_now_ms());
        int before = a->under_way;
        curl_multi_perform(a->multi, &running);
        take_finished(a);
        if (a->under_way != before || a->n != a->n_views) show(a);
        curl_multi_poll(a->multi, NULL, 0, wait_ms(a, ask_now_ms()), NULL);
    }
    return NULL;
}

/* ---- the network thread's side ------------------------------------------------------------------------------------ */

static steno_err start(asker *a) {
    a->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (a->fd < 0) return err_fail(STENO_E_IO, "no descriptor for the fleet: %s", strerror(errno));
    a->multi = curl_multi_init();
    if (!a->multi) return err_fail(STENO_E_NOMEM, "no memory for the fleet");
    int code = pthread_create(&a->thread, NULL, ask_main, a);
    return code == 0 ? STENO_OK : err_fail(STENO_E_IO, "no thread for the fleet: %s", strerror(code));
}

static void drop(asker *a) {
    ask_names_close(a);
    while (a->n) asked_close(a->host[--a->n]);
    if (a->multi) curl_multi_cleanup(a->multi);
    if (a->fd >= 0) close(a->fd);
    fleet_text_free(&a->text);
    pthread_mutex_destroy(&a->lock);
    mem_free(a->cells);
    mem_free(a->config);
    mem_free(a->wanted);
    mem_free(a);
}

static ask_config *copy_of(const ask_config *config) {
    ask_config *copy = mem_alloc(1, sizeof *copy);
    if (copy) *copy = *config;
    return copy;
}

steno_err asker_open(const ask_config *config, asker **out) {
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return err_fail(STENO_E_INTERNAL, "libcurl does not start");
    asker *a = mem_alloc(1, sizeof *a);
    if (!a) return err_fail(STENO_E_NOMEM, "no memory for the fleet");
    a->fd = -1;
    pthread_mutex_init(&a->lock, NULL);
    a->wanted = copy_of(config);
    steno_err e = a->wanted ? start(a) : err_fail(STENO_E_NOMEM, "no memory for the fleet");
    if (e != STENO_OK) {
        drop(a);
        return e;
    }
    *out = a;
    return STENO_OK;
}

void asker_close(asker *a) {
    if (!a) return;
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    pthread_mutex_unlock(&a->lock);
    curl_multi_wakeup(a->multi);
    pthread_join(a->thread, NULL);
    drop(a);
}

steno_err asker_configure(asker *a, const ask_config *config) {
    ask_config *copy = copy_of(config);
    if (!copy) return err_fail(STENO_E_NOMEM, "no memory for the fleet");
    pthread_mutex_lock(&a->lock);
    ask_config *unused = a->wanted;
    a->wanted = copy;
    pthread_mutex_unlock(&a->lock);
    mem_free(unused);
    curl_multi_wakeup(a->multi);
    return STENO_OK;
}

void asker_again(asker *a) {
    pthread_mutex_lock(&a->lock);
    a->again = true;
    pthread_mutex_unlock(&a->lock);
    curl_multi_wakeup(a->multi);
}

int asker_fd(const asker *a) {
    return a->fd;
}

monitor_cell *asker_take(asker *a, size_t *n) {
    uint64_t count;
    *n = 0;
    if (read(a->fd, &count, sizeof count) < 0 && errno != EAGAIN) return NULL;
    pthread_mutex_lock(&a->lock);
    monitor_cell *cells = a->cells;
    *n = a->n_cells;
    a->cells = NULL;
    a->n_cells = a->room_cells = 0;
    pthread_mutex_unlock(&a->lock);
    return cells;
}

size_t asker_views(asker *a, ask_view *out) {
    pthread_mutex_lock(&a->lock);
    size_t n = a->n_views;
    memcpy(out, a->view, n * sizeof *out);
    pthread_mutex_unlock(&a->lock);
    return n;
}

void asker_count(asker *a, ask_counts *out) {
    pthread_mutex_lock(&a->lock);
    *out = a->counts;
    pthread_mutex_unlock(&a->lock);
}
