/* manifest.c: see manifest.h.
 *
 * The manifest is plain JSON made in a fixed order, so the same files always give the same text and "nothing changed"
 * is a comparison of bytes.
 */
#include "nn/manifest.h"

#include "base/mem.h"
#include "nn/convert.h"
#include "nn/mapfile.h"
#include "nn/weights.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_MAX_BYTES ((size_t)16 << 20)
#define MANIFEST_MAX_FILES 1024
#define SHA256_MAX_BYTES   ((size_t)64 << 30)
#define SHA256_CHUNK_BYTES ((size_t)4 << 20)
#define INSTALLED_DIR      "/usr/share/steno/models"
#define FROM_BUILD_DIR     "build/models"

static steno_err join(char *path, size_t cap, const char *dir, const char *file) {
    int n = snprintf(path, cap, "%s/%s", dir, file);
    if (n < 0 || (size_t)n >= cap) return err_fail(STENO_E_LIMIT, "%.200s…: the path is too long", dir);
    return STENO_OK;
}

/* ---- finding the folder ----------------------------------------------------------------------------------------- */

#define MAX_CANDIDATES 3

typedef struct candidates {
    const char *dir[MAX_CANDIDATES];
    int n;
    char beside[MANIFEST_PATH_BYTES]; /* <folder of the executable>/models */
} candidates;

static void add_beside_executable(candidates *c) {
    ssize_t n = readlink("/proc/self/exe", c->beside, sizeof c->beside - sizeof "/models");
    if (n <= 0) return;
    c->beside[n] = '\0';
    char *slash = strrchr(c->beside, '/');
    if (!slash) return;
    memcpy(slash, "/models", sizeof "/models");
    c->dir[c->n++] = c->beside;
}

/* A folder that somebody named is the only one looked at: falling back would hide a misspelt name. */
static void list_candidates(const char *explicit_dir, candidates *c) {
    const char *named = explicit_dir && explicit_dir[0] ? explicit_dir : getenv("STENO_MODELS");
    c->n = 0;
    if (named && named[0]) {
        c->dir[c->n++] = named;
        return;
    }
    c->dir[c->n++] = FROM_BUILD_DIR;
    add_beside_executable(c);
    c->dir[c->n++] = INSTALLED_DIR;
}

static steno_err find_in(const candidates *c, const char *file, int *which, char *path, size_t cap) {
    for (int i = 0; i < c->n; i++) {
        ERR_TRY(join(path, cap, c->dir[i], file));
        if (access(path, R_OK) == 0) {
            *which = i;
            return STENO_OK;
        }
    }
    char looked[ERR_DETAIL_BYTES] = "";
    size_t at = 0;
    for (int i = 0; i < c->n && at < sizeof looked; i++) {
        at += (size_t)snprintf(looked + at, sizeof looked - at, "%s%.120s", i ? ", " : "", c->dir[i]);
    }
    return err_fail(STENO_E_NOT_FOUND, "%s: not found; looked in %s; 'make models' fetches and converts the models",
                    file, looked);
}

steno_err models_find(const char *name, const char *explicit_dir, char *path, size_t cap) {
    const catalogue_entry *entry = catalogue_find(name);
    const char *file = entry ? entry->file : name;
    candidates c;
    int which;
    if (!file[0] || file[0] == '.' || strchr(file, '/')) {
        return err_fail(STENO_E_INVALID, "%.200s: not the name of a model", name);
    }
    list_candidates(explicit_dir, &c);
    return find_in(&c, file, &which, path, cap);
}

steno_err models_dir(const char *explicit_dir, char *dir, size_t cap) {
    candidates c;
    int which = 0;
    list_candidates(explicit_dir, &c);
    ERR_TRY(find_in(&c, MANIFEST_NAME, &which, dir, cap));
    dir[strlen(dir) - strlen("/" MANIFEST_NAME)] = '\0';
    return STENO_OK;
}

/* ---- digests ---------------------------------------------------------------------------------------------------- */

