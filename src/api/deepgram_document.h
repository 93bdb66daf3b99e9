/* deepgram_document.h: the transcript of a recorded file as Deepgram's answer.
 *
 * Owner: the network thread. Pure. NULL: no memory.
 */
#ifndef STENO_API_DEEPGRAM_DOCUMENT_H
#define STENO_API_DEEPGRAM_DOCUMENT_H

#include "api/deepgram_about.h"
#include "api/recording.h"

#define DEEPGRAM_PARAGRAPH_SENTENCES 5
#define DEEPGRAM_PARAGRAPH_PAUSE_S   1.5 /* between sentences: another paragraph */

/* {"metadata": …, "results": {channels, utterances?}}. `metadata` is stolen. The document is sorted. */
json_t *deepgram_document(const document *d, const deepgram_about *a, json_t *metadata);

#endif
