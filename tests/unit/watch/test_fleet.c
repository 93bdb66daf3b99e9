/* test_fleet.c: what one host writes another reads back as the same cells; restarts, gaps, other versions and ill will count nothing;
 * and in a fleet of hosts that judge themselves one that is sick is one alarm.
 */
#include "watch/alarm.h"
#include "watch/fleet.h"
#include "watch/quality_text.h"

#include "../../random.h"
#include "../../watch/made_fleet.h"

#include <stdio.h>
#include <string.h>

#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")
#define NOW            ((int64_t)1767571230)
#define CELLS          80

typedef struct basket {
    monitor_cell cell[CELLS];
    size_t n;
} basket;

static void gather(void *context, const monitor_cell *cell) {
    basket *b = context;
    if (b->n < CELLS) b->cell[b->n++] = *cell;
}

/* ---- texts -------------------------------------------------------------------------------------------------------- */

#define BUILD  "steno_build_info{version=\"1.2.3\"} 1\n"
#define IS(id) "steno_instance_info{id=\"" id "\"} 1\n"

/* What a host of this name writes. */
static size_t write_text(char *text, size_t bytes, const char *id, const monitor_cell *const *cells, size_t n) {
    expo e;
    size_t length;
    expo_init(&e);
    expo_family(&e, "steno_build_info", EXPO_GAUGE, "x");
    expo_sample(&e, EXPO_LABELS({"version", "1.2.3"}), 1);
    expo_family(&e, "steno_instance_info", EXPO_GAUGE, "x");
    expo_sample(&e, EXPO_LABELS({"id", id}), 1);
    quality_write_cells(&e, cells, n);
    const char *got = expo_text(&e, &length);
    assert_true(length < bytes);
    memcpy(text, got, length);
    expo_free(&e);
    return length;
}

static steno_err look_at(fleet_host *h, const char *text, size_t n, int64_t now_s, basket *b, fleet_look *out) {
    fleet_text t = {0};
    fleet_look look;
    steno_err e = fleet_text_read(&t, text, n);
    if (e == STENO_OK) fleet_host_look(h, &t, now_s, gather, b, out ? out : &look);
    fleet_text_free(&t);
    return e;
}

static void look_ok(fleet_host *h, const char *text, int64_t now_s, basket *b) {
    b->n = 0;
    assert_ok(look_at(h, text, strlen(text), now_s, b, NULL));
}

/* Of the series, not of the host itself. */
static const monitor_cell *only(const basket *b) {
    const monitor_cell *found = NULL;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->cell[i].at.model[0]) continue;
        assert_null(found);
        found = &b->cell[i];
    }
    return found;
}

/* ---- there and back ----------------------------------------------------------------------------------------------- */

static void check_same(const monitor_cell *got, const monitor_cell *want) {
    static char a[CELL_LINE_BYTES_MAX], b[CELL_LINE_BYTES_MAX];
    monitor_cell plain = *want;
    plain.memory_bytes = plain.busy_s = plain.capacity_s = 0; /* not the series' */
    assert_true(cell_print(a, got) > 0 && cell_print(b, &plain) > 0);
    assert_string_equal(a, b);
}

