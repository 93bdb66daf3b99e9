/* cmd_model.c: `steno model`: what models there are, what is in them, whether they are intact, and making them.
 *
 * Owner: the main thread. Results to stdout, complaints to stderr, exit status as in cmd.h.
 */
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "nn/manifest.h"
#include "nn/weights.h"
#include "cmd/cmd_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void help(void) {
    printf(
        "Usage: steno model list    [--models-dir DIR]\n"
        "       steno model info    [--models-dir DIR] NAME|FILE.safetensors\n"
        "       steno model verify  [--models-dir DIR]\n"
        "       steno model convert --from NODE_MODULES_DIR --to DIR [NAME …]\n\n"
        "  list      the models: name, task, language, size, licence, and whether they are there\n"
        "  info      a model's metadata, and a table of its tensors\n"
        "  verify    compare the SHA-256 of every file with the manifest; exit status 1 names the damaged ones\n"
        "  convert   write safetensors files and manifest.json from the published ONNX files; what is already right\n"
        "            is left alone; names restrict it to those models\n\n"
        "Options:\n"
        "  --models-dir DIR   where the converted models are (default: $STENO_MODELS, else build/models, models "
        "beside\n"
        "                     the program, /usr/share/steno/models: the first that has them)\n"
        "  --from DIR         the node_modules folder that 'npm ci' made in models/\n"
        "  --to DIR           the folder to fill; made when it is not there\n"
        "  -h, --help         this text\n");
}

typedef struct model_options {
    const char *models_dir, *from, *to;
} model_options;

