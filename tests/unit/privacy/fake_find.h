/* fake_find.h: a finder of two things, simple enough to be right: eleven figures that begin with 1 are a telephone number, with blanks,
 * dashes, "um" and breaks between them; and Bob is a person, 张三 as well. Instead of find.c: whoever includes this defines all of it. */
#ifndef STENO_TEST_PRIVACY_FAKE_FIND_H
#define STENO_TEST_PRIVACY_FAKE_FIND_H

#include "privacy/find.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

struct privacy {
    int owners;
};

struct finder {
    finding found[FIND_RESULTS_MAX];
};

steno_err privacy_open(const privacy_options *options, privacy **out) {
    (void)options;
    ERR_TRY(token_lexicon());
    *out = mem_alloc(1, sizeof **out);
    if (!*out) return err_fail(STENO_E_NOMEM, "no memory");
    (*out)->owners = 1;
    return STENO_OK;
}

privacy *privacy_share(privacy *p) {
    p->owners++;
    return p;
}

void privacy_close(privacy *p) {
    if (p && --p->owners == 0) mem_free(p);
}

steno_err finder_open(const privacy *p, finder **out) {
    (void)p;
    *out = mem_alloc(1, sizeof **out);
    return *out ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory");
}

void finder_free(finder *f) {
    mem_free(f);
}

const char *privacy_custom_name(const privacy *p, uint32_t custom) {
    (void)p;
    return custom ? "b" : "a";
}

const char *privacy_custom_mask(const privacy *p, uint32_t custom) {
    (void)p;
    return custom ? "[B]" : "[A]";
}

static bool fake_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool fake_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

/* Behind figures and what may stand between them; *last behind the last figure. */
static size_t fake_run(const find_text *t, size_t i, size_t *last, char *digits, int *n) {
    *n = 0;
    while (i < t->n) {
        if (fake_digit(t->text[i])) {
            if (*n < 40) digits[*n] = t->text[i];
            ++*n;
            *last = ++i;
        } else if (strchr(" -\x1e", t->text[i]))
            i++;
        else if (i + 1 < t->n && memcmp(t->text + i, "um", 2) == 0)
            i += 2;
        else if (i + 1 == t->n && t->text[i] == 'u')
            i++;
        else if (t->text[i] == '!' && (i + 1 == t->n || t->text[i + 1] == TOKEN_BREAK_CHAR))
            i++;
        else
            break;
    }
    digits[*n < 40 ? *n : 40] = '\0';
    return i;
}

static bool fake_is_name(const char *word, size_t n) {
    return (n == 3 && memcmp(word, "Bob", 3) == 0) || (n >= 6 && memcmp(word, "张三", 6) == 0);
}

steno_err find_run(finder *f, const find_text *t, entity_set types, float min_confidence, find_result *out) {
    *out = (find_result){.findings = f->found, .settled = t->n};
    (void)min_confidence;
    if (t->n > FIND_TEXT_MAX) return err_fail(STENO_E_LIMIT, "too long");
    for (size_t i = t->context, end, last; i < t->n; i = end) {
        finding *found = &f->found[out->n];
        char digits[41];
        int n;
        *found = (finding){.at = (uint32_t)i, .confidence = .9f};
        if (fake_digit(t->text[i])) {
            end = fake_run(t, i, &last, digits, &n);
            if ((end == t->n && !t->whole) || end >= t->stable + (t->stable == t->n)) {
                out->settled = i;
                out->digits_open = true;
                return STENO_OK;
            }
            end = last;
            found->type = ENTITY_PHONE;
            if (n != 11 || digits[0] != '1') continue;
            memcpy(found->canonical, digits, 12);
        } else if (fake_letter(t->text[i])) {
            for (end = i; end < t->n && fake_letter(t->text[end]); end++) {
            }
            bool unsure = end > t->stable && (t->text[i] == 'B' || (t->text[i] & 0x80));
            if (!t->whole && (end == t->n || unsure)) {
                out->settled = i;
                return STENO_OK;
            }
            found->type = ENTITY_PERSON;
            const char *han = memmem(t->text + i, end - i, "张三", 6);
            if (han) found->at = (uint32_t)(han - t->text);
            last = found->at + (han ? 6 : 3);
            if (!fake_is_name(t->text + found->at, han ? 6 : end - i)) continue;
        } else {
            end = i + 1;
            continue;
        }
        found->n = (uint32_t)(last - found->at);
        if (types & ENTITY_BIT(found->type)) out->n++;
    }
    return STENO_OK;
}

#endif
