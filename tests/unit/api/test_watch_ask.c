/* test_watch_ask.c: hosts on loopback are asked by the thread that asks them in earnest: what each answer makes of a host, and that a
 * host that is a quarter less sure than three others raises an alarm about itself, and about nobody else.
 *
 * The others are one little server, which has a path for each and writes what it is given. Time is made up: everybody is asked once a made
 * minute, and the test waits until all have answered. Nothing waits for a clock; what never comes hangs until alarm() ends the program.
 */
#include "api/watch_ask.h"

#include "../../random.h"
#include "../../watch/made_fleet.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/net.h"
#include "watch/alarm.h"
#include "watch/quality_text.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define WATCHDOG_S     240
#define OTHERS         3
#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")

/* ---- the others --------------------------------------------------------------------------------------------------- */

static struct {
    net *net;
    pthread_t thread;
    pthread_mutex_t lock;
    struct { /* by path */
        char path[32], id[32];
        int status;
        char *text; /* owned */
    } host[16];
    int n;
    char key[64]; /* that the last request had */
    atomic_bool closing;
} there;

static void answer(void *ctx, net_exchange *x, const net_request *r, net_reply *reply) {
    (void)ctx, (void)x;
    *reply = (net_reply){.status = 404, .type = "text/plain", .body = "", .bytes = 0};
    pthread_mutex_lock(&there.lock);
    snprintf(there.key, sizeof there.key, "%s", r->authorization);
    for (int i = 0; i < there.n; i++) {
        if (strcmp(there.host[i].path, r->path) != 0) continue;
        char *text = mem_strdup(there.host[i].text);
        *reply = (net_reply){.status = there.host[i].status,
                             .type = "text/plain",
                             .headers = "location: /h0\r\n",
                             .body = text,
                             .bytes = strlen(text),
                             .owned = text};
    }
    pthread_mutex_unlock(&there.lock);
}

static void look_at_end(void *ctx) {
    if (there.closing)
        net_stop(there.net);
    else
        net_timer_set(*(net_timer **)ctx, 1);
}

static void *serve(void *arg) {
    (void)arg;
    net_timer *timer = net_timer_open(there.net, look_at_end, &timer);
    net_timer_set(timer, 1);
    net_run(there.net);
    net_timer_close(timer);
    return NULL;
}

static void put(const char *path, int status, const char *text) {
    int i = 0;
    pthread_mutex_lock(&there.lock);
    while (i < there.n && strcmp(there.host[i].path, path) != 0) i++;
    if (i == there.n) there.n++;
    snprintf(there.host[i].path, sizeof there.host[i].path, "%s", path);
    mem_free(there.host[i].text);
    there.host[i].text = mem_strdup(text);
    there.host[i].status = status;
    pthread_mutex_unlock(&there.lock);
}

static void put_cell_text(const char *path, const char *id, const monitor_cell *total) {
    expo e;
    size_t n;
    char text[64000];
    expo_init(&e);
    expo_family(&e, "steno_build_info", EXPO_GAUGE, "x");
    expo_sample(&e, EXPO_LABELS({"version", "1.2.3"}), 1);
    expo_family(&e, "steno_instance_info", EXPO_GAUGE, "x");
    expo_sample(&e, EXPO_LABELS({"id", id}), 1);
    quality_write_cells(&e, &total, 1);
    const char *got = expo_text(&e, &n);
    assert_true(n < sizeof text);
    memcpy(text, got, n);
    text[n] = 0;
    put(path, 200, text);
    expo_free(&e);
}

static int setup(void **state) {
    (void)state;
    net_config c = {.bind = "127.0.0.1", .max_connections = 100, .ping_s = 60};
    net_handler h = {.request = answer};
    log_set_level(LOG_LEVEL_ERROR);
    pthread_mutex_init(&there.lock, NULL);
    if (net_open(&c, &h, &there.net) != STENO_OK) return -1;
    return pthread_create(&there.thread, NULL, serve, NULL);
}