static bool digest(const unsigned char *bytes, size_t n, unsigned char out[32]) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t at = 0; ok && at < n; at += SHA256_CHUNK_BYTES) {
        size_t chunk = n - at < SHA256_CHUNK_BYTES ? n - at : SHA256_CHUNK_BYTES;
        ok = EVP_DigestUpdate(ctx, bytes + at, chunk) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

steno_err file_sha256(const char *path, char hex[SHA256_HEX_BYTES], uint64_t *bytes) {
    mapfile file;
    unsigned char sum[32];
    hex[0] = '\0';
    *bytes = 0;
    ERR_TRY(mapfile_open(path, SHA256_MAX_BYTES, &file));
    bool ok = digest(file.bytes, file.n, sum);
    *bytes = file.n;
    mapfile_close(&file);
    if (!ok) return err_fail(STENO_E_NOMEM, "%s: its SHA-256 cannot be computed", path);
    for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    return STENO_OK;
}

/* STENO_E_CHECKSUM when the file is there and is not the one meant. */
static steno_err check_file(const char *path, const char *sha256, uint64_t bytes) {
    char have[SHA256_HEX_BYTES];
    uint64_t have_bytes;
    ERR_TRY(file_sha256(path, have, &have_bytes));
    if (have_bytes != bytes) {
        return err_fail(STENO_E_CHECKSUM, "%s: wrong or damaged: %llu bytes instead of %llu", path,
                        (unsigned long long)have_bytes, (unsigned long long)bytes);
    }
    if (strcmp(have, sha256) != 0) {
        return err_fail(STENO_E_CHECKSUM, "%s: wrong or damaged: SHA-256 %.16s… instead of %.16s…", path, have, sha256);
    }
    return STENO_OK;
}

/* ---- conversion ------------------------------------------------------------------------------------------------- */

typedef char source_paths[CATALOGUE_MAX_SOURCES][MANIFEST_PATH_BYTES];

static steno_err convert_onnx(const catalogue_entry *entry, source_paths paths, const convert_source *source,
                              const char *out) {
    onnx *a = NULL, *b = NULL;
    steno_err err = onnx_open(paths[0], &a);
    if (err == STENO_OK && entry->kind == CATALOGUE_MOONSHINE) err = onnx_open(paths[1], &b);
    if (err == STENO_OK) {
        err =
            entry->kind == CATALOGUE_MOONSHINE ? convert_moonshine(a, b, source, out) : convert_silero(a, source, out);
    }
    onnx_close(a);
    onnx_close(b);
    return err;
}

static steno_err convert_kaldi(source_paths paths, const convert_source *source, const char *out) {
    enum { DIM = CONVERT_XVECTOR_DIM };
    kaldi *net = NULL;
    float *mean = mem_alloc(DIM, sizeof *mean), *transform = mem_alloc((size_t)DIM * DIM, sizeof *transform);
    steno_err err = mean && transform ? STENO_OK : err_fail(STENO_E_NOMEM, "%s: no memory to convert it", paths[0]);
    if (err == STENO_OK) err = kaldi_open(paths[0], &net);
    if (err == STENO_OK) err = kaldi_load(paths[1], 1, DIM, mean);
    if (err == STENO_OK) err = kaldi_load(paths[2], DIM, DIM, transform);
    if (err == STENO_OK) err = convert_xvector(net, mean, transform, source, out);
    kaldi_close(net);
    mem_free(mean);
    mem_free(transform);
    return err;
}

static steno_err convert_sources(const catalogue_entry *entry, source_paths paths, const char *out) {
    convert_source source = {
        .name = entry->name, .language = entry->language, .package = entry->package, .licence = entry->licence};
    for (int i = 0; i < CATALOGUE_MAX_SOURCES; i++) source.sha256[i] = entry->sources[i].sha256;
    return entry->kind == CATALOGUE_XVECTOR ? convert_kaldi(paths, &source, out)
                                            : convert_onnx(entry, paths, &source, out);
}

static steno_err check_sources(const catalogue_entry *entry, const char *from, source_paths paths) {
    for (int i = 0; i < CATALOGUE_MAX_SOURCES && entry->sources[i].path; i++) {
        const catalogue_source *s = &entry->sources[i];
        ERR_TRY(join(paths[i], MANIFEST_PATH_BYTES, from, s->path));
        ERR_TRY(check_file(paths[i], s->sha256, s->bytes));
    }
    return STENO_OK;
}

steno_err models_convert(const catalogue_entry *entry, const char *from, const char *dir, bool *changed) {
    char out[MANIFEST_PATH_BYTES];
    source_paths paths;
    *changed = false;
    ERR_TRY(join(out, sizeof out, dir, entry->file));
    steno_err have = check_file(out, entry->sha256, entry->bytes);
    if (have == STENO_OK) return STENO_OK;
    if (entry->kind == CATALOGUE_TOKENS) {
        return err_fail(have, "%s: %s; 'node models/tokens.mjs %s %s' writes it", out,
                        have == STENO_E_NOT_FOUND ? "not there yet" : "wrong or damaged", out, from);
    }
    ERR_TRY(check_sources(entry, from, paths));
    ERR_TRY(convert_sources(entry, paths, out));
    *changed = true;
    /* The sources are right, so a different result is a defect of this program or of the disk. */
    return check_file(out, entry->sha256, entry->bytes);
}

/* ---- writing the manifest --------------------------------------------------------------------------------------- */

/* Appends to a list and owns `item` either way. NULL items (out of memory) fail. */
static bool append(json_t *list, json_t *item) {
    return json_array_append_new(list, item) == 0;
}

static json_t *tensor_json(const weights_tensor *t) {
    json_t *shape = json_array();
    for (int i = 0; shape && i < t->dims; i++) {
        if (append(shape, json_integer(t->shape[i]))) continue;
        json_decref(shape);
        shape = NULL;
    }
    return shape ? json_pack("{s:s, s:s, s:o}", "name", t->name, "dtype", weights_dtype_name(t->dtype), "shape", shape)
                 : NULL;
}

static steno_err tensors_json(const char *path, json_t **out) {
    weights *w;
    ERR_TRY(weights_open(path, &w));
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < weights_count(w); i++) {
        weights_tensor t;
        weights_at(w, i, &t);
        ok = append(list, tensor_json(&t));
    }
    weights_close(w);
    if (ok) {
        *out = list;
        return STENO_OK;
    }
    json_decref(list);
    return err_fail(STENO_E_NOMEM, "%s: no memory to describe it", path);
}

