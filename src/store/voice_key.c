/* voice_key.c: see voice_key.h. */
#include "store/voice_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_LABEL "steno voice key" /* so that the id is no hash of the key that anything else might use */

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void name_key(voice_key *k) {
    unsigned char room[sizeof ID_LABEL + VOICE_KEY_BYTES], sum[SHA256_DIGEST_LENGTH];
    memcpy(room, ID_LABEL, sizeof ID_LABEL);
    memcpy(room + sizeof ID_LABEL, k->bytes, VOICE_KEY_BYTES);
    SHA256(room, sizeof room, sum);
    memcpy(k->id, sum, VOICE_KEY_ID_BYTES);
    OPENSSL_cleanse(room, sizeof room);
}

void voice_key_wipe(voice_key *key) {
    OPENSSL_cleanse(key, sizeof *key);
}

static steno_err check_file(int fd, const char *path) {
    struct stat st;
    if (fstat(fd, &st) != 0) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_fail(STENO_E_IO, "%s: the key of voices is no plain file", path);
    if (st.st_mode & 077)
        return err_fail(STENO_E_IO,
                        "%s: others may read the key of voices (mode %03o): chmod 600, and see docs/speakers.md", path,
                        (unsigned)(st.st_mode & 0777));
    if (st.st_size == VOICE_KEY_BYTES) return STENO_OK;
    return err_fail(STENO_E_FORMAT, "%s: %lld bytes are no key of voices: want %d", path, (long long)st.st_size,
                    VOICE_KEY_BYTES);
}

static steno_err read_from(int fd, const char *path, voice_key *out) {
    ERR_TRY(check_file(fd, path));
    ssize_t n = read(fd, out->bytes, VOICE_KEY_BYTES);
    if (n == VOICE_KEY_BYTES) {
        name_key(out);
        return STENO_OK;
    }
    int os = errno;
    voice_key_wipe(out);
    return err_fail(STENO_E_IO, "%s: cannot be read: %s", path, n < 0 ? strerror(os) : "it got shorter");
}

steno_err voice_key_read(const char *path, voice_key *out) {
    *out = (voice_key){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return err_fail(STENO_E_NOT_FOUND, "%s: there is no key of voices", path);
    if (fd < 0) return err_fail(STENO_E_IO, "%s: the key of voices cannot be opened: %s", path, strerror(errno));
    steno_err e = read_from(fd, path, out);
    close(fd);
    return e;
}

static steno_err fail_write(const char *path) {
    int os = errno;
    return err_fail(os == ENOSPC || os == EDQUOT ? STENO_E_LIMIT : STENO_E_IO,
                    "%s: the key of voices cannot be written: %s", path, strerror(os));
}

/* A rename or a new name is on the disk when its folder is. */
static steno_err sync_folder_of(const char *path) {
    char dir[VOICE_KEY_PATH_BYTES];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash) *(slash == dir ? slash + 1 : slash) = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_write(path);
    steno_err e = fsync(fd) == 0 ? STENO_OK : fail_write(path);
    close(fd);
    return e;
}

static steno_err draw(voice_key *k) {
    if (getrandom(k->bytes, VOICE_KEY_BYTES, 0) != VOICE_KEY_BYTES)
        return err_fail(STENO_E_IO, "no random bytes for a key of voices: %s", strerror(errno));
    name_key(k);
    return STENO_OK;
}

static steno_err write_new(const char *path, const voice_key *k) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail_write(path);
    errno = ENOSPC; /* what a short write means */
    bool ok = write(fd, k->bytes, VOICE_KEY_BYTES) == VOICE_KEY_BYTES && fsync(fd) == 0;
    steno_err e = ok ? STENO_OK : fail_write(path);
    close(fd);
    if (!ok) unlink(path);
    return e;
}

static steno_err beside(const char *path, const char *ending, char out[VOICE_KEY_PATH_BYTES]) {
    if (snprintf(out, VOICE_KEY_PATH_BYTES, "%s%s", path, ending) < VOICE_KEY_PATH_BYTES) return STENO_OK;
    return err_fail(STENO_E_INVALID, "voice_key_file %.60s…: longer than %d bytes", path, VOICE_KEY_PATH_BYTES - 40);
}

