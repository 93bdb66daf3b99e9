/* keys_text.c: the text of keys. See keys.h. Pure but for the system's random numbers. */
#include "store/keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define PREFIX_CHARS (sizeof KEYS_PREFIX - 1)
#define SECRET_AT    (PREFIX_CHARS + KEYS_ID_CHARS + 1)
#define CHECK_AT     (SECRET_AT + KEYS_SECRET_CHARS)

_Static_assert(CHECK_AT + KEYS_CHECK_CHARS == KEYS_TEXT_CHARS, "the parts of a key fill it");
_Static_assert(KEYS_HASH_BYTES == SHA256_DIGEST_LENGTH, "a hash is a SHA-256");

/* Digits and lower case first, so that an id uses the first 36. */
static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
#define ID_LETTERS     36
#define SECRET_LETTERS 62

/* The common CRC-32 (that of zip and gzip), so that a scanner checks with what its language has. */
static uint32_t crc32_of(const char *text, size_t n) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)text[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put_check(const char *text, char out[KEYS_CHECK_CHARS]) {
    uint32_t crc = crc32_of(text, CHECK_AT);
    for (int i = KEYS_CHECK_CHARS - 1; i >= 0; i--, crc /= SECRET_LETTERS) out[i] = alphabet[crc % SECRET_LETTERS];
}

static bool all_of(const char *text, size_t n, size_t letters) {
    for (size_t i = 0; i < n; i++) {
        if (!text[i] || !memchr(alphabet, text[i], letters)) return false;
    }
    return true;
}

keys_form keys_read(const char *text, size_t n, keys_text *out) {
    char check[KEYS_CHECK_CHARS];
    if (n < PREFIX_CHARS || memcmp(text, KEYS_PREFIX, PREFIX_CHARS) != 0) return KEYS_FORM_FOREIGN;
    if (n != KEYS_TEXT_CHARS || text[SECRET_AT - 1] != '_' || !all_of(text + PREFIX_CHARS, KEYS_ID_CHARS, ID_LETTERS) ||
        !all_of(text + SECRET_AT, KEYS_SECRET_CHARS, SECRET_LETTERS))
        return KEYS_FORM_TYPO;
    put_check(text, check);
    if (memcmp(check, text + CHECK_AT, sizeof check) != 0) return KEYS_FORM_TYPO;
    memcpy(out->id, text + PREFIX_CHARS, KEYS_ID_CHARS);
    out->id[KEYS_ID_CHARS] = 0;
    /* One pass of a fast hash is enough: there are 2^256 secrets to try, not a dictionary of what people choose. */
    SHA256((const unsigned char *)text, n, out->hash);
    return KEYS_FORM_GOOD;
}

/* Every letter is as likely as every other: bytes beyond the last whole alphabet are thrown away. */
static steno_err random_letters(char *out, size_t n, unsigned letters) {
    unsigned char bytes[64];
    unsigned fair = 256 - 256 % letters;
    while (n > 0) {
        if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
            return err_fail(STENO_E_IO, "no random numbers: %s", strerror(errno));
        for (size_t i = 0; i < sizeof bytes && n > 0; i++) {
            if (bytes[i] >= fair) continue;
            *out++ = alphabet[bytes[i] % letters];
            n--;
        }
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return STENO_OK;
}

steno_err keys_make(char text[KEYS_TEXT_CHARS + 1], keys_text *out) {
    memcpy(text, KEYS_PREFIX, PREFIX_CHARS);
    ERR_TRY(random_letters(text + PREFIX_CHARS, KEYS_ID_CHARS, ID_LETTERS));
    text[SECRET_AT - 1] = '_';
    ERR_TRY(random_letters(text + SECRET_AT, KEYS_SECRET_CHARS, SECRET_LETTERS));
    put_check(text, text + CHECK_AT);
    text[KEYS_TEXT_CHARS] = 0;
    if (keys_read(text, KEYS_TEXT_CHARS, out) == KEYS_FORM_GOOD) return STENO_OK;
    return err_fail(STENO_E_INTERNAL, "a new key is no key");
}

bool keys_same(const unsigned char a[KEYS_HASH_BYTES], const unsigned char b[KEYS_HASH_BYTES]) {
    return CRYPTO_memcmp(a, b, KEYS_HASH_BYTES) == 0;
}

int64_t keys_day_of(int64_t wall_s) {
    return wall_s >= 0 ? wall_s / KEYS_DAY_S : -((KEYS_DAY_S - 1 - wall_s) / KEYS_DAY_S);
}