/* A fleet's minutes are summed up, written, read and compared with what they were. */
static void what_is_written_is_read(void **state) {
    (void)state;
    static made_fleet f;
    static monitor_cell made[2 * 4], total[4];
    static char text[1 << 20];
    fleet_host *h;
    const monitor_cell *const cells[] = {&total[0], &total[1], &total[2], &total[3]};
    fleet_make(&f, random_bits(), 4, 20000);
    assert_ok(fleet_host_open("b:8080", &h));
    int64_t now_s = FLEET_START_S + 30;
    for (int m = 0; m < 200; m++, now_s += CELL_S) {
        basket b = {0};
        fleet_look look;
        fleet_minute(&f, made);
        for (int i = 0; i < 4; i++) { /* four hosts' minutes stand for four series of one */
            monitor_cell *c = &made[2 * i];
            *c->at.host = 0;
            snprintf(c->at.language, sizeof c->at.language, "l%d", i);
            if (i == 3) snprintf(c->at.key, sizeof c->at.key, "k");
            c->characters = floor(c->characters); /* whole numbers do not round */
            c->speech_s = floor(c->speech_s);
            c->confidence_sum = floor(8 * c->confidence_sum) / 8;
            c->confidence_squares = floor(8 * c->confidence_squares) / 8;
            c->compression_sum = floor(c->compression_sum);
            c->confidence_bin[7] = c->texts;
            c->start_s = now_s - now_s % CELL_S - CELL_S;
            total[i].at = c->at;
            cell_add(&total[i], c);
        }
        size_t n = write_text(text, sizeof text, "one", cells, 4);
        assert_ok(look_at(h, text, n, now_s, &b, &look));
        assert_int_equal(look.counted, m > 0);
        if (m == 0) continue;
        size_t at = 0;
        for (int i = 0; i < 4; i++) {
            monitor_cell *c = &made[2 * i];
            if (!c->utterances && c->audio_s <= 0) continue;
            strcpy(c->at.host, "b:8080");
            check_same(&b.cell[at++], c);
        }
        assert_int_equal(at + 1, b.n); /* and the host's own */
    }
    fleet_host_close(h);
}

static void the_host_itself_is_read(void **state) {
    (void)state;
    static const char before[] =
        BUILD IS("a") "steno_engine_shards 2\nsteno_engine_busy_seconds_total{stage=\"x\"} 10\n"
                      "steno_engine_busy_seconds_total{stage=\"y\"} 5\nprocess_resident_memory_bytes 1e9\n";
    static const char after[] =
        BUILD IS("a") "steno_engine_shards 2\nsteno_engine_busy_seconds_total{stage=\"x\"} 40\n"
                      "steno_engine_busy_seconds_total{stage=\"y\"} 35.5\nprocess_resident_memory_bytes 2e9\n";
    fleet_host *h;
    basket b = {0};
    assert_ok(fleet_host_open("b", &h));
    look_ok(h, before, NOW, &b);
    assert_int_equal(b.n, 0);
    look_ok(h, after, NOW + 60, &b);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.cell[0].at.host, "b");
    assert_string_equal(b.cell[0].at.model, "");
    assert_true(b.cell[0].busy_s == 60.5 && b.cell[0].capacity_s == 120 && b.cell[0].memory_bytes == 2e9);
    assert_int_equal(b.cell[0].start_s, NOW - 30);
    fleet_host_close(h);
}

/* ---- what begins anew --------------------------------------------------------------------------------------------- */

#define MODEL "{model=\"m\",language=\"en\"} "
#define HEARD(utterances, texts, sum)                                                                                  \
    "steno_quality_utterances_total" MODEL utterances "\nsteno_quality_texts_total" MODEL texts                        \
    "\nsteno_quality_confidence_sum_total" MODEL sum "\n"

static void a_restart_counts_nothing(void **state) {
    (void)state;
    fleet_host *h;
    basket b = {0};
    assert_ok(fleet_host_open("b", &h));
    look_ok(h, BUILD IS("a") HEARD("100", "90", "80"), NOW, &b);
    look_ok(h, BUILD IS("a") HEARD("110", "95", "84"), NOW + 60, &b);
    assert_int_equal(only(&b)->utterances, 10);
    assert_true(only(&b)->confidence_sum == 4);
    look_ok(h, BUILD IS("b") HEARD("200", "180", "160"), NOW + 120, &b); /* another one, which counts from there */
    assert_null(only(&b));
    look_ok(h, BUILD IS("b") HEARD("201", "181", "161"), NOW + 180, &b);
    assert_int_equal(only(&b)->utterances, 1);
    fleet_host_close(h);
}

