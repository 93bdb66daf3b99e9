/* bench_kernels.h: `steno bench kernels`, for the table in cmd_bench.c. Main thread only. */
#ifndef STENO_CMD_BENCH_KERNELS_H
#define STENO_CMD_BENCH_KERNELS_H

/* argv[0] is "kernels". Returns an exit status. */
int bench_kernels(int argc, char **argv);

#endif
