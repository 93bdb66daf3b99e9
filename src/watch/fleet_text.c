/* fleet_text.c: the lines of another host's /metrics: see fleet.h.
 *
 * Owner: whoever calls. A line is looked at where it stands, never beyond its end; labels are copied out of it piece by piece.
 */
#include "base/mem.h"
#include "watch/fleet.h"
#include "watch/quality_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 48
#define VALUE_BYTES  96
#define NUMBER_MAX   1e15 /* exact in a double, as cell.c has it */

typedef struct piece {
    const char *at, *end;
} piece;

/* A sample, with the labels that matter. */
typedef struct sample {
    piece name;
    cell_at of;
    char id[FLEET_ID_BYTES], version[FLEET_VERSION_BYTES];
    double bound; /* of a bucket */
    double value;
} sample;

/* ---- characters --------------------------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_name(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (!first && c >= '0' && c <= '9');
}

static void skip_blanks(piece *p) {
    while (p->at < p->end && is_blank(*p->at)) p->at++;
}

static bool take(piece *p, char c) {
    if (p->at == p->end || *p->at != c) return false;
    p->at++;
    return true;
}

static bool take_name(piece *p, piece *name) {
    name->at = p->at;
    while (p->at < p->end && is_name(*p->at, p->at == name->at)) p->at++;
    name->end = p->at;
    return name->end > name->at;
}

static bool is_called(const piece *name, const char *word) {
    size_t n = (size_t)(name->end - name->at);
    return strlen(word) == n && memcmp(name->at, word, n) == 0;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

/* A whole word that is a number, infinities with it; what C would read beyond that (hexadecimal, NaN) is none. */
static bool read_number(const char *word, size_t n, double *out) {
    char text[NUMBER_BYTES], *end;
    if (n == 0 || n >= sizeof text) return false;
    memcpy(text, word, n);
    text[n] = 0;
    if (strcmp(text, "+Inf") == 0 || strcmp(text, "Inf") == 0) {
        *out = INFINITY;
        return true;
    }
    if (strspn(text, "0123456789+-.eE") != n) return false;
    *out = strtod(text, &end);
    return *end == 0;
}

/* ---- labels ------------------------------------------------------------------------------------------------------- */

/* The text between quotes, without its escapes. False: it does not end, or what is printable and plain is not all of it. */
static bool take_value(piece *p, char *out, size_t bytes) {
    size_t n = 0;
    if (!take(p, '"')) return false;
    while (p->at < p->end && *p->at != '"') {
        char c = *p->at++;
        if (c == '\\') {
            if (p->at == p->end) return false;
            c = *p->at++;
            if (c == 'n') c = '\n';
        }
        if (!c) return false; /* what follows would be lost */
        if (n + 1 < bytes) out[n] = c;
        n++;
    }
    if (n >= bytes) n = bytes - 1; /* too long for any that matters: put_label() sees that */
    out[n] = 0;
    return take(p, '"');
}

/* Cut or strange it would be another's. */
static bool put_label(char *to, size_t bytes, const char *value) {
    size_t n = strlen(value);
    if (n >= bytes) return false;
    for (size_t i = 0; i < n; i++)
        if (value[i] < ' ' || value[i] > '~') return false;
    memcpy(to, value, n + 1);
    return true;
}

static bool use_label(sample *s, const piece *name, const char *value) {
    if (is_called(name, "model")) return put_label(s->of.model, sizeof s->of.model, value);
    if (is_called(name, "language")) return put_label(s->of.language, sizeof s->of.language, value);
    if (is_called(name, "key")) return put_label(s->of.key, sizeof s->of.key, value);
    if (is_called(name, "id")) return put_label(s->id, sizeof s->id, value);
    if (is_called(name, "version")) return put_label(s->version, sizeof s->version, value);
    if (is_called(name, "le")) return read_number(value, strlen(value), &s->bound);
    return true;
}

static bool take_labels(piece *p, sample *s) {
    char value[VALUE_BYTES];
    if (!take(p, '{')) return true;
    for (int n = 0; n <= FLEET_LABELS_MAX; n++) {
        piece name;
        skip_blanks(p);
        if (take(p, '}')) return true;
        if (n > 0 && !take(p, ',')) return false;
        skip_blanks(p);
        if (n > 0 && take(p, '}')) return true; /* a comma may stand before it */
        if (!take_name(p, &name)) return false;
        skip_blanks(p);
        if (!take(p, '=')) return false;
        skip_blanks(p);
        if (!take_value(p, value, sizeof value) || !use_label(s, &name, value)) return false;
    }
    return false;
}

/* Name, labels, value; a time stamp after them is nobody's affair. */
static bool read_sample(piece line, sample *s) {
    *s = (sample){.bound = -1};
    if (!take_name(&line, &s->name)) return false;
    skip_blanks(&line);
    if (!take_labels(&line, s)) return false;
    skip_blanks(&line);
    const char *word = line.at;
    while (line.at < line.end && !is_blank(*line.at)) line.at++;
    return read_number(word, (size_t)(line.at - word), &s->value) && s->value >= 0 && s->value <= NUMBER_MAX;
}

