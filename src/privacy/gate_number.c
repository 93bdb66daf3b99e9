/* gate_number.c: masks are numbered in a stream, the same text the same number. See gate_int.h.
 *
 * Of what was said only a hash stays, made with a key that the process draws and nobody sees: who reads the memory cannot try all
 * telephone numbers, and numbers of two streams cannot be compared.
 */
#include "privacy/gate_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#define KEY_BYTES  32
#define HASH_BYTES 32

typedef struct entry {
    uint64_t hash;
    unsigned number;
} entry;

static unsigned char key[KEY_BYTES];
static bool has_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void draw_key(void) {
    has_key = getrandom(key, sizeof key, 0) == (ssize_t)sizeof key;
}

static bool hash_of(entity_type type, uint32_t custom, const char *text, size_t n, uint64_t *out) {
    uint32_t head[2] = {(uint32_t)type, custom};
    unsigned char all[sizeof head + RULE_CANONICAL_MAX], hash[HASH_BYTES];
    unsigned bytes = sizeof hash;
    if (n > RULE_CANONICAL_MAX || pthread_once(&once, draw_key) != 0 || !has_key) return false;
    memcpy(all, head, sizeof head);
    for (size_t i = 0; i < n; i++) {
        bool capital = text[i] >= 'A' && text[i] <= 'Z';
        all[sizeof head + i] = (unsigned char)(capital ? text[i] | 0x20 : text[i]);
    }
    bool ok = HMAC(EVP_sha256(), key, KEY_BYTES, all, sizeof head + n, hash, &bytes) != NULL;
    memset(all, 0, sizeof all);
    memcpy(out, hash, sizeof *out);
    return ok;
}

unsigned gate_number(gate_numbers *t, entity_type type, uint32_t custom, const char *text, size_t n) {
    uint64_t hash;
    if (!hash_of(type, custom, text, n, &hash)) return 0;
    entry *entries = t->table.at;
    for (uint32_t i = 0; i < t->n; i++)
        if (entries[i].hash == hash) return entries[i].number;
    if (t->n == GATE_NUMBERS_MAX || gate_grow(&t->table, (t->n + 1) * sizeof *entries) != STENO_OK) return 0;
    entries = t->table.at;
    entries[t->n++] = (entry){hash, ++t->last[type]};
    return entries[t->n - 1].number;
}
