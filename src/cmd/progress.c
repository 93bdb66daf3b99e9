/* progress.c: see progress.h. */
#include "cmd/progress.h"

#include <string.h>
#include <unistd.h>

#define BAR_CELLS 20

void progress_init(progress *p, bool quiet) {
    *p = (progress){.out = !quiet && isatty(STDERR_FILENO) ? stderr : NULL, .started_s = feeder_clock_s()};
}

/* h:mm:ss, rounded to a second */
static void put_clock(char *out, size_t cap, double seconds) {
    long s = seconds > 0 && seconds < 1e9 ? (long)(seconds + 0.5) : 0;
    snprintf(out, cap, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

size_t progress_line(const feeder_progress *at, double elapsed_s, char line[PROGRESS_COLUMNS + 1]) {
    char audio[32], left[32] = "?", bar[BAR_CELLS + 1];
    double share = at->fraction < 0 ? 0 : at->fraction > 1 ? 1 : at->fraction;
    double speed = elapsed_s > 0 ? at->audio_s / elapsed_s : 0;
    int full = (int)(share * BAR_CELLS + 0.5), n;
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)full);
    bar[BAR_CELLS] = 0;
    put_clock(audio, sizeof audio, at->audio_s);
    if (share > 0) put_clock(left, sizeof left, elapsed_s * (1 - share) / share);
    if (share <= 0) /* nothing says how long the recording is */
        n = snprintf(line, PROGRESS_COLUMNS + 1, "%s of audio, %.1fx real time", audio, speed);
    else if (at->files > 1)
        n = snprintf(line, PROGRESS_COLUMNS + 1, "[%s] %3.0f %%, %.1fx real time, %s left, %zu of %zu files", bar,
                     share * 100, speed, left, at->files_done, at->files);
    else
        n = snprintf(line, PROGRESS_COLUMNS + 1, "[%s] %3.0f %%, %.1fx real time, %s left", bar, share * 100, speed,
                     left);
    return n < PROGRESS_COLUMNS ? (size_t)n : PROGRESS_COLUMNS;
}

void progress_draw(progress *p, const feeder_progress *at) {
    char line[PROGRESS_COLUMNS + 1];
    double elapsed_s = feeder_clock_s() - p->started_s;
    if (!p->out || elapsed_s < PROGRESS_AFTER_S) return;
    progress_line(at, elapsed_s, line);
    fprintf(p->out, "\r%-*s", PROGRESS_COLUMNS, line);
    fflush(p->out);
    p->shown = true;
}

void progress_clear(progress *p) {
    if (!p->shown) return;
    fprintf(p->out, "\r%*s\r", PROGRESS_COLUMNS, "");
    fflush(p->out);
    p->shown = false;
}
