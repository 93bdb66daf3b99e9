/* bench_voices.h: `steno bench voices`, for the table in cmd_bench.c. Main thread only. */
#ifndef STENO_CMD_BENCH_VOICES_H
#define STENO_CMD_BENCH_VOICES_H

/* argv[0] is "voices". Returns an exit status. */
int bench_voices(int argc, char **argv);

#endif
