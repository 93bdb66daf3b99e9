/* speakers_post.c: POST /v1/speakers: recordings of one person become a voice. See speakers.h; docs/speakers.md.
 *
 * The way: upload.h takes the body into files without names; the listener's thread has each decoded by a confined child, hears
 * them all and makes the print, or says why not; the store encrypts and keeps it; only then is 201 said. A client that leaves
 * before its recordings were heard leaves nothing behind.
 */
#include "api/service_int.h"
#include "api/speakers_int.h"
#include "api/upload.h"
#include "audio/media_whole.h"
#include "speakers/enrol.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GAP_S      0.5 /* between two recordings */
#define CODE_BYTES 24

typedef struct enrolment {
    speaker_ask head;
    struct enrolment *next; /* of those being heard */
    upload *upload;
    engine_slot *slot; /* held while it is heard */
    media_host *media;
    media_limits limits;
    int fds[SPEAKERS_FILES_MAX], n_fds;
    char names[SPEAKERS_FILES_MAX][64]; /* as the client calls them */
    atomic_bool given_up;
    bool counted;
    double audio_s;
    char code[CODE_BYTES]; /* of a refusal */
    steno_enrolment found;
} enrolment;

static void drop(speaker_ask *a) {
    enrolment *e = (enrolment *)a;
    if (e->counted) a->owner->waiting--;
    for (int i = 0; i < e->n_fds; i++) close(e->fds[i]);
    OPENSSL_cleanse(&e->found, sizeof e->found);
}

/* ---- on the listener's thread ------------------------------------------------------------------------------------- */

/* A path nobody chose is called by its name. */
static steno_err rename_failure(steno_err err, const char *path, const char *name) {
    char detail[ERR_DETAIL_BYTES];
    size_t n = strlen(path);
    snprintf(detail, sizeof detail, "%s", steno_error_detail());
    return err_fail(err, "%s%s", name, strncmp(detail, path, n) == 0 ? detail + n : detail);
}

static steno_err hear_files(enrolment *e, media_audio *audio) {
    for (int i = 0; i < e->n_fds; i++) {
        char path[40];
        snprintf(path, sizeof path, "/proc/self/fd/%d", e->fds[i]);
        if (i > 0) ERR_TRY(media_append_silence(audio, GAP_S));
        steno_err err = media_append(e->media, path, &e->limits, SPEAKERS_AUDIO_MAX_S, &e->given_up, audio);
        if (err != STENO_OK) return rename_failure(err, path, e->names[i]);
    }
    return STENO_OK;
}

/* "": it has nothing to do with the recordings. */
static const char *code_of(const enrolment *e, steno_err err, bool decoded) {
    if (err == STENO_E_LIMIT) return "too_long";
    if (!decoded) return "bad_audio";
    return err == STENO_E_INVALID ? enrol_verdict_name(enrol_judge(&e->found)) : "";
}

static steno_err run_hear(work *w, db *d) {
    enrolment *e = (enrolment *)w;
    media_audio audio = {0};
    (void)d;
    steno_err err = hear_files(e, &audio);
    bool decoded = err == STENO_OK;
    e->audio_s = (double)audio.n / STENO_SAMPLE_RATE_HZ;
    if (decoded) err = steno_voice_enrol(e->slot->model, audio.pcm, audio.n, &e->found);
    if (err != STENO_OK) snprintf(e->code, sizeof e->code, "%s", code_of(e, err, decoded));
    media_audio_free(&audio);
    return err;
}

/* ---- on the store's thread ---------------------------------------------------------------------------------------- */

