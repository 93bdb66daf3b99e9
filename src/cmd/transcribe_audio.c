/* transcribe_audio.c: see transcribe_audio.h. */
#include "cmd/transcribe_audio.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PART_SUFFIX ".part"

/* ---- options ------------------------------------------------------------------------------------------------------ */

void transcribe_audio_init(audio_job *a) {
    *a = (audio_job){.margin_ms = COVER_MARGIN_MS};
}

int transcribe_audio_kind(audio_job *a, const char *value) {
    a->wanted = true;
    if (cover_parse(value, &a->kind) == STENO_OK) return 0;
    return cli_usage("transcribe", "--redact-audio cannot be '%s': want beep or silence", value);
}

int transcribe_audio_margin(audio_job *a, const char *value) {
    a->margin_given = true;
    if (cli_int(value, 0, COVER_MARGIN_MAX_MS, &a->margin_ms)) return 0;
    return cli_usage("transcribe", "--redact-audio-margin-ms cannot be '%s': want a whole number from 0 to %d", value,
                     COVER_MARGIN_MAX_MS);
}

static bool is_folder(const char *path) {
    struct stat st;
    size_t n = strlen(path);
    return (n && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

int transcribe_audio_check(audio_job *a, const cli_paths *paths, gate_policy *policy) {
    if (!a->wanted && (a->output || a->margin_given))
        return cli_usage("transcribe", "--redact-audio-output and --redact-audio-margin-ms want --redact-audio");
    if (!a->wanted) return 0;
    if (!a->output) return cli_usage("transcribe", "--redact-audio wants --redact-audio-output");
    if (paths->n > 1 && !is_folder(a->output))
        return cli_usage("transcribe", "--redact-audio-output of several recordings has to be a folder");
    for (size_t i = 0; i < paths->n; i++) {
        if (strcmp(paths->path[i], "-") == 0)
            return cli_usage("transcribe", "--redact-audio reads a recording twice: '-' cannot be");
    }
    a->paths = paths;
    if (policy->mode == REDACT_OFF) policy->mode = REDACT_MASK;
    return 0;
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_unchanged(const struct stat *a, const struct stat *b) {
    return same_file(a, b) && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Neither the result nor what it is called meanwhile may be a recording that is read. */
static steno_err check_target(const audio_job *a, const char *name) {
    struct stat st;
    for (size_t i = 0; stat(name, &st) == 0 && i < a->paths->n; i++) {
        if (a->seen[i].st_ino != 0 && same_file(&st, &a->seen[i]))
            return err_fail(STENO_E_INVALID, "%s: it is a recording that is read: it will not be replaced", name);
    }
    return STENO_OK;
}

static steno_err part_name(const char *name, char part[CLI_PATH_BYTES_MAX + 8]) {
    if (strlen(name) >= CLI_PATH_BYTES_MAX) return err_fail(STENO_E_IO, "%.80s…: the name is too long", name);
    snprintf(part, CLI_PATH_BYTES_MAX + 8, "%s" PART_SUFFIX, name);
    return STENO_OK;
}

static steno_err name_results(audio_job *a) {
    if (is_folder(a->output)) {
        if (mkdir(a->output, 0777) != 0 && errno != EEXIST)
            return err_fail(STENO_E_IO, "%s: %s", a->output, strerror(errno));
        return cli_result_names(a->paths, a->output, "wav", &a->names, &a->clash);
    }
    a->names = mem_alloc(1, sizeof *a->names);
    a->clash = mem_alloc(1, sizeof *a->clash);
    if (a->names) a->names[0] = mem_strdup(a->output);
    if (!a->clash || !a->names || !a->names[0]) return err_fail(STENO_E_NOMEM, "no memory for a name");
    return STENO_OK;
}

steno_err transcribe_audio_prepare(audio_job *a) {
    if (!a->wanted) return STENO_OK;
    a->seen = mem_alloc(a->paths->n, sizeof *a->seen);
    a->times = mem_alloc(a->paths->n, sizeof *a->times);
    if (!a->seen || !a->times) return err_fail(STENO_E_NOMEM, "no memory for %zu files", a->paths->n);
    for (size_t i = 0; i < a->paths->n; i++) {
        if (stat(a->paths->path[i], &a->seen[i]) != 0) a->seen[i] = (struct stat){0}; /* the run will say so */
    }
    ERR_TRY(name_results(a));
    for (size_t i = 0; i < a->paths->n; i++) {
        char part[CLI_PATH_BYTES_MAX + 8];
        ERR_TRY(part_name(a->names[i], part));
        ERR_TRY(check_target(a, a->names[i]));
        ERR_TRY(check_target(a, part));
    }
    return STENO_OK;
}

/* ---- the run ------------------------------------------------------------------------------------------------------ */

steno_err transcribe_audio_segment(audio_job *a, size_t index, int channel, const released_segment *s) {
    if (!a->wanted) return STENO_OK;
    return covered_add(&a->times[index][channel - 1], s, a->margin_ms);
}

/* It has to be the file that was recognised, before and after it is read again. */
static steno_err check_source(const audio_job *a, size_t index) {
    const char *path = a->paths->path[index];
    struct stat st;
    if (stat(path, &st) != 0) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_fail(STENO_E_INVALID, "%s: it cannot be read twice: no redacted audio", path);
    if (!is_unchanged(&st, &a->seen[index]))
        return err_fail(STENO_E_FORMAT, "%s: it changed while it was read: no redacted audio", path);
    return STENO_OK;
}

static steno_err write_part(audio_job *a, size_t index, const feeder_result *r, const feeder_config *config,
                            const char *part) {
    redacted_wav w = {.host = config->host,
                      .path = a->paths->path[index],
                      .limits = &config->limits,
                      .times = a->times[index],
                      .channels = r->channels,
                      .split = config->channels == MEDIA_SPLIT,
                      .frames = llround(r->audio_s * STENO_SAMPLE_RATE_HZ),
                      .kind = a->kind,
                      .stop_fd = config->stop_fd};
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd == -1) return err_fail(STENO_E_IO, "%s: %s", part, strerror(errno));
    steno_err e = redacted_wav_write(&w, fd);
    if (close(fd) != 0 && e == STENO_OK) e = err_fail(STENO_E_IO, "%s: %s", part, strerror(errno));
    return e == STENO_OK ? check_source(a, index) : e;
}

static steno_err write_result(audio_job *a, size_t index, const feeder_result *r, const feeder_config *config) {
    char part[CLI_PATH_BYTES_MAX + 8];
    if (r->error != STENO_OK || r->channels == 0)
        return err_fail(STENO_E_FORMAT, "not all of it was recognised: no redacted audio");
    ERR_TRY(check_source(a, index));
    ERR_TRY(part_name(a->names[index], part));
    steno_err e = write_part(a, index, r, config, part);
    if (e == STENO_OK && rename(part, a->names[index]) != 0)
        e = err_fail(STENO_E_IO, "%s: %s", a->names[index], strerror(errno));
    if (e != STENO_OK) unlink(part);
    return e;
}

steno_err transcribe_audio_done(audio_job *a, size_t index, const feeder_result *r, const feeder_config *config) {
    if (!a->wanted) return STENO_OK;
    steno_err e = write_result(a, index, r, config);
    for (int c = 0; c < FEEDER_MAX_CHANNELS; c++) covered_free(&a->times[index][c]);
    return e;
}

void transcribe_audio_free(audio_job *a) {
    size_t n = a->paths ? a->paths->n : 0;
    for (size_t i = 0; a->times && i < n; i++) {
        for (int c = 0; c < FEEDER_MAX_CHANNELS; c++) covered_free(&a->times[i][c]);
    }
    cli_names_free(a->names, a->clash, n);
    mem_free(a->times);
    mem_free(a->seen);
}
