/* shadow_report.c: the report of `steno shadow` as lines: see shadow_report.h. */
#include "cmd/shadow_report.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define SAMPLES_SHOWN 5
#define MIB           1048576.0

const char *const shadow_report_side[SHADOW_REPORT_SIDES] = {"a", "again", "b", "referee"};

const shadow_report_row shadow_report_rows[SHADOW_REPORT_ROWS] = {
    {"weights, MiB", "weights_bytes", MIB, 1},
    {"arena in use at most, MiB", "arena_peak_bytes", MIB, 1},
    {"heard, s", "heard_s", 1, 0},
    {"computing, s by s heard", "cpu_per_audio_s", 1, 4},
    {"final latency p50, ms", "quality.latency_p50_ms", 1, 0},
    {"final latency p99, ms", "quality.latency_p99_ms", 1, 0},
    {"confidence", "quality.confidence", 1, 3},
    {"words a second", "quality.words_per_s", 1, 2},
    {"utterances without text, %", "quality.empty_rate", 0.01, 2},
    {"repeated words, %", "quality.repeated_rate", 0.01, 2},
    {"faults: empty where the other has words", "faults.empty", 1, 0},
    {"faults: loops", "faults.looped", 1, 0},
    {"faults: repetitions", "faults.repeated", 1, 0},
    {"faults: too slow", "faults.slow", 1, 0},
    {"faults: too fast", "faults.fast", 1, 0}};

double shadow_report_number(const json_t *o, const char *path) {
    while (o && *path) {
        size_t n = strcspn(path, ".");
        char name[48];
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        o = json_object_get(o, name);
        path += n + (path[n] == '.');
    }
    return json_is_number(o) ? json_number_value(o) : (double)NAN;
}

static const char *text_of(const json_t *o, const char *name) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

void shadow_report_name(const json_t *report, const char *side, char out[48]) {
    const json_t *o = json_object_get(report, side);
    out[0] = 0;
    if (json_is_object(o)) snprintf(out, 48, "%.20s (%.20s)", text_of(o, "model"), text_of(o, "precision"));
}

void shadow_report_rate(const json_t *rate, char out[80]) {
    double r = shadow_report_number(rate, "rate"), low = shadow_report_number(rate, "low");
    if (isnan(r))
        snprintf(out, 80, "not yet known");
    else if (isnan(low))
        snprintf(out, 80, "%.2f %%", 100 * r);
    else
        snprintf(out, 80, "%.2f %% (%.2f to %.2f)", 100 * r, 100 * low, 100 * shadow_report_number(rate, "high"));
}

