/* shadow_report.h: what came of a model in the shadow, for people: lines, or a page. Owner: the main thread.
 *
 * The report is what GET /v1/shadow answers (docs/openapi.yaml), wherever it came from: members that are missing are left out.
 */
#ifndef STENO_CMD_SHADOW_REPORT_H
#define STENO_CMD_SHADOW_REPORT_H

#include "base/err.h"

#include <jansson.h>
#include <stdio.h>

#define SHADOW_REPORT_SIDES 4
extern const char *const shadow_report_side[SHADOW_REPORT_SIDES]; /* "a", "again", "b", "referee": as they are shown */

/* What is told of each side, a line each: a number of its object, divided by `by`, with so many digits. */
typedef struct shadow_report_row {
    const char *title, *path;
    double by;
    int digits;
} shadow_report_row;
#define SHADOW_REPORT_ROWS 15
extern const shadow_report_row shadow_report_rows[SHADOW_REPORT_ROWS];

void shadow_report_print(FILE *out, const json_t *report);
/* One file that needs no other: styles and pictures are in it. shadow_html.c */
void shadow_report_html(FILE *out, const json_t *report);

/* A number of the report at a path of names, "difference.rate"; NAN: none. */
double shadow_report_number(const json_t *o, const char *path);
/* "base (int8)"; "" where nobody is. */
void shadow_report_name(const json_t *report, const char *side, char out[48]);
/* "2.63 %", "2.63 % (1.20 to 4.10)", "not yet known". */
void shadow_report_rate(const json_t *rate, char out[80]);
/* One sentence: "base is better than tiny". */
void shadow_report_verdict(const json_t *report, char out[240]);

/* shadow_marks.c: words of `text` that differ from `other` stand between <mark> and </mark>, everything is escaped. */
void shadow_put_marked(FILE *out, const char *text, const char *other);
void shadow_put_escaped(FILE *out, const char *text, size_t n);

#endif
