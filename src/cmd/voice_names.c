/* voice_names.c: see voice_names.h. */
#include "cmd/voice_names.h"

#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/data_place.h"
#include "speakers/enrol.h"
#include "store/voices.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* A comma would make two of it in a list of names, as a server takes it. */
int voice_names_take(const char *command, const char *name, steno_voice voices[STENO_SPEAKERS_MAX], int *n) {
    if (*n == STENO_SPEAKERS_MAX) return cli_usage(command, "--voice: at most %d voices", STENO_SPEAKERS_MAX);
    steno_voice *v = &voices[(*n)++];
    bool fits = snprintf(v->name, sizeof v->name, "%s", name) < (int)sizeof v->name;
    if (fits && name[0] && !strchr(name, ',')) return 0;
    return cli_usage(command, "--voice cannot be '%s': want the name of an enrolled voice", name);
}

static steno_err load(voices_table **out) {
    config *c = mem_alloc(1, sizeof *c);
    char dir[CONFIG_TEXT_BYTES] = "", key_file[CONFIG_KEY_FILE_BYTES];
    db *d;
    if (!c) return err_fail(STENO_E_NOMEM, "no memory for a configuration");
    steno_err e = data_place_find(data_place_config(), NULL, c, dir);
    config_voice_key_file(c, dir, key_file);
    mem_free(c);
    if (e == STENO_OK) e = data_place_open(dir, false, "voice", &d);
    if (e != STENO_OK) return e;
    e = voices_load(d, key_file, out);
    db_close(d);
    return e;
}

static steno_err find_one(const voices_table *t, steno_voice *voice) {
    char name[STENO_VOICE_NAME_BYTES];
    ERR_TRY(voices_name_read(voice->name, name));
    const voices_record *r = voices_find_record(t, "", name);
    if (!r) return err_fail(STENO_E_NOT_FOUND, "--voice %s: no such voice is enrolled", name);
    if (strcmp(r->model, ENROL_MODEL) != 0)
        return err_fail(STENO_E_UNSUPPORTED, "--voice %s: enrolled with another model: enroll it again", name);
    if (r->damaged) return err_fail(STENO_E_CHECKSUM, "--voice %s: its print cannot be opened: enroll it again", name);
    *voice = t->voices[r - t->records];
    return STENO_OK;
}

steno_err voice_names_find(steno_voice *voices, int n) {
    voices_table *t = NULL;
    steno_err e = STENO_OK;
    if (n == 0) return STENO_OK;
    ERR_TRY(load(&t));
    for (int i = 0; i < n && e == STENO_OK; i++) e = find_one(t, &voices[i]);
    voices_table_free(t);
    return e;
}

void voice_names_wipe(steno_voice *voices, int n) {
    if (n > 0) OPENSSL_cleanse(voices, (size_t)n * sizeof *voices);
}
