/* fuzz_params.c: any query and any control message is refused with a reason, or leaves parameters in their ranges.
 *
 * The first byte chooses; a query's arguments are the lines of the rest.
 */
#include "api/params.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define MAX_ARGS 32
#define MAX_SEQ  ((uint64_t)1 << 53)

static void check_live(const steno_live_options *l) {
    CHECK(steno_live_options_check(l) == STENO_OK);
    CHECK(l->endpoint_ms >= 100 && l->endpoint_ms <= 5000 && l->unfinished_ms >= 0 && l->unfinished_ms <= 5000);
    CHECK(l->partial_ms == 0 || (l->partial_ms >= 100 && l->partial_ms <= 5000));
    CHECK(l->max_utterance_s >= 2.0f && l->max_utterance_s <= 30.0f);
}

static void check_params(const stream_params *p) {
    check_live(&p->live);
    CHECK(p->audio.rate_hz >= PCM_MIN_HZ && p->audio.rate_hz <= PCM_MAX_HZ);
    CHECK(p->audio.channels >= 1 && p->audio.channels <= PCM_MAX_CHANNELS);
    CHECK(pcm_frame_bytes(&p->audio) >= 1 && pcm_frame_bytes(&p->audio) <= 8);
    CHECK(p->stats_ms == 0 || (p->stats_ms >= 500 && p->stats_ms <= PARAMS_MAX_STATS_MS));
    CHECK(p->resume[0] == 0 || strlen(p->resume) == PARAMS_TOKEN_BYTES);
    CHECK(p->last_seq < MAX_SEQ && (p->last_seq == 0 || p->resume[0]));
    json_t *said = params_json(p, "en");
    CHECK(json_is_object(said) && json_object_size(said) == 10);
    json_decref(said);
}

/* A refusal says something. */
static void check_refusal(steno_err e) {
    CHECK(e == STENO_E_INVALID || e == STENO_E_UNSUPPORTED || e == STENO_E_FORMAT);
    CHECK(steno_error_detail()[0] != 0);
}

static void try_query(const stream_params *start, char *text) {
    const char *args[MAX_ARGS];
    int n = 0;
    stream_params p = *start;
    for (char *line = text; line && n < MAX_ARGS;) {
        char *end = strchr(line, '\n');
        if (end) *end++ = 0;
        args[n++] = line;
        line = end;
    }
    steno_err e = params_from_query(&p, args, n, "en");
    if (e == STENO_OK)
        check_params(&p);
    else
        check_refusal(e);
}

static void try_control(const stream_params *now, const char *text, size_t n) {
    control c;
    steno_err e = control_parse(text, n, now, "en", &c);
    if (e != STENO_OK) {
        check_refusal(e);
        return;
    }
    CHECK(c.kind <= CONTROL_CLOSE);
    check_live(&c.live);
    CHECK(c.kind == CONTROL_CONFIGURE || memcmp(&c.live, &now->live, sizeof c.live) == 0);
    CHECK(c.kind == CONTROL_KEEPALIVE ? c.last_seq == 0 || c.acknowledges : !c.acknowledges);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    steno_live_options live;
    stream_params p;
    if (size == 0 || size > PARAMS_CONTROL_BYTES) return 0;
    steno_live_options_init(&live);
    params_init(&p, &live);
    check_params(&p);
    char *text = malloc(size); /* of the exact size, so that reading past it is seen; as text it ends with a zero */
    CHECK(text);
    memcpy(text, data + 1, size - 1);
    if (data[0] % 2) {
        try_control(&p, text, size - 1);
    } else {
        text[size - 1] = 0;
        try_query(&p, text);
    }
    free(text);
    return 0;
}
