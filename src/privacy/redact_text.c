/* redact_text.c: what went out of a text, gathered in memory. See redact.h. */
#include "privacy/redact.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

#define ROOM_FIRST 256

/* Room for `n` things of `size` bytes in a block that has *room of them. */
static void *grown(void *block, size_t *room, size_t n, size_t size) {
    if (n <= *room) return block;
    size_t more = *room ? *room : ROOM_FIRST;
    while (more < n) more *= 2;
    void *bigger = mem_resize(block, *room * size, more * size);
    if (bigger) *room = more;
    return bigger;
}

steno_err redact_gather(void *user, const char *text, size_t n, const redact_entity *entities, uint32_t n_entities) {
    redact_text *t = user;
    char *bigger = grown(t->text, &t->room, t->n + n + 1, 1);
    if (!bigger) return err_fail(STENO_E_NOMEM, "privacy: no memory for a text of %zu bytes", t->n + n);
    t->text = bigger;
    if (n) memcpy(t->text + t->n, text, n);
    t->n += n;
    t->text[t->n] = '\0';
    if (n_entities == 0) return STENO_OK;
    redact_entity *more = grown(t->entities, &t->entities_room, t->n_entities + n_entities, sizeof *more);
    if (!more) return err_fail(STENO_E_NOMEM, "privacy: no memory for %zu entities", t->n_entities + n_entities);
    t->entities = more;
    memcpy(t->entities + t->n_entities, entities, n_entities * sizeof *entities);
    t->n_entities += n_entities;
    return STENO_OK;
}

void redact_text_free(redact_text *t) {
    mem_free(t->text);
    mem_free(t->entities);
    *t = (redact_text){0};
}

steno_err redact_whole(redactor *r, const char *text, size_t n, redact_text *out) {
    redact_begin(r, redact_gather, out);
    ERR_TRY(redact_push(r, text, n));
    return redact_end(r);
}

size_t redact_count_chars(const char *text, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}
