/* test_alarm.c: healthy hosts raise nothing, each fault is found within its window and named rightly, and what was raised ends. Hosts are
 * made up: tests/watch/made_fleet.h; the whole month is `make bench-alarms`.
 */
#include "watch/alarm.h"

#include "../../random.h"
#include "../../watch/made_fleet.h"
#include "base/mem.h"

#define DAY ((int64_t)FLEET_DAY_MIN)

typedef struct log_book {
    alarm_event first[FLEET_HOSTS_MAX];
    int raised[FLEET_HOSTS_MAX], resolved[FLEET_HOSTS_MAX], all_raised, accepted;
} log_book;

static void note(void *context, const alarm_event *e) {
    log_book *book = context;
    char text[ALARM_TEXT_BYTES];
    alarm_print(text, e);
    print_message("%s\n", text);
    int host = atoi(e->at.host + 5);
    if (e->change == ALARM_RAISED && book->raised[host]++ == 0) book->first[host] = *e;
    book->all_raised += e->change == ALARM_RAISED;
    book->resolved[host] += e->change == ALARM_RESOLVED;
    book->accepted += e->change == ALARM_ACCEPTED;
}

static alarm_set *opened(size_t series) {
    alarm_set *set;
    assert_int_equal(alarm_open(series, &set), STENO_OK);
    return set;
}

static void run(made_fleet *f, alarm_set *set, int64_t until_min, log_book *book) {
    static monitor_cell cell[2 * FLEET_HOSTS_MAX];
    while (f->minute < until_min) {
        fleet_minute(f, cell);
        for (int i = 0; i < 2 * f->n; i++) alarm_feed(set, &cell[i], note, book);
    }
}

/* ---- a fleet ------------------------------------------------------------------------------------------------------ */

static void healthy_hosts_are_left_alone(void **state) {
    (void)state;
    static const double an_hour[] = {200, 1000, 20000};
    static made_fleet f;
    for (int i = 0; i < 3; i++) {
        log_book book = {0};
        alarm_set *set = opened(40);
        fleet_make(&f, random_bits(), 12, an_hour[i]);
        run(&f, set, 4 * DAY, &book);
        alarm_counts counts;
        alarm_count(set, &counts);
        print_message("%.0f an hour: %zu norms learnt, %d alarms\n", an_hour[i], counts.learnt, book.all_raised);
        assert_true(counts.learnt > 12 * 12); /* that it was watched at all */
        assert_in_range(book.all_raised, 0, 1);
        alarm_close(set);
    }
}

/* Hours within which a fault is found at 1,000 utterances an hour, and at 20,000: several times the median of docs/watching.md. */
static const int within_h[N_FAULTS][2] = {
    [FAULT_EMPTY] = {30, 4},  [FAULT_CONFIDENCE] = {24, 6}, [FAULT_RATE] = {30, 4},    [FAULT_LOOPS] = {24, 3},
    [FAULT_NARROW] = {36, 5}, [FAULT_LATENCY] = {24, 8},    [FAULT_MEMORY] = {30, 30}, [FAULT_BUSY] = {24, 24},
    [FAULT_QUIET] = {36, 5},  [FAULT_CLIPPED] = {36, 5},    [FAULT_NOISY] = {48, 6},   [FAULT_VAD] = {48, 6},
};

static bool names_it(const char *rule, made_fault fault) {
    return strcmp(rule, made_faults[fault].rule) == 0 || strcmp(rule, made_faults[fault].also) == 0;
}

static void check_host(const made_fleet *f, const log_book *book, int i, int rate) {
    const made_host *h = &f->host[i];
    if (h->fault == FAULT_NONE) return;
    if (book->raised[i] == 0) fail_msg("%s: not found", made_faults[h->fault].name);
    int64_t delay = (book->first[i].at_s - FLEET_START_S) / CELL_S - h->fault_min;
    const char *rule = book->first[i].rule->name;
    if (delay < 0 || !names_it(rule, h->fault)) fail_msg("%s: named %s", made_faults[h->fault].name, rule);
    if (delay > within_h[h->fault][rate] * 60)
        fail_msg("%s: after %lld min", made_faults[h->fault].name, (long long)delay);
    if (book->resolved[i] == 0) fail_msg("%s: never resolved", made_faults[h->fault].name);
}

