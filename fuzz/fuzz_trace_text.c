/* fuzz_trace_text.c: any bytes as traceparent, tracestate, row and answer of a collector: what is kept reads back the same, may stand in a
 * header, and comes out as valid JSON.
 */
#include "watch/trace_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static void check_json(const trace_link *at, const char *state, const char *name) {
    char out[TRACE_JSON_BYTES_MAX];
    trace_span s = {.at = *at,
                    .parent = at->span,
                    .state = state,
                    .name = name,
                    .kind = TRACE_SERVER,
                    .attributes = TRACE_ATTRIBUTES(TRACE_STR("a", name))};
    size_t n = trace_span_write(&s, out, sizeof out);
    json_t *o = json_loadb(out, n, 0, NULL);
    CHECK(n == 0 || o);
    json_decref(o);
}

static void check_state(const char *text, char state[TRACE_STATE_BYTES]) {
    char again[TRACE_STATE_BYTES];
    (void)!trace_state_keep(text, state);
    for (const char *c = state; *c; c++) CHECK(*c >= 0x20 && *c < 0x7f);
    CHECK(trace_state_keep(state, again) && strcmp(state, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), parent[TRACE_PARENT_BYTES], state[TRACE_STATE_BYTES], why[TRACE_WHY_BYTES];
    trace_link at, back;
    CHECK(text);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    check_state(text, state);
    if (trace_parent_read(text, &at)) {
        trace_parent_write(&at, parent);
        CHECK(trace_parent_read(parent, &back) && memcmp(&at, &back, sizeof at) == 0);
    }
    check_json(&at, state, text);
    if (trace_text_read(text, &at, state)) check_json(&at, state, "row");
    CHECK(trace_answer_read(text, size, why) >= 0 && strlen(why) < sizeof why);
    free(text);
    return 0;
}
