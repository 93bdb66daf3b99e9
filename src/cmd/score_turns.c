/* score_turns.c: see score_turns.h. */
#include "cmd/score_turns.h"

#include "base/mem.h"
#include "cmd/cli.h"
#include "output/format.h"
#include "speakers/der.h"
#include "speakers/switch_rate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMPLAINTS_MAX 10 /* about recordings that one side lacks */

typedef struct sides {
    rttm ref, hyp, uem;
} sides;

/* ---- both sides ------------------------------------------------------------------------------------------------- */

static const char *label_of(const rttm_recording *r, char room[600]) {
    if (strcmp(r->channel, "1") == 0) return r->file;
    snprintf(room, 600, "%s/%s", r->file, r->channel);
    return room;
}

static const rttm_recording *heard_of(const sides *s, const rttm_recording *r) {
    return rttm_find(&s->hyp, r->file, r->channel);
}

/* Every recording of `a` that `b` lacks. */
static void complain_about(const rttm *a, const rttm *b, const char *path, const char *consequence) {
    char room[600], reason[700];
    int shown = 0, n = 0;
    for (uint32_t i = 0; i < a->n_recordings; i++) {
        const rttm_recording *r = &a->recording[i];
        if (rttm_find(b, r->file, r->channel)) continue;
        if (n++ >= COMPLAINTS_MAX) continue;
        snprintf(reason, sizeof reason, "'%s' %s", label_of(r, room), consequence);
        cli_complain(path, reason);
        shown++;
    }
    if (n == shown) return;
    snprintf(reason, sizeof reason, "%d such recordings in all", n);
    cli_complain(path, reason);
}

static bool failed(const char *path) {
    cli_complain(path, steno_error_detail());
    return false;
}

static bool read_sides(const score_turns *job, sides *s) {
    if (rttm_read(job->ref_path, &s->ref) != STENO_OK) return failed(job->ref_path);
    if (rttm_read(job->hyp_path, &s->hyp) != STENO_OK) return failed(job->hyp_path);
    if (job->uem_path && rttm_read_uem(job->uem_path, &s->uem) != STENO_OK) return failed(job->uem_path);
    if (s->ref.n == 0) {
        cli_complain(job->ref_path, "no turns in the reference: there is nothing to score");
        return false;
    }
    complain_about(&s->ref, &s->hyp, job->hyp_path, "is not there: its speech counts as missed");
    complain_about(&s->hyp, &s->ref, job->hyp_path, "is not in the reference: not counted");
    if (job->uem_path) complain_about(&s->ref, &s->uem, job->uem_path, "is not there: not scored");
    return true;
}

static void free_sides(sides *s) {
    rttm_free(&s->ref);
    rttm_free(&s->hyp);
    rttm_free(&s->uem);
}

static void put_json_string(const char *text) {
    putchar('"');
    output_put_text(stdout, text, strlen(text), output_escape_json);
    putchar('"');
}

static void put_label(const char *text) {
    output_put_text(stdout, text, strlen(text), output_escape_plain);
}

/* ---- der -------------------------------------------------------------------------------------------------------- */

static double share(double part_s, const der_counts *c) {
    return c->reference_s > 0 ? 100.0 * part_s / c->reference_s : 0.0;
}

static void put_der_text(const char *label, const der_counts *c) {
    if (c->reference_s > 0)
        printf("%7.2f  %7.2f  %11.2f  %9.2f  %9.3f  %3d/%-3d  ", der_percent(c), share(c->missed_s, c),
               share(c->false_alarm_s, c), share(c->confusion_s, c), c->reference_s, c->ref_speakers, c->hyp_speakers);
    else
        printf("%7s  %7s  %11s  %9s  %9.3f  %3d/%-3d  ", "-", "-", "-", "-", 0.0, c->ref_speakers, c->hyp_speakers);
    put_label(label);
    putchar('\n');
}

static void put_member(const char *name, double value) {
    printf(",\"%s\":", name);
    output_put_number(stdout, value);
}

static void put_der_counts(const der_counts *c) {
    fputs("\"der_percent\":", stdout);
    if (c->reference_s > 0)
        output_put_number(stdout, der_percent(c));
    else
        fputs("null", stdout);
    put_member("missed_s", c->missed_s);
    put_member("false_alarm_s", c->false_alarm_s);
    put_member("confusion_s", c->confusion_s);
    put_member("reference_s", c->reference_s);
    put_member("scored_s", c->scored_s);
    printf(",\"ref_speakers\":%d,\"hyp_speakers\":%d", c->ref_speakers, c->hyp_speakers);
}

