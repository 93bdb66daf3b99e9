/* cmd_completion.c: `steno completion`: what a shell needs to complete the command line, from the tables that the
 * subcommands read their options with. See docs/man/steno-completion.1.
 *
 * Owner: the main thread. tests/e2e/test_completion.mjs compares it with every --help.
 */
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/cmd_options.h"
#include "cmd/config.h"

#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX (CONFIG_MAX_KEYS + 8)

/* What may stand behind a command: verbs, then options, then files. */
static const struct command_words {
    const char *name;
    const struct option *options; /* NULL: made by options_of() */
    const char *verbs;            /* "a b"; NULL: none */
} commands[] = {
    {"transcribe", cmd_transcribe_options, NULL},
    {"serve", NULL, NULL},
    {"config", NULL, "check show default reference"},
    {"key", cmd_key_options, "create list revoke"},
    {"speaker", cmd_speaker_options, "enroll list check delete rotate-key"},
    {"live", cmd_live_options, NULL},
    {"redact", cmd_redact_options, NULL},
    {"bench", cmd_bench_options, "live speakers"},
    {"bench live", bench_live_options, NULL},
    {"bench speakers", bench_speakers_options, NULL},
    {"plan", NULL, "rtf kv streams"},
    {"model", cmd_model_options, "list info verify convert"},
    {"score", cmd_score_options, "wer der switch pii"},
    {"alarm", cmd_alarm_options, "list test series"},
    {"shadow", cmd_shadow_options, "report"},
    {"completion", NULL, "bash zsh fish"},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

/* Options that take one of a few words. The keys of the configuration have theirs in their own table. */
static const struct option_words {
    const char *command; /* NULL: any */
    const char *option, *words;
} option_words[] = {
    {NULL, "model", "tiny base"},
    {NULL, "precision", "int8 fp32"},
    {"transcribe", "format", "text json srt vtt ctm tsv rttm"},
    {"live", "format", "text json"},
    {"live", "encoding", "pcm_s16le pcm_f32le mulaw alaw"},
    {"config", "format", "markdown man"},
    {"transcribe", "channels", "mix split"},
    {"transcribe", "vad", "on off"},
    {"score", "unit", "auto word char"},
    {"bench speakers", "contract", "revise delayed enrolled"},
    {"score", "normalise", "basic none"},
    {"transcribe", "redact-audio", "beep silence"},
    {"redact", "mode", "mask redact tag off"},
    {"redact", "offsets", "characters bytes"},
};

/* ---- options of a command --------------------------------------------------------------------------------------- */

typedef struct option_list {
    struct option option[OPTIONS_MAX];
    char names[CONFIG_MAX_KEYS][CONFIG_NAME_BYTES];
    int n;
} option_list;

static void add(option_list *l, const char *name, int has_arg) {
    if (l->n < OPTIONS_MAX) l->option[l->n++] = (struct option){name, has_arg, NULL, 0};
}

static void add_keys(option_list *l) {
    for (const config_key *key = config_keys; key->name; key++) {
        char *name = l->names[key - config_keys];
        config_option_name(key, name);
        add(l, name, required_argument);
    }
}

static void options_of(const struct command_words *c, option_list *l) {
    struct option plan[CMD_PLAN_OPTIONS_MAX];
    const struct option *from = c->options;
    l->n = 0;
    if (strcmp(c->name, "serve") == 0 || strcmp(c->name, "config") == 0) {
        add(l, "config", required_argument);
        add(l, "help", no_argument);
        if (c->name[0] == 'c') add(l, "format", required_argument);
        add_keys(l);
    } else if (strcmp(c->name, "plan") == 0) {
        cmd_plan_options(plan);
        from = plan;
    } else if (!from) {
        add(l, "help", no_argument);
    }
    for (; from && from->name; from++) add(l, from->name, from->has_arg);
}

/* The words an option of a command takes, with blanks between; "" when it may be anything. */
static void words_of(const char *command, const char *option, char out[128]) {
    char name[CONFIG_NAME_BYTES];
    out[0] = 0;
    for (size_t i = 0; i < sizeof option_words / sizeof option_words[0]; i++) {
        const struct option_words *w = &option_words[i];
        if (strcmp(w->option, option) == 0 && (!w->command || strcmp(w->command, command) == 0))
            snprintf(out, 128, "%s", w->words);
    }
    if (strcmp(command, "serve") != 0 && strcmp(command, "config") != 0) return;
    for (const config_key *key = config_keys; key->name; key++) {
        config_option_name(key, name);
        if (strcmp(name, option) != 0 || (!key->words && key->kind != CONFIG_BOOL)) continue;
        snprintf(out, 128, "%s", key->words ? key->words : "yes|no");
        for (char *c = out; *c; c++) {
            if (*c == '|') *c = ' ';
        }
    }
}

/* ---- bash ------------------------------------------------------------------------------------------------------- */

static void put_options(const struct command_words *c) {
    option_list l;
    options_of(c, &l);
    printf("    '%s') printf '%%s\\n' '%s", c->name, c->verbs ? c->verbs : "");
    for (int i = 0; i < l.n; i++) printf("%s--%s", i || c->verbs ? " " : "", l.option[i].name);
    printf("' ;;\n");
}

static void put_values(const struct command_words *c) {
    option_list l;
    char words[128];
    options_of(c, &l);
    for (int i = 0; i < l.n; i++) {
        words_of(c->name, l.option[i].name, words);
        if (l.option[i].has_arg == no_argument) continue;
        printf("    '%s --%s') printf '%%s\\n' '%s' ;;\n", c->name, l.option[i].name, words);
    }
}

static int put_bash(void) {
    printf("# Completion of steno for bash; made by `steno completion bash`.\n"
           "_steno_words() {\n    case $1 in\n    '') printf '%%s\\n' '");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (!strchr(commands[i].name, ' ')) printf("%s ", commands[i].name);
    }
    printf("--help --version' ;;\n");
    for (size_t i = 0; i < N_COMMANDS; i++) put_options(&commands[i]);
    printf("    esac\n}\n"
           "# What stands behind an option; status 1: it takes nothing.\n"
           "_steno_values() {\n    case $1 in\n");
    for (size_t i = 0; i < N_COMMANDS; i++) put_values(&commands[i]);
    printf(
        "    *) return 1 ;;\n    esac\n}\n"
        "_steno() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' words i\n"
        "    ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}\n"
        "    if ((COMP_CWORD > 2)); then\n"
        "        case \"$command ${COMP_WORDS[2]}\" in 'bench live' | 'bench speakers') command+=\" ${COMP_WORDS[2]}\" "
        ";; esac\n"
        "    fi\n"
        "    COMPREPLY=()\n"
        "    if words=$(_steno_values \"$command $prev\"); then\n"
        "        [ -z \"$words\" ] || COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "        return 0\n"
        "    fi\n"
        "    for i in $(_steno_words \"$command\"); do\n"
        "        case $i in\n"
        "        -*) if [[ $cur == -* ]]; then words+=\" $i\"; fi ;;\n"
        "        *) if ((COMP_CWORD <= 2)); then words+=\" $i\"; fi ;; # verbs right behind the command; else files\n"
        "        esac\n"
        "    done\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "}\n"
        "complete -o bashdefault -o default -F _steno steno\n");
    return 0;
}

