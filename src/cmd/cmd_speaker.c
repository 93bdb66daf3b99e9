/* cmd_speaker.c: `steno speaker`: voices enrolled with consent, listed, checked, deleted; their key exchanged. A running server
 * notices within a second or two.
 *
 * Owner: the main thread. See docs/man/steno-speaker.1 and docs/speakers.md. What a voice is like is said nowhere: there is no
 * action that exports a print.
 */
#include "audio/media_whole.h"
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/cmd_options.h"
#include "cmd/data_place.h"
#include "speakers/enrol.h"
#include "store/keys.h"
#include "store/voices.h"

#include <jansson.h>
#include <openssl/crypto.h>

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIME_BYTES  24
#define AUDIO_MAX_S 600 /* of all recordings of one voice */
#define GAP_S       0.5 /* between two recordings */

enum { OPT_CONSENT = 256, OPT_BY, OPT_CONFIG, OPT_DATA_DIR, OPT_MODELS_DIR, OPT_KEY, OPT_JSON, OPT_ALL };

typedef struct speaker_options {
    const char *config_file, *data_dir, *models_dir, *consent, *by;
    const char *key; /* NULL: not given */
    bool json, all;
    /* found by find_places() */
    config config;
    char dir[CONFIG_TEXT_BYTES], key_file[CONFIG_KEY_FILE_BYTES];
} speaker_options;

static void help(void) {
    printf("Usage: steno speaker enroll NAME FILE … --consent TEXT [options]\n"
           "       steno speaker list       [--json] [options]\n"
           "       steno speaker check NAME FILE … [--json] [options]\n"
           "       steno speaker delete NAME|ID … | --all [options]\n"
           "       steno speaker rotate-key [options]\n\n"
           "  enroll      make a voice print from recordings of one person alone, 5 s of speech at least, and keep it\n"
           "              encrypted. Recordings that are too short, noisy, clipped or hold two voices are refused\n"
           "  list        who is enrolled, since when, by whose consent. Prints are never shown\n"
           "  check       how well recordings fit an enrolled voice; nothing is kept of them\n"
           "  delete      forget voices: rows are overwritten\n"
           "  rotate-key  encrypt all prints again with a new key\n\n"
           "Enrolling:\n"
           "  --consent TEXT     how this person agreed to be recognised; required, and kept with the voice\n"
           "  --by TEXT          who says so (default: the user who runs this)\n\n"
           "Options:\n"
           "  --key ID           voices of this API key (default: those of requests without a key; list: all)\n"
           "  --all              delete: all voices of --key, or of requests without a key\n"
           "  --data-dir DIR     the server's data_dir (default: as the configuration says)\n"
           "  --models-dir DIR   where the converted models are (default: as the configuration says)\n"
           "  --config FILE      the server's configuration; otherwise the one STENO_CONFIG names, or none\n"
           "  --json             list, check, enroll: JSON\n"
           "  -h, --help         this text\n");
}

