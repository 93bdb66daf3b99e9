/* config_print.c: see config_print.h. */
#include "cmd/config_print.h"

#include <ctype.h>
#include <string.h>

#define COMMENT_COLUMNS 100
#define ABOUT_BYTES     1024

/* ---- what is said of a key -------------------------------------------------------------------------------------- */

/* "Help. More. Needs a restart." */
static void about(const config_key *key, char out[ABOUT_BYTES]) {
    snprintf(out, ABOUT_BYTES, "%s.%s%s%s", key->help, key->more ? " " : "", key->more ? key->more : "",
             key->fixed ? " A change needs a restart." : "");
    out[0] = (char)toupper((unsigned char)out[0]);
}

/* "0 … 65535", "`a`, `b`" with the given quotes. */
static void values(const config_key *key, const char *quote, char out[ABOUT_BYTES]) {
    size_t n = 0;
    if (key->values) {
        snprintf(out, ABOUT_BYTES, "%s", key->values);
    } else if (key->kind == CONFIG_BOOL) {
        snprintf(out, ABOUT_BYTES, "%syes%s, %sno%s", quote, quote, quote, quote);
    } else if (key->words) {
        n = (size_t)snprintf(out, ABOUT_BYTES, "%s", quote);
        for (const char *w = key->words; *w && n < ABOUT_BYTES - 16; w++) {
            if (*w == '|')
                n += (size_t)snprintf(out + n, ABOUT_BYTES - n, "%s, %s", quote, quote);
            else
                out[n++] = *w;
        }
        snprintf(out + n, ABOUT_BYTES - n, "%s", quote);
    } else {
        snprintf(out, ABOUT_BYTES, "%.10g … %.10g", key->lowest, key->highest);
    }
}

/* Whether a section begins with this key; then *section is it. */
static bool begins_section(const config_key *key, const char **section) {
    if (*section && strcmp(*section, key->section) == 0) return false;
    *section = key->section;
    return true;
}

/* ---- INI -------------------------------------------------------------------------------------------------------- */

/* `text` without back-quotes, in lines of comments. */
static void put_comment(FILE *out, const char *text) {
    size_t column = 0;
    for (const char *word = text; *word; word += strspn(word, " ")) {
        size_t n = strcspn(word, " ");
        if (column > 0 && column + 1 + n > COMMENT_COLUMNS) {
            putc('\n', out);
            column = 0;
        }
        putc(column ? ' ' : '#', out);
        column++;
        if (column == 1) putc(' ', out);
        for (size_t i = 0; i < n; i++) {
            if (word[i] != '`') putc(word[i], out);
        }
        column += n;
        word += n;
    }
    putc('\n', out);
}

void config_print_default(FILE *out) {
    const char *section = NULL;
    config defaults;
    config_init(&defaults);
    fputs("# The configuration of steno; see steno.conf(5). Every key stands here with its default, commented out.\n"
          "# Variables of the environment (STENO_SERVER_PORT) and options (--port) go before what stands here.\n"
          "# Check it: steno config check --config FILE\n",
          out);
    for (const config_key *key = config_keys; key->name; key++) {
        char text[ABOUT_BYTES], range[ABOUT_BYTES], value[CONFIG_TEXT_BYTES];
        if (begins_section(key, &section)) fprintf(out, "\n[%s]\n", section);
        about(key, text);
        values(key, "", range);
        config_get(&defaults, key, value);
        putc('\n', out);
        put_comment(out, text);
        fprintf(out, "# Values: %s\n;%s =%s%s\n", range, key->name, value[0] ? " " : "", value);
    }
}

void config_print_values(FILE *out, const config *c, const config_origin origin[CONFIG_MAX_KEYS], const char *file) {
    const char *section = NULL;
    for (const config_key *key = config_keys; key->name; key++) {
        const config_origin *from = &origin[key - config_keys];
        char value[CONFIG_TEXT_BYTES], name[CONFIG_NAME_BYTES];
        bool first = !section;
        if (begins_section(key, &section)) fprintf(out, "%s[%s]\n", first ? "" : "\n", section);
        config_get(c, key, value);
        int n = fprintf(out, "%s =%s%s", key->name, value[0] ? " " : "", value);
        fprintf(out, "%*s ; ", n < 36 ? 36 - n : 0, "");
        switch (from->source) {
        case CONFIG_FILE:
            fprintf(out, "%s:%d\n", file, from->line);
            break;
        case CONFIG_ENVIRONMENT:
            config_variable_name(key, name);
            fprintf(out, "%s\n", name);
            break;
        case CONFIG_OPTION:
            config_option_name(key, name);
            fprintf(out, "--%s\n", name);
            break;
        default:
            fputs("default\n", out);
        }
    }
}

