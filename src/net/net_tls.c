/* net_tls.c: TLS of a connection, by OpenSSL. See net_int.h. */
#include "net/net_int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

static steno_err fails(SSL_CTX *context, const char *what, const char *file) {
    char why[160] = "not readable, or not in PEM";
    unsigned long code = ERR_peek_last_error();
    if (code) ERR_error_string_n(code, why, sizeof why);
    ERR_clear_error();
    SSL_CTX_free(context);
    return err_fail(STENO_E_INVALID, "%s: the TLS %s: %s", file, what, why);
}

/* Of what a client offers we speak HTTP/1.1. */
static int choose_protocol(SSL *tls, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                           unsigned n, void *ctx) {
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)tls;
    (void)ctx;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

steno_err net_tls_context(const char *certificate, const char *key, void **out) {
    static const unsigned char id[] = "steno";
    *out = NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) return err_fail(STENO_E_NOMEM, "no memory for TLS");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    /* Of TLS 1.2 only what is forward secret and authenticated. */
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do it, without memory here */
    SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return fails(context, "certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) return fails(context, "key", key);
    if (SSL_CTX_check_private_key(context) != 1) return fails(context, "key is not the certificate's", key);
    *out = context;
    return STENO_OK;
}

void net_tls_context_free(void *context) {
    SSL_CTX_free(context);
}

bool net_tls_begin(net_conn *c) {
    SSL *tls = SSL_new(c->owner->tls);
    if (!tls || SSL_set_fd(tls, c->fd) != 1) {
        SSL_free(tls);
        return false;
    }
    SSL_set_accept_state(tls);
    c->tls = tls;
    return true;
}

void net_tls_end(net_conn *c, bool politely) {
    if (!c->tls) return;
    ERR_clear_error();
    if (politely && !c->broken) SSL_shutdown(c->tls); /* says that this is the end; its answer is not awaited */
    SSL_free(c->tls);
    c->tls = NULL;
}

/* What a call that did not succeed means. */
static int verdict(net_conn *c, int rc) {
    int why = SSL_get_error(c->tls, rc);
    ERR_clear_error();
    c->tls_wants_write = why == SSL_ERROR_WANT_WRITE;
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? NET_IO_AGAIN : NET_IO_BROKEN;
}

int net_tls_handshake(net_conn *c) {
    c->tls_wants_write = false;
    ERR_clear_error();
    int rc = SSL_do_handshake(c->tls);
    if (rc == 1) return 1;
    rc = verdict(c, rc);
    return rc == 0 ? NET_IO_BROKEN : rc;
}

long net_tls_read(net_conn *c, void *bytes, size_t n) {
    size_t got;
    c->tls_wants_write = false;
    ERR_clear_error();
    int rc = SSL_read_ex(c->tls, bytes, n, &got);
    return rc == 1 ? (long)got : verdict(c, rc);
}

long net_tls_write(net_conn *c, const void *bytes, size_t n) {
    size_t sent;
    ERR_clear_error();
    int rc = SSL_write_ex(c->tls, bytes, n, &sent);
    if (rc == 1) {
        c->tls_wants_write = false;
        return (long)sent;
    }
    rc = verdict(c, rc);
    return rc == 0 ? NET_IO_BROKEN : rc;
}

bool net_tls_pending(const net_conn *c) {
    return c->tls && SSL_pending(c->tls) > 0; /* not of a record that is not whole: the loop sees the rest of it */
}