static int fail(const char *name) {
    cli_complain(name, steno_error_detail());
    return 1;
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

const struct option cmd_speaker_options[] = {{"help", no_argument, NULL, 'h'},
                                             {"config", required_argument, NULL, OPT_CONFIG},
                                             {"data-dir", required_argument, NULL, OPT_DATA_DIR},
                                             {"models-dir", required_argument, NULL, OPT_MODELS_DIR},
                                             {"consent", required_argument, NULL, OPT_CONSENT},
                                             {"by", required_argument, NULL, OPT_BY},
                                             {"key", required_argument, NULL, OPT_KEY},
                                             {"all", no_argument, NULL, OPT_ALL},
                                             {"json", no_argument, NULL, OPT_JSON},
                                             {NULL, 0, NULL, 0}};

static int read_key(speaker_options *o, const char *text) {
    keys_text room;
    static char id[KEYS_ID_CHARS + 1];
    if (keys_read(text, strlen(text), &room) == KEYS_FORM_GOOD) { /* somebody who has the whole key at hand */
        memcpy(id, room.id, sizeof id);
        o->key = id;
        return -1;
    }
    bool good = strlen(text) == KEYS_ID_CHARS && strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz") == KEYS_ID_CHARS;
    if (!good)
        return cli_usage("speaker", "--key cannot be '%.60s': want the id of a key, as 'steno key list' has it", text);
    o->key = text;
    return -1;
}

/* Where the text of an option goes; NULL: it takes none, or is no plain text. */
static const char **text_of(speaker_options *o, int code) {
    switch (code) {
    case OPT_CONSENT:
        return &o->consent;
    case OPT_BY:
        return &o->by;
    case OPT_CONFIG:
        return &o->config_file;
    case OPT_DATA_DIR:
        return &o->data_dir;
    case OPT_MODELS_DIR:
        return &o->models_dir;
    default:
        return NULL;
    }
}

/* -1: go on; else the exit status. */
static int take_option(speaker_options *o, int code, const char *value) {
    const char **text = text_of(o, code);
    if (code == OPT_KEY) return read_key(o, value);
    if (text) *text = value;
    o->json = o->json || code == OPT_JSON;
    o->all = o->all || code == OPT_ALL;
    return -1;
}

static int read_options(speaker_options *o, int argc, char **argv) {
    *o = (speaker_options){.config_file = data_place_config()};
    optind = 0; /* the tests call this more than once */
    for (int code; (code = getopt_long(argc, argv, ":h", cmd_speaker_options, NULL)) != -1;) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("speaker", code, argv);
        int status = take_option(o, code, optarg);
        if (status >= 0) return status;
    }
    return -1;
}

static steno_err find_places(speaker_options *o) {
    ERR_TRY(data_place_find(o->config_file, o->data_dir, &o->config, o->dir));
    config_voice_key_file(&o->config, o->dir, o->key_file);
    return STENO_OK;
}

static const char *owner_of(const speaker_options *o) {
    return o->key ? o->key : "";
}

/* ---- listening ---------------------------------------------------------------------------------------------------- */

static steno_err hear_files(media_host *host, char **files, int n, media_audio *out) {
    media_limits limits;
    media_limits_init(&limits);
    limits.max_audio_s = AUDIO_MAX_S;
    for (int i = 0; i < n; i++) {
        if (i > 0) ERR_TRY(media_append_silence(out, GAP_S));
        ERR_TRY(media_append(host, files[i], &limits, AUDIO_MAX_S, NULL, out));
    }
    return STENO_OK;
}

static steno_err enrol_with(const speaker_options *o, media_host *host, char **files, int n, steno_enrolment *out) {
    const char *models = o->models_dir ? o->models_dir : o->config.models_dir;
    steno_model_options m = {
        .name = o->config.model, .precision = o->config.precision, .dir = models[0] ? models : NULL};
    media_audio audio = {0};
    steno_model *model;
    ERR_TRY(steno_model_open(&m, &model));
    steno_err e = hear_files(host, files, n, &audio);
    if (e == STENO_OK) e = steno_voice_enrol(model, audio.pcm, audio.n, out);
    media_audio_free(&audio);
    steno_model_close(model);
    return e;
}

/* STENO_E_INVALID with *out filled: they are no good for a print. */
static steno_err enrol_files(const speaker_options *o, char **files, int n, steno_enrolment *out) {
    media_host *host; /* first: while the process has one thread */
    *out = (steno_enrolment){0};
    ERR_TRY(media_host_start(NULL, &host));
    steno_err e = enrol_with(o, host, files, n, out);
    media_host_stop(host);
    return e;
}

/* ---- enroll ------------------------------------------------------------------------------------------------------- */

static void who_runs_this(char out[VOICES_BY_BYTES]) {
    const struct passwd *user = getpwuid(getuid());
    snprintf(out, VOICES_BY_BYTES, "%s", user ? user->pw_name : "somebody");
}