/* Of a version without ids: the start says it, or a counter that went back. */
static void a_restart_without_a_name_counts_nothing(void **state) {
    (void)state;
    fleet_host *h;
    basket b = {0};
    assert_ok(fleet_host_open("b", &h));
    look_ok(h, BUILD "process_start_time_seconds 1000\n" HEARD("100", "90", "80"), NOW, &b);
    look_ok(h, BUILD "process_start_time_seconds 1001\n" HEARD("101", "91", "81"), NOW + 60, &b); /* rounded */
    assert_int_equal(only(&b)->utterances, 1);
    look_ok(h, BUILD "process_start_time_seconds 2000\n" HEARD("300", "280", "270"), NOW + 120, &b);
    assert_null(only(&b));
    look_ok(h, BUILD HEARD("310", "285", "270"), NOW + 180, &b); /* and one that says nothing at all */
    assert_null(only(&b));
    look_ok(h, BUILD HEARD("309", "286", "271"), NOW + 240, &b);
    assert_null(only(&b));
    look_ok(h, BUILD HEARD("311", "288", "271"), NOW + 300, &b);
    assert_int_equal(only(&b)->utterances, 2);
    fleet_host_close(h);
}

/* Looks that were missed count; after a quarter of an hour, or with clocks set back, nobody knows what they would be of. */
static void gaps_and_clocks(void **state) {
    (void)state;
    fleet_host *h;
    basket b = {0};
    assert_ok(fleet_host_open("b", &h));
    look_ok(h, BUILD IS("a") HEARD("10", "9", "8"), NOW, &b);
    look_ok(h, BUILD IS("a") HEARD("12", "11", "10"), NOW, &b); /* within the same second: for the next to count */
    assert_null(only(&b));
    look_ok(h, BUILD IS("a") HEARD("15", "14", "13"), NOW + 300, &b);
    assert_int_equal(only(&b)->utterances, 5);
    assert_int_equal(only(&b)->start_s, NOW - 30 + 240);
    look_ok(h, BUILD IS("a") HEARD("16", "15", "14"), NOW + 300 + FLEET_GAP_S + 1, &b);
    assert_null(only(&b));
    look_ok(h, BUILD IS("a") HEARD("17", "16", "15"), NOW, &b);
    assert_null(only(&b));
    look_ok(h, BUILD IS("a") HEARD("19", "18", "17"), NOW + 60, &b);
    assert_int_equal(only(&b)->utterances, 2);
    fleet_host_forget(h);
    look_ok(h, BUILD IS("a") HEARD("20", "19", "18"), NOW + 120, &b);
    assert_null(only(&b));
    fleet_host_close(h);
}

/* A family that found no room, and comes back: its counts of hours are not those of a minute. */
static void a_family_that_was_missing_counts_nothing(void **state) {
    (void)state;
    fleet_host *h;
    basket b = {0};
    assert_ok(fleet_host_open("b", &h));
    look_ok(h, BUILD IS("a") HEARD("1000", "900", "800"), NOW, &b);
    look_ok(h, BUILD IS("a") "steno_quality_utterances_total" MODEL "1010\n", NOW + 60, &b);
    assert_null(only(&b));
    look_ok(h, BUILD IS("a") HEARD("1020", "910", "808"), NOW + 120, &b);
    assert_null(only(&b));
    look_ok(h, BUILD IS("a") HEARD("1021", "911", "809"), NOW + 180, &b);
    assert_int_equal(only(&b)->texts, 1);
    look_ok(h, BUILD IS("a") HEARD("1031", "921", "818") "steno_quality_empty_total" MODEL "7\n", NOW + 240, &b);
    assert_null(only(&b)); /* which are not those of ten utterances */
    fleet_host_close(h);
}

/* ---- other versions ----------------------------------------------------------------------------------------------- */

static void what_is_not_known_is_passed_over(void **state) {
    (void)state;
    static const char before[] =
        "# HELP steno_quality_utterances_total x\n# TYPE steno_quality_utterances_total counter\n" BUILD IS(
            "a") "\n"
                 "steno_quality_smell_total{model=\"m\"} 7\nanother_family{a=\"b\"} NaN\n"
                 "steno_quality_utterances_total{model=\"m\",precision=\"int8\",} 5 1767571230000\r\n"
                 "steno_quality_utterances_total { precision = \"fp32\" , model = \"m\" }\t5 # {trace_id=\"x\"} 1\n";
    static const char after[] = BUILD IS("a") "steno_quality_utterances_total{precision=\"int8\",model=\"m\"} 8\n"
                                              "steno_quality_utterances_total{precision=\"fp32\",model=\"m\"} 6\n"
                                              "steno_quality_utterances_total{model=\"other\"} 99\n";
    fleet_host *h;
    basket b = {0};
    assert_ok(fleet_host_open("b", &h));
    look_ok(h, before, NOW, &b);
    look_ok(h, after, NOW + 60, &b);
    assert_int_equal(only(&b)->utterances, 4); /* of both precisions; "other" is of each host something else */
    assert_string_equal(only(&b)->at.language, "");
    fleet_host_close(h);
}