/* Under a name of its own first, then linked to where it belongs: nobody ever sees half a key, and of two processes that
 * begin at once one wins. */
steno_err voice_key_make(const char *path, voice_key *out) {
    char ending[32], draft[VOICE_KEY_PATH_BYTES];
    snprintf(ending, sizeof ending, ".%ld", (long)getpid());
    ERR_TRY(beside(path, ending, draft));
    ERR_TRY(draw(out));
    unlink(draft); /* of a process that had the same number and died */
    ERR_TRY(write_new(draft, out));
    bool taken = link(draft, path) != 0;
    int os = errno;
    unlink(draft);
    if (!taken) return sync_folder_of(path);
    voice_key_wipe(out);
    errno = os;
    return os == EEXIST ? voice_key_read(path, out) : fail_write(path);
}

steno_err voice_key_make_next(const char *path, voice_key *out) {
    char next[VOICE_KEY_PATH_BYTES];
    ERR_TRY(beside(path, VOICE_KEY_NEXT, next));
    ERR_TRY(draw(out));
    if (unlink(next) != 0 && errno != ENOENT) return fail_write(next);
    ERR_TRY(write_new(next, out));
    return sync_folder_of(next);
}

steno_err voice_key_read_next(const char *path, voice_key *out) {
    char next[VOICE_KEY_PATH_BYTES];
    ERR_TRY(beside(path, VOICE_KEY_NEXT, next));
    return voice_key_read(next, out);
}

steno_err voice_key_promote(const char *path) {
    char next[VOICE_KEY_PATH_BYTES];
    ERR_TRY(beside(path, VOICE_KEY_NEXT, next));
    if (rename(next, path) != 0) return fail_write(path);
    return sync_folder_of(path);
}

/* ---- sealing ----------------------------------------------------------------------------------------------------- */

/* NONCE CIPHERTEXT TAG */
static bool seal(EVP_CIPHER_CTX *c, const voice_key *k, const void *about, int n_about, const void *plain, int n,
                 unsigned char *out) {
    int wrote = 0, more = 0;
    unsigned char *text = out + VOICE_NONCE_BYTES;
    return EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->bytes, out) &&
           EVP_EncryptUpdate(c, NULL, &wrote, about, n_about) && EVP_EncryptUpdate(c, text, &wrote, plain, n) &&
           EVP_EncryptFinal_ex(c, text + wrote, &more) && wrote + more == n &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, VOICE_TAG_BYTES, text + n);
}

steno_err voice_seal(const voice_key *key, const void *about, size_t n_about, const void *plain, size_t n,
                     unsigned char *out) {
    if (getrandom(out, VOICE_NONCE_BYTES, 0) != VOICE_NONCE_BYTES)
        return err_fail(STENO_E_IO, "no random bytes to encrypt a voice with: %s", strerror(errno));
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && seal(c, key, about, (int)n_about, plain, (int)n, out);
    EVP_CIPHER_CTX_free(c);
    return ok ? STENO_OK : err_fail(STENO_E_INTERNAL, "a voice could not be encrypted");
}

static bool unseal(EVP_CIPHER_CTX *c, const voice_key *k, const void *about, int n_about, const unsigned char *sealed,
                   int n, unsigned char *plain) {
    int wrote = 0, more = 0;
    const unsigned char *text = sealed + VOICE_NONCE_BYTES;
    unsigned char tag[VOICE_TAG_BYTES];
    memcpy(tag, text + n, sizeof tag);
    return EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->bytes, sealed) &&
           EVP_DecryptUpdate(c, NULL, &wrote, about, n_about) && EVP_DecryptUpdate(c, plain, &wrote, text, n) &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, VOICE_TAG_BYTES, tag) &&
           EVP_DecryptFinal_ex(c, plain + wrote, &more) && wrote + more == n;
}

steno_err voice_unseal(const voice_key *key, const void *about, size_t n_about, const unsigned char *sealed, size_t n,
                       void *plain) {
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && unseal(c, key, about, (int)n_about, sealed, (int)n, plain);
    EVP_CIPHER_CTX_free(c);
    if (ok) return STENO_OK;
    OPENSSL_cleanse(plain, n);
    return err_fail(STENO_E_CHECKSUM, "a voice cannot be decrypted: it was changed, or belongs to another row or key");
}