static steno_err run_add(work *w, db *d) {
    enrolment *e = (enrolment *)w;
    speaker_ask *a = &e->head;
    const char *key_file = voice_book_key_file(a->owner->book);
    steno_err err = voices_add(d, key_file, a->owner->voices_max, &a->voice, e->found.voice.print);
    OPENSSL_cleanse(&e->found, sizeof e->found);
    if (err == STENO_E_INVALID) snprintf(e->code, sizeof e->code, "name_taken");
    if (err == STENO_E_LIMIT && strstr(steno_error_detail(), "voices_max"))
        snprintf(e->code, sizeof e->code, "voices_full");
    if (err == STENO_OK && voices_load(d, key_file, &a->table) != STENO_OK) a->table = NULL; /* the book tells why */
    return err;
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static void answer_add(ask *head, net_reply *reply) {
    const enrolment *e = (const enrolment *)head;
    const voices_record *r = &e->head.voice;
    char where[64];
    if (head->head.error != STENO_OK) {
        if (e->code[0])
            speakers_refuse(reply, head->head.error == STENO_E_INVALID ? 409 : 507, e->code, head->head.why);
        else
            speakers_refuse_error(reply, head->head.error, head->head.why);
        return;
    }
    log_event(LOG_LEVEL_INFO, "voice enrolled", LOG_STR("request", head->request), LOG_STR("voice", r->id));
    reply_json(reply, 201, speakers_json(r));
    snprintf(where, sizeof where, "/v1/speakers/%s", r->id);
    reply_header(reply, "location", where);
}

/* An answer while the exchange is ours and nothing is under way. */
static void refuse_now(enrolment *e, int status, const char *code, const char *text) {
    net_reply reply = {0};
    speakers_refuse(&reply, status, code, text);
    reply_call_headers(&reply, e->head.ask.request, e->head.ask.pass);
    net_answer(e->head.ask.exchange, &reply);
}

static void refuse_heard(enrolment *e, steno_err err, const char *why) {
    if (err == STENO_E_NOMEM || err == STENO_E_AGAIN || err == STENO_E_CANCELLED || err == STENO_E_INTERNAL)
        refuse_now(e, 503, "busy", "the recordings could not be heard now: try again");
    else if (e->code[0])
        refuse_now(e, 422, e->code, why);
    else
        refuse_now(e, 501, "no_voice_model", "this server has no model of voices: 'make models' fetches it");
}

static void forget(enrolment *e) {
    enrolment **at = &e->head.owner->heard;
    while (*at && *at != e) at = &(*at)->next;
    if (*at) *at = e->next;
    e->slot->streams--;
    e->slot = NULL;
}

static void fill_record(enrolment *e) {
    voices_record *r = &e->head.voice;
    r->speech_s = e->found.speech_s;
    r->snr_db = e->found.snr_db;
    r->clipped = e->found.clipped;
    r->unity = e->found.unity;
    r->created_s = r->consent_s = (int64_t)time(NULL);
    snprintf(r->owner, sizeof r->owner, "%.*s", VOICES_OWNER_BYTES - 1, e->head.ask.who);
    snprintf(r->model, sizeof r->model, "%s", ENROL_MODEL);
}

static void heard(work *w) {
    enrolment *e = (enrolment *)w;
    speaker_ask *a = &e->head;
    a->ask.working = a->ask.pays = false;
    forget(e);
    if (a->ask.pass) auth_charge(a->ask.pass, e->audio_s);
    if (!a->ask.exchange)
        ask_gone(&a->ask);
    else if (w->error != STENO_OK)
        refuse_heard(e, w->error, w->why);
    else {
        fill_record(e);
        if (!ask_put(&a->ask, a->owner->store, run_add, speaker_ask_done))
            refuse_now(e, 503, "busy", "the server has too much to write: try again");
    }
}

void speakers_stop(speakers *s) {
    if (!s) return;
    s->stopped = true;
    for (enrolment *e = s->heard; e; e = e->next) atomic_store(&e->given_up, true);
    if (s->listener_watch) net_watch_close(s->listener_watch);
    s->listener_watch = NULL;
    worker_close(s->listener);
    s->listener = NULL;
}

/* ---- the body ----------------------------------------------------------------------------------------------------- */

static steno_err take_field(voices_record *r, const upload_field *f) {
    if (strlen(f->value) != f->bytes) return err_fail(STENO_E_INVALID, "%.40s: want text", f->name);
    if (strcmp(f->name, "name") == 0) return voices_name_read(f->value, r->name);
    if (strcmp(f->name, "consent") == 0) {
        ERR_TRY(voices_consent_check(f->value));
        snprintf(r->consent, sizeof r->consent, "%s", f->value);
        return STENO_OK;
    }
    if (strcmp(f->name, "by") != 0)
        return err_fail(STENO_E_INVALID, "%.40s: there is no such field: want name, consent, by and files", f->name);
    if (f->bytes >= sizeof r->consent_by || voices_consent_check(f->value) != STENO_OK)
        return err_fail(STENO_E_INVALID, "by: want text of at most %zu bytes", sizeof r->consent_by - 1);
    snprintf(r->consent_by, sizeof r->consent_by, "%s", f->value);
    return STENO_OK;
}

static steno_err read_fields(enrolment *e) {
    voices_record *r = &e->head.voice;
    for (int i = 0; i < upload_fields(e->upload); i++) ERR_TRY(take_field(r, upload_field_at(e->upload, i)));
    if (!r->name[0]) return err_fail(STENO_E_INVALID, "name: want the name of the person");
    if (!r->consent[0]) return voices_consent_check("");
    if (!r->consent_by[0])
        snprintf(r->consent_by, sizeof r->consent_by, "key %.32s", e->head.ask.who[0] ? e->head.ask.who : "none");
    return STENO_OK;
}

/* Before seconds are spent on hearing it; the store has the last word. */
static bool is_taken(const enrolment *e) {
    const voices_table *t = voice_book_table(e->head.owner->book);
    return t && voices_find_record(t, e->head.ask.who, e->head.voice.name);
}

static bool check_whole(enrolment *e) {
    const speakers *s = e->head.owner;
    steno_err err = read_fields(e);
    if (err != STENO_OK)
        refuse_now(e, 400, strncmp(steno_error_detail(), "consent", 7) == 0 ? "consent_required" : "bad_parameter",
                   steno_error_detail());
    else if (upload_files(e->upload) == 0)
        refuse_now(e, 400, "no_file", "the form has no recording");
    else if (is_taken(e))
        refuse_now(e, 409, "name_taken",
                   "there is a voice of that name already: delete it first, or take another name");
    else if (s->stopped || s->service->draining)
        refuse_now(e, 503, "draining", "this server is about to end");
    else
        return true;
    return false;
}

static void on_whole(void *user, upload *u) {
    enrolment *e = user;
    speakers *s = e->head.owner;
    e->upload = u;
    if (!check_whole(e)) return;
    for (int i = 0; i < upload_files(u); i++) {
        const char *name = upload_file_at(u, i)->filename;
        snprintf(e->names[i], sizeof e->names[i], "%.60s", name[0] ? name : "recording");
        e->fds[e->n_fds++] = upload_release_fd(u, i);
    }
    e->media = s->service->config.media;
    e->slot = s->service->slots;
    e->slot->streams++; /* the model stays while it is used */
    e->next = s->heard;
    s->heard = e;
    e->head.ask.pays = ask_put(&e->head.ask, s->listener, run_hear, heard);
    if (e->head.ask.pays) return;
    forget(e);
    refuse_now(e, 503, "busy", "so many recordings wait to be heard already: try again");
}

static void on_refused(void *user, upload *u, const upload_refusal *why) {
    (void)u;
    const char *code = why->status == 413 ? "too_large" : why->status == 415 ? "bad_type" : "bad_upload";
    refuse_now(user, why->status, why->status == 507 ? "disk_full" : code, why->message);
}

static void on_gone(void *user, bool complete) {
    enrolment *e = user;
    (void)complete;
    e->upload = NULL;
    atomic_store(&e->given_up, true);
    ask_gone(&e->head.ask);
}

static const upload_handler taking = {.whole = on_whole, .refused = on_refused, .gone = on_gone};

/* ---- the request -------------------------------------------------------------------------------------------------- */

/* Before a byte of the body is taken. */
static bool may_come(call *c, const speakers *s) {
    if (s->service->draining || s->stopped)
        speakers_refuse(c->reply, 503, "draining", "this server is about to end");
    else if (!s->service->config.media)
        speakers_refuse(c->reply, 501, "not_configured", "this server takes no recordings");
    else if (s->waiting >= SPEAKERS_WAITING_MAX)
        speakers_refuse(c->reply, 503, "busy", "so many recordings wait to be heard already: try again");
    else
        return true;
    return false;
}

static bool check_query(call *c) {
    for (int i = 0; i < c->request->n_args; i++) {
        if (strncmp(c->request->args[i], "access_token=", 13) == 0) continue; /* a key, for those who keep them */
        speakers_refuse(c->reply, 400, "bad_parameter",
                        "the address takes no parameters: name and consent are fields of the form");
        return false;
    }
    return true;
}

void speakers_answer_post(call *c) {
    speakers *s;
    upload_refusal why;
    const upload_config config = {.files_max = SPEAKERS_FILES_MAX,
                                  .file_bytes_max = (uint64_t)SPEAKERS_FILE_MAX_MB << 20,
                                  .field_bytes_max = VOICES_CONSENT_BYTES + 1024};
    if (!speakers_ready(c, &s) || !may_come(c, s) || !check_query(c)) return;
    enrolment *e = (enrolment *)speaker_ask_make(c, s, sizeof *e);
    if (!e) return;
    e->head.drop = drop;
    e->head.ask.answer = answer_add;
    e->limits = s->service->config.media_limits;
    e->limits.max_audio_s = SPEAKERS_AUDIO_MAX_S;
    e->limits.max_cpu_s = SPEAKERS_DECODE_CPU_S;
    if (upload_take(c->exchange, c->request, &config, &taking, e, &e->upload, &why) != STENO_OK) {
        speakers_refuse(c->reply, why.status, why.status == 415 ? "bad_type" : "bad_upload", why.message);
        ask_gone(&e->head.ask);
        return;
    }
    ask_take(&e->head.ask, c);
    e->counted = true;
    s->waiting++;
}
