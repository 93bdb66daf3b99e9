/* cmd.h: the table of subcommands. One file a subcommand: src/cmd/cmd_<name>.c. Main thread only.
 *
 * A subcommand gets argv with argv[0] = its own name, parses with getopt_long, prints its own --help (what each option
 * does), writes results to stdout and complaints to stderr as "steno: <input>: <reason>", and returns an exit status:
 * 0 all done, 1 something failed, 2 wrong usage.
 */
#ifndef STENO_CMD_H
#define STENO_CMD_H

int cmd_transcribe(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_speaker(int argc, char **argv);
int cmd_completion(int argc, char **argv);
int cmd_live(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_redact(int argc, char **argv);
int cmd_score(int argc, char **argv);
int cmd_alarm(int argc, char **argv);
int cmd_shadow(int argc, char **argv);

#endif