static steno_err fill_record(const speaker_options *o, const steno_enrolment *e, const char *name, voices_record *r) {
    int64_t now_s = time(NULL);
    *r = (voices_record){.speech_s = e->speech_s,
                         .snr_db = e->snr_db,
                         .clipped = e->clipped,
                         .unity = e->unity,
                         .consent_s = now_s,
                         .created_s = now_s};
    ERR_TRY(voices_name_read(name, r->name));
    ERR_TRY(voices_consent_check(o->consent));
    snprintf(r->owner, sizeof r->owner, "%s", owner_of(o));
    snprintf(r->model, sizeof r->model, "%s", ENROL_MODEL);
    snprintf(r->consent, sizeof r->consent, "%s", o->consent);
    if (o->by && strlen(o->by) >= sizeof r->consent_by)
        return err_fail(STENO_E_INVALID, "--by: want at most %zu bytes", sizeof r->consent_by - 1);
    who_runs_this(r->consent_by);
    if (o->by) ERR_TRY(voices_consent_check(o->by));
    if (o->by) snprintf(r->consent_by, sizeof r->consent_by, "%s", o->by);
    return STENO_OK;
}

static void print_enrolled(const speaker_options *o, const voices_record *r) {
    if (!o->json) {
        printf("%s\n", r->id);
        fflush(stdout);
        fprintf(stderr,
                "steno: %s is enrolled: %.1f s of speech, %.0f dB above the noise, likeness of its parts %.2f\n",
                r->name, r->speech_s, r->snr_db, r->unity);
        return;
    }
    json_t *all = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "id", r->id, "name", r->name, "speech_s", r->speech_s,
                            "snr_db", r->snr_db, "clipped", r->clipped, "unity", r->unity);
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
}

static steno_err keep(const speaker_options *o, voices_record *r, const float *print) {
    db *d;
    ERR_TRY(
        data_place_open(o->dir, true, "voice", &d)); /* after the files were read: root may give up its rights here */
    steno_err e = voices_add(d, o->key_file, o->config.voices_max, r, print);
    db_close(d);
    return e;
}

static int enroll(speaker_options *o, char **rest, int n) {
    steno_enrolment found = {0};
    voices_record r;
    if (n < 2) return cli_usage("speaker", "enroll wants a name and at least one recording");
    if (!o->consent)
        return cli_usage("speaker", "--consent is needed: how did %s agree to be recognised by voice?", rest[0]);
    if (fill_record(o, &found, rest[0], &r) != STENO_OK || find_places(o) != STENO_OK) return fail("speaker");
    steno_err e = enrol_files(o, rest + 1, n - 1, &found);
    if (e == STENO_OK) e = fill_record(o, &found, rest[0], &r);
    if (e == STENO_OK) e = keep(o, &r, found.voice.print);
    OPENSSL_cleanse(&found, sizeof found);
    if (e != STENO_OK) return fail(rest[0]);
    print_enrolled(o, &r);
    return 0;
}

/* ---- list --------------------------------------------------------------------------------------------------------- */

static const char *time_text(int64_t wall_s, char out[TIME_BYTES]) {
    time_t at = wall_s;
    struct tm utc;
    out[0] = 0;
    if (gmtime_r(&at, &utc)) strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return out;
}

static json_t *voice_json(const voices_record *r) {
    char created[TIME_BYTES], agreed[TIME_BYTES];
    return json_pack("{s:s, s:s, s:s?, s:f, s:{s:f, s:f, s:f}, s:s, s:{s:s, s:s, s:s}, s:s}", "id", r->id, "name",
                     r->name, "key", r->owner[0] ? r->owner : NULL, "speech_s", r->speech_s, "quality", "snr_db",
                     r->snr_db, "clipped", r->clipped, "unity", r->unity, "model", r->model, "consent", "text",
                     r->consent, "by", r->consent_by, "at", time_text(r->consent_s, agreed), "created",
                     time_text(r->created_s, created));
}

/* A consent may have lines: the first one, for people. */
static void print_row(const voices_record *r) {
    char created[TIME_BYTES];
    printf("%-28s  %-8s  %7.1f  %4.0f  %5.2f  %-20s  %-24s  %.*s (%s)\n", r->id, r->owner[0] ? r->owner : "-",
           r->speech_s, r->snr_db, r->unity, time_text(r->created_s, created), r->name,
           (int)strcspn(r->consent, "\r\n"), r->consent, r->consent_by);
}

