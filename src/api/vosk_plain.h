/* vosk_plain.h: text as vosk spells it: lower case, no punctuation, one blank between words.
 *
 * Pure; any thread. Digits, and signs that are said ("$", "%", "&"), stay as they are. Inside a word stay what vosk's own
 * words have, the apostrophe and the hyphen, and the points of "3.14", "10:30", "1,000" and "example.com".
 */
#ifndef STENO_API_VOSK_PLAIN_H
#define STENO_API_VOSK_PLAIN_H

#include <stddef.h>

/* What n bytes of text need at most, with the end. */
#define VOSK_PLAIN_ROOM(n) (2 * (n) + 1)

/* n bytes of UTF-8 into out, zero-terminated; returns its length. Bytes that are not UTF-8 count as punctuation. */
size_t vosk_plain(const char *text, size_t n, char *out);

#endif
