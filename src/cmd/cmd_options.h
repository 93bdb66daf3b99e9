/* cmd_options.h: the options each subcommand takes, for completion.c: the tables that getopt_long() gets.
 *
 * Owner: the main thread; constant.
 */
#ifndef STENO_CMD_OPTIONS_H
#define STENO_CMD_OPTIONS_H

#include <getopt.h>

#define CMD_PLAN_OPTIONS_MAX 32

extern const struct option cmd_transcribe_options[], cmd_live_options[], cmd_bench_options[], bench_live_options[],
    bench_speakers_options[], cmd_model_options[], cmd_score_options[], cmd_key_options[], cmd_speaker_options[],
    cmd_redact_options[], cmd_alarm_options[], cmd_shadow_options[];
void cmd_plan_options(struct option out[CMD_PLAN_OPTIONS_MAX]);

#endif
