/* fuzz_openai.c: any client event of a Realtime session is refused, or gives the same audio and object however it is cut,
 * and settings that the engine takes.
 *
 * The first byte is the length of the pieces; the rest is the event.
 */
#include "api/openai_append.h"
#include "api/openai_session.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

typedef struct heard {
    uint64_t hash;
    size_t n;
} heard;

static steno_err hear(void *user, const unsigned char *bytes, size_t n) {
    heard *h = user;
    CHECK(n > 0 && n <= OPENAI_AUDIO_PIECE);
    for (size_t i = 0; i < n; i++) h->hash = (h->hash ^ bytes[i]) * 1099511628211u;
    h->n += n;
    return STENO_OK;
}

static steno_err parse(const uint8_t *data, size_t n, size_t piece, heard *h, json_t **out) {
    openai_event e = {0};
    openai_event_begin(&e);
    for (size_t at = 0; at < n; at += piece) {
        size_t some = n - at < piece ? n - at : piece;
        char *copy = malloc(some);
        CHECK(copy);
        memcpy(copy, data + at, some);
        openai_event_push(&e, copy, some, hear, h);
        free(copy);
    }
    steno_err error = openai_event_end(&e, out);
    openai_event_free(&e);
    return error;
}

static void try_session(const json_t *given) {
    openai_host host = {"tiny", "en"};
    openai_session s;
    openai_notes notes = {0};
    openai_failure why = {0};
    steno_live_options defaults, live;
    openai_session_init(&s, &host, false);
    openai_session before = s;
    if (!openai_session_update(&s, given, &host, &notes, &why)) {
        CHECK(why.status == 400 && why.message[0] && memcmp(&before, &s, sizeof s) == 0);
        return;
    }
    steno_live_options_init(&defaults);
    openai_session_live(&s, &defaults, &live, &notes);
    CHECK(steno_live_options_check(&live) == STENO_OK);
    CHECK(s.audio.rate_hz >= PCM_MIN_HZ && s.audio.rate_hz <= PCM_MAX_HZ);
    CHECK(strlen(notes.text) == notes.n && notes.n < sizeof notes.text);
    for (int flat = 0; flat < 2; flat++) {
        s.flat = flat;
        gate_policy policy;
        policy_init(&policy);
        if (flat) policy.mode = REDACT_MASK;
        json_t *said = openai_session_json(&s, &host, &policy, "sess_1");
        CHECK(json_is_object(said));
        json_decref(said);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heard whole = {0}, cut = {0};
    json_t *a = NULL, *b = NULL;
    if (size < 2) return 0;
    steno_err x = parse(data + 1, size - 1, size - 1, &whole, &a);
    steno_err y = parse(data + 1, size - 1, data[0] ? data[0] : 1, &cut, &b);
    CHECK(x == y && whole.hash == cut.hash && whole.n == cut.n && !a == !b);
    CHECK(x == STENO_OK || x == STENO_E_FORMAT || x == STENO_E_LIMIT);
    CHECK(!a || json_equal(a, b));
    CHECK(whole.n <= size);
    if (a && json_object_get(a, "session")) try_session(json_object_get(a, "session"));
    json_decref(a);
    json_decref(b);
    return 0;
}
