/* times.c: see times.h. */
#include "listen/times.h"

#include <string.h>

#include <utf8proc.h>

size_t times_scratch_bytes(int tokens, int frames) {
    return align_scratch_bytes(tokens + 1, frames) + (size_t)frames * sizeof(float);
}

/* What a piece holds. A byte that is no character by itself is a part of a spoken one: punctuation that matters is
 * ASCII, and has pieces of its own. */
typedef struct piece_look {
    bool space, spoken, apart; /* apart: its first spoken character is a word of its own */
} piece_look;

static piece_look look_at(const tokenizer *t, int32_t id) {
    const char *piece;
    size_t n = tokenizer_piece(t, id, &piece);
    piece_look look = {0};
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)piece + at, (utf8proc_ssize_t)(n - at), &c);
        if (len <= 0 || transcript_is_spoken(c)) {
            look.apart = !look.spoken && len > 0 && transcript_is_cjk(c);
            look.spoken = true;
            return look;
        }
        if (c == ' ') look.space = true;
        at += (size_t)len;
    }
    return look;
}

void times_kinds(const tokenizer *t, const int32_t *ids, int n, uint8_t *kind) {
    bool space = true;
    for (int i = 0; i < n; i++) {
        piece_look look = look_at(t, ids[i]);
        space = space || look.space;
        kind[i] = !look.spoken ? ALIGN_SILENT : space || look.apart ? ALIGN_WORD : ALIGN_JOINED;
        if (look.spoken) space = false;
    }
}

static void advance_rows(const times_job *job) {
    size_t frames = (size_t)job->frames, late = (size_t)job->delay_frames < frames ? (size_t)job->delay_frames : frames;
    for (size_t i = 0; late && i < (size_t)job->rows; i++) {
        float *row = job->weight + i * frames;
        memmove(row, row + late, (frames - late) * sizeof *row);
        memset(row + frames - late, 0, late * sizeof *row);
    }
}

void times_of_tokens(const times_job *job, void *scratch, transcript_token *out) {
    uint8_t kind[TRANSCRIPT_MAX_TOKENS + 1];
    int start[TRANSCRIPT_MAX_TOKENS + 1], end[TRANSCRIPT_MAX_TOKENS + 1];
    int n = job->n < TRANSCRIPT_MAX_TOKENS ? job->n : TRANSCRIPT_MAX_TOKENS;
    float *outside = scratch;
    times_kinds(job->tokenizer, job->ids, n, kind);
    kind[n] = ALIGN_SILENT;
    advance_rows(job);
    align_outside(&job->sound, job->frames, outside);
    align_job align = {.weight = job->weight,
                       .tokens = job->rows > n ? n + 1 : n,
                       .frames = job->frames,
                       .ld = job->frames,
                       .kind = kind,
                       .outside = outside};
    align_tokens(&align, outside + job->frames, start, end);
    double hop_s = (double)job->sound.hop_samples / STENO_SAMPLE_RATE_HZ;
    double first_s = job->origin_s + (double)job->sound.first_sample / STENO_SAMPLE_RATE_HZ;
    for (int i = 0; i < n; i++)
        out[i] = (transcript_token){.id = job->ids[i],
                                    .logprob = job->logprob[i],
                                    .start_s = first_s + start[i] * hop_s,
                                    .end_s = first_s + end[i] * hop_s};
}
