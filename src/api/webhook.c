/* webhook.c: see webhook.h. */
#include "api/webhook.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define NEW_KEY_BYTES 32
#define HMAC_BYTES    32

typedef struct key {
    unsigned char bytes[DELIVERY_SECRET_BYTES + 3];
    size_t n;
} key;

/* Strict: four characters at a time, padding only at the end. */
static bool decode_base64(const char *text, key *out) {
    size_t n = strlen(text), pad = 0;
    if (n == 0 || n % 4 != 0 || n > DELIVERY_SECRET_BYTES) return false;
    while (pad < 2 && text[n - 1 - pad] == '=') pad++;
    if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != n - pad) return false;
    int got = EVP_DecodeBlock(out->bytes, (const unsigned char *)text, (int)n);
    if (got < 0) return false;
    out->n = (size_t)got - pad;
    return true;
}

static bool read_key(const char *secret, key *out) {
    size_t prefix = strlen(WEBHOOK_SECRET_PREFIX);
    if (strncmp(secret, WEBHOOK_SECRET_PREFIX, prefix) == 0) return decode_base64(secret + prefix, out);
    out->n = strlen(secret);
    if (out->n >= DELIVERY_SECRET_BYTES) return false;
    memcpy(out->bytes, secret, out->n);
    return true;
}

steno_err webhook_secret_make(char out[DELIVERY_SECRET_BYTES]) {
    unsigned char random[NEW_KEY_BYTES], text[2 * NEW_KEY_BYTES];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return err_fail(STENO_E_IO, "no random bytes for a webhook secret: %s", strerror(errno));
    EVP_EncodeBlock(text, random, sizeof random);
    snprintf(out, DELIVERY_SECRET_BYTES, WEBHOOK_SECRET_PREFIX "%s", (const char *)text);
    return STENO_OK;
}

steno_err webhook_secret_check(const char *secret) {
    key k;
    for (const char *at = secret; *at; at++) {
        if (*at <= ' ' || *at > '~') return err_fail(STENO_E_INVALID, "webhook_secret: want visible ASCII characters");
    }
    if (strlen(secret) >= DELIVERY_SECRET_BYTES || !read_key(secret, &k))
        return err_fail(STENO_E_INVALID, "webhook_secret: want whsec_ and base64, or a text of at most %d characters",
                        WEBHOOK_KEY_BYTES_MAX);
    if (k.n >= WEBHOOK_KEY_BYTES_MIN && k.n <= WEBHOOK_KEY_BYTES_MAX) return STENO_OK;
    return err_fail(STENO_E_INVALID, "webhook_secret: want a key of %d to %d bytes, not %zu", WEBHOOK_KEY_BYTES_MIN,
                    WEBHOOK_KEY_BYTES_MAX, k.n);
}

steno_err webhook_sign(const char *secret, const char *id, int64_t timestamp_s, const void *body, size_t n,
                       char out[WEBHOOK_SIGNATURE_BYTES]) {
    key k;
    unsigned char hash[HMAC_BYTES], text[45];
    unsigned hash_bytes = 0;
    char head[IDENT_BYTES + 32];
    if (!read_key(secret, &k)) return err_fail(STENO_E_INVALID, "a webhook secret that cannot be decoded");
    size_t head_bytes = (size_t)snprintf(head, sizeof head, "%s.%" PRId64 ".", id, timestamp_s);
    unsigned char *all = mem_alloc(head_bytes + n + 1, 1);
    if (!all) return err_fail(STENO_E_NOMEM, "no memory to sign %zu bytes", n);
    memcpy(all, head, head_bytes);
    if (n) memcpy(all + head_bytes, body, n);
    bool ok = HMAC(EVP_sha256(), k.bytes, (int)k.n, all, head_bytes + n, hash, &hash_bytes) && hash_bytes == HMAC_BYTES;
    OPENSSL_cleanse(&k, sizeof k);
    mem_free(all);
    if (!ok) return err_fail(STENO_E_INTERNAL, "HMAC-SHA256 failed");
    EVP_EncodeBlock(text, hash, HMAC_BYTES);
    snprintf(out, WEBHOOK_SIGNATURE_BYTES, "v1,%s", (const char *)text);
    return STENO_OK;
}

steno_err webhook_url_check(const char *url) {
    char *scheme = NULL, *host = NULL;
    size_t length = strlen(url);
    if (length >= DELIVERY_URL_BYTES)
        return err_fail(STENO_E_INVALID, "webhook: want a URL of less than %d bytes", DELIVERY_URL_BYTES);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)url[i] <= ' ' || (unsigned char)url[i] > '~')
            return err_fail(STENO_E_INVALID, "webhook: a URL has no blanks and only ASCII characters");
    }
    CURLU *u = curl_url();
    if (!u) return err_fail(STENO_E_NOMEM, "no memory for a URL");
    bool ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != 0 &&
              (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return ok ? STENO_OK : err_fail(STENO_E_INVALID, "webhook: want a URL that begins with http:// or https://");
}

int64_t webhook_backoff_ms(int attempt, int attempts_max, int64_t base_ms, uint32_t random) {
    int64_t wait_ms = base_ms < 1 ? 1 : base_ms;
    if (attempt >= attempts_max) return -1;
    for (int i = 1; i < attempt && wait_ms < WEBHOOK_BACKOFF_MAX_MS; i++) wait_ms *= 4;
    if (wait_ms > WEBHOOK_BACKOFF_MAX_MS) wait_ms = WEBHOOK_BACKOFF_MAX_MS;
    return wait_ms * (800 + (int64_t)(random % 401)) / 1000;
}
