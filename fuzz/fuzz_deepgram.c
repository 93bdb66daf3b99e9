/* fuzz_deepgram.c: whatever a Deepgram client asks for or sends as a WAV stream: what is taken is in range, what is refused
 * says why, and cutting the stream elsewhere changes nothing.
 */
#include "api/deepgram_about.h"
#include "api/deepgram_text.h"
#include "api/deepgram_wav.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 32

static void must(bool good) {
    if (!good) abort();
}

static void check_query(const deepgram_query *q, deepgram_kind kind) {
    char header[DEEPGRAM_WARNING_BYTES];
    steno_live_options server, live;
    deepgram_about about = {.request_id = "id", .model = "tiny", .query = q, .channels = 1};
    steno_live_options_init(&server);
    deepgram_query_live(q, &server, &live);
    must(steno_live_options_check(&live) == STENO_OK);
    must(!q->raw || (q->audio.rate_hz >= PCM_MIN_HZ && q->audio.rate_hz <= PCM_MAX_HZ && q->audio.channels >= 1));
    must(kind != DEEPGRAM_LIVE || !q->callback[0]);
    deepgram_query_warning(q, header);
    for (const char *at = header; *at; at++) must(*at >= ' ' && *at <= '~');
    json_t *o = deepgram_metadata(&about, "", 0, 0);
    must(o != NULL);
    json_decref(o);
}

/* Lines are parameters. */
static void query(char *text, deepgram_kind kind) {
    const char *args[ARGS_MAX];
    int n = 0;
    deepgram_query q;
    for (char *line = strtok(text, "\n"); line && n < ARGS_MAX; line = strtok(NULL, "\n")) args[n++] = line;
    if (deepgram_query_parse(args, n, kind, "tiny", "en", &q) == STENO_OK)
        check_query(&q, kind);
    else
        must(steno_error_detail()[0] != 0);
    deepgram_query_free(&q);
}

/* The audio of a stream in pieces of `step`, or -1. */
static long long wav(const uint8_t *data, size_t size, size_t step, pcm_format *format) {
    deepgram_wav w = {0};
    long long sum = 0;
    for (size_t at = 0; at < size;) {
        const unsigned char *audio;
        size_t n = size - at < step ? size - at : step, used, n_audio;
        if (deepgram_wav_push(&w, data + at, n, &used, &audio, &n_audio) != STENO_OK) return -1;
        must(used > 0 && used <= n && n_audio <= used && (n_audio == 0 || w.known));
        for (size_t i = 0; i < n_audio; i++) sum = (sum * 31 + audio[i]) & 0xffffffffffff;
        at += used;
    }
    *format = w.format;
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pcm_format a = {0}, b = {0};
    long long whole = wav(data, size, 4096, &a), bytes = wav(data, size, 1, &b);
    must(whole == bytes && (whole < 0 || memcmp(&a, &b, sizeof a) == 0));
    json_t *plain = deepgram_plain((const char *)data, size);
    must(plain != NULL);
    json_decref(plain);
    char *text = calloc(1, size + 1);
    if (!text) abort();
    for (int kind = DEEPGRAM_LIVE; kind <= DEEPGRAM_FILE; kind++) {
        if (size) memcpy(text, data, size);
        query(text, (deepgram_kind)kind);
    }
    free(text);
    return 0;
}