/* ---- Markdown --------------------------------------------------------------------------------------------------- */

void config_print_markdown(FILE *out) {
    const char *section = NULL;
    config defaults;
    config_init(&defaults);
    for (const config_key *key = config_keys; key->name; key++) {
        char text[ABOUT_BYTES], range[ABOUT_BYTES], value[CONFIG_TEXT_BYTES];
        bool first = !section;
        if (begins_section(key, &section))
            fprintf(out, "%s## [%s]: %s\n\n| key | values | default | what |\n|---|---|---|---|\n", first ? "" : "\n",
                    section, config_section_title(section));
        about(key, text);
        values(key, "`", range);
        config_get(&defaults, key, value);
        fprintf(out, "| `%s` | %s | %s | %s |\n", key->name, range, value, text);
    }
}

/* ---- roff ------------------------------------------------------------------------------------------------------- */

/* Back-quotes become bold, " … " becomes " to ". */
static void put_roff(FILE *out, const char *text) {
    bool bold = false;
    for (const char *c = text; *c; c++) {
        if (*c == '`') {
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", out);
        } else if (strncmp(c, "…", strlen("…")) == 0) {
            fputs("to", out);
            c += strlen("…") - 1;
        } else if (*c == '-' || *c == '\\') {
            fprintf(out, *c == '-' ? "\\-" : "\\e");
        } else {
            putc(*c, out);
        }
    }
}

static const char man_head[] =
    ".\\\" Made by `steno config reference --format man`: src/cmd/config_keys.c is where to change it.\n"
    ".TH STENO.CONF 5 \"\" \"steno " STENO_VERSION "\" \"steno manual\"\n"
    ".SH NAME\nsteno.conf \\- the configuration of steno\n"
    ".SH SYNOPSIS\n\\fI/etc/steno/steno.conf\\fR, or the file that \\fB\\-\\-config\\fR or \\fBSTENO_CONFIG\\fR names\n"
    ".SH DESCRIPTION\nAn INI file in UTF\\-8: sections in brackets, \\fIkey\\fR = \\fIvalue\\fR, comments from a "
    "\\fB;\\fR "
    "behind a space, or from \\fB;\\fR or \\fB#\\fR at the beginning of a line. A line has 199 bytes at most. Nothing "
    "needs "
    "to be configured: every key has a default. A key that does not exist, a value out of range, or a key given twice "
    "is a "
    "mistake, which \\fBsteno config check\\fR names with its line.\n"
    ".PP\nA variable of the environment goes before the file: \\fBSTENO_\\fISECTION\\fB_\\fIKEY\\fR in capitals, as in "
    "\\fBSTENO_SERVER_PORT\\fR. An option goes before both: the key with dashes, as in \\fB\\-\\-max\\-ahead\\-ms\\fR. "
    "\\fBsteno config show\\fR says which value is in force and where it comes from.\n"
    ".PP\nOn SIGHUP \\fBsteno serve\\fR reads the file again. Keys whose change needs a restart keep their values "
    "until then, "
    "with a warning. A file that is wrong changes nothing.\n";

void config_print_man(FILE *out) {
    const char *section = NULL;
    config defaults;
    config_init(&defaults);
    fputs(man_head, out);
    for (const config_key *key = config_keys; key->name; key++) {
        char text[ABOUT_BYTES], range[ABOUT_BYTES], value[CONFIG_TEXT_BYTES];
        if (begins_section(key, &section)) {
            char title[ABOUT_BYTES];
            snprintf(title, sizeof title, "%s", config_section_title(section));
            for (char *c = title; *c; c++) *c = (char)toupper((unsigned char)*c);
            fprintf(out, ".SH [%s]: %s\n", section, title);
        }
        about(key, text);
        values(key, "`", range);
        config_get(&defaults, key, value);
        fprintf(out, ".TP\n\\fB%s\\fR: ", key->name);
        put_roff(out, range);
        putc('\n', out);
        put_roff(out, text);
        fputs(" Default: ", out);
        put_roff(out, value[0] ? value : "empty");
        fputs(".\n", out);
    }
    fputs(".SH SEE ALSO\n\\fBsteno\\-serve\\fR(1), \\fBsteno\\-config\\fR(1)\n", out);
}