/* Three days of health, a fault from ten in the morning on for two days, two days of health again. */
static void faults_are_found_and_end(void **state) {
    (void)state;
    static const double an_hour[] = {1000, 20000};
    static made_fleet f;
    for (int rate = 0; rate < 2; rate++) {
        log_book book = {0};
        alarm_set *set = opened(80);
        fleet_make(&f, random_bits(), 24, an_hour[rate]);
        for (int i = 1; i < N_FAULTS; i++) {
            f.host[2 * i - 1].fault = (made_fault)i;
            f.host[2 * i - 1].fault_min = 2 * DAY + 600;
            f.host[2 * i - 1].fault_end_min = 4 * DAY + 600;
        }
        run(&f, set, 7 * DAY, &book);
        int wrong = 0;
        for (int i = 0; i < f.n; i++) {
            check_host(&f, &book, i, rate);
            if (f.host[i].fault == FAULT_NONE) wrong += book.raised[i];
        }
        assert_in_range(wrong, 0, 1);
        alarm_close(set);
    }
}

/* ---- one series --------------------------------------------------------------------------------------------------- */

static monitor_cell minute_of(int64_t minute, uint64_t utterances, uint64_t empty) {
    monitor_cell c = {
        .start_s = FLEET_START_S + minute * CELL_S, .utterances = utterances, .empty = empty, .streams = 2};
    strcpy(c.at.host, "host-00");
    strcpy(c.at.model, "base");
    return c;
}

/* 20 utterances a minute, of which every fifth minute has one without text: 1 %. */
static int64_t teach(alarm_set *set, log_book *book, int64_t minutes) {
    for (int64_t m = 0; m < minutes; m++) {
        monitor_cell c = minute_of(m, 20, m % 5 == 0);
        alarm_feed(set, &c, note, book);
    }
    return minutes;
}

static void a_week_of_it_is_how_things_are(void **state) {
    (void)state;
    log_book book = {0};
    alarm_set *set = opened(1);
    int64_t m = teach(set, &book, DAY), raised_at = 0;
    for (; book.accepted == 0 && m < 12 * DAY; m++) {
        monitor_cell c = minute_of(m, 20, 2);
        alarm_feed(set, &c, note, &book);
        if (!raised_at && book.all_raised) raised_at = m;
    }
    assert_true(raised_at > 0 && raised_at < DAY + 120);
    assert_int_equal(m - 1 - raised_at, ALARM_ACCEPT_S / CELL_S);
    for (int64_t end = m + 2 * DAY; m < end; m++) {
        monitor_cell c = minute_of(m, 20, 2);
        alarm_feed(set, &c, note, &book);
    }
    assert_int_equal(book.all_raised, 1);
    alarm_close(set);
}

/* Somebody who looks at a raised alarm sees the figures; the norm is still that of before, however long it lasts. */
static void a_fault_is_not_learnt(void **state) {
    (void)state;
    log_book book = {0};
    alarm_set *set = opened(1);
    int64_t m = teach(set, &book, DAY);
    for (int64_t end = m + 2 * DAY; m < end; m++) {
        monitor_cell c = minute_of(m, 20, 2);
        alarm_feed(set, &c, note, &book);
    }
    log_book open = {0};
    alarm_each(set, note, &open);
    assert_int_equal(open.all_raised, 1);
    assert_string_equal(open.first[0].rule->name, "empty");
    assert_true(open.first[0].since_s >= FLEET_START_S + (DAY - 30) * CELL_S);
    monitor_cell c = minute_of(0, 0, 0);
    double norm, tolerated;
    assert_true(alarm_band(set, &c.at, "empty", &norm, &tolerated));
    assert_true(norm > .008 && norm < .013 && tolerated > .02 && tolerated < .05);
    assert_false(alarm_band(set, &c.at, "input_narrow", &norm, &tolerated)); /* nothing was judged */
    char json[ALARM_JSON_BYTES];
    size_t n = alarm_print_json(json, &open.first[0]);
    assert_int_equal(n, strlen(json));
    assert_non_null(strstr(json, "\"rule\":\"empty\",\"severity\":\"critical\",\"host\":\"host-00\""));
    alarm_close(set);
}

