/* lint.h: included first when clang's analyser reads a file, so that it knows what err_fail() returns: its own code,
 * which is never STENO_OK. Without this it follows paths on which a failed function "succeeded". Not for building. */
#include "base/err.h"
#define err_fail(code, ...) ((void)(err_fail)((code), __VA_ARGS__), (code))