static void print_list(const speaker_options *o, const voices_table *t) {
    json_t *json = o->json ? json_array() : NULL;
    if (!json)
        printf("%-28s  %-8s  %7s  %4s  %5s  %-20s  %-24s  %s\n", "ID", "KEY", "SPEECH", "SNR", "UNITY", "SINCE", "NAME",
               "CONSENT (BY)");
    for (size_t i = 0; i < t->n; i++) {
        if (o->key && strcmp(o->key, t->records[i].owner) != 0) continue;
        if (json)
            json_array_append_new(json, voice_json(&t->records[i]));
        else
            print_row(&t->records[i]);
    }
    if (!json) return;
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(json);
}

static int list(speaker_options *o, int n_rest) {
    db *d;
    voices_table *t = NULL;
    if (n_rest) return cli_usage("speaker", "list takes no arguments");
    if (find_places(o) != STENO_OK) return fail("speaker");
    steno_err e = data_place_open(o->dir, false, "voice", &d);
    if (e == STENO_E_NOT_FOUND && o->json) puts("[]");
    if (e != STENO_OK) return e == STENO_E_NOT_FOUND ? (fail("speaker"), 0) : fail("speaker");
    e = voices_list(d, &t);
    if (e == STENO_OK) print_list(o, t);
    voices_table_free(t);
    db_close(d);
    return e == STENO_OK ? 0 : fail("speaker");
}

/* ---- check -------------------------------------------------------------------------------------------------------- */

typedef struct fit {
    float like, next;
    const char *next_name; /* NULL: nobody else is enrolled */
} fit;

static bool comparable(const voices_record *r) {
    return !r->damaged && strcmp(r->model, ENROL_MODEL) == 0;
}

static fit fit_of(const voices_table *t, const voices_record *who, const float *print) {
    fit f = {.like = enrol_likeness(t->voices[who - t->records].print, print), .next = -1};
    for (size_t i = 0; i < t->n; i++) {
        const voices_record *r = &t->records[i];
        if (r == who || strcmp(r->owner, who->owner) != 0 || !comparable(r)) continue;
        float like = enrol_likeness(t->voices[i].print, print);
        if (like <= f.next) continue;
        f.next = like;
        f.next_name = r->name;
    }
    return f;
}

static void print_fit(const speaker_options *o, const voices_record *who, const fit *f, const steno_enrolment *found) {
    bool same = f->like >= ENROL_SAME_LIKENESS && (!f->next_name || f->like > f->next);
    float rest = f->next_name && f->next > ENROL_SAME_LIKENESS ? f->next : ENROL_SAME_LIKENESS;
    if (!o->json) {
        printf("%s: %s, likeness %.2f (margin %+.2f), %.1f s of speech", who->name, same ? "same" : "other",
               (double)f->like, (double)(f->like - rest), found->speech_s);
        if (f->next_name) printf("; next: %s, %.2f", f->next_name, (double)f->next);
        putchar('\n');
        return;
    }
    json_t *all =
        json_pack("{s:s, s:b, s:f, s:f, s:f, s:s?}", "name", who->name, "same", same, "likeness", (double)f->like,
                  "margin", (double)(f->like - rest), "speech_s", found->speech_s, "next", f->next_name);
    if (f->next_name) json_object_set_new(all, "next_likeness", json_real((double)f->next));
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
}

static steno_err compare(const speaker_options *o, const char *name, const steno_enrolment *found) {
    char wanted[STENO_VOICE_NAME_BYTES];
    voices_table *t = NULL;
    db *d;
    ERR_TRY(data_place_open(o->dir, false, "voice", &d));
    steno_err e = voices_load(d, o->key_file, &t);
    db_close(d);
    ERR_TRY(e);
    bool by_id = ident_is(VOICES_ID_PREFIX, name);
    e = by_id ? STENO_OK : voices_name_read(name, wanted);
    const voices_record *who = e == STENO_OK ? voices_find_record(t, owner_of(o), by_id ? name : wanted) : NULL;
    if (e == STENO_OK && !who) e = err_fail(STENO_E_NOT_FOUND, "there is no voice '%.80s'", name);
    if (who && !comparable(who))
        e = err_fail(STENO_E_UNSUPPORTED, "it was enrolled with another model (%s), or is damaged: enroll it again",
                     who->model);
    if (e == STENO_OK) {
        fit f = fit_of(t, who, found->voice.print);
        print_fit(o, who, &f, found);
    }
    voices_table_free(t);
    return e;
}

