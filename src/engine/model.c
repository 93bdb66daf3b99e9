/* model.c: opens the networks named by a steno_model_options. */
#include "engine/model.h"

#include "base/err.h"
#include "base/mem.h"
#include "nn/manifest.h"

#include <stdio.h>
#include <string.h>

/* A damaged byte in a weight file makes a model that runs and is wrong: every file is hashed before it is used (some 20 ms for
 * tiny). */
static steno_err find_intact(const char *name, const char *dir, char *path, size_t cap) {
    ERR_TRY(models_find(name, dir, path, cap));
    return manifest_check_file(path);
}

/* The same sentence with the file's name in front. */
static steno_err name_file(steno_err err, const char *path) {
    char detail[ERR_DETAIL_BYTES];
    snprintf(detail, sizeof detail, "%s", steno_error_detail());
    if (err == STENO_OK || strstr(detail, path)) return err;
    return err_fail(err, "%s: %s", path, detail);
}

static steno_err open_asr(steno_model *m, const char *dir, bool fp32) {
    char path[MANIFEST_PATH_BYTES];
    weights *w = NULL;
    ERR_TRY(find_intact(m->name, dir, path, sizeof path));
    ERR_TRY(weights_open(path, &w));
    steno_err err = name_file(moonshine_open(w, fp32, &m->asr), path);
    weights_close(w);
    return err;
}

static steno_err open_vad(steno_model *m, const char *dir) {
    char path[MANIFEST_PATH_BYTES];
    weights *w = NULL;
    ERR_TRY(find_intact("silero-vad-v6", dir, path, sizeof path));
    ERR_TRY(weights_open(path, &w));
    steno_err err = name_file(silero_open(w, &m->vad), path);
    weights_close(w);
    return err;
}

/* Speakers can be told apart only where its file is; everything else works without. */
static steno_err open_voices(steno_model *m, const char *dir, bool fp32) {
    char path[MANIFEST_PATH_BYTES];
    weights *w = NULL;
    if (models_find("xvector-callhome", dir, path, sizeof path) == STENO_E_NOT_FOUND) return STENO_OK;
    ERR_TRY(find_intact("xvector-callhome", dir, path, sizeof path));
    ERR_TRY(weights_open(path, &w));
    steno_err err = name_file(xvector_open(w, fp32, &m->voices), path);
    weights_close(w);
    return err;
}

static steno_err open_all(steno_model *m, const steno_model_options *o) {
    const char *name = o->name ? o->name : "tiny", *precision = o->precision ? o->precision : "int8";
    if (strcmp(name, "tiny") != 0 && strcmp(name, "base") != 0)
        return err_fail(STENO_E_INVALID, "model '%s' is unknown: tiny or base", name);
    if (strcmp(precision, "int8") != 0 && strcmp(precision, "fp32") != 0)
        return err_fail(STENO_E_INVALID, "precision '%s' is unknown: int8 or fp32", precision);
    snprintf(m->name, sizeof m->name, "%s", name);
    char path[MANIFEST_PATH_BYTES];
    bool fp32 = strcmp(precision, "fp32") == 0;
    ERR_TRY(open_asr(m, o->dir, fp32));
    ERR_TRY(open_vad(m, o->dir));
    if (!o->no_voices) ERR_TRY(open_voices(m, o->dir, fp32));
    ERR_TRY(find_intact("tokens.txt", o->dir, path, sizeof path));
    ERR_TRY(tokenizer_open(path, &m->tokens));
    if (tokenizer_size(m->tokens) > (size_t)moonshine_describe(m->asr)->vocab)
        return err_fail(STENO_E_FORMAT, "%s: has more pieces than the model has tokens", path);
    return STENO_OK;
}

steno_err steno_model_open(const steno_model_options *options, steno_model **out) {
    static const steno_model_options defaults = {0};
    *out = NULL;
    steno_model *m = mem_alloc(1, sizeof *m);
    if (!m) return err_fail(STENO_E_NOMEM, "no memory for a model");
    steno_err err = open_all(m, options ? options : &defaults);
    if (err != STENO_OK) {
        steno_model_close(m);
        return err;
    }
    *out = m;
    return STENO_OK;
}

void steno_model_close(steno_model *model) {
    if (!model) return;
    moonshine_free(model->asr);
    silero_free(model->vad);
    xvector_free(model->voices);
    tokenizer_close(model->tokens);
    mem_free(model);
}

const char *steno_model_name(const steno_model *model) {
    return model->name;
}

const char *steno_model_language(const steno_model *model) {
    (void)model;
    return "en"; /* the published Moonshine tiny and base are English */
}
