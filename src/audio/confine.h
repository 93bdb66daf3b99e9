/* confine.h: takes every right from the calling process but reading one file, writing one pipe and using memory.
 *
 * Owner: a single-threaded child just after fork. The filter is compiled once, before the forks, because libseccomp
 * takes longer for it than a short file takes to decode.
 * Invariant: confine_enter() either leaves the process confined or fails; a caller that gets an error must exit.
 */
#ifndef STENO_AUDIO_CONFINE_H
#define STENO_AUDIO_CONFINE_H

#include "base/err.h"

#include <linux/filter.h>

#define CONFINE_IN_FD            0 /* may be read with pread() */
#define CONFINE_OUT_FD           1 /* may be written */
#define CONFINE_MAX_INSTRUCTIONS 256

/* Sanitizers map shadow memory, open files and print while the program runs, which the filter and the address-space limit
 * would punish: builds with them keep the other limits only, and the tests of the filter are skipped. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_STRICT 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer) ||          \
    __has_feature(undefined_behavior_sanitizer)
#define CONFINE_STRICT 0
#else
#define CONFINE_STRICT 1
#endif
#else
#define CONFINE_STRICT 1
#endif

typedef struct confine_filter {
    struct sock_filter code[CONFINE_MAX_INSTRUCTIONS];
    unsigned short n;
} confine_filter;

typedef struct confine_limits {
    size_t address_space_bytes;
    unsigned cpu_s;
} confine_limits;

STENO_CHECK steno_err confine_filter_build(confine_filter *out);

/* Closes every descriptor but CONFINE_IN_FD and CONFINE_OUT_FD, sets the limits, gives up privileges for good and
 * installs the filter. Opening a file fails with EACCES; everything else that is not allowed kills with SIGSYS. */
STENO_CHECK steno_err confine_enter(const confine_filter *filter, const confine_limits *limits);

#endif
