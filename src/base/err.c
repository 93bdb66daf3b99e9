/* err.c: error names and the per-thread sentence about the last failure. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_detail[ERR_DETAIL_BYTES];

const char *steno_err_name(steno_err code) {
    static const char *const names[] = {"ok",    "invalid", "not_found", "io",    "format",    "unsupported",
                                        "limit", "nomem",   "checksum",  "again", "cancelled", "internal"};
    if ((unsigned)code >= sizeof names / sizeof names[0]) return "unknown";
    return names[code];
}

const char *steno_error_detail(void) {
    return last_detail;
}

steno_err err_fail(steno_err code, const char *fmt, ...) {
    char text[ERR_DETAIL_BYTES]; /* arguments may point into last_detail */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(last_detail, sizeof last_detail, "%s", text);
    return code;
}
