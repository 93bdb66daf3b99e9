/* alarms.c: false alarms in a simulated month of healthy hosts, and how soon injected faults are found.
 *
 *     alarms healthy HOSTS DAYS UTTERANCES_AN_HOUR [SEED] [-v]
 *     alarms rough   HOSTS DAYS UTTERANCES_AN_HOUR [SEED] [-v]      the same with callers that are harder on it
 *     alarms faults  HOSTS DAYS UTTERANCES_AN_HOUR [SEED] [-v]
 *     alarms healthy-each | faults-each …                           each host judges itself alone, and hears of the others
 *
 * Owner: the main thread. See docs/watching.md; `make bench-alarms` runs the table there. In `faults`, a host in four stays healthy and the
 * others get one fault each, in turn, from day 7 on, a Monday, at an hour of its own.
 */
#include "../../tests/watch/made_fleet.h"
#include "watch/alarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WARM_DAYS   7
#define SERIES_EACH 2 /* of a host: its model's and its own */

typedef struct tally {
    made_fleet fleet;
    int64_t found_min[FLEET_HOSTS_MAX]; /* -1: not yet */
    int wrong, resolved, by_rule[32];
    bool loud;
} tally;

static tally all;

static bool is_right(const made_host *h, const alarm_event *e, int64_t minute) {
    const struct made_fault_kind *kind = &made_faults[h->fault];
    if (h->fault == FAULT_NONE || minute < h->fault_min) return false;
    return strcmp(e->rule->name, kind->rule) == 0 || strcmp(e->rule->name, kind->also) == 0;
}

static void take_event(void *context, const alarm_event *e) {
    (void)context;
    char text[ALARM_TEXT_BYTES];
    alarm_print(text, e);
    if (e->change != ALARM_RAISED) {
        all.resolved++;
        if (all.loud) printf("  %s\n", text);
        return;
    }
    int i = atoi(e->at.host + 5);
    int64_t minute = (e->at_s - FLEET_START_S) / CELL_S;
    bool right = is_right(&all.fleet.host[i], e, minute);
    if (right && all.found_min[i] < 0) all.found_min[i] = minute - all.fleet.host[i].fault_min;
    const alarm_rule *rules;
    alarm_rules(&rules);
    if (!right) all.wrong++, all.by_rule[e->rule - rules]++;
    if (all.loud || !right) printf("  %s%s\n", right ? "" : "not meant: ", text);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void put_hours(int64_t minutes) {
    if (minutes < 120)
        printf(" %6lldmin", (long long)minutes);
    else
        printf(" %7.1fh ", (double)minutes / 60);
}

static void put_fault(made_fault fault) {
    int64_t delay[FLEET_HOSTS_MAX];
    int n = 0, found = 0;
    for (int i = 0; i < all.fleet.n; i++) {
        if (all.fleet.host[i].fault != fault) continue;
        n++;
        if (all.found_min[i] >= 0) delay[found++] = all.found_min[i];
    }
    if (n == 0) return;
    qsort(delay, (size_t)found, sizeof delay[0], by_value);
    printf("%-24s %-18s %d of %d", made_faults[fault].name, made_faults[fault].rule, found, n);
    if (found > 0) put_hours(delay[0]), put_hours(delay[found / 2]), put_hours(delay[found - 1]);
    printf("\n");
}

static void inject(made_fleet *f) {
    for (int i = 0; i < f->n; i++) {
        if (i % 4 == 3) continue;
        made_host *h = &f->host[i];
        h->fault = (made_fault)(1 + (i - i / 4) % (N_FAULTS - 1));
        h->fault_min = WARM_DAYS * FLEET_DAY_MIN + i * 397 % FLEET_DAY_MIN;
    }
}

/* One for all, or one for each host. */
static int open_sets(alarm_set **set, bool each) {
    int n = each ? all.fleet.n : 1;
    for (int i = 0; i < n; i++) {
        if (alarm_open(each ? SERIES_EACH : SERIES_EACH * FLEET_HOSTS_MAX, &set[i]) != STENO_OK) return 0;
        if (each && alarm_judge(set[i], all.fleet.host[i].name, FLEET_HOSTS_MAX) != STENO_OK) return 0;
    }
    return n;
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: alarms healthy|rough|faults[-each] HOSTS DAYS UTTERANCES_AN_HOUR [SEED] [-v]\n");
        return 2;
    }
    bool faults = strncmp(argv[1], "faults", 6) == 0, each = strstr(argv[1], "-each") != NULL;
    int hosts = atoi(argv[2]), days = atoi(argv[3]);
    uint64_t seed = argc > 5 ? strtoull(argv[5], NULL, 0) : 1;
    if (hosts < 1 || hosts > FLEET_HOSTS_MAX) return 2;
    all.loud = strcmp(argv[argc - 1], "-v") == 0;
    fleet_make(&all.fleet, seed, hosts, atof(argv[4]));
    for (int i = 0; i < hosts; i++) all.found_min[i] = -1;
    all.fleet.rough = strncmp(argv[1], "rough", 5) == 0;
    if (faults) inject(&all.fleet);
    static monitor_cell cell[2 * FLEET_HOSTS_MAX];
    static alarm_set *set[FLEET_HOSTS_MAX];
    int n_sets = open_sets(set, each);
    if (!n_sets) return 1;
    clock_t began = clock();
    double in_alarms = 0;
    for (int64_t m = 0; m < (int64_t)days * FLEET_DAY_MIN; m++) {
        fleet_minute(&all.fleet, cell);
        clock_t before = clock();
        for (int k = 0; k < n_sets; k++)
            for (int i = 0; i < 2 * hosts; i++) alarm_feed(set[k], &cell[i], take_event, NULL);
        in_alarms += (double)(clock() - before) / CLOCKS_PER_SEC;
    }
    alarm_counts counts;
    alarm_count(set[0], &counts);
    printf("%s: %d hosts, %d days, %s utterances an hour each, seed %llu: %d alarms not meant (%.2f a week), %d "
           "resolved, evidence "
           "needed e^%.1f; %.1f s of which alarms %.1f s (%.0f ns a cell)\n",
           argv[1], hosts, days, argv[4], (unsigned long long)seed, all.wrong, all.wrong * 7.0 / days, all.resolved,
           counts.log_needed, (double)(clock() - began) / CLOCKS_PER_SEC, in_alarms,
           in_alarms * 1e9 / (double)counts.cells / n_sets);
    if (faults) {
        printf("%-24s %-18s %-7s %9s %9s %9s\n", "fault", "rule", "found", "soonest", "median", "latest");
        for (int i = 1; i < N_FAULTS; i++) put_fault((made_fault)i);
    }
    for (int k = 0; k < n_sets; k++) alarm_close(set[k]);
    return 0;
}
