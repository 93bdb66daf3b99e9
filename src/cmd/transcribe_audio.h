/* transcribe_audio.h: `steno transcribe --redact-audio`: recordings without the sound of what is redacted in their text.
 *
 * Owner      the main thread.
 * Invariants a recording of which not all was recognised, or that changed meanwhile, gets no redacted one: what was not looked at is
 *            not shown. A result grows under another name and is there whole or not at all; it never replaces a recording that is
 *            read.
 */
#ifndef STENO_CMD_TRANSCRIBE_AUDIO_H
#define STENO_CMD_TRANSCRIBE_AUDIO_H

#include "api/redacted_wav.h"
#include "cmd/cli.h"
#include "cmd/feeder.h"

#include <sys/stat.h>

typedef struct audio_job {
    bool wanted, margin_given;
    cover_kind kind;
    int margin_ms;
    const char *output; /* a file, or a folder */
    char **names;       /* owned [n]: results */
    const char **clash;
    struct stat *seen;                           /* owned [n]: the recordings, as they were before the run */
    covered_times (*times)[FEEDER_MAX_CHANNELS]; /* owned [n] */
    const cli_paths *paths;
} audio_job;

void transcribe_audio_init(audio_job *a);
/* One of the three options. Returns 0, or 2 after complaining. */
int transcribe_audio_kind(audio_job *a, const char *value);
int transcribe_audio_margin(audio_job *a, const char *value);
/* Of a command line that has been read: 0 or 2. What is covered has to be found: a policy that is off becomes `mask`. */
int transcribe_audio_check(audio_job *a, const cli_paths *paths, gate_policy *policy);

/* Before the run. STENO_E_INVALID, STENO_E_IO, STENO_E_NOMEM name what is wrong. */
STENO_CHECK steno_err transcribe_audio_prepare(audio_job *a);
/* A final of recording `index`; channel counts from 1. */
STENO_CHECK steno_err transcribe_audio_segment(audio_job *a, size_t index, int channel, const released_segment *s);
/* Recording `index` is over: its redacted one is written. The error says why there is none; STENO_E_CANCELLED ends the run. */
STENO_CHECK steno_err transcribe_audio_done(audio_job *a, size_t index, const feeder_result *r,
                                            const feeder_config *config);
void transcribe_audio_free(audio_job *a);

#endif