static int fail(const char *name) {
    cli_complain(name, steno_error_detail());
    return 1;
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static void list_entry(const catalogue_entry *e, const char *models_dir) {
    char path[MANIFEST_PATH_BYTES];
    struct stat st;
    const char *state = "missing";
    if (models_find(e->file, models_dir, path, sizeof path) == STENO_OK && stat(path, &st) == 0) {
        state = (uint64_t)st.st_size == e->bytes ? "present" : "wrong size";
    }
    printf("%-17s %-25s %-9s %8.1f MB  %-8s %s\n", e->name, e->role, e->language, (double)e->bytes / 1e6, e->licence,
           state);
}

static int list(const model_options *o) {
    char dir[MANIFEST_PATH_BYTES];
    printf("%-17s %-25s %-9s %8s     %-8s %s\n", "NAME", "TASK", "LANGUAGE", "SIZE", "LICENCE", "STATE");
    for (size_t i = 0; i < catalogue_size(); i++) list_entry(catalogue_at(i), o->models_dir);
    if (models_dir(o->models_dir, dir, sizeof dir) == STENO_OK) {
        printf("\nIn %s\n", dir);
    } else {
        printf("\n%s\n", steno_error_detail());
    }
    return 0;
}

/* ---- info ------------------------------------------------------------------------------------------------------- */

static void info_meta(const weights *w) {
    static const char *const keys[] = {"name",
                                       "arch",
                                       "language",
                                       "licence",
                                       "source",
                                       "source_sha256",
                                       "source_encoder_sha256",
                                       "source_decoder_sha256",
                                       "width",
                                       "heads",
                                       "head_dim",
                                       "rotary_dim",
                                       "encoder_layers",
                                       "decoder_layers",
                                       "encoder_hidden",
                                       "decoder_hidden",
                                       "vocab",
                                       "start_token",
                                       "end_token",
                                       "rate_hz",
                                       "window_samples",
                                       "context_samples"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = weights_meta(w, keys[i]);
        if (value) printf("%-22s %s\n", keys[i], value);
    }
}

static void info_tensors(const weights *w) {
    uint64_t bytes = 0, values = 0;
    printf("\n%-40s %-5s %12s  %s\n", "TENSOR", "TYPE", "BYTES", "SHAPE");
    for (size_t i = 0; i < weights_count(w); i++) {
        weights_tensor t;
        weights_at(w, i, &t);
        printf("%-40s %-5s %12zu  [", t.name, weights_dtype_name(t.dtype), t.bytes);
        uint64_t count = 1;
        for (int k = 0; k < t.dims; k++) {
            printf("%s%lld", k ? ", " : "", (long long)t.shape[k]);
            count *= (uint64_t)t.shape[k];
        }
        printf("]\n");
        bytes += t.bytes;
        values += count;
    }
    printf("\n%zu tensors, %llu values, %llu bytes\n", weights_count(w), (unsigned long long)values,
           (unsigned long long)bytes);
}

static void info_entry(const catalogue_entry *e, const char *path) {
    printf("%-22s %s\n%-22s %s\n%-22s %llu\n%-22s %s\n", "file", path, "task", e->role, "bytes",
           (unsigned long long)e->bytes, "licence note", e->licence_note);
}

/* A NAME of the catalogue, or the path of any safetensors file. */
static int info(const model_options *o, const char *name) {
    char path[MANIFEST_PATH_BYTES];
    const catalogue_entry *e = catalogue_find(name);
    if (e) {
        if (models_find(name, o->models_dir, path, sizeof path) != STENO_OK) return fail(name);
        info_entry(e, path);
        if (e->kind == CATALOGUE_TOKENS) {
            printf("%-22s %s\n%-22s %s\n", "licence", e->licence, "source", e->package);
            return 0;
        }
    } else if (snprintf(path, sizeof path, "%s", name) >= (int)sizeof path) {
        cli_complain(name, "the path is too long");
        return 1;
    }
    weights *w;
    if (weights_open(path, &w) != STENO_OK) return fail(name);
    info_meta(w);
    info_tensors(w);
    weights_close(w);
    return 0;
}

/* ---- verify and convert ----------------------------------------------------------------------------------------- */

static void report(void *user, const char *file, steno_err err, const char *detail) {
    (void)user;
    if (err == STENO_OK) {
        printf("%s: intact\n", file);
    } else {
        cli_complain(file, detail);
    }
}

static int verify(const model_options *o) {
    char dir[MANIFEST_PATH_BYTES];
    if (models_dir(o->models_dir, dir, sizeof dir) != STENO_OK) return fail(MANIFEST_NAME);
    if (manifest_verify(dir, report, NULL) != STENO_OK) return fail(dir);
    return 0;
}

static int convert_one(const catalogue_entry *e, const model_options *o, bool *changed) {
    bool wrote;
    if (models_convert(e, o->from, o->to, &wrote) != STENO_OK) return fail(e->name);
    if (wrote) printf("%s/%s: written\n", o->to, e->file);
    *changed = *changed || wrote;
    return 0;
}

/* All named models are tried, so one message a model says what is wrong. */
static int convert(const model_options *o, char **names, int n) {
    bool changed = false, manifest_changed;
    int status = 0;
    for (int i = 0; i < n; i++) {
        if (!catalogue_find(names[i])) return cli_usage("model", "no model is called '%s'", names[i]);
    }
    if (mkdir(o->to, 0755) != 0 && errno != EEXIST) {
        cli_complain(o->to, strerror(errno));
        return 1;
    }
    for (int i = 0; i < n; i++) status |= convert_one(catalogue_find(names[i]), o, &changed);
    for (size_t i = 0; n == 0 && i < catalogue_size(); i++) status |= convert_one(catalogue_at(i), o, &changed);
    if (status) return status;
    if (manifest_write(o->to, &manifest_changed) != STENO_OK) return fail(o->to);
    if (manifest_changed) printf("%s/%s: written\n", o->to, MANIFEST_NAME);
    if (!changed && !manifest_changed) printf("%s: nothing to do\n", o->to);
    return 0;
}

/* ---- the door --------------------------------------------------------------------------------------------------- */

static int run(const char *action, const model_options *o, char **rest, int n) {
    if (strcmp(action, "list") == 0 && n == 0) return list(o);
    if (strcmp(action, "info") == 0 && n == 1) return info(o, rest[0]);
    if (strcmp(action, "verify") == 0 && n == 0) return verify(o);
    if (strcmp(action, "convert") == 0) {
        if (!o->from || !o->to) return cli_usage("model", "convert needs --from and --to");
        return convert(o, rest, n);
    }
    if (strcmp(action, "info") == 0) return cli_usage("model", "info takes one model");
    if (strcmp(action, "list") == 0 || strcmp(action, "verify") == 0) {
        return cli_usage("model", "%s takes no arguments", action);
    }
    return cli_usage("model", "unknown action '%s'", action);
}

const struct option cmd_model_options[] = {{"help", no_argument, NULL, 'h'},
                                           {"models-dir", required_argument, NULL, 'd'},
                                           {"from", required_argument, NULL, 'f'},
                                           {"to", required_argument, NULL, 't'},
                                           {NULL, 0, NULL, 0}};

int cmd_model(int argc, char **argv) {
    model_options o = {0};
    int c;
    optind = 0; /* the tests call this more than once */
    while ((c = getopt_long(argc, argv, "h", cmd_model_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            help();
            return 0;
        case 'd':
            o.models_dir = optarg;
            break;
        case 'f':
            o.from = optarg;
            break;
        case 't':
            o.to = optarg;
            break;
        default:
            return 2; /* getopt has said why */
        }
    }
    if (optind == argc) return cli_usage("model", "an action is needed: list, info, verify or convert");
    return run(argv[optind], &o, argv + optind + 1, argc - optind - 1);
}