static int teardown(void **state) {
    (void)state;
    there.closing = true;
    pthread_join(there.thread, NULL);
    net_close(there.net);
    for (int i = 0; i < there.n; i++) mem_free(there.host[i].text);
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

static _Atomic int64_t made_s = FLEET_START_S;
static ask_view view[WATCH_HOSTS_MAX];

static int64_t now_s(void) {
    return made_s;
}

static ask_config *config_of(const char *const *paths) {
    static ask_config c;
    char list[1000], *at = list;
    *at = 0;
    c = (ask_config){.id = "me", .now_s = now_s};
    for (; *paths; paths++) at += sprintf(at, "http://%s%s,", net_address(there.net), *paths);
    assert_ok(watch_names_parse(&c.names, list));
    return &c;
}

static uint64_t answers(asker *a) {
    ask_counts n;
    asker_count(a, &n);
    return n.answered + n.failed;
}

static void wait_readable(asker *a) {
    struct pollfd p = {.fd = asker_fd(a), .events = POLLIN};
    assert_int_equal(poll(&p, 1, -1), 1);
}

static void feed_taken(asker *a, alarm_set *set, alarm_sink *sink, void *context) {
    size_t cells;
    monitor_cell *cell = asker_take(a, &cells);
    for (size_t i = 0; i < cells && set; i++) alarm_feed(set, &cell[i], sink, context);
    mem_free(cell);
}

/* So many have answered, ever. Cells that came meanwhile go to the set: those of the last answer are there before it is counted. */
static void wait_for(asker *a, uint64_t n, alarm_set *set, alarm_sink *sink, void *context) {
    while (answers(a) < n) {
        wait_readable(a);
        feed_taken(a, set, sink, context);
    }
    feed_taken(a, set, sink, context);
}

static const ask_view *view_of(asker *a, const char *path) {
    size_t n = asker_views(a, view);
    for (size_t i = 0; i < n; i++)
        if (strstr(view[i].name, path)) return &view[i];
    return NULL;
}

static void wait_state(asker *a, const char *path, ask_state state) {
    size_t n;
    for (const ask_view *v = NULL; !v || v->state != state; v = view_of(a, path)) {
        if (v) wait_readable(a);
        mem_free(asker_take(a, &n));
    }
}

/* ---- what an answer makes of a host ------------------------------------------------------------------------------- */

#define BUILD "steno_build_info{version=\"1.2.3\"} 1\n"

static void every_answer_has_a_state(void **state) {
    (void)state;
    static char endless[3 << 20];
    static const struct {
        const char *path;
        int status;
        const char *text;
        ask_state state;
        const char *why;
    } of[] = {
        {"/up", 200, BUILD "steno_instance_info{id=\"x\"} 1\n", ASK_UP, ""},
        {"/zz-twin", 200, BUILD "steno_instance_info{id=\"x\"} 1\n", ASK_TWIN, ""},
        {"/me", 200, BUILD "steno_instance_info{id=\"me\"} 1\n", ASK_SELF, ""},
        {"/old", 200, BUILD, ASK_UP, ""},
        {"/locked", 401, "{}", ASK_REFUSED, "HTTP 401"},
        {"/ill", 503, "", ASK_DOWN, "HTTP 503"},
        {"/moved", 302, "", ASK_STRANGE, "HTTP 302"},
        {"/page", 200, "<html></html>\n", ASK_STRANGE, "no metrics of steno"},
        {"/cut", 200, BUILD "steno_instance_info{id=\"x\"", ASK_STRANGE, "metrics that do not end with a line"},
        {"/empty", 200, "", ASK_STRANGE, "metrics that do not end with a line"},
        {"/endless", 200, endless, ASK_STRANGE, "an answer without end"},
    };
    const size_t n = sizeof of / sizeof of[0];
    const char *paths[16] = {0};
    asker *a;
    memset(endless, '\n', sizeof endless - 1);
    for (size_t i = 0; i < n; i++) put(paths[i] = of[i].path, of[i].status, of[i].text);
    ask_config *c = config_of(paths);
    c->keys = (watch_keys){.of = {{"", "sk-of-the-fleet"}}, .n = 1};
    assert_ok(asker_open(c, &a));
    wait_for(a, n, NULL, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        wait_state(a, of[i].path, of[i].state);
        const ask_view *v = view_of(a, of[i].path);
        assert_string_equal(v->why, of[i].why);
        assert_int_equal(v->asked, 1);
        assert_int_equal(v->failed, of[i].why[0] != 0);
        if (!of[i].why[0]) assert_string_equal(v->version, "1.2.3");
    }
    assert_string_equal(there.key, "Bearer sk-of-the-fleet");
    /* And gets another one. A twin stays one when its answer is the last. */
    put("/ill", 200, BUILD);
    memset(endless, '\n', FLEET_TEXT_BYTES_MAX);
    memcpy(endless, of[1].text, strlen(of[1].text));
    endless[FLEET_TEXT_BYTES_MAX] = 0;
    put("/zz-twin", 200, endless);
    asker_again(a);
    wait_for(a, 2 * n, NULL, NULL, NULL);
    wait_state(a, "/ill", ASK_UP);
    wait_state(a, "/zz-twin", ASK_TWIN);
    assert_string_equal(view_of(a, "/ill")->why, "");
    /* Others leave. */
    assert_ok(asker_configure(a, config_of((const char *const[]){"/old", "/me", NULL})));
    while (asker_views(a, view) != 2) {
        size_t cells;
        wait_readable(a);
        mem_free(asker_take(a, &cells));
    }
    wait_for(a, 2 * n + 2, NULL, NULL, NULL);
    while (view_of(a, "/old")->asked != 3) { /* it is counted before it is shown */
        wait_readable(a);
        feed_taken(a, NULL, NULL, NULL);
    }
    assert_null(view_of(a, "/ill"));
    asker_close(a);
}

/* Nobody listens there; and a name that leads there is looked up. */
static void nobody_answers(void **state) {
    (void)state;
    asker *a;
    ask_config c = {.id = "me", .now_s = now_s};
    assert_ok(watch_names_parse(&c.names, "dns:localhost:1"));
    assert_ok(asker_open(&c, &a));
    wait_state(a, "127.0.0.1:1", ASK_DOWN);
    asker_close(a);
}

/* Asked, and closed before the answer: for the sanitizers. */
static void it_ends_at_any_time(void **state) {
    (void)state;
    put("/h0", 200, BUILD);
    for (int i = 0; i < 20; i++) {
        asker *a;
        ask_config *c = config_of((const char *const[]){"/h0", NULL});
        assert_ok(asker_open(c, &a));
        if (i & 1) wait_readable(a);
        if (i & 2) asker_again(a);
        asker_close(a);
    }
}

/* ---- a fleet ------------------------------------------------------------------------------------------------------ */

typedef struct book {
    int raised;
    alarm_event first;
} book;

static void note(void *context, const alarm_event *e) {
    book *b = context;
    char text[ALARM_TEXT_BYTES];
    alarm_print(text, e);
    print_message("%s\n", text);
    if (e->change == ALARM_RAISED && b->raised++ == 0) b->first = *e;
}

/* Host 0 is this one, and hears itself directly; the others are asked. `sick` is a quarter less sure, from the third hour on. */
static void run(int sick, int minutes, book *b) {
    static made_fleet f;
    static monitor_cell cell[2 * (OTHERS + 1)], total[OTHERS + 1];
    static const char *const paths[] = {"/h1", "/h2", "/h3", NULL};
    asker *a = NULL;
    alarm_set *set;
    memset(total, 0, sizeof total);
    fleet_make(&f, random_bits(), OTHERS + 1, 6000);
    assert_ok(alarm_open(8, &set));
    assert_ok(alarm_judge(set, "", 16));
    for (int m = 0; m < minutes; m++) {
        fleet_minute(&f, cell);
        made_s = FLEET_START_S + (m + 1) * CELL_S + 10;
        if (m >= 180) cell[2 * sick].confidence_sum *= .75, cell[2 * sick].confidence_squares *= .75 * .75;
        for (int i = 1; i <= OTHERS; i++) {
            char id[16];
            total[i].at = cell[2 * i].at;
            cell_add(&total[i], &cell[2 * i]);
            snprintf(id, sizeof id, "id%d", i);
            put_cell_text(paths[i - 1], id, &total[i]);
        }
        if (!a)
            assert_ok(asker_open(config_of(paths), &a));
        else
            asker_again(a);
        wait_for(a, (uint64_t)(m + 1) * OTHERS, set, note, b);
        *cell[0].at.host = *cell[1].at.host = 0;
        alarm_feed(set, &cell[0], note, b);
        alarm_feed(set, &cell[1], note, b);
    }
    double norm, tolerated;
    assert_true(alarm_band(set, &cell[0].at, "confidence_fleet", &norm, &tolerated)); /* they were compared */
    assert_true(norm > .75 && norm < .95);
    for (int i = 1; i <= OTHERS; i++) assert_int_equal(view_of(a, paths[i - 1])->state, ASK_UP);
    asker_close(a);
    alarm_close(set);
}

static void the_sick_one_says_so(void **state) {
    (void)state;
    book b = {0};
    run(0, 600, &b);
    assert_int_equal(b.raised, 1);
    assert_string_equal(b.first.rule->name, "confidence_fleet");
    assert_string_equal(b.first.at.host, ""); /* itself */
    assert_true(b.first.value < .8 * b.first.norm);
    assert_true(b.first.since_s >= FLEET_START_S + 170 * CELL_S);
}

static void nobody_says_it_of_another(void **state) {
    (void)state;
    book b = {0};
    run(2, 600, &b);
    assert_int_equal(b.raised, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_answer_has_a_state), cmocka_unit_test(nobody_answers),
                                       cmocka_unit_test(it_ends_at_any_time), cmocka_unit_test(the_sick_one_says_so),
                                       cmocka_unit_test(nobody_says_it_of_another)};
    alarm(WATCHDOG_S);
    random_start();
    return cmocka_run_group_tests(tests, setup, teardown);
}
