/* cmd_score.c: `steno score`: word and character error rates of a transcript against a reference (wer); speakers against a
 * reference (der, switch: score_turns.c); personal data that was found against what is there (pii: score_pii.c).
 *
 * Owner: the main thread. Utterances are compared one by one and only counts are kept; docs/scoring.md says exactly what
 * is counted.
 */
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "output/format.h"
#include "cmd/score_corpus.h"
#include "cmd/score_pii.h"
#include "cmd/score_turns.h"
#include "score/score_wer.h"
#include "cmd/cmd_options.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISSING_SHOWN 10 /* complaints about missing and extra ids, each */

typedef struct score_job {
    score_pairing pairing;
    score_normaliser normaliser;
    score_unit unit;
    bool cer, per_line, json;
    const char *ref_path, *hyp_path;
    score_file ref, hyp;
    score_pairs pairs;
    score_counts words, characters;      /* totals; characters only with cer */
    score_turns turns;                   /* der, switch */
    const char *wer_option, *der_option; /* given, and for one kind of score only; or NULL */
} score_job;

static void help(void) {
    printf(
        "Usage: steno score wer [options] REF HYP\n"
        "       steno score der [options] REF HYP\n"
        "       steno score switch [options] REF HYP\n"
        "       steno score pii [--json] REF HYP\n\n"
        "wer compares a transcript HYP with what was said, REF: text files of one utterance a line. '-' is standard\n"
        "input. WER = (substitutions + deletions + insertions) / words in REF, over all utterances together.\n"
        "der and switch compare who was heard, HYP, with who spoke, REF: RTTM files of one recording or more.\n"
        "DER = (missed + false alarm + confusion) / speech in REF, speakers matched one to one so that they agree\n"
        "best. The switch rate says how often a speaker's label changes from one turn to the next.\n"
        "pii compares personal data that was found, HYP, with what is there, REF: JSON lines with \"text\" and\n"
        "\"entities\", a list of {\"type\", \"start\", \"end\"} in bytes; the n-th with the n-th.\n\n"
        "Pairing of utterances (wer):\n"
        "      --ids              lines are 'id<TAB>text' or 'id text', matched by id in any order; an id that HYP\n"
        "                         lacks counts as deleted, one that REF lacks is reported and not counted\n"
        "      --whole            all lines of a file are one utterance: line breaks do not matter\n"
        "                         (default: the n-th line with the n-th)\n"
        "Counting (wer):\n"
        "      --normalise NAME   basic (default) or none\n"
        "                         basic: Unicode NFKC; lower case; apostrophes between two letters or digits stay\n"
        "                         (all kinds become '); all other punctuation and symbols become spaces. Numbers\n"
        "                         are not spelled out: '1' and 'one' differ.\n"
        "                         none: the text as it is, cut at spaces\n"
        "      --unit NAME        auto (default): words between spaces, but each Chinese or Japanese character\n"
        "                         counts as a word (mixed error rate); word: only spaces cut; char: characters\n"
        "      --cer              also the character error rate, spaces not counted; always shown when REF holds\n"
        "                         Chinese or Japanese\n"
        "Counting (der):\n"
        "      --collar S         nothing is scored within S seconds of a start or an end of a turn in REF\n"
        "                         (default 0; 0.25 is usual)\n"
        "      --no-overlap       nothing is scored where REF has two speakers or more (default: all is)\n"
        "      --uem FILE         score these stretches only (default: from the first start to the last end in REF)\n"
        "Output:\n"
        "      --per-line         a table with a row for each utterance first (wer)\n"
        "      --json             one JSON document\n"
        "  -h, --help             this text\n\n"
        "Exit status: 0 compared, 1 a file could not be used, 2 wrong usage.\n");
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static steno_err compare_as(const score_job *job, const score_line *ref, const score_line *hyp, score_unit unit,
                            score_counts *out) {
    score_tokens r, h;
    ERR_TRY(score_tokens_make(ref->text, ref->text_bytes, job->normaliser, unit, &r));
    steno_err err = score_tokens_make(hyp ? hyp->text : "", hyp ? hyp->text_bytes : 0, job->normaliser, unit, &h);
    if (err == STENO_OK) err = score_align(&r, &h, out);
    score_tokens_free(&r);
    score_tokens_free(&h);
    return err;
}

static bool compare(score_job *job, size_t i, score_counts *words) {
    const score_line *ref = &job->ref.line[i], *hyp = job->pairs.hyp[i];
    score_counts characters = {0};
    steno_err err = compare_as(job, ref, hyp, job->unit, words);
    if (err == STENO_OK && job->cer) err = compare_as(job, ref, hyp, SCORE_CHAR, &characters);
    if (err != STENO_OK) {
        char reason[ERR_DETAIL_BYTES + 32];
        snprintf(reason, sizeof reason, "line %zu: %s", ref->number, steno_error_detail());
        cli_complain(job->ref.name, reason);
        return false;
    }
    score_add(&job->words, words);
    score_add(&job->characters, &characters);
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */

static void put_json_string(const char *bytes, size_t n) {
    putchar('"');
    output_put_text(stdout, bytes, n, output_escape_json);
    putchar('"');
}

static void put_json_counts(const char *units, const char *rate, const score_counts *c) {
    printf("\"%s\":%" PRIu64 ",\"correct\":%" PRIu64 ",\"substitutions\":%" PRIu64 ",\"deletions\":%" PRIu64
           ",\"insertions\":%" PRIu64 ",\"%s\":",
           units, c->units, c->correct, c->substitutions, c->deletions, c->insertions, rate);
    if (c->units)
        output_put_number(stdout, score_percent(c));
    else
        fputs("null", stdout);
}

static void put_row_json(const score_job *job, size_t i, const score_counts *c) {
    const score_line *ref = &job->ref.line[i], *hyp = job->pairs.hyp[i];
    fputs(i ? ",\n{" : "\n{", stdout);
    if (ref->id) {
        fputs("\"id\":", stdout);
        put_json_string(ref->id, ref->id_bytes);
    } else {
        printf("\"line\":%zu", ref->number);
    }
    putchar(',');
    put_json_counts("words", "wer_percent", c);
    fputs(",\"ref\":", stdout);
    put_json_string(ref->text, ref->text_bytes);
    fputs(",\"hyp\":", stdout);
    if (hyp)
        put_json_string(hyp->text, hyp->text_bytes);
    else
        fputs("null", stdout);
    putchar('}');
}

static void put_row_text(const score_job *job, size_t i, const score_counts *c) {
    const score_line *ref = &job->ref.line[i], *hyp = job->pairs.hyp[i];
    if (ref->id)
        output_put_text(stdout, ref->id, ref->id_bytes, output_escape_plain);
    else
        printf("%zu", ref->number);
    printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64, c->units, c->substitutions, c->deletions,
           c->insertions);
    if (c->units)
        printf("\t%.2f\t", score_percent(c));
    else
        printf("\t-\t");
    output_put_text(stdout, ref->text, ref->text_bytes, output_escape_plain);
    putchar('\t');
    if (hyp) output_put_text(stdout, hyp->text, hyp->text_bytes, output_escape_plain);
    putchar('\n');
}

static bool put_rows(score_job *job) {
    if (job->per_line && job->json) fputs("{\"lines\":[", stdout);
    if (job->per_line && !job->json)
        printf("%s\twords\tsubstitutions\tdeletions\tinsertions\twer\tref\thyp\n",
               job->pairing == SCORE_BY_ID ? "id" : "line");
    for (size_t i = 0; i < job->ref.n; i++) {
        score_counts counts = {0};
        if (!compare(job, i, &counts)) return false;
        if (!job->per_line) continue;
        if (job->json)
            put_row_json(job, i, &counts);
        else
            put_row_text(job, i, &counts);
    }
    if (job->per_line) fputs(job->json ? "\n],\n" : "\n", stdout);
    return true;
}

/* ---- the summary -------------------------------------------------------------------------------------------------------- */

static const char *unit_name(score_unit unit) {
    return unit == SCORE_WORD ? "word" : unit == SCORE_CHAR ? "char" : "auto";
}

static const char *normaliser_name(score_normaliser normaliser) {
    return normaliser == SCORE_NONE ? "none" : "basic";
}

static void put_ids_json(const score_job *job) {
    const char *comma = "";
    fputs(",\"missing\":[", stdout);
    for (size_t i = 0; i < job->ref.n && job->pairing == SCORE_BY_ID; i++) {
        if (job->pairs.hyp[i]) continue;
        fputs(comma, stdout);
        put_json_string(job->ref.line[i].id, job->ref.line[i].id_bytes);
        comma = ",";
    }
    fputs("],\"extra\":[", stdout);
    for (size_t i = 0; i < job->pairs.n_extra; i++) {
        if (i) putchar(',');
        put_json_string(job->pairs.extra[i]->id, job->pairs.extra[i]->id_bytes);
    }
    putchar(']');
}

static void put_summary_json(const score_job *job) {
    if (!job->per_line) putchar('{');
    printf("\"normalise\":\"%s\",\"unit\":\"%s\",\"utterances\":%zu,", normaliser_name(job->normaliser),
           unit_name(job->unit), job->ref.n);
    put_json_counts("words", "wer_percent", &job->words);
    if (job->cer) {
        fputs(",\"cer\":{", stdout);
        put_json_counts("characters", "cer_percent", &job->characters);
        putchar('}');
    }
    printf(",\"n_missing\":%zu", job->pairs.n_missing);
    put_ids_json(job);
    fputs("}\n", stdout);
}

static void put_rate(const char *name, const char *units, const score_counts *c) {
    printf("%s %.2f %%  (%" PRIu64 " errors in %" PRIu64 " %s: %" PRIu64 " substitutions, %" PRIu64
           " deletions, %" PRIu64 " insertions)\n",
           name, score_percent(c), score_errors(c), c->units, units, c->substitutions, c->deletions, c->insertions);
}

static void put_summary_text(const score_job *job) {
    printf("utterances     %zu\n", job->ref.n);
    if (job->pairs.n_missing) printf("missing        %zu (counted as deleted)\n", job->pairs.n_missing);
    if (job->pairs.n_extra) printf("extra          %zu (not counted)\n", job->pairs.n_extra);
    printf("words          %" PRIu64 "\n", job->words.units);
    printf("correct        %" PRIu64 "\n", job->words.correct);
    printf("substitutions  %" PRIu64 "\n", job->words.substitutions);
    printf("deletions      %" PRIu64 "\n", job->words.deletions);
    printf("insertions     %" PRIu64 "\n", job->words.insertions);
    put_rate("WER", "words", &job->words);
    if (job->cer) put_rate("CER", "characters", &job->characters);
}

/* One line each for the first few, so that a slip in the ids is seen at once. */
static void complain_about_ids(const score_job *job) {
    char reason[320];
    size_t shown = 0;
    if (job->pairing != SCORE_BY_ID) {
        if (job->pairs.n_missing) cli_complain(job->hyp.name, "empty: every utterance counts as deleted");
        return;
    }
    for (size_t i = 0; i < job->ref.n && shown < MISSING_SHOWN; i++) {
        const score_line *line = &job->ref.line[i];
        if (job->pairs.hyp[i]) continue;
        snprintf(reason, sizeof reason, "no line for id '%.*s': its words count as deleted",
                 (int)(line->id_bytes < 200 ? line->id_bytes : 200), line->id);
        cli_complain(job->hyp.name, reason);
        shown++;
    }
    for (size_t i = 0; i < job->pairs.n_extra && i < MISSING_SHOWN; i++) {
        const score_line *line = job->pairs.extra[i];
        snprintf(reason, sizeof reason, "line %zu: id '%.*s' is not in the reference: not counted", line->number,
                 (int)(line->id_bytes < 200 ? line->id_bytes : 200), line->id);
        cli_complain(job->hyp.name, reason);
    }
    if (job->pairs.n_missing > MISSING_SHOWN || job->pairs.n_extra > MISSING_SHOWN) {
        snprintf(reason, sizeof reason, "%zu ids missing and %zu extra in all", job->pairs.n_missing,
                 job->pairs.n_extra);
        cli_complain(job->hyp.name, reason);
    }
}

static int score_files(score_job *job) {
    job->cer = job->cer || (job->unit == SCORE_AUTO && score_has_cjk(job->ref.bytes, job->ref.n_bytes));
    if (score_pair(&job->ref, &job->hyp, job->pairing, &job->pairs) != STENO_OK) {
        cli_complain(job->hyp.name, steno_error_detail());
        return 1;
    }
    complain_about_ids(job);
    if (!put_rows(job)) return 1;
    if (job->json)
        put_summary_json(job);
    else if (job->words.units)
        put_summary_text(job);
    if (job->words.units) return 0;
    cli_complain(job->ref.name, "no words in the reference: there is no error rate");
    return 1;
}

static int score_wer(score_job *job) {
    int status = 1;
    if (score_file_read(job->ref_path, job->pairing, &job->ref) != STENO_OK)
        cli_complain(job->ref_path, steno_error_detail());
    else if (score_file_read(job->hyp_path, job->pairing, &job->hyp) != STENO_OK)
        cli_complain(job->hyp_path, steno_error_detail());
    else
        status = score_files(job);
    score_pairs_free(&job->pairs);
    score_file_free(&job->ref);
    score_file_free(&job->hyp);
    return status;
}

/* ---- options ------------------------------------------------------------------------------------------------------------ */

enum option_code {
    OPT_IDS = 256,
    OPT_WHOLE,
    OPT_NORMALISE,
    OPT_UNIT,
    OPT_CER,
    OPT_PER_LINE,
    OPT_COLLAR,
    OPT_NO_OVERLAP,
    OPT_UEM,
    OPT_JSON
};

const struct option cmd_score_options[] = {{"ids", no_argument, NULL, OPT_IDS},
                                           {"whole", no_argument, NULL, OPT_WHOLE},
                                           {"normalise", required_argument, NULL, OPT_NORMALISE},
                                           {"normalize", required_argument, NULL, OPT_NORMALISE},
                                           {"unit", required_argument, NULL, OPT_UNIT},
                                           {"cer", no_argument, NULL, OPT_CER},
                                           {"per-line", no_argument, NULL, OPT_PER_LINE},
                                           {"collar", required_argument, NULL, OPT_COLLAR},
                                           {"no-overlap", no_argument, NULL, OPT_NO_OVERLAP},
                                           {"uem", required_argument, NULL, OPT_UEM},
                                           {"json", no_argument, NULL, OPT_JSON},
                                           {"help", no_argument, NULL, 'h'},
                                           {NULL, 0, NULL, 0}};

static bool parse_normaliser(const char *text, score_normaliser *out) {
    *out = strcmp(text, "none") == 0 ? SCORE_NONE : SCORE_BASIC;
    return *out == SCORE_NONE || strcmp(text, "basic") == 0;
}

static bool parse_unit(const char *text, score_unit *out) {
    *out = strcmp(text, "word") == 0 ? SCORE_WORD : strcmp(text, "char") == 0 ? SCORE_CHAR : SCORE_AUTO;
    return *out != SCORE_AUTO || strcmp(text, "auto") == 0;
}

static int take_collar(score_job *job, const char *text) {
    float collar_s;
    if (!cli_float(text, 0, SCORE_COLLAR_MAX_S, &collar_s))
        return cli_usage("score", "--collar '%s' is not a number of seconds from 0 to %g", text, SCORE_COLLAR_MAX_S);
    job->turns.collar_s = strtod(text, NULL); /* all its digits */
    return -1;
}

static int take_pairing(score_job *job, score_pairing pairing) {
    if (job->pairing != SCORE_BY_LINE && job->pairing != pairing)
        return cli_usage("score", "--ids and --whole exclude each other");
    job->pairing = pairing;
    return -1;
}

/* -1: go on; else the exit status. */
static int take_option(score_job *job, int code) {
    switch (code) {
    case OPT_IDS:
    case OPT_WHOLE:
        return take_pairing(job, code == OPT_IDS ? SCORE_BY_ID : SCORE_WHOLE);
    case OPT_NORMALISE:
        if (parse_normaliser(optarg, &job->normaliser)) return -1;
        return cli_usage("score", "--normalise '%s' is not basic or none", optarg);
    case OPT_UNIT:
        if (parse_unit(optarg, &job->unit)) return -1;
        return cli_usage("score", "--unit '%s' is not auto, word or char", optarg);
    case OPT_CER:
        job->cer = true;
        return -1;
    case OPT_PER_LINE:
        job->per_line = true;
        return -1;
    case OPT_COLLAR:
        return take_collar(job, optarg);
    case OPT_NO_OVERLAP:
        job->turns.no_overlap = true;
        return -1;
    case OPT_UEM:
        job->turns.uem_path = optarg;
        return -1;
    case OPT_JSON:
        job->json = job->turns.json = true;
        return -1;
    case 'h':
        help();
        return 0;
    default:
        fprintf(stderr, "steno: see 'steno score --help'\n");
        return 2;
    }
}

static void remember(score_job *job, int code, const char *name) {
    if (code >= OPT_IDS && code <= OPT_PER_LINE) job->wer_option = name;
    if (code >= OPT_COLLAR && code <= OPT_UEM) job->der_option = name;
}

static int run_score(score_job *job, const char *what) {
    bool wer = strcmp(what, "wer") == 0, der = strcmp(what, "der") == 0;
    if (!wer && job->wer_option) return cli_usage("score", "--%s is for 'score wer' only", job->wer_option);
    if (!der && job->der_option) return cli_usage("score", "--%s is for 'score der' only", job->der_option);
    if (strcmp(what, "pii") == 0) return score_pii(job->ref_path, job->hyp_path, job->json);
    return wer ? score_wer(job) : der ? score_der(&job->turns) : score_switch(&job->turns);
}

int cmd_score(int argc, char **argv) {
    score_job job = {.pairing = SCORE_BY_LINE};
    optind = 0; /* a fresh scan, also when called again */
    for (int code, at = 0; (code = getopt_long(argc, argv, "h", cmd_score_options, &at)) != -1;) {
        int status = take_option(&job, code);
        if (status >= 0) return status;
        remember(&job, code, cmd_score_options[at].name);
    }
    if (optind == argc) return cli_usage("score", "what to score is missing: 'wer', 'der', 'switch' or 'pii'");
    const char *what = argv[optind];
    if (strcmp(what, "wer") != 0 && strcmp(what, "der") != 0 && strcmp(what, "switch") != 0 && strcmp(what, "pii") != 0)
        return cli_usage("score", "unknown score '%s': 'wer', 'der', 'switch' or 'pii'", what);
    if (argc - optind != 3)
        return cli_usage("score", "'score %s' takes two files, REF and HYP, not %d", what, argc - optind - 1);
    job.ref_path = job.turns.ref_path = argv[optind + 1];
    job.hyp_path = job.turns.hyp_path = argv[optind + 2];
    if (strcmp(job.ref_path, "-") == 0 && strcmp(job.hyp_path, "-") == 0)
        return cli_usage("score", "standard input cannot be both files");
    return run_score(&job, what);
}
