/* find_lines.c: looks for personal data in JSON lines with a "text" from standard input, and says what it found in JSON lines that
 * `steno score pii` reads.
 *
 *     find_lines [TYPES] [--rules FILE] <SET.jsonl >FOUND.jsonl      TYPES as in entity_parse_set(); default "default"
 *
 * Owner: one thread.
 */
#include "privacy/find.h"

#include "set_lines.h"

#define CONFIDENCE 0.5F

static const char *type_name(const privacy *p, const finding *at) {
    return at->type == ENTITY_CUSTOM ? privacy_custom_name(p, at->custom) : entity_name(at->type);
}

static bool put_line(const privacy *p, const find_result *r) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n; i++) {
        const finding *at = &r->findings[i];
        json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:f,s:s}", "type", type_name(p, at), "start",
                                              (json_int_t)at->at, "end", (json_int_t)(at->at + at->n), "confidence",
                                              (double)at->confidence, "canonical", at->canonical));
    }
    json_t *line = json_pack("{s:o}", "entities", list);
    bool good = line && json_dumpf(line, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    json_decref(line);
    return good;
}

static bool find_all(privacy *p, finder *f, entity_set types) {
    for (json_t *line; (line = set_next(stdin)); json_decref(line)) {
        find_text text = {.whole = true};
        find_result result;
        text.text = set_text(line, &text.n);
        text.stable = text.n;
        if (find_run(f, &text, types, CONFIDENCE, &result) != STENO_OK || !put_line(p, &result)) return false;
    }
    return true;
}

int main(int argc, char **argv) {
    entity_set types = entity_default_set;
    privacy_options options = {.no_names = true};
    privacy *p = NULL;
    finder *f = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rules") == 0 && i + 1 < argc) {
            options.rules_path = argv[++i];
        } else if (entity_parse_set(argv[i], strlen(argv[i]), &types) != STENO_OK) {
            fprintf(stderr, "find_lines: %s\n", steno_error_detail());
            return 2;
        }
    }
    options.no_names =
        !(types & (ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_ORGANISATION)));
    bool good = privacy_open(&options, &p) == STENO_OK && finder_open(p, &f) == STENO_OK && find_all(p, f, types);
    if (!good) fprintf(stderr, "find_lines: %s\n", steno_error_detail());
    finder_free(f);
    privacy_close(p);
    return good ? 0 : 1;
}