static json_t *sources_json(const catalogue_entry *entry) {
    json_t *list = json_array();
    bool ok = list != NULL;
    for (int i = 0; ok && i < CATALOGUE_MAX_SOURCES && entry->sources[i].path; i++) {
        const catalogue_source *s = &entry->sources[i];
        ok = append(list,
                    json_pack("{s:s, s:s, s:I}", "file", s->path, "sha256", s->sha256, "bytes", (json_int_t)s->bytes));
    }
    if (ok) return list;
    json_decref(list);
    return NULL;
}

/* One file of the manifest; only files that are what the catalogue says get in. */
static steno_err entry_json(const catalogue_entry *entry, const char *path, json_t **out) {
    json_t *tensors = NULL;
    ERR_TRY(check_file(path, entry->sha256, entry->bytes));
    if (entry->kind != CATALOGUE_TOKENS) ERR_TRY(tensors_json(path, &tensors));
    *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:I, s:o*}", "file", entry->file, "name",
                     entry->name, "role", entry->role, "language", entry->language, "licence", entry->licence,
                     "licence_note", entry->licence_note, "package", entry->package, "sources", sources_json(entry),
                     "sha256", entry->sha256, "bytes", (json_int_t)entry->bytes, "tensors", tensors);
    return *out ? STENO_OK : err_fail(STENO_E_NOMEM, "%s: no memory to describe it", path);
}

static steno_err gather(const char *dir, json_t *files) {
    for (size_t i = 0; i < catalogue_size(); i++) {
        const catalogue_entry *entry = catalogue_at(i);
        char path[MANIFEST_PATH_BYTES];
        json_t *item = NULL;
        ERR_TRY(join(path, sizeof path, dir, entry->file));
        if (access(path, F_OK) != 0) continue;
        ERR_TRY(entry_json(entry, path, &item));
        if (!append(files, item)) return err_fail(STENO_E_NOMEM, "%s: no memory for its manifest", dir);
    }
    return STENO_OK;
}

static bool same_content(const char *path, const char *text) {
    mapfile file;
    if (mapfile_open(path, MANIFEST_MAX_BYTES, &file) != STENO_OK) return false;
    bool same = file.n == strlen(text) && memcmp(file.bytes, text, file.n) == 0;
    mapfile_close(&file);
    return same;
}

static steno_err write_text(const char *path, const char *text) {
    mapfile_writer to;
    ERR_TRY(mapfile_create(path, &to));
    size_t n = strlen(text), at = 0;
    while (at < n) {
        ssize_t wrote = write(to.fd, text + at, n - at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) {
            steno_err err = err_fail(STENO_E_IO, "%s: cannot write it: %s", path, strerror(errno));
            mapfile_abandon(&to);
            return err;
        }
        at += (size_t)wrote;
    }
    return mapfile_commit(&to);
}

steno_err manifest_write(const char *dir, bool *changed) {
    char path[MANIFEST_PATH_BYTES];
    *changed = false;
    ERR_TRY(join(path, sizeof path, dir, MANIFEST_NAME));
    json_t *root = json_pack("{s:s, s:i, s:[]}", "format", "steno-models", "version", 1, "files");
    steno_err err = root ? gather(dir, json_object_get(root, "files")) : STENO_OK;
    char *text = root && err == STENO_OK ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (err == STENO_OK && !text) err = err_fail(STENO_E_NOMEM, "%s: no memory for its manifest", dir);
    if (err == STENO_OK && !same_content(path, text)) {
        err = write_text(path, text);
        *changed = err == STENO_OK;
    }
    free(text);
    return err;
}

/* ---- verifying -------------------------------------------------------------------------------------------------- */

