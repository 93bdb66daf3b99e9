/* shadow_html.c: the report of `steno shadow` as one page: see shadow_report.h.
 *
 * Pictures are SVG within the page, drawn in a box of WIDTH x HEIGHT; colours come from the style, so that they fit light and dark. Everything
 * that came from a server is escaped.
 */
#include "cmd/shadow_report.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define WIDTH          720.0
#define HEIGHT         230.0
#define LEFT           56.0
#define RIGHT          12.0
#define TOP            12.0
#define BOTTOM         28.0
#define POINTS_MAX     600            /* of a line: of more minutes every second, third … one is drawn */
#define GRID_MAX       20             /* lines */
#define CALENDAR_END_S 253402300800.0 /* the year 10000 */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>steno shadow "
    "report</title><style>\n"
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--soft:#5b636b;--line:#d5dae0;--a:#0b63b5;--b:#b3460b;"
    "--again:#5f6b76;--band:#b3460b22;--mark:#ffe08a;--card:#f6f8fa}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e7eaed;--soft:#a3abb3;--line:#3a4148;--a:#6bb1f5;"
    "--b:#f39a66;--again:#aab4be;--band:#f39a6630;--mark:#6b5410;--card:#1d2226}}\n"
    "body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--bg);color:var(--fg);"
    "font:16px/1.5 system-ui,sans-serif}h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}"
    "p{margin:.4rem 0}.soft{color:var(--soft)}.verdict{font-size:1.15rem;font-weight:600;background:var(--card);"
    "border:1px solid var(--line);border-radius:8px;padding:.7rem 1rem;margin:.8rem 0}\n"
    "table{border-collapse:collapse;width:100%}.wide{overflow-x:auto}th,td{padding:.3rem .6rem;border-bottom:1px solid "
    "var(--line);text-align:right;vertical-align:top;font-variant-numeric:tabular-nums}th:first-child,td:first-child{"
    "text-align:left}td.text,th.text{text-align:left;width:45%}mark{background:var(--mark);color:inherit;"
    "border-radius:3px;padding:0 .1em}\n"
    "svg{width:100%;min-width:34rem;height:auto;display:block}svg text{fill:var(--soft);font:11px "
    "system-ui,sans-serif}.grid{stroke:"
    "var(--line)}.a{stroke:var(--a)}.b{stroke:var(--b)}.again{stroke:var(--again)}.need{stroke:var(--soft);"
    "stroke-dasharray:5 4}.band{fill:var(--band);stroke:none}.path{fill:none;stroke-width:2}.dot{stroke-width:5;"
    "stroke-linecap:round}.key{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.2rem 0;font-size:.85rem;"
    "color:var(--soft)}.key i{display:inline-block;width:1.4em;border-top:3px solid;vertical-align:middle;"
    "margin-right:.4em}.key .a{border-color:var(--a)}.key .b{border-color:var(--b)}.key .again{border-color:"
    "var(--again)}.key .need{border-top:3px dashed var(--soft)}\n</style></head><body>\n";

static const char *text_of(const json_t *o, const char *name) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static void put_text(FILE *out, const char *text) {
    shadow_put_escaped(out, text, strlen(text));
}

