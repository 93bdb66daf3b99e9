/* released.c: see released.h. */
#include "privacy/released.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

/* A custom rule's name is its rules', which may be replaced before the copy goes. */
static size_t names_bytes(const released_segment *s) {
    size_t n = 0;
    for (uint32_t i = 0; i < s->n_entities; i++) n += strlen(s->entities[i].name) + 1;
    return n;
}

static void copy_names(released_entity *entities, uint32_t n, char *to) {
    for (uint32_t i = 0; i < n; i++) {
        size_t bytes = strlen(entities[i].name) + 1;
        memcpy(to, entities[i].name, bytes);
        entities[i].name = to;
        to += bytes;
    }
}

/* Words, entities, text and names of entities stand in one block, in this order, which `words` points to. */
steno_err released_copy(released_segment *to, const released_segment *from, size_t *bytes) {
    size_t words = from->n_words * sizeof *from->words, entities = from->n_entities * sizeof *from->entities;
    size_t text = strlen(from->text) + 1, names = names_bytes(from);
    char *block = mem_alloc(1, words + entities + text + names);
    if (!block) return err_fail(STENO_E_NOMEM, "no memory for a segment");
    if (words) memcpy(block, from->words, words);
    if (entities) memcpy(block + words, from->entities, entities);
    memcpy(block + words + entities, from->text, text);
    copy_names((released_entity *)(void *)(block + words), from->n_entities, block + words + entities + text);
    *to = *from;
    to->words = (const steno_word *)(void *)block;
    to->entities = (const released_entity *)(void *)(block + words);
    to->text = block + words + entities;
    if (bytes) *bytes = words + entities + text + names;
    return STENO_OK;
}

void released_free(released_segment *s) {
    mem_free((void *)(uintptr_t)s->words); /* released_copy() made it */
    *s = (released_segment){0};
}

const released_segment released_nothing = {.text = "", .speaker = STENO_SPEAKER_UNKNOWN};

released_segment released_kept(const steno_segment *kept, const released_entity *entities, uint32_t n_entities) {
    return (released_segment){.id = kept->id,
                              .rev = kept->rev,
                              .stable_bytes = kept->stable_bytes,
                              .end = kept->end,
                              .start_s = kept->start_s,
                              .end_s = kept->end_s,
                              .confidence = kept->confidence,
                              .looped = kept->looped,
                              .text = kept->text,
                              .words = kept->words,
                              .n_words = kept->n_words,
                              .speaker = kept->speaker,
                              .speaker_margin = kept->speaker_margin,
                              .speaker_fixed = kept->speaker_fixed,
                              .entities = entities,
                              .n_entities = n_entities};
}

size_t released_mask_bytes(const char *text, size_t n) {
    size_t at = 1;
    if (n < 3 || text[0] != '[') return 0;
    while (at < n && ((text[at] >= 'A' && text[at] <= 'Z') || (text[at] >= '0' && text[at] <= '9') || text[at] == '_'))
        at++;
    return at > 1 && at < n && text[at] == ']' ? at + 1 : 0;
}

void released_label(released_segment *copy, const released_segment *labels) {
    steno_word *words = (steno_word *)(uintptr_t)copy->words; /* released_copy() made them */
    for (uint32_t i = 0; i < copy->n_words && i < labels->n_words; i++) words[i].speaker = labels->words[i].speaker;
    copy->speaker = labels->speaker;
    copy->speaker_margin = labels->speaker_margin;
    copy->speaker_fixed = labels->speaker_fixed;
}