void shadow_report_verdict(const json_t *report, char out[240]) {
    const json_t *v = json_object_get(report, "verdict");
    char a[48], b[48];
    const char *is = text_of(v, "is");
    shadow_report_name(report, "a", a);
    shadow_report_name(report, "b", b);
    if (strcmp(is, "unknown") == 0)
        snprintf(out, 240, "Whether %s is better or worse than %s is not yet known.", b, a);
    else
        snprintf(out, 240, "%s is %.10s than %s.", b, is, a);
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

static void put_time(FILE *out, double at_s) {
    char text[32];
    time_t t = (time_t)at_s;
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    fputs(text, out);
}

static void put_verdict(FILE *out, const json_t *report) {
    const json_t *v = json_object_get(report, "verdict"), *m;
    char text[240];
    size_t i;
    shadow_report_verdict(report, text);
    fprintf(out, "%s\n", text);
    fprintf(out, "  evidence (e-values): %.3g for better, %.3g for worse; %.3g is enough\n",
            exp(shadow_report_number(v, "log_better")), exp(shadow_report_number(v, "log_worse")),
            exp(shadow_report_number(v, "log_needed")));
    json_array_foreach(json_object_get(v, "measures"), i, m) {
        double n = shadow_report_number(m, "streams");
        if (n > 0)
            fprintf(out, "  by %-10s %.0f streams say something, %.1f of them for the shadow%s\n", text_of(m, "name"),
                    n, shadow_report_number(m, "for_b"),
                    json_is_true(json_object_get(m, "used")) ? "" : " (not counted: other calibration)");
    }
}

static void put_rate(FILE *out, const char *title, const json_t *r) {
    char text[80];
    shadow_report_rate(r, text);
    fprintf(out, "%-12s %s of words: %.0f of %.0f, in %.0f pairs of %.0f streams\n", title, text,
            shadow_report_number(r, "edits"), shadow_report_number(r, "words"), shadow_report_number(r, "pairs"),
            shadow_report_number(r, "streams"));
    if (shadow_report_number(r, "edits") > 0)
        fprintf(out, "%-12s %.0f substitutions (numbers %.0f, forms %.0f, other words %.0f), %.0f missing, %.0f more\n",
                "", shadow_report_number(r, "substitutions"), shadow_report_number(r, "kinds.number"),
                shadow_report_number(r, "kinds.form"), shadow_report_number(r, "kinds.word"),
                shadow_report_number(r, "deletions"), shadow_report_number(r, "insertions"));
}

/* A line of a table: a figure of each side. */
static void put_row(FILE *out, const json_t *report, const shadow_report_row *row) {
    fprintf(out, "  %-40s", row->title);
    for (int k = 0; k < SHADOW_REPORT_SIDES; k++) {
        const json_t *side = json_object_get(report, shadow_report_side[k]);
        double x = shadow_report_number(side, row->path);
        if (!json_is_object(side)) continue;
        if (isnan(x))
            fprintf(out, " %14s", "-");
        else
            fprintf(out, " %14.*f", row->digits, x / row->by);
    }
    fputc('\n', out);
}

static void put_sides(FILE *out, const json_t *report) {
    fprintf(out, "  %-40s", "");
    for (int k = 0; k < SHADOW_REPORT_SIDES; k++) {
        const json_t *side = json_object_get(report, shadow_report_side[k]);
        char name[64];
        snprintf(name, sizeof name, "%s%.30s", k == 1 ? "again " : "", text_of(side, "model"));
        if (json_is_object(side)) fprintf(out, " %9.24s %4.8s", name, text_of(side, "precision"));
    }
    fputc('\n', out);
    for (size_t i = 0; i < SHADOW_REPORT_ROWS; i++) put_row(out, report, &shadow_report_rows[i]);
}

static void put_dropped(FILE *out, const json_t *report) {
    const json_t *d;
    const char *why;
    double copied = shadow_report_number(report, "copied.audio_s"), all = 0;
    json_object_foreach((json_t *)json_object_get(report, "dropped"), why, d) all += shadow_report_number(d, "audio_s");
    fprintf(out, "heard %.0f s of %.0f streams; dropped %.0f s (%.1f %%)", copied,
            shadow_report_number(report, "copied.streams"), all, copied + all > 0 ? 100 * all / (copied + all) : 0);
    json_object_foreach((json_t *)json_object_get(report, "dropped"), why, d) {
        double s = shadow_report_number(d, "audio_s");
        if (s > 0) fprintf(out, ", %s %.0f s", why, s);
    }
    fputc('\n', out);
}

static void put_samples(FILE *out, const json_t *report) {
    const json_t *list = json_object_get(report, "samples"), *m;
    size_t i;
    if (json_array_size(list)) fprintf(out, "\nlargest differences (%zu kept):\n", json_array_size(list));
    json_array_foreach(list, i, m) {
        if (i == SAMPLES_SHOWN) break;
        fprintf(out, "  %.0f of %.0f words, %.1f s\n", shadow_report_number(m, "edits"),
                shadow_report_number(m, "words"), shadow_report_number(m, "duration_s"));
        if (json_is_string(json_object_get(m, "a")))
            fprintf(out, "    a: %s\n    b: %s\n", text_of(m, "a"), text_of(m, "b"));
    }
}

void shadow_report_print(FILE *out, const json_t *report) {
    char a[48], b[48];
    shadow_report_name(report, "a", a);
    shadow_report_name(report, "b", b);
    fprintf(out, "%s in the shadow of %s, since ", b, a);
    put_time(out, shadow_report_number(report, "since_s"));
    fprintf(out, " (as of ");
    put_time(out, shadow_report_number(report, "now_s"));
    fprintf(out, ")%s%s\n\n", text_of(report, "why")[0] ? "; failed: " : "", text_of(report, "why"));
    put_verdict(out, report);
    fputc('\n', out);
    put_rate(out, "difference", json_object_get(report, "difference"));
    put_rate(out, "noise floor", json_object_get(report, "floor"));
    fprintf(out, "%s\n\n",
            json_is_true(json_object_get(json_object_get(report, "verdict"), "differs"))
                ? "They differ by more than the first from itself."
                : "That they differ by more than the first from itself is not yet sure.");
    put_sides(out, report);
    fputc('\n', out);
    put_dropped(out, report);
    put_samples(out, report);
}
