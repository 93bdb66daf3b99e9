/* ner_tables.c: the tables of the tagger of names: lists of words, weights, scores of characters.
 *
 * Purpose    ner_tables.bin (bench/names/train.c made it) is part of the program; here it is read and looked up.
 * Owner      any thread; immutable.
 */
#include "privacy/ner_int.h"

#include <string.h>

#ifdef NER_TABLES_FILE
__asm__(".section .rodata\n.balign 64\nner_file:\n.incbin \"" NER_TABLES_FILE
        "\"\nner_file_end:\n.byte 0\n.previous\n");
extern const uint8_t ner_file[], ner_file_end[];
#else
static const uint8_t ner_file[64] __attribute__((aligned(64))), *const ner_file_end = ner_file;
#endif

/* Part of `bytes` from *at on; *at moves to the next 64. NULL: it is not all there. */
static const void *take(const uint8_t *bytes, size_t n, size_t *at, size_t size) {
    if (*at > n || n - *at < size) return NULL;
    const void *part = bytes + *at;
    *at += (size + 63) / 64 * 64;
    return part;
}

static bool take_list(const uint8_t *bytes, size_t n, size_t *at, uint32_t slots, ner_list *out) {
    out->slots = slots;
    out->mark = take(bytes, n, at, (size_t)slots * sizeof *out->mark);
    out->flags = take(bytes, n, at, (size_t)slots * sizeof *out->flags);
    out->cls = take(bytes, n, at, slots);
    return out->mark && out->flags && out->cls;
}

bool ner_read_tables(const uint8_t *bytes, size_t n, ner_tables *out) {
    ner_head head;
    size_t at = 0;
    memset(out, 0, sizeof *out);
    const void *first = take(bytes, n, &at, sizeof head);
    if (!first) return false;
    memcpy(&head, first, sizeof head);
    if (head.magic != NER_TABLES_MAGIC || head.buckets == 0) return false;
    if (!take_list(bytes, n, &at, head.english_slots, &out->english)) return false;
    if (!take_list(bytes, n, &at, head.chinese_slots, &out->chinese)) return false;
    out->buckets = head.buckets;
    out->weights = take(bytes, n, &at, (size_t)head.buckets * sizeof *out->weights);
    out->han = head.han;
    out->caution = head.caution;
    out->given = take(bytes, n, &at, (size_t)head.han * NER_HAN_SCORES);
    return out->weights && out->given;
}

bool ner_get_tables(ner_tables *out) {
    return ner_read_tables(ner_file, (size_t)(ner_file_end - ner_file), out);
}

uint64_t ner_hash(const char *text, size_t n) {
    uint64_t h = n;
    for (; n >= 8; text += 8, n -= 8) {
        uint64_t eight;
        memcpy(&eight, text, 8);
        h = ner_mix(h, eight);
    }
    uint64_t rest = 0;
    memcpy(&rest, text, n);
    return ner_mix(h, rest);
}

bool ner_lookup(const ner_list *list, uint64_t id, uint16_t *flags, uint8_t *cls) {
    *flags = 0;
    *cls = 0;
    if (list->slots == 0) return false;
    const uint16_t mark = ner_mark16(id);
    for (uint32_t s = ner_slot(id, list->slots); list->mark[s] != 0; s = s + 1 == list->slots ? 0 : s + 1) {
        if (list->mark[s] != mark) continue;
        *flags = list->flags[s];
        *cls = list->cls[s];
        return true;
    }
    return false;
}
