/* deepgram_document.h: the transcript of a recorded file as Deepgram's answer.
 *
 * Owner: the network thread. Pure.
 */
#ifndef STENO_API_DEEPGRAM_DOCUMENT_H
#define STENO_API_DEEPGRAM_DOCUMENT_H

#include "api/deepgram_about.h"
#include "api/deepgram_words.h"

#define DEEPGRAM_PARAGRAPH_SENTENCES 5
#define DEEPGRAM_PARAGRAPH_PAUSE_S   1.5 /* behind a sentence: another paragraph */

/* {"metadata": …, "results": {channels, utterances?}} of a->channels tracks; metadata as JSON. Owned by the caller:
 * mem_free(), zero-terminated. NULL: no memory. */
char *deepgram_document(const deepgram_track *tracks, const deepgram_about *a, const char *metadata, size_t *n);

#endif
