/* alarm_fleet.c: what a host is compared with: the others, of the same model, language and key. See alarm.h.
 *
 * Owner: the set's thread. The norm is the median of the hosts' means: one host that is sick, whichever way and however much it hears,
 * does not make the others look so.
 */
#include "watch/alarm_int.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what hosts say of themselves --------------------------------------------------------------------------------- */

static void fade(alarm_sample *sum, double keep, double y, double w) {
    sum->y = sum->y * keep + y;
    sum->w = sum->w * keep + w;
}

void alarm_fleet_step(alarm_peer *p, const monitor_cell *cell) {
    double gone_s = cell->start_s > p->now_s ? (double)(cell->start_s - p->now_s) : 0;
    fade(&p->fast, exp(-gone_s / FLEET_FAST_S), cell->confidence_sum, (double)cell->texts);
    fade(&p->slow, exp(-gone_s / FLEET_SLOW_S), cell->confidence_sum, (double)cell->texts);
    if (cell->start_s > p->now_s) p->now_s = cell->start_s;
}

/* ---- hosts that are not judged here ------------------------------------------------------------------------------- */

steno_err alarm_judge(alarm_set *set, const char *host, size_t max_peers) {
    if (set->n || set->peers || max_peers < 1 || max_peers > ALARM_PEERS_MAX)
        return err_fail(STENO_E_INVALID, "alarms: %zu series of other hosts: want 1 to %d, and said first", max_peers,
                        ALARM_PEERS_MAX);
    set->peers = mem_alloc(max_peers, sizeof *set->peers);
    if (!set->peers) return err_fail(STENO_E_NOMEM, "alarms: no memory for %zu series of other hosts", max_peers);
    set->max_peers = max_peers;
    snprintf(set->judged, sizeof set->judged, "%s", host);
    return STENO_OK;
}

bool alarm_judges(const alarm_set *set, const cell_at *at) {
    return !set->peers || strcmp(set->judged, at->host) == 0;
}

/* Its place, or a new one; where there is none left, that of whoever was not heard of for longest. */
static alarm_peer *peer_for(alarm_set *set, const cell_at *at) {
    size_t oldest = 0;
    for (size_t i = 0; i < set->n_peers; i++) {
        if (cell_same_series(&set->peers[i].at, at)) return &set->peers[i];
        if (set->peers[i].now_s < set->peers[oldest].now_s) oldest = i;
    }
    alarm_peer *p = &set->peers[set->n_peers < set->max_peers ? set->n_peers++ : oldest];
    *p = (alarm_peer){.at = *at};
    return p;
}

void alarm_peer_feed(alarm_set *set, const monitor_cell *cell) {
    if (cell->at.model[0]) alarm_fleet_step(peer_for(set, &cell->at), cell);
}

size_t alarm_peer_hosts(const alarm_set *set, int64_t now_s) {
    const char *host[FLEET_COMPARED];
    size_t n = 0;
    for (size_t i = 0; i < set->n_peers && n < FLEET_COMPARED; i++) {
        size_t k = 0;
        if (set->peers[i].now_s < now_s - FLEET_GONE_S) continue;
        while (k < n && strcmp(host[k], set->peers[i].at.host) != 0) k++;
        if (k == n) host[n++] = set->peers[i].at.host;
    }
    return n;
}

/* ---- the others' norm --------------------------------------------------------------------------------------------- */

typedef struct others {
    const alarm_peer *of;
    double fast[FLEET_COMPARED], slow[FLEET_COMPARED], fast_w;
    size_t n_fast, n_slow;
} others;

static void consider(others *all, const alarm_peer *p) {
    const cell_at *a = &p->at, *b = &all->of->at;
    if (p == all->of || p->now_s < all->of->now_s - FLEET_STALE_S || strcmp(a->model, b->model) != 0 ||
        strcmp(a->language, b->language) != 0 || strcmp(a->key, b->key) != 0 || all->n_slow == FLEET_COMPARED)
        return;
    all->fast_w += p->fast.w;
    if (p->fast.w >= FLEET_LEAST) all->fast[all->n_fast++] = p->fast.y / p->fast.w;
    if (p->slow.w >= FLEET_LEAST) all->slow[all->n_slow++] = p->slow.y / p->slow.w;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n) {
    qsort(x, n, sizeof *x, by_size);
    return .5 * (x[(n - 1) / 2] + x[n / 2]);
}

bool alarm_fleet_norm(const alarm_set *set, const alarm_series *s, double *out) {
    others all = {.of = &s->peer};
    for (size_t i = 0; i < set->n; i++) consider(&all, &set->series[i].peer);
    for (size_t i = 0; i < set->n_peers; i++) consider(&all, &set->peers[i]);
    if (all.n_slow < ALARM_FLEET_HOSTS_MIN) return false;
    bool fast = all.fast_w >= FLEET_ENOUGH && all.n_fast >= ALARM_FLEET_HOSTS_MIN;
    *out = fast ? median(all.fast, all.n_fast) : median(all.slow, all.n_slow);
    return true;
}