/* ---- ill will ----------------------------------------------------------------------------------------------------- */

static void numbers_that_no_host_counts_are_left_out(void **state) {
    (void)state;
    static const char *const after[] = {
        HEARD("1e14", "11", "10"), /* a minute has not so many */
        HEARD("20", "30", "10"),   /* more texts than utterances */
        HEARD("20", "19", "500"),  /* surer than sure */
    };
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        char text[1000];
        fleet_host *h;
        basket b = {0};
        fleet_look look;
        assert_ok(fleet_host_open("b", &h));
        look_ok(h, BUILD IS("a") HEARD("10", "10", "9"), NOW, &b);
        snprintf(text, sizeof text, BUILD IS("a") "%s", after[i]);
        assert_ok(look_at(h, text, strlen(text), NOW + 60, &b, &look));
        assert_null(only(&b));
        assert_int_equal(look.strange, 1);
        fleet_host_close(h);
    }
}

static void lines_that_are_none_are_counted(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{model=\"m\"} NaN",
        "{model=\"m\"} -1",
        "{model=\"m\"} +Inf",
        "{model=\"m\"} 0x10",
        "{model=\"m\"} 1e16",
        "{model=\"m\"}",
        "{model=\"m\" 1",
        "{model=\"m} 1",
        "{model=m} 1",
        "{=\"m\"} 1",
        "{model \"m\"} 1",
        "{model=\"a\\",
        "{model=\"a\nb\"} 1",
        "{,model=\"m\"} 1",
        "{model=\"m\",,} 1",
        "{model=\"\\n\"} 1",
        "{model=\"a\xff\"} 1",
        "{language=\"123456789012\"} 1",
        "{model=\"12345678901234567890123456789012\"} 1",
        "{a=\"\",b=\"\",c=\"\",d=\"\",e=\"\",f=\"\",g=\"\",h=\"\",i=\"\",j=\"\",k=\"\",l=\"\",m=\"\",n=\"\",o=\"\",p="
        "\"\",q=\"\"} 1",
        " one",
        "{model=\"m\"} 1e",
        "{model=\"m\"} 1,5",
        "{model=\"m\"} 11111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[1000];
        fleet_text t = {0};
        snprintf(text, sizeof text, BUILD "steno_quality_utterances_total%s\n", bad[i]);
        assert_ok(fleet_text_read(&t, text, strlen(text)));
        if (t.lines_passed_over == 0 || t.n) fail_msg("taken: %s", bad[i]);
        fleet_text_free(&t);
    }
    fleet_text t = {0};
    static const char nul[] = BUILD "steno_quality_utterances_total{model=\"m\0x\"} 1\n";
    assert_ok(fleet_text_read(&t, nul, sizeof nul - 1));
    assert_int_equal(t.n, 0);
    fleet_text_free(&t);
}

static void what_is_no_steno_is_refused(void **state) {
    (void)state;
    static const char *const other[] = {"", "<html>\n", "node_load1 0.5\n", BUILD "steno_quality_utterances_total{mod",
                                        "steno_quality_utterances_total{model=\"m\"} 1\n"};
    static char much[FLEET_TEXT_BYTES_MAX + 1];
    fleet_text t = {0};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_int_equal(fleet_text_read(&t, other[i], strlen(other[i])), STENO_E_INVALID);
    memset(much, '\n', sizeof much);
    assert_int_equal(fleet_text_read(&t, much, sizeof much), STENO_E_INVALID);
    assert_int_equal(fleet_text_read(&t, much, sizeof much - 1), STENO_E_INVALID);
    fleet_text_free(&t);
}

