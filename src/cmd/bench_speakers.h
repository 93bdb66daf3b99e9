/* bench_speakers.h: `steno bench speakers`: who is said to speak, live, and when it is said. Main thread. */
#ifndef STENO_CMD_BENCH_SPEAKERS_H
#define STENO_CMD_BENCH_SPEAKERS_H

int bench_speakers(int argc, char **argv);

#endif
