/* live_screen.h: what a live stream says, for people: finals as lines with their time, and on a terminal the open utterance
 * below them, rewritten in place: what stays normal, the rest dim.
 *
 * Owner: the main thread. Invariant: nothing but the screen's `out` sees spoken words.
 */
#ifndef STENO_CMD_LIVE_SCREEN_H
#define STENO_CMD_LIVE_SCREEN_H

#include "cmd/live_event.h"

#include <stdio.h>

#define LIVE_SCREEN_COLUMNS 80 /* where the terminal does not say */

typedef struct live_screen {
    FILE *out;
    bool rewrite;  /* a terminal: partials replace each other on one line */
    bool partials; /* shown at all */
    int columns;   /* of the terminal */
    bool dirty;    /* a partial stands on the line */
} live_screen;

/* Shows one event. STENO_E_IO when the reader is gone. */
STENO_CHECK steno_err live_screen_show(live_screen *s, const live_event *e);
/* Wipes the open utterance, before anything else is printed. */
void live_screen_clear(live_screen *s);

/* Columns that n bytes of text take: wide characters two, combining ones none. */
int live_text_columns(const char *text, size_t n);

/* Where to begin so that the rest of `text` takes at most `columns`; never before a combining character. */
size_t live_tail(const char *text, int columns);

#endif
