/* deepgram_int.h: what deepgram_live.c and deepgram_file.c share. Owner: the network thread. */
#ifndef STENO_API_DEEPGRAM_INT_H
#define STENO_API_DEEPGRAM_INT_H

#include "api/deepgram.h"
#include "api/deepgram_about.h"

#include <openssl/evp.h>

/* Reads the query; false: the reply refuses. `q` is to be freed in either case. */
bool deepgram_read_query(const call *c, deepgram_kind kind, const char *model, const char *language, deepgram_query *q);
/* Its request id, and what it was warned of. */
void deepgram_headers(net_reply *reply, const char *request_id, const deepgram_query *q);

/* The sum of all bytes that came. NULL contexts do nothing. */
EVP_MD_CTX *deepgram_sum_start(void);
void deepgram_sum_end(EVP_MD_CTX *sum, char out[DEEPGRAM_SHA256_BYTES]); /* frees it */
int64_t deepgram_calendar_ms(void);

#endif