/* As much as an answer may hold: of a line, of lines, of series. */
static void sizes_are_bounded(void **state) {
    (void)state;
    static char text[FLEET_TEXT_BYTES_MAX];
    fleet_text t = {0};
    size_t n = (size_t)sprintf(text, BUILD);
    for (int i = 0; i < 1000; i++)
        n += (size_t)sprintf(text + n, "steno_quality_utterances_total{model=\"m%d\"} 1\n", i);
    assert_ok(fleet_text_read(&t, text, n));
    assert_int_equal(t.n, FLEET_SERIES_MAX);
    assert_int_equal(t.series_lost, 1000 - FLEET_SERIES_MAX);
    n = (size_t)sprintf(text, BUILD "steno_quality_utterances_total{a=\"");
    memset(text + n, 'x', sizeof text - n);
    text[sizeof text - 1] = '\n';
    assert_ok(fleet_text_read(&t, text, sizeof text));
    assert_int_equal(t.lines_passed_over, 1);
    fleet_text_free(&t);
}

static void buckets_that_contradict_each_other_lose_the_series(void **state) {
    (void)state;
    fleet_text t = {0};
    static const char text[] = BUILD "steno_quality_confidence_bucket{model=\"m\",le=\"0.1\"} 5\n"
                                     "steno_quality_confidence_bucket{model=\"m\",le=\"0.2\"} 4\n"
                                     "steno_quality_confidence_bucket{model=\"n\",le=\"0.25\"} 4\n"
                                     "steno_quality_confidence_bucket{model=\"n\",le=\"+Inf\"} 4\n"
                                     "steno_quality_utterances_total{model=\"n\"} 4\n";
    assert_ok(fleet_text_read(&t, text, sizeof text - 1));
    assert_int_equal(t.series_lost, 1);
    assert_int_equal(t.n, 1); /* bounds of another version are not ours, and no mistake */
    fleet_text_free(&t);
}

/* ---- who raises what ---------------------------------------------------------------------------------------------- */

#define HOSTS 5

typedef struct book {
    int raised, host;
    alarm_event first;
    int now; /* whose set is fed */
} book;

static void note(void *context, const alarm_event *e) {
    book *b = context;
    char text[ALARM_TEXT_BYTES];
    alarm_print(text, e);
    print_message("host %d: %s\n", b->now, text);
    if (e->change != ALARM_RAISED || b->raised++) return;
    b->host = b->now;
    b->first = *e;
}

static void scale(monitor_cell *c, double factor) {
    double sure = c->texts ? c->confidence_sum / (double)c->texts : 0;
    c->confidence_sum = fmin(1, sure * factor) * (double)c->texts;
}

/* Each host has a set of its own and hears of all: of itself without a name, as it is. All are `sure`, but the `odd` one so much more or
 * less, and it hears so much more. */
static void run_fleet(double sure, int odd, double factor, double more, book *b) {
    static made_fleet f;
    static monitor_cell cell[2 * HOSTS];
    alarm_set *set[HOSTS];
    alarm_counts counts;
    fleet_make(&f, random_bits(), HOSTS, 4000);
    for (int i = 0; i < HOSTS; i++) {
        assert_ok(alarm_open(8, &set[i]));
        assert_ok(alarm_judge(set[i], "", 16));
    }
    for (int m = 0; m < 2 * FLEET_DAY_MIN; m++) {
        fleet_minute(&f, cell);
        monitor_cell *c = &cell[2 * odd];
        for (int i = 0; i < HOSTS; i++) scale(&cell[2 * i], sure);
        scale(c, factor);
        c->confidence_sum *= more;
        c->texts = (uint64_t)(more * (double)c->texts);
        for (int i = 0; i < HOSTS; i++) {
            for (int k = 0; k < 2 * HOSTS; k++) {
                monitor_cell one = cell[k];
                if (k / 2 == i) *one.at.host = 0;
                b->now = i;
                alarm_feed(set[i], &one, note, b);
            }
        }
    }
    for (int i = 0; i < HOSTS; i++) {
        double norm, tolerated;
        cell_at own = cell[2 * i].at;
        *own.host = 0;
        alarm_count(set[i], &counts);
        assert_int_equal(counts.series, 2); /* its own and the host's; none of the others */
        assert_true(alarm_band(set[i], &own, "confidence_fleet", &norm, &tolerated)); /* that they were compared */
        alarm_close(set[i]);
    }
}