/* Few samples: three of ten is no alarm however large the effect, and neither is 20 % more of many. */
static void neither_size_nor_evidence_alone_is_enough(void **state) {
    (void)state;
    log_book book = {0};
    alarm_set *set = opened(1);
    int64_t m = teach(set, &book, DAY);
    monitor_cell few = minute_of(m, 10, 3);
    alarm_feed(set, &few, note, &book);
    for (int64_t end = m + 2 * DAY; m < end; m++) { /* 1.2 % */
        monitor_cell c = minute_of(m, 1000, 12);
        alarm_feed(set, &c, note, &book);
    }
    assert_int_equal(book.all_raised, 0);
    alarm_close(set);
}

/* All callers use telephones, and somebody samples them up: that is how it is, not a fault. */
static void what_is_always_so_is_no_alarm(void **state) {
    (void)state;
    log_book book = {0};
    alarm_set *set = opened(1);
    for (int64_t m = 0; m < 3 * DAY; m++) {
        monitor_cell c = minute_of(m, 20, 0);
        c.streams_judged = c.streams_narrow = 2;
        c.streams_quiet = 7; /* more than there are: somebody else miscounts */
        c.texts = 20, c.confidence_sum = 20, c.confidence_squares = 20;
        alarm_feed(set, &c, note, &book);
    }
    assert_int_equal(book.all_raised, 0);
    alarm_close(set);
}

static void lost_chinese_speech_needs_no_norm(void **state) {
    (void)state;
    log_book book = {0};
    alarm_set *set = opened(2);
    for (int64_t m = 0; m < 120; m++) {
        monitor_cell c = minute_of(m, 20, 0);
        strcpy(c.at.language, "zh");
        c.speech_s = 70;
        c.characters = 35;
        alarm_feed(set, &c, note, &book);
        strcpy(c.at.language, "en"); /* where half a character a second may be anything, as yet */
        alarm_feed(set, &c, note, &book);
    }
    assert_int_equal(book.all_raised, 1);
    assert_string_equal(book.first[0].rule->name, "speech_rate_low");
    assert_string_equal(book.first[0].at.language, "zh");
    alarm_close(set);
}

static void series_are_bounded(void **state) {
    (void)state;
    alarm_set *set = opened(2);
    alarm_counts counts;
    for (int i = 0; i < 5; i++) {
        monitor_cell c = minute_of(0, 1, 0);
        c.at.key[0] = (char)('a' + i);
        alarm_feed(set, &c, NULL, NULL);
    }
    alarm_count(set, &counts);
    assert_int_equal(counts.series, 2);
    assert_int_equal(counts.refused, 3);
    alarm_close(set);
    assert_int_equal(alarm_open(0, &set), STENO_E_INVALID);
    assert_int_equal(alarm_open(ALARM_SERIES_MAX + 1, &set), STENO_E_INVALID);
    for (uint64_t nth = 1; nth <= 3; nth++) {
        mem_fault_arm(nth);
        assert_int_equal(alarm_open(4, &set), STENO_E_NOMEM);
        assert_null(set);
    }
    mem_fault_arm(0);
}

static void every_rule_says_what_to_do(void **state) {
    (void)state;
    const alarm_rule *rule;
    size_t n = alarm_rules(&rule);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(alarm_rule_by_name(rule[i].name), &rule[i]);
        assert_true(strlen(rule[i].runbook) > 20 && rule[i].direction * rule[i].direction == 1);
        char json[ALARM_JSON_BYTES];
        alarm_event e = {.rule = &rule[i], .value = .123456, .log_needed = 17};
        memset(e.at.host, 'h', sizeof e.at.host - 1);
        memset(e.at.model, '"', sizeof e.at.model - 1);
        memset(e.at.key, '\x01', sizeof e.at.key - 1);
        assert_true(alarm_print_json(json, &e) > 0);
    }
    for (int i = 1; i < N_FAULTS; i++) assert_non_null(alarm_rule_by_name(made_faults[i].rule));
    assert_null(alarm_rule_by_name("moon"));
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_hosts_are_left_alone),
        cmocka_unit_test(faults_are_found_and_end),
        cmocka_unit_test(a_week_of_it_is_how_things_are),
        cmocka_unit_test(a_fault_is_not_learnt),
        cmocka_unit_test(neither_size_nor_evidence_alone_is_enough),
        cmocka_unit_test(what_is_always_so_is_no_alarm),
        cmocka_unit_test(lost_chinese_speech_needs_no_norm),
        cmocka_unit_test(series_are_bounded),
        cmocka_unit_test(every_rule_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