/* What is too short or noisy for a print may still be told apart, less surely. */
static int check(speaker_options *o, char **rest, int n) {
    steno_enrolment found;
    if (n < 2) return cli_usage("speaker", "check wants a name and at least one recording");
    if (find_places(o) != STENO_OK) return fail("speaker");
    steno_err e = enrol_files(o, rest + 1, n - 1, &found);
    if (e == STENO_E_INVALID && found.speech_s >= ENROL_LOOK_SPEECH_S) {
        cli_complain(rest[0], steno_error_detail());
        e = STENO_OK;
    }
    if (e == STENO_OK) e = compare(o, rest[0], &found);
    OPENSSL_cleanse(&found, sizeof found);
    return e == STENO_OK ? 0 : fail(rest[0]);
}

/* ---- delete, rotate-key ------------------------------------------------------------------------------------------- */

static void say_erased(bool erased) {
    if (erased) return;
    fprintf(stderr,
            "steno: the database's log still has copies, which another process reads; a running server removes them\n");
}

static int delete_one(const speaker_options *o, db *d, const char *name, bool *erased) {
    char wanted[STENO_VOICE_NAME_BYTES];
    voices_record was;
    bool gone, by_id = ident_is(VOICES_ID_PREFIX, name);
    steno_err e = by_id ? STENO_OK : voices_name_read(name, wanted);
    if (e == STENO_OK) e = voices_delete(d, by_id && !o->key ? NULL : owner_of(o), by_id ? name : wanted, &was, &gone);
    if (e != STENO_OK) return fail(name);
    *erased = gone; /* the last one empties the log for all */
    printf("%s: deleted\n", was.id);
    return 0;
}

static int delete_all(const speaker_options *o, db *d, bool *erased) {
    int n;
    if (voices_delete_owner(d, owner_of(o), &n, erased) != STENO_OK) return fail("speaker");
    printf("%d deleted\n", n);
    return 0;
}

static int delete_voices(speaker_options *o, char **rest, int n) {
    db *d;
    bool erased = true;
    int status = 0;
    if ((n == 0) == !o->all)
        return cli_usage("speaker", "delete wants names or ids, or --all: see 'steno speaker list'");
    if (find_places(o) != STENO_OK || data_place_open(o->dir, false, "voice", &d) != STENO_OK) return fail("speaker");
    if (o->all) status = delete_all(o, d, &erased);
    for (int i = 0; i < n; i++) status |= delete_one(o, d, rest[i], &erased);
    say_erased(erased);
    db_close(d);
    return status;
}

static int rotate_key(speaker_options *o, int n_rest) {
    db *d;
    int n;
    bool erased;
    if (n_rest) return cli_usage("speaker", "rotate-key takes no arguments");
    if (find_places(o) != STENO_OK || data_place_open(o->dir, false, "voice", &d) != STENO_OK) return fail("speaker");
    steno_err e = voices_rotate(d, o->key_file, &n, &erased);
    db_close(d);
    if (e != STENO_OK) return fail("speaker");
    printf("%d encrypted again\n", n);
    say_erased(erased);
    return 0;
}

/* ---- the door ----------------------------------------------------------------------------------------------------- */

int cmd_speaker(int argc, char **argv) {
    speaker_options o;
    int status = read_options(&o, argc, argv);
    if (status >= 0) return status;
    if (optind == argc) return cli_usage("speaker", "an action is needed: enroll, list, check, delete or rotate-key");
    const char *action = argv[optind];
    char **rest = argv + optind + 1;
    int n = argc - optind - 1;
    if (strcmp(action, "enroll") == 0) return enroll(&o, rest, n);
    if (o.consent || o.by) return cli_usage("speaker", "%.20s takes no consent: only enroll does", action);
    if (strcmp(action, "list") == 0) return list(&o, n);
    if (strcmp(action, "check") == 0) return check(&o, rest, n);
    if (strcmp(action, "delete") == 0) return delete_voices(&o, rest, n);
    if (strcmp(action, "rotate-key") == 0) return rotate_key(&o, n);
    return cli_usage("speaker", "unknown action '%.60s': want enroll, list, check, delete or rotate-key", action);
}