static void a_sick_host_is_one_alarm(void **state) {
    (void)state;
    book b = {0};
    run_fleet(1, 3, .75, 1, &b);
    assert_int_equal(b.raised, 1);
    assert_int_equal(b.host, 3);
    assert_string_equal(b.first.rule->name, "confidence_fleet");
    assert_string_equal(b.first.at.host, "");
    assert_true(b.first.value < .8 * b.first.norm);
}

/* One that hears most of what is said and is far too sure of it does not make all others look sick. */
static void a_host_that_is_too_sure_of_itself_is_no_alarm_of_others(void **state) {
    (void)state;
    book b = {0};
    run_fleet(.6, 1, 10, 20, &b);
    assert_int_equal(b.raised, 0);
}

static void one_allowance_for_all_hosts(void **state) {
    (void)state;
    alarm_set *alone, *fleet;
    alarm_counts a, b;
    assert_ok(alarm_open(4, &alone));
    assert_ok(alarm_open(4, &fleet));
    assert_ok(alarm_judge(fleet, "", 16));
    assert_int_equal(alarm_judge(fleet, "", 16), STENO_E_INVALID);
    for (int m = 0; m < 120; m++) {
        for (int i = 0; i < 10; i++) {
            monitor_cell c = {.at = {.model = "m"}, .start_s = FLEET_START_S + m * CELL_S, .utterances = 1};
            if (i == 0) alarm_feed(alone, &c, note, NULL);
            if (i > 0) snprintf(c.at.host, sizeof c.at.host, "h%d", i);
            alarm_feed(fleet, &c, note, NULL);
        }
    }
    alarm_count(alone, &a);
    alarm_count(fleet, &b);
    assert_true(fabs(b.log_needed - a.log_needed - log(10)) < 1e-9);
    alarm_close(alone);
    alarm_close(fleet);
}

/* Hosts come and go under new names for ever. */
static void hosts_that_left_make_room(void **state) {
    (void)state;
    alarm_set *set;
    alarm_counts counts;
    double norm, tolerated;
    assert_ok(alarm_open(4, &set));
    assert_ok(alarm_judge(set, "", 8));
    monitor_cell c = {.at = {.model = "m"}, .utterances = 50, .texts = 50, .streams = 2, .confidence_sum = 45};
    for (int m = 0; m < 600; m++) {
        c.start_s = FLEET_START_S + m * CELL_S;
        *c.at.host = 0;
        alarm_feed(set, &c, note, NULL);
        for (int i = 0; i < 4; i++) {
            snprintf(c.at.host, sizeof c.at.host, "h%d", i + 4 * (m / 100));
            alarm_feed(set, &c, note, NULL);
        }
    }
    alarm_count(set, &counts);
    assert_int_equal(counts.refused, 0);
    assert_true(alarm_band(set, &(cell_at){.model = "m"}, "confidence_fleet", &norm, &tolerated));
    assert_true(fabs(norm - .9) < 1e-9);
    alarm_close(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_host_itself_is_read),
        cmocka_unit_test(a_restart_counts_nothing),
        cmocka_unit_test(a_restart_without_a_name_counts_nothing),
        cmocka_unit_test(gaps_and_clocks),
        cmocka_unit_test(a_family_that_was_missing_counts_nothing),
        cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(numbers_that_no_host_counts_are_left_out),
        cmocka_unit_test(lines_that_are_none_are_counted),
        cmocka_unit_test(what_is_no_steno_is_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(buckets_that_contradict_each_other_lose_the_series),
        cmocka_unit_test(a_sick_host_is_one_alarm),
        cmocka_unit_test(a_host_that_is_too_sure_of_itself_is_no_alarm_of_others),
        cmocka_unit_test(one_allowance_for_all_hosts),
        cmocka_unit_test(hosts_that_left_make_room),
    };
    random_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
