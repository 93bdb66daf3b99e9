/* speakers.c: see speakers.h. */
#include "output/speakers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void speaker_names_init(speaker_names *names, const steno_voice *voices, int n_voices) {
    *names = (speaker_names){.n_voices = n_voices < STENO_SPEAKERS_MAX ? n_voices : STENO_SPEAKERS_MAX};
    for (int i = 0; i < names->n_voices; i++)
        snprintf(names->voices[i], sizeof names->voices[i], "%.*s", STENO_VOICE_NAME_BYTES - 1, voices[i].name);
}

const char *speaker_voice(const speaker_names *names, int speaker) {
    return speaker >= 0 && speaker < names->n_voices ? names->voices[speaker] : NULL;
}

const char *speaker_label(const speaker_names *names, int speaker, char room[SPEAKER_LABEL_BYTES]) {
    if (speaker == STENO_SPEAKER_OTHER) return SPEAKER_LABEL_OTHER;
    if (speaker < 0) return NULL;
    const char *voice = speaker_voice(names, speaker);
    if (voice) return voice;
    snprintf(room, SPEAKER_LABEL_BYTES, "S%d", speaker - names->n_voices + 1);
    return room;
}

int speaker_of_label(const speaker_names *names, const char *label) {
    char room[SPEAKER_LABEL_BYTES];
    for (int i = STENO_SPEAKER_OTHER; i < STENO_SPEAKERS_MAX; i++) {
        const char *one = speaker_label(names, i, room);
        if (one && strcmp(one, label) == 0) return i;
    }
    return STENO_SPEAKER_UNKNOWN;
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static bool sits_within(const steno_word *w, size_t text_bytes) {
    return w->text_offset <= text_bytes && w->text_bytes <= text_bytes - w->text_offset;
}

/* Up to the first word of somebody else. */
static void take_words(const released_segment *s, speaker_run *run) {
    run->speaker = STENO_SPEAKER_UNKNOWN;
    for (run->behind = run->first; run->behind < s->n_words; run->behind++) {
        int speaker = s->words[run->behind].speaker;
        if (speaker == STENO_SPEAKER_UNKNOWN) continue;
        if (run->speaker != STENO_SPEAKER_UNKNOWN && speaker != run->speaker) return;
        run->speaker = speaker;
    }
}

static void take_text(const released_segment *s, speaker_run *run) {
    size_t n = strlen(s->text), from = 0, to = n;
    if (run->first > 0 && sits_within(&s->words[run->first], n)) from = s->words[run->first].text_offset;
    if (run->behind < s->n_words && sits_within(&s->words[run->behind], n)) to = s->words[run->behind].text_offset;
    if (to < from) to = from;
    while (to > from && s->text[to - 1] == ' ') to--;
    while (from < to && s->text[from] == ' ') from++;
    run->offset = from;
    run->bytes = to - from;
}

bool speaker_run_next(const released_segment *s, speaker_run *run) {
    bool begun = run->behind > 0 || run->bytes > 0;
    if (begun && run->behind >= s->n_words) return false;
    *run = (speaker_run){.first = run->behind, .speaker = s->speaker, .start_s = s->start_s, .end_s = s->end_s};
    if (s->n_words > 0) {
        take_words(s, run);
        run->start_s = run->first ? s->words[run->first].start_s : s->start_s;
        run->end_s = run->behind < s->n_words ? s->words[run->behind - 1].end_s : s->end_s;
    }
    take_text(s, run);
    return run->behind > 0 || run->bytes > 0;
}
