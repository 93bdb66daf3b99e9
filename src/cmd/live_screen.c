/* live_screen.c: see live_screen.h. */
#include "cmd/live_screen.h"

#include "output/format.h"

#include <string.h>
#include <utf8proc.h>

#define DIM    "\x1b[2m"
#define NORMAL "\x1b[0m"
#define WIPE   "\r\x1b[K"
#define CUT    "…" /* stands for what is left of the line */

/* The character at `text`, of n bytes left, and its columns. Bytes that are no character are shown as one. */
static size_t next_character(const char *text, size_t n, int *columns) {
    utf8proc_int32_t c;
    utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &c);
    if (bytes <= 0) {
        *columns = 1;
        return 1;
    }
    *columns = c < 0x20 || c == 0x7f ? 1 : utf8proc_charwidth(c);
    return (size_t)bytes;
}

int live_text_columns(const char *text, size_t n) {
    int sum = 0, columns;
    for (size_t at = 0; at < n; sum += columns) at += next_character(text + at, n - at, &columns);
    return sum;
}

size_t live_tail(const char *text, int columns) {
    size_t n = strlen(text), at = 0;
    int left = live_text_columns(text, n), width;
    while (at < n && left > columns) {
        at += next_character(text + at, n - at, &width);
        left -= width;
    }
    while (at > 0 && at < n) { /* marks belong to a character that is gone */
        size_t bytes = next_character(text + at, n - at, &width);
        if (width > 0) break;
        at += bytes;
    }
    return at;
}

static void put_plain(FILE *out, const char *text, size_t n) {
    output_put_text(out, text, n, output_escape_plain);
}

/* "m:ss.t  ", the time of its first word. Returns its columns. */
static int put_time(FILE *out, double start_s) {
    int64_t tenths = (output_ms(start_s) + 50) / 100;
    return fprintf(out, "%d:%02d.%d  ", (int)(tenths / 600), (int)(tenths / 10 % 60), (int)(tenths % 10));
}

static int put_speaker(FILE *out, const live_event *e) {
    if (!e->has_speaker) return 0;
    const char *who = e->speaker ? e->speaker : "?", *more = e->several ? "+: " : ": ";
    put_plain(out, who, strlen(who));
    fputs(more, out);
    return live_text_columns(who, strlen(who)) + (int)strlen(more);
}

/* The stable part and the rest, or their tail where the line is too short for all. */
static void put_open(live_screen *s, const live_event *e) {
    int room = s->columns - 1; /* a full line would wrap */
    room -= put_time(s->out, e->start_s);
    room -= put_speaker(s->out, e);
    if (room < 2) return;
    size_t n = strlen(e->text), from = 0;
    if (live_text_columns(e->text, n) > room) {
        from = live_tail(e->text, room - 1);
        fputs(CUT, s->out);
    }
    size_t stable = e->stable_bytes > from ? e->stable_bytes : from;
    put_plain(s->out, e->text + from, stable - from);
    if (stable == n) return;
    fputs(DIM, s->out);
    put_plain(s->out, e->text + stable, n - stable);
    fputs(NORMAL, s->out);
}

void live_screen_clear(live_screen *s) {
    if (!s->dirty) return;
    fputs(WIPE, s->out);
    fflush(s->out);
    s->dirty = false;
}

static void show_partial(live_screen *s, const live_event *e) {
    if (!s->partials) return;
    if (s->rewrite) {
        fputs(WIPE, s->out);
        put_open(s, e);
        s->dirty = true;
        return;
    }
    fputs("~ ", s->out);
    put_time(s->out, e->start_s);
    put_speaker(s->out, e);
    put_plain(s->out, e->text, strlen(e->text));
    putc('\n', s->out);
}

static void remember_speaker(live_shown *at, const live_event *e) {
    snprintf(at->speaker, sizeof at->speaker, "%s", e->speaker ? e->speaker : "");
    at->several = e->several;
}

static void remember(live_screen *s, const live_event *e) {
    live_shown *at = &s->shown[s->next++ % LIVE_SCREEN_FINALS];
    *at = (live_shown){.message = e->message, .start_s = e->start_s, .any = true};
    remember_speaker(at, e);
}

static bool says_the_same(const live_shown *at, const live_event *e) {
    return strcmp(at->speaker, e->speaker ? e->speaker : "") == 0 && at->several == e->several;
}

/* Of a final that was shown, if it is called otherwise now. */
static void show_speakers(live_screen *s, const live_event *e) {
    for (int i = 0; i < LIVE_SCREEN_FINALS; i++) {
        live_shown *at = &s->shown[i];
        if (!at->any || at->message != e->message || says_the_same(at, e)) continue;
        remember_speaker(at, e);
        if (s->dirty) fputs(WIPE, s->out);
        s->dirty = false;
        fputs("= ", s->out);
        put_time(s->out, at->start_s);
        put_plain(s->out, e->speaker ? e->speaker : "?", strlen(e->speaker ? e->speaker : "?"));
        fputs(e->several ? "+\n" : "\n", s->out);
    }
}

static void show_final(live_screen *s, const live_event *e) {
    if (s->dirty) fputs(WIPE, s->out);
    s->dirty = false;
    if (!e->text[0]) return;
    put_time(s->out, e->start_s);
    put_speaker(s->out, e);
    put_plain(s->out, e->text, strlen(e->text));
    putc('\n', s->out);
    if (e->has_speaker) remember(s, e);
}

steno_err live_screen_show(live_screen *s, const live_event *e) {
    if (e->kind == LIVE_PARTIAL)
        show_partial(s, e);
    else if (e->kind == LIVE_FINAL)
        show_final(s, e);
    else if (e->kind == LIVE_SPEAKERS)
        show_speakers(s, e);
    else
        return STENO_OK;
    return fflush(s->out) == 0 && !ferror(s->out) ? STENO_OK : err_fail(STENO_E_IO, "standard output is gone");
}
