/* warning.h: sentences that a dialect hands to its client, one after the other in a text of fixed size.
 *
 * Pure; any thread.
 */
#ifndef STENO_API_WARNING_H
#define STENO_API_WARNING_H

#include <stdarg.h>
#include <stddef.h>

/* Adds one behind "; "; what does not fit in text[bytes] is cut off. */
void warning_add(char *text, size_t bytes, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));

#endif
