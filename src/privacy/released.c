/* released.c: see released.h. */
#include "privacy/released.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

/* Words, entities and text stand in one block, in this order, which `words` points to (or `entities`, or `text`, where there is
 * none of what comes first). */
steno_err released_copy(released_segment *to, const released_segment *from, size_t *bytes) {
    size_t words = from->n_words * sizeof *from->words, entities = from->n_entities * sizeof *from->entities;
    size_t text = strlen(from->text) + 1;
    char *block = mem_alloc(1, words + entities + text);
    if (!block) return err_fail(STENO_E_NOMEM, "no memory for a segment");
    if (words) memcpy(block, from->words, words);
    if (entities) memcpy(block + words, from->entities, entities);
    memcpy(block + words + entities, from->text, text);
    *to = *from;
    to->words = (const steno_word *)(void *)block;
    to->entities = (const released_entity *)(void *)(block + words);
    to->text = block + words + entities;
    if (bytes) *bytes = words + entities + text;
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

void released_label(released_segment *copy, const released_segment *labels) {
    steno_word *words = (steno_word *)(uintptr_t)copy->words; /* released_copy() made them */
    for (uint32_t i = 0; i < copy->n_words && i < labels->n_words; i++) words[i].speaker = labels->words[i].speaker;
    copy->speaker = labels->speaker;
    copy->speaker_margin = labels->speaker_margin;
    copy->speaker_fixed = labels->speaker_fixed;
}