/* ---- what it is of ------------------------------------------------------------------------------------------------ */

/* NULL: there is no room, which is counted. */
static fleet_series *series_of(fleet_text *t, const cell_at *at) {
    for (size_t i = t->n; i-- > 0;) /* a family has its samples in the order of the one before: rarely the first */
        if (cell_same_series(&t->series[i].total.at, at)) return &t->series[i];
    if (t->n == t->room && t->room < FLEET_SERIES_MAX) {
        size_t room = t->room ? 2 * t->room : 4;
        fleet_series *more = mem_resize(t->series, t->room * sizeof *more, room * sizeof *more);
        if (more) t->series = more, t->room = room;
    }
    if (t->n == t->room) {
        t->series_lost++;
        return NULL;
    }
    fleet_series *s = &t->series[t->n++];
    *s = (fleet_series){.total = {.at = *at}};
    return s;
}

static int field_of(const sample *s) {
    size_t n = (size_t)(s->name.end - s->name.at);
    return s->bound >= 0 ? quality_bucket(s->name.at, n, s->bound) : quality_field(s->name.at, n);
}

/* What the hosts count together as "others" is of each something else: it compares with nothing. */
static bool is_compared(const cell_at *at) {
    return at->model[0] && strcmp(at->model, MONITOR_OTHER) != 0;
}

static void use_quality(fleet_text *t, const sample *s) {
    int field = field_of(s);
    if (field < 0 || !is_compared(&s->of)) return;
    fleet_series *to = series_of(t, &s->of);
    if (!to) return;
    quality_add(&to->total, field, s->value);
    to->seen |= (uint64_t)1 << field;
}

/* True: this program wrote it, or one of its other versions. */
static bool use_host(fleet_text *t, const sample *s) {
    if (is_called(&s->name, "steno_build_info")) {
        memcpy(t->version, s->version, sizeof t->version);
        return true;
    }
    if (is_called(&s->name, "steno_instance_info")) memcpy(t->id, s->id, sizeof t->id);
    if (is_called(&s->name, "process_start_time_seconds")) t->start_s = s->value;
    if (is_called(&s->name, "process_resident_memory_bytes")) t->memory_bytes = s->value;
    if (is_called(&s->name, "steno_engine_shards")) t->shards = s->value;
    if (is_called(&s->name, "steno_engine_busy_seconds_total")) t->busy_s += s->value;
    return false;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static bool starts(const piece *line, const char *with) {
    size_t n = strlen(with);
    return (size_t)(line->end - line->at) >= n && memcmp(line->at, with, n) == 0;
}

/* Most families are not looked at any closer. */
static bool is_wanted(const piece *line) {
    return starts(line, "steno_quality_") || starts(line, "steno_build_info") || starts(line, "steno_instance_info") ||
           starts(line, "process_start_time_seconds") || starts(line, "process_resident_memory_bytes") ||
           starts(line, "steno_engine_shards") || starts(line, "steno_engine_busy_seconds_total");
}

/* True: as use_host(). */
static bool use_line(fleet_text *t, piece line) {
    sample s;
    if (line.end > line.at && line.end[-1] == '\r') line.end--;
    skip_blanks(&line);
    if (!is_wanted(&line)) return false;
    if (line.end - line.at > FLEET_LINE_BYTES_MAX || !read_sample(line, &s)) {
        t->lines_passed_over++;
        return false;
    }
    if (starts(&line, "steno_quality_"))
        use_quality(t, &s);
    else
        return use_host(t, &s);
    return false;
}

/* A series whose buckets contradict each other is none. */
static void take_apart(fleet_text *t) {
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (quality_take_apart(&t->series[i].total)) t->series[kept++] = t->series[i];
    }
    t->series_lost += t->n - kept;
    t->n = kept;
}

steno_err fleet_text_read(fleet_text *t, const char *text, size_t n) {
    fleet_series *series = t->series;
    size_t room = t->room;
    bool ours = false;
    *t = (fleet_text){.series = series, .room = room};
    if (n > FLEET_TEXT_BYTES_MAX)
        return err_fail(STENO_E_INVALID, "metrics of more than %d bytes", FLEET_TEXT_BYTES_MAX);
    if (n == 0 || text[n - 1] != '\n') return err_fail(STENO_E_INVALID, "metrics that do not end with a line");
    for (const char *at = text, *end = text + n; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        ours |= use_line(t, (piece){at, stop});
        at = stop + 1;
    }
    if (!ours) return err_fail(STENO_E_INVALID, "no metrics of steno");
    take_apart(t);
    return STENO_OK;
}

void fleet_text_free(fleet_text *t) {
    mem_free(t->series);
    *t = (fleet_text){0};
}