static steno_err parse_manifest(const char *dir, const void *bytes, size_t n, json_t **out) {
    json_error_t why;
    json_t *root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why);
    const json_t *files = json_object_get(root, "files");
    const char *format = json_string_value(json_object_get(root, "format"));
    if (!root) {
        return err_fail(STENO_E_FORMAT, "%s/%s: not JSON: line %d: %.160s", dir, MANIFEST_NAME, why.line, why.text);
    }
    if (!format || strcmp(format, "steno-models") != 0 || !json_is_array(files) || json_array_size(files) == 0 ||
        json_array_size(files) > MANIFEST_MAX_FILES) {
        json_decref(root);
        return err_fail(STENO_E_FORMAT, "%s/%s: not a manifest of steno models, or an empty one", dir, MANIFEST_NAME);
    }
    *out = root;
    return STENO_OK;
}

/* The name is joined to the folder, so it must not lead out of it. */
static bool safe_name(const char *file) {
    return file && file[0] && file[0] != '.' && strlen(file) < 256 && !strchr(file, '/');
}

static steno_err verify_item(const char *dir, const json_t *item) {
    const char *file = json_string_value(json_object_get(item, "file"));
    const char *sha256 = json_string_value(json_object_get(item, "sha256"));
    const json_t *bytes = json_object_get(item, "bytes");
    char path[MANIFEST_PATH_BYTES];
    if (!safe_name(file) || !sha256 || strlen(sha256) != 64 || !json_is_integer(bytes) ||
        json_integer_value(bytes) < 0) {
        return err_fail(STENO_E_FORMAT, "%s/%s: an entry without a usable file, sha256 or bytes", dir, MANIFEST_NAME);
    }
    const catalogue_entry *known = catalogue_find(file);
    if (known && strcmp(known->file, file) == 0 && strcmp(known->sha256, sha256) != 0) {
        return err_fail(STENO_E_CHECKSUM, "%s/%s: lists a %s that is not the one this build knows", dir, MANIFEST_NAME,
                        file);
    }
    ERR_TRY(join(path, sizeof path, dir, file));
    ERR_TRY(check_file(path, sha256, (uint64_t)json_integer_value(bytes)));
    if (!known || known->kind == CATALOGUE_TOKENS) return STENO_OK;
    weights *w;
    ERR_TRY(weights_open(path, &w));
    weights_close(w);
    return STENO_OK;
}

steno_err manifest_verify_text(const char *dir, const void *bytes, size_t n, manifest_report report, void *user) {
    json_t *root = NULL, *item;
    size_t i;
    steno_err first = STENO_OK;
    ERR_TRY(parse_manifest(dir, bytes, n, &root));
    json_array_foreach(json_object_get(root, "files"), i, item) {
        steno_err err = verify_item(dir, item);
        const char *file = json_string_value(json_object_get(item, "file"));
        if (report) report(user, file ? file : MANIFEST_NAME, err, err == STENO_OK ? "" : steno_error_detail());
        if (first == STENO_OK) first = err;
    }
    json_decref(root);
    return first == STENO_OK ? STENO_OK : err_fail(first, "%s: some of its files are not what its manifest says", dir);
}

steno_err manifest_verify(const char *dir, manifest_report report, void *user) {
    char path[MANIFEST_PATH_BYTES];
    mapfile file;
    ERR_TRY(join(path, sizeof path, dir, MANIFEST_NAME));
    ERR_TRY(mapfile_open(path, MANIFEST_MAX_BYTES, &file));
    steno_err err = manifest_verify_text(dir, file.bytes, file.n, report, user);
    mapfile_close(&file);
    return err;
}

static steno_err check_listed(const char *dir, const char *name, const void *bytes, size_t n) {
    json_t *root = NULL, *item;
    size_t i;
    ERR_TRY(parse_manifest(dir, bytes, n, &root));
    steno_err err = err_fail(STENO_E_CHECKSUM, "%s/%s: is not in the folder's %s", dir, name, MANIFEST_NAME);
    json_array_foreach(json_object_get(root, "files"), i, item) {
        const char *file = json_string_value(json_object_get(item, "file"));
        if (file && strcmp(file, name) == 0) err = verify_item(dir, item);
    }
    json_decref(root);
    return err;
}

steno_err manifest_check_file(const char *path) {
    char dir[MANIFEST_PATH_BYTES], manifest[MANIFEST_PATH_BYTES];
    mapfile file;
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 1;
    if (n >= (int)sizeof dir) return err_fail(STENO_E_INVALID, "%s: the path is too long", path);
    snprintf(dir, sizeof dir, "%.*s", n, slash ? path : ".");
    ERR_TRY(join(manifest, sizeof manifest, dir, MANIFEST_NAME));
    if (access(manifest, F_OK) != 0) return STENO_OK;
    ERR_TRY(mapfile_open(manifest, MANIFEST_MAX_BYTES, &file));
    steno_err err = check_listed(dir, slash ? slash + 1 : path, file.bytes, file.n);
    mapfile_close(&file);
    return err;
}