/* Nothing for what is no time of a calendar: reports may come from any server. */
static void put_time(FILE *out, const char *format, double at_s) {
    char text[40];
    if (!(at_s >= 0 && at_s < CALENDAR_END_S)) return;
    time_t t = (time_t)at_s;
    struct tm utc;
    if (!gmtime_r(&t, &utc)) return;
    strftime(text, sizeof text, format, &utc);
    fputs(text, out);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------------- */

typedef struct line {
    const char *style, *title; /* class, legend */
    const char *path;          /* in a minute */
    const char *low, *high;    /* of its band; NULL: none */
} line;

typedef struct picture {
    FILE *out;
    const json_t *minutes;
    size_t n, step;
    double by, most, least, from_s, to_s;
} picture;

static double value(const picture *p, size_t i, const char *path) {
    return shadow_report_number(json_array_get(p->minutes, i), path) * p->by;
}

static double at_s(const picture *p, size_t i) {
    return shadow_report_number(json_array_get(p->minutes, i), "start_s");
}

static double x_of(const picture *p, size_t i) {
    double length_s = p->to_s - p->from_s;
    return LEFT + (WIDTH - LEFT - RIGHT) * (length_s > 0 ? (at_s(p, i) - p->from_s) / length_s : 0.5);
}

static double y_of(const picture *p, double v) {
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (v - p->least) / (p->most - p->least);
}

static void stretch_to(picture *p, double v) {
    if (isnan(v)) return;
    if (v > p->most) p->most = v;
    if (v < p->least) p->least = v;
}

/* 1, 2 or 5 times a power of ten, so that there are about four lines. */
static double grid_step(const picture *p) {
    double rough = (p->most - p->least) / 4, ten = pow(10, floor(log10(rough)));
    return ten * (rough / ten < 1.5 ? 1 : rough / ten < 3.5 ? 2 : rough / ten < 7.5 ? 5 : 10);
}

static void put_grid(const picture *p) {
    double step = grid_step(p), first = ceil(p->least / step);
    for (int i = 0; i < GRID_MAX && (first + i) * step <= p->most + step / 100; i++) {
        double v = (first + i) * step;
        double shown = fabs(v) < step / 100 ? 0 : v;
        fprintf(p->out,
                "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%.0f\" y=\"%.1f\" "
                "text-anchor=\"end\">%.6g</text>\n",
                LEFT, WIDTH - RIGHT, y_of(p, v), y_of(p, v), LEFT - 6, y_of(p, v) + 4, shown);
    }
    fprintf(p->out, "<text x=\"%.0f\" y=\"%.0f\">", LEFT, HEIGHT - 8);
    put_time(p->out, "%Y-%m-%d %H:%M", p->from_s);
    fprintf(p->out, "</text><text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">", WIDTH - RIGHT, HEIGHT - 8);
    put_time(p->out, "%Y-%m-%d %H:%M UTC", p->to_s);
    fputs("</text>\n", p->out);
}

static void put_band(const picture *p, const line *l) {
    bool any = false;
    for (size_t i = 0; i < p->n; i += p->step) {
        double v = value(p, i, l->low);
        if (isnan(v)) continue;
        fprintf(p->out, "%s%.1f,%.1f ", any ? "" : "<polygon class=\"band\" points=\"", x_of(p, i), y_of(p, v));
        any = true;
    }
    for (size_t i = (p->n - 1) / p->step * p->step + p->step; any && i >= p->step;) {
        i -= p->step;
        double v = value(p, i, l->high);
        if (!isnan(v)) fprintf(p->out, "%.1f,%.1f ", x_of(p, i), y_of(p, v));
    }
    if (any) fputs("\"/>\n", p->out);
}

/* A gap where nothing is known; a point that stands alone is a dot. */
static void put_line(const picture *p, const line *l) {
    bool pen = false;
    fprintf(p->out, "<path class=\"path %s%s\" d=\"", l->style, p->n == 1 ? " dot" : "");
    for (size_t i = 0; i < p->n; i += p->step) {
        double v = value(p, i, l->path);
        if (!isnan(v)) fprintf(p->out, "%c%.1f %.1f", pen ? 'L' : 'M', x_of(p, i), y_of(p, v));
        if (!isnan(v) && !pen) fputs("h0.1", p->out);
        pen = !isnan(v);
    }
    fputs("\"/>\n", p->out);
}

static void put_key(FILE *out, const line *lines, int n) {
    fputs("<div class=\"key\">", out);
    for (int k = 0; k < n; k++) {
        fprintf(out, "<span><i class=\"%s\"></i>", lines[k].style);
        put_text(out, lines[k].title);
        fputs("</span>", out);
    }
    fputs("</div>\n", out);
}

static void measure(picture *p, const line *lines, int n) {
    for (size_t i = 0; i < p->n; i += p->step) {
        for (int k = 0; k < n; k++) {
            stretch_to(p, value(p, i, lines[k].path));
            if (lines[k].high) stretch_to(p, value(p, i, lines[k].high));
        }
    }
    p->most += (p->most - p->least) * 0.06;
    if (p->most <= p->least) p->most = p->least + 1;
}

/* `need`: a line across at that height; NAN: none. */
static void put_picture(FILE *out, const json_t *report, const char *title, const char *about, double by,
                        const line *lines, int n, double need) {
    picture p = {.out = out, .minutes = json_object_get(report, "minutes"), .by = by};
    p.n = json_array_size(p.minutes);
    fprintf(out, "<h2>%s</h2><p class=\"soft\">%s</p>\n", title, about);
    if (p.n == 0) {
        fputs("<p>Nothing yet.</p>\n", out);
        return;
    }
    p.step = 1 + p.n / POINTS_MAX;
    p.from_s = at_s(&p, 0);
    p.to_s = at_s(&p, p.n - 1);
    stretch_to(&p, need);
    measure(&p, lines, n);
    put_key(out, lines, n);
    fprintf(out, "<div class=\"wide\"><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">\n", WIDTH, HEIGHT,
            title);
    put_grid(&p);
    for (int k = 0; k < n; k++) {
        if (lines[k].low) put_band(&p, &lines[k]);
    }
    if (!isnan(need))
        fprintf(out, "<line class=\"need\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT, WIDTH - RIGHT,
                y_of(&p, need), y_of(&p, need));
    for (int k = 0; k < n; k++) put_line(&p, &lines[k]);
    fputs("</svg></div>\n", out);
}

static void put_pictures(FILE *out, const json_t *report) {
    static const line rates[] = {
        {"b", "difference, with its bounds", "difference.rate", "difference.low", "difference.high"},
        {"again", "noise floor", "floor.rate", NULL, NULL}};
    static const line evidence[] = {{"a", "for better", "log_better", NULL, NULL},
                                    {"b", "for worse", "log_worse", NULL, NULL}};
    static const line latency[] = {{"a", "users", "latency_p99_ms.a", NULL, NULL},
                                   {"again", "users' model in the shadow", "latency_p99_ms.again", NULL, NULL},
                                   {"b", "the model in the shadow", "latency_p99_ms.b", NULL, NULL}};
    double need = shadow_report_number(report, "verdict.log_needed") / M_LN10;
    put_picture(
        out, report, "How much they differ",
        "Edits by words of the users' model, %, of all there was until then. The floor is what the users' model "
        "differs from itself.",
        100, rates, 2, NAN);
    put_picture(out, report, "Evidence", "Log10 of the e-value; above the dashed line it is enough.", 1 / M_LN10,
                evidence, 2, need);
    put_picture(
        out, report, "Final latency",
        "99th percentile over five minutes, ms, of live streams. In the shadow everything waits for users: compare "
        "the two that are there.",
        1, latency, 3, NAN);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------- */

static void put_row(FILE *out, const json_t *report, const shadow_report_row *row) {
    fprintf(out, "<tr><td>%s</td>", row->title);
    for (int k = 0; k < SHADOW_REPORT_SIDES; k++) {
        const json_t *side = json_object_get(report, shadow_report_side[k]);
        double x = shadow_report_number(side, row->path);
        if (!json_is_object(side)) continue;
        if (isnan(x))
            fputs("<td>–</td>", out);
        else
            fprintf(out, "<td>%.*f</td>", row->digits, x / row->by);
    }
    fputs("</tr>\n", out);
}

static void put_sides(FILE *out, const json_t *report) {
    static const char *const roles[SHADOW_REPORT_SIDES] = {"users", "users' model again", "in the shadow", "referee"};
    fputs("<h2>What they take, and what they are like</h2><div class=\"wide\"><table><tr><th></th>", out);
    for (int k = 0; k < SHADOW_REPORT_SIDES; k++) {
        char name[48];
        shadow_report_name(report, shadow_report_side[k], name);
        if (!name[0]) continue;
        fputs("<th>", out);
        put_text(out, name);
        fputs("<br><span class=\"soft\">", out);
        put_text(out, roles[k]);
        fputs("</span></th>", out);
    }
    fputs("</tr>\n", out);
    for (size_t i = 0; i < SHADOW_REPORT_ROWS; i++) put_row(out, report, &shadow_report_rows[i]);
    fputs("</table></div>\n", out);
}

static void put_dropped(FILE *out, const json_t *report) {
    const json_t *d;
    const char *why;
    fprintf(out,
            "<h2>Heard and dropped</h2><div class=\"wide\"><table><tr><th></th><th>streams</th><th>audio, s</th></tr>\n"
            "<tr><td>heard</td><td>%.0f</td><td>%.0f</td></tr>\n",
            shadow_report_number(report, "copied.streams"), shadow_report_number(report, "copied.audio_s"));
    json_object_foreach((json_t *)json_object_get(report, "dropped"), why, d) {
        fputs("<tr><td>dropped: ", out);
        put_text(out, why);
        fprintf(out, "</td><td>%.0f</td><td>%.0f</td></tr>\n", shadow_report_number(d, "streams"),
                shadow_report_number(d, "audio_s"));
    }
    fputs("</table></div>\n", out);
}

static void put_samples(FILE *out, const json_t *report) {
    const json_t *list = json_object_get(report, "samples"), *m;
    size_t i;
    fputs("<h2>The largest differences</h2>\n", out);
    if (!json_array_size(list)) fputs("<p>None yet.</p>\n", out);
    if (!json_array_size(list)) return;
    fputs("<p class=\"soft\">Masked. Differing words are marked.</p><div class=\"wide\"><table>"
          "<tr><th>words</th><th class=\"text\">users</th><th class=\"text\">in the shadow</th></tr>\n",
          out);
    json_array_foreach(list, i, m) {
        const char *a = text_of(m, "a"), *b = text_of(m, "b");
        bool shown = json_is_string(json_object_get(m, "a"));
        fprintf(out, "<tr><td>%.0f of %.0f</td><td class=\"text\">", shadow_report_number(m, "edits"),
                shadow_report_number(m, "words"));
        if (shown)
            shadow_put_marked(out, a, b);
        else
            fputs("<span class=\"soft\">not yours to read, or not kept</span>", out);
        fputs("</td><td class=\"text\">", out);
        if (shown) shadow_put_marked(out, b, a);
        fputs("</td></tr>\n", out);
    }
    fputs("</table></div>\n", out);
}

/* ---- the page ----------------------------------------------------------------------------------------------------------- */

static void put_rate(FILE *out, const char *title, const json_t *r) {
    char text[80];
    shadow_report_rate(r, text);
    fprintf(out,
            "<p><b>%s:</b> %s of words; %.0f of %.0f words, %.0f pairs, %.0f streams: %.0f substituted (numbers %.0f, "
            "forms %.0f, other %.0f), %.0f missing, %.0f more.</p>\n",
            title, text, shadow_report_number(r, "edits"), shadow_report_number(r, "words"),
            shadow_report_number(r, "pairs"), shadow_report_number(r, "streams"),
            shadow_report_number(r, "substitutions"), shadow_report_number(r, "kinds.number"),
            shadow_report_number(r, "kinds.form"), shadow_report_number(r, "kinds.word"),
            shadow_report_number(r, "deletions"), shadow_report_number(r, "insertions"));
}

void shadow_report_html(FILE *out, const json_t *report) {
    char a[48], b[48], verdict[240];
    const json_t *v = json_object_get(report, "verdict");
    shadow_report_name(report, "a", a);
    shadow_report_name(report, "b", b);
    shadow_report_verdict(report, verdict);
    fputs(head, out);
    fputs("<h1>", out);
    put_text(out, b);
    fputs(" in the shadow of ", out);
    put_text(out, a);
    fputs("</h1><p class=\"soft\">From ", out);
    put_time(out, "%Y-%m-%d %H:%M", shadow_report_number(report, "since_s"));
    fputs(" to ", out);
    put_time(out, "%Y-%m-%d %H:%M UTC", shadow_report_number(report, "now_s"));
    fputs("</p>\n<p class=\"verdict\">", out);
    put_text(out, verdict);
    fprintf(out,
            "</p><p>Evidence: %.3g for better, %.3g for worse; %.3g is enough (e-values: it may be looked at at any "
            "time). %s</p>\n",
            exp(shadow_report_number(v, "log_better")), exp(shadow_report_number(v, "log_worse")),
            exp(shadow_report_number(v, "log_needed")),
            json_is_true(json_object_get(v, "differs")) ? "They differ by more than the users' model from itself."
                                                        : "That they differ by more than noise is not yet sure.");
    put_rate(out, "Difference", json_object_get(report, "difference"));
    put_rate(out, "Noise floor", json_object_get(report, "floor"));
    put_pictures(out, report);
    put_sides(out, report);
    put_dropped(out, report);
    put_samples(out, report);
    fputs("<p class=\"soft\">What this can know and what not: docs/shadow.md of steno.</p></body></html>\n", out);
}