static int put_zsh(void) {
    printf("#compdef steno\n# Completion of steno for zsh; made by `steno completion zsh`.\n"
           "autoload -U +X bashcompinit && bashcompinit\n");
    return put_bash();
}

/* ---- fish ------------------------------------------------------------------------------------------------------- */

static void put_fish_command(const struct command_words *c) {
    option_list l;
    char words[128], condition[96], verb[32];
    options_of(c, &l);
    const char *blank = strchr(c->name, ' ');
    snprintf(verb, sizeof verb, "%.*s", (int)(blank ? blank - c->name : (long)strlen(c->name)), c->name);
    snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s%s%s", verb,
             blank ? "; and __fish_seen_subcommand_from" : "", blank ? blank : "");
    if (!blank) printf("complete -c steno -n __fish_use_subcommand -a %s\n", c->name);
    if (c->verbs) printf("complete -c steno -n '%s' -a '%s'\n", condition, c->verbs);
    for (int i = 0; i < l.n; i++) {
        words_of(c->name, l.option[i].name, words);
        printf("complete -c steno -n '%s' -l %s", condition, l.option[i].name);
        if (words[0])
            printf(" -x -a '%s'", words);
        else if (l.option[i].has_arg != no_argument)
            printf(" -r");
        putchar('\n');
    }
}

static int put_fish(void) {
    printf("# Completion of steno for fish; made by `steno completion fish`.\n");
    for (size_t i = 0; i < N_COMMANDS; i++) put_fish_command(&commands[i]);
    return 0;
}

int cmd_completion(int argc, char **argv) {
    const char *shell = argc > 1 ? argv[1] : "";
    if (strcmp(shell, "--help") == 0 || strcmp(shell, "-h") == 0) {
        printf("Usage: steno completion bash|zsh|fish\n\n"
               "Prints what makes a shell complete the command line of steno:\n\n"
               "  steno completion bash >/etc/bash_completion.d/steno\n"
               "  steno completion zsh  >\"${fpath[1]}/_steno\"\n"
               "  steno completion fish >~/.config/fish/completions/steno.fish\n\n"
               "Options:\n"
               "  -h, --help    this text\n");
        return 0;
    }
    if (argc > 2) return cli_usage("completion", "'%.60s' is one argument too many", argv[2]);
    if (strcmp(shell, "bash") == 0) return put_bash();
    if (strcmp(shell, "zsh") == 0) return put_zsh();
    if (strcmp(shell, "fish") == 0) return put_fish();
    return cli_usage("completion", "which shell? bash, zsh or fish");
}
