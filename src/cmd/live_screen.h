/* live_screen.h: what a live stream says, for people: finals as lines with their time, and on a terminal the open utterance
 * below them, rewritten in place: what stays normal, the rest dim. With speakers a line begins with who speaks ("S1: ", "?: "
 * while nobody can tell, "S1+: " where others speak too); what is known later, or otherwise, gets a line of its own:
 * "= 0:12.3  S2".
 *
 * Owner: the main thread. Invariant: nothing but the screen's `out` sees spoken words.
 */
#ifndef STENO_CMD_LIVE_SCREEN_H
#define STENO_CMD_LIVE_SCREEN_H

#include "cmd/live_event.h"

#include <stdio.h>

#define LIVE_SCREEN_COLUMNS 80 /* where the terminal does not say */
#define LIVE_SCREEN_FINALS                                                                                             \
    64 /* the last ones, of which a line tells who spoke them once that is known; older ones: none */

/* A final as it was shown. */
typedef struct live_shown {
    uint64_t message;
    double start_s;
    bool any, several;
    char speaker[SPEAKER_LABEL_BYTES]; /* "": not known */
} live_shown;

typedef struct live_screen {
    FILE *out;
    bool rewrite;                         /* a terminal: partials replace each other on one line */
    bool partials;                        /* shown at all */
    int columns;                          /* of the terminal */
    bool dirty;                           /* a partial stands on the line */
    live_shown shown[LIVE_SCREEN_FINALS]; /* a ring, with speakers only */
    unsigned next;
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
