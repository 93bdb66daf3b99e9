/* wire_int.h: what wire.c and wire_voice.c share. See wire.h. Owner: the network thread. */
#ifndef STENO_API_WIRE_INT_H
#define STENO_API_WIRE_INT_H

#include "api/redaction.h"
#include "api/service_int.h"
#include "api/wire.h"

/* A voice on its own: it may have to outlive its wire until the engine has said its last word. */
typedef struct wire_voice wire_voice;
struct wire_voice {
    voice voice;
    wire_voice *next_dead;
    wire *wire; /* NULL: given up, nobody listens */
    int channel;
    bool blocked; /* cannot take more now */
};

struct wire {
    wire *prev, *next; /* of all */
    service *service;
    const dialect *kind;
    net_conn *conn; /* NULL: not open yet, or gone */
    auth_pass *pass;
    redact_rule rule;
    gate_policy policy; /* of its voices */
    wire_voice *voices[WIRE_CHANNELS_MAX];
    int n_voices;
    outbox out;
    char *text; /* [WIRE_TEXT_BYTES_MAX + 1]: a message that is not whole yet */
    size_t text_n;
    bool paused, closing, cut;
    int close_code;
    const char *close_reason;
    int64_t heard_ms, drain_until_ms; /* drain_until_ms 0: it is not asked to go */
    int64_t close_by_ms;              /* closing: until then it may read its last words */
    char id[LOG_ID_BYTES];
    trace trace;
    char model[32], language[16]; /* copies: engines are replaced */
    _Alignas(max_align_t) char state[];
};

/* Once a second. May not free the wire. */
void wire_sweep(wire *w, int64_t now_ms);
/* Last words, then the end. */
void wire_drain(wire *w, int64_t now_ms);

/* ---- wire_voice.c ----------------------------------------------------------------------------------------------- */

void wire_give_up_voices(wire *w);
void wire_work_voices(wire *w, int64_t now_ms);
void wire_sweep_voices(wire *w, int64_t now_ms);
/* A voice was told to finish or finalize, and has not answered. */
bool wire_awaits_engine(const wire *w);
void wire_free_dead(service *v); /* those whose streams have ended */
/* The engine is closed: its streams end without an event. */
void wire_forget_engine(service *v, const engine_slot *slot);

#endif
