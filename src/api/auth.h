/* auth.h: who asks. A stand-in until keys exist: everybody may do everything. */
#ifndef STENO_API_AUTH_H
#define STENO_API_AUTH_H

typedef struct auth_pass auth_pass;

static inline void auth_leave(auth_pass *pass) {
    (void)pass;
}

#endif
