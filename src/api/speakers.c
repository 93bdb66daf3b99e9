/* speakers.c: life of the voices' API, the list, deleting. See speakers.h. */
#include "api/speakers_int.h"

#include "api/events.h"
#include "api/service_int.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_BYTES 32

/* ---- answers ------------------------------------------------------------------------------------------------------ */

void speakers_refuse(net_reply *reply, int status, const char *code, const char *text) {
    native_refuse(
        reply, NULL,
        &(call_refusal){
            .status = status, .code = code, .message = text, .retry_after_s = status == 503 ? SPEAKERS_RETRY_S : 0});
}

void speakers_refuse_error(net_reply *reply, steno_err e, const char *why) {
    log_line(LOG_LEVEL_ERROR, "voices: %s", why);
    if (e == STENO_E_AGAIN)
        speakers_refuse(reply, 503, "busy", "the server has too much to write: try again");
    else if (e == STENO_E_LIMIT)
        speakers_refuse(reply, 507, "disk_full", "the server's disk is full: nothing was changed");
    else
        speakers_refuse(reply, 503, "store", "voices cannot be read or written now: the server's log says why");
}

bool speakers_ready(call *c, speakers **out) {
    *out = c->service->speakers;
    if (!*out)
        speakers_refuse(c->reply, 503, "not_configured", "this server keeps no voices: data_dir is not set");
    else if (!voice_book_table((*out)->book))
        speakers_refuse(c->reply, 503, "store", "voices cannot be read now: the server's log says why");
    else
        return true;
    if (!*out) c->reply->retry_after_s = 0;
    return false;
}

static const char *time_text(int64_t wall_s, char out[TIME_BYTES]) {
    time_t at = wall_s;
    struct tm utc;
    out[0] = 0;
    if (gmtime_r(&at, &utc)) strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S.000Z", &utc);
    return out;
}

json_t *speakers_json(const voices_record *r) {
    char created[TIME_BYTES], agreed[TIME_BYTES];
    return json_pack("{s:s, s:o, s:f, s:{s:f, s:f, s:f}, s:s, s:{s:o, s:o, s:s}, s:s}", "id", r->id, "name",
                     events_string(r->name, strlen(r->name)), "speech_s", r->speech_s, "quality", "snr_db", r->snr_db,
                     "clipped", r->clipped, "unity", r->unity, "model", r->model, "consent", "text",
                     events_string(r->consent, strlen(r->consent)), "by",
                     events_string(r->consent_by, strlen(r->consent_by)), "at", time_text(r->consent_s, agreed),
                     "created", time_text(r->created_s, created));
}

/* ---- a request that waits ----------------------------------------------------------------------------------------- */

static void drop_ask(ask *head) {
    speaker_ask *a = (speaker_ask *)head;
    if (a->drop) a->drop(a);
    voices_table_free(a->table);
}

speaker_ask *speaker_ask_make(call *c, speakers *s, size_t bytes) {
    speaker_ask *a = mem_alloc(1, bytes);
    if (!a) {
        speakers_refuse(c->reply, 503, "nomem", "no memory for this request");
        return NULL;
    }
    ask_begin(&a->ask, c);
    a->ask.drop = drop_ask;
    a->owner = s;
    return a;
}

void speaker_ask_done(work *w) {
    speaker_ask *a = (speaker_ask *)w;
    voice_book_adopt(a->owner->book, a->table);
    a->table = NULL;
    ask_done(w);
}

/* ---- the list ----------------------------------------------------------------------------------------------------- */

void speakers_answer_list(call *c) {
    speakers *s;
    if (!speakers_ready(c, &s)) return;
    const voices_table *t = voice_book_table(s->book);
    json_t *all = json_array();
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->records[i].owner, ask_owner(c)) == 0) json_array_append_new(all, speakers_json(&t->records[i]));
    }
    reply_json(c->reply, 200, json_pack("{s:o}", "speakers", all));
}

/* ---- deleting ----------------------------------------------------------------------------------------------------- */

static steno_err run_delete(work *w, db *d) {
    speaker_ask *a = (speaker_ask *)w;
    char id[IDENT_BYTES];
    bool erased; /* if not, the book does it */
    memcpy(id, a->voice.id, sizeof id);
    ERR_TRY(voices_delete(d, a->ask.who, id, &a->voice, &erased));
    if (voices_load(d, voice_book_key_file(a->owner->book), &a->table) != STENO_OK)
        a->table = NULL; /* the book tells */
    return STENO_OK;
}

static void answer_delete(ask *head, net_reply *reply) {
    const speaker_ask *a = (const speaker_ask *)head;
    if (head->head.error == STENO_E_NOT_FOUND) {
        speakers_refuse(reply, 404, "not_found", "there is no such voice");
        return;
    }
    if (head->head.error != STENO_OK) {
        speakers_refuse_error(reply, head->head.error, head->head.why);
        return;
    }
    log_event(LOG_LEVEL_INFO, "voice deleted", LOG_STR("request", head->request), LOG_STR("voice", a->voice.id));
    *reply = (net_reply){.status = 204};
}

void speakers_answer_delete(call *c) {
    speakers *s;
    char id[IDENT_BYTES];
    if (!speakers_ready(c, &s)) return;
    if (!call_segment(c, 0, id, sizeof id) || !ident_is(VOICES_ID_PREFIX, id)) {
        speakers_refuse(c->reply, 404, "not_found", "there is no such voice");
        return;
    }
    speaker_ask *a = speaker_ask_make(c, s, sizeof *a);
    if (!a) return;
    memcpy(a->voice.id, id, sizeof id);
    a->ask.answer = answer_delete;
    if (!ask_put(&a->ask, s->store, run_delete, speaker_ask_done)) {
        speakers_refuse_error(c->reply, a->ask.head.error, a->ask.head.why);
        ask_gone(&a->ask);
        return;
    }
    ask_wait(&a->ask, c);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void on_heard(void *ctx) {
    worker_deliver(((speakers *)ctx)->listener);
}

static steno_err start(speakers *s, const speakers_config *config, voices_table *table) {
    ERR_TRY(voice_book_open(s->store, config->key_file, table, &s->book));
    ERR_TRY(worker_open(NULL, &s->listener));
    s->listener_watch = net_watch_open(s->service->net, worker_fd(s->listener), on_heard, s);
    return s->listener_watch ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for voices");
}

steno_err speakers_open(service *v, const speakers_config *config, worker *store, voices_table *table, speakers **out) {
    speakers *s = mem_alloc(1, sizeof *s);
    *out = NULL;
    if (!s) {
        voices_table_free(table);
        return err_fail(STENO_E_NOMEM, "no memory for voices");
    }
    *s = (speakers){.service = v, .store = store, .voices_max = config->voices_max};
    steno_err e = start(s, config, table);
    if (e != STENO_OK) {
        speakers_stop(s);
        speakers_close(s);
        return e;
    }
    *out = s;
    return STENO_OK;
}

void speakers_configure(speakers *s, const speakers_config *config) {
    s->voices_max = config->voices_max;
}

void speakers_tick(speakers *s) {
    if (s) voice_book_tick(s->book);
}

voice_book *speakers_book(const speakers *s) {
    return s ? s->book : NULL;
}

void speakers_close(speakers *s) {
    if (!s) return;
    voice_book_close(s->book);
    mem_free(s);
}