/* Which speaker was taken for which. */
static void put_map(const rttm_recording *ref, const rttm_recording *hyp, const int *map) {
    fputs(",\"mapping\":{", stdout);
    for (uint32_t i = 0; i < ref->n_speakers; i++) {
        if (i) putchar(',');
        put_json_string(ref->speaker[i]);
        putchar(':');
        if (!hyp || map[i] < 0)
            fputs("null", stdout);
        else
            put_json_string(hyp->speaker[map[i]]);
    }
    putchar('}');
}

static void put_head(const rttm_recording *r, bool first) {
    fputs(first ? "\n{\"recording\":" : ",\n{\"recording\":", stdout);
    put_json_string(r->file);
    fputs(",\"channel\":", stdout);
    put_json_string(r->channel);
    putchar(',');
}

static bool score_one(const score_turns *job, const sides *s, uint32_t i, der_counts *total) {
    const der_options o = {job->collar_s, job->no_overlap, job->uem_path ? &s->uem : NULL};
    const rttm_recording *r = &s->ref.recording[i], *h = heard_of(s, r);
    char room[600];
    der_counts c = {0};
    int *map = mem_alloc(r->n_speakers, sizeof *map);
    steno_err err = map ? der_score(&s->ref, r, &s->hyp, h, &o, &c, map)
                        : err_fail(STENO_E_NOMEM, "%s: no memory to score it", r->file);
    if (err == STENO_OK) {
        der_add(total, &c);
        if (job->json) {
            put_head(r, i == 0);
            put_der_counts(&c);
            put_map(r, h, map);
            putchar('}');
        } else {
            put_der_text(label_of(r, room), &c);
        }
    }
    mem_free(map);
    return err == STENO_OK;
}

static int score_all(const score_turns *job, const sides *s) {
    der_counts total = {0};
    if (job->json)
        fputs("{\"recordings\":[", stdout);
    else
        printf("DER %%    missed  false alarm  confusion  speech, s  speakers  recording\n");
    for (uint32_t i = 0; i < s->ref.n_recordings; i++) {
        if (!score_one(job, s, i, &total)) {
            cli_complain(job->ref_path, steno_error_detail());
            return 1;
        }
    }
    if (job->json) {
        fputs("\n],\"collar_s\":", stdout);
        output_put_number(stdout, job->collar_s);
        printf(",\"overlap\":%s,", job->no_overlap ? "false" : "true");
        put_der_counts(&total);
        puts("}");
    } else {
        put_der_text("(all)", &total);
        printf("collar %g s, overlapped speech %s\n", job->collar_s, job->no_overlap ? "left out" : "scored");
    }
    if (total.reference_s > 0) return 0;
    cli_complain(job->ref_path, "no speech is left to score: there is no error rate");
    return 1;
}

int score_der(const score_turns *job) {
    sides s = {0};
    int status = read_sides(job, &s) ? score_all(job, &s) : 1;
    free_sides(&s);
    return status;
}

/* ---- switch ------------------------------------------------------------------------------------------------------ */

static void put_switch_text(const char *label, const switch_counts *c) {
    if (c->pairs)
        printf("%8.2f", switch_percent(c));
    else
        printf("%8s", "-");
    printf("  %8" PRIu64 "  %8" PRIu64 "  %9" PRIu64 "  %7" PRIu64 "  ", c->switches, c->pairs, c->stretches,
           c->unheard);
    put_label(label);
    putchar('\n');
}

static void put_switch_counts(const switch_counts *c) {
    fputs("\"switch_percent\":", stdout);
    if (c->pairs)
        output_put_number(stdout, switch_percent(c));
    else
        fputs("null", stdout);
    printf(",\"switches\":%" PRIu64 ",\"pairs\":%" PRIu64 ",\"stretches\":%" PRIu64 ",\"unheard\":%" PRIu64,
           c->switches, c->pairs, c->stretches, c->unheard);
}

static int switch_all(const score_turns *job, const sides *s) {
    switch_counts total = {0}, c;
    char room[600];
    if (job->json)
        fputs("{\"recordings\":[", stdout);
    else
        printf("switch %%  switches  of pairs  stretches  unheard  recording\n");
    for (uint32_t i = 0; i < s->ref.n_recordings; i++) {
        const rttm_recording *r = &s->ref.recording[i];
        if (switch_rate(&s->ref, r, &s->hyp, heard_of(s, r), &c) != STENO_OK) {
            cli_complain(job->ref_path, steno_error_detail());
            return 1;
        }
        switch_add(&total, &c);
        if (job->json) {
            put_head(r, i == 0);
            put_switch_counts(&c);
            putchar('}');
        } else {
            put_switch_text(label_of(r, room), &c);
        }
    }
    if (job->json) {
        fputs("\n],", stdout);
        put_switch_counts(&total);
        puts("}");
    } else {
        put_switch_text("(all)", &total);
    }
    return 0;
}

int score_switch(const score_turns *job) {
    sides s = {0};
    int status = read_sides(job, &s) ? switch_all(job, &s) : 1;
    free_sides(&s);
    return status;
}
