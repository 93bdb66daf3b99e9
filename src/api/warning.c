/* warning.c: see warning.h. */
#include "api/warning.h"

#include <stdio.h>
#include <string.h>

void warning_add(char *text, size_t bytes, const char *fmt, va_list args) {
    size_t n = strlen(text);
    if (n) n += (size_t)snprintf(text + n, bytes - n, "; ");
    if (n < bytes) vsnprintf(text + n, bytes - n, fmt, args);
}
