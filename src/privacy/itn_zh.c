/* itn_zh.c: what Mandarin number characters are written as: numbers, percentages, decimals, times; years, days and amounts by what
 * follows them, which stays as it is said.
 *
 * Owner      any thread; pure.
 * Invariants precision first, as in itn_en.c: number characters one after the other are rewritten as a whole or stay.
 */
#include "privacy/itn_int.h"

#include <string.h>

#define RADIO_MIN 5           /* figures of a row in which 拐 is a seven: 七拐八拐 is none */
#define RUN_MAX   ITN_ROW_MAX /* characters of one number */

#define WAN INT64_C(10000)
#define YI  INT64_C(100000000)

/* ---- characters -------------------------------------------------------------------------------------------------- */

/* The character at token k, if it is Han and stands right behind the one before; else 0. */
static int64_t code_at(reader *r, uint32_t k) {
    const token *t = reader_at(r, k);
    return t->kind == TOKEN_HAN && !t->spaced ? t->value : 0;
}

static int64_t code_before(const reader *r, uint32_t i, uint32_t back) {
    if (i < back || r->tokens[i - back].kind != TOKEN_HAN) return 0;
    return r->tokens[i - back].value;
}

/* 0..9, or -1. */
static int digit_of(int64_t c) {
    switch (c) {
    case 0x96f6: /* 零 */
    case 0x3007: /* 〇 */
        return 0;
    case 0x5e7a: /* 幺 */
    case 0x4e00: /* 一 */
        return 1;
    case 0x4e24: /* 两 */
    case 0x5169: /* 兩 */
    case 0x4e8c: /* 二 */
        return 2;
    case 0x4e09: /* 三 */
        return 3;
    case 0x56db: /* 四 */
        return 4;
    case 0x4e94: /* 五 */
        return 5;
    case 0x516d: /* 六 */
        return 6;
    case 0x4e03: /* 七 */
        return 7;
    case 0x516b: /* 八 */
        return 8;
    case 0x4e5d: /* 九 */
        return 9;
    default:
        return -1;
    }
}

static int64_t scale_of(int64_t c) {
    switch (c) {
    case 0x5341: /* 十 */
        return 10;
    case 0x767e: /* 百 */
        return 100;
    case 0x5343: /* 千 */
        return 1000;
    case 0x4e07: /* 万 */
    case 0x842c: /* 萬 */
        return WAN;
    case 0x4ebf: /* 亿 */
    case 0x5104: /* 億 */
        return YI;
    default:
        return 0;
    }
}

/* What figures are called on the radio: only among others. */
static int radio_digit(int64_t c) {
    return c == 0x6d1e /* 洞 */ ? 0 : c == 0x62d0 /* 拐 */ ? 7 : c == 0x52fe /* 勾 */ ? 9 : -1;
}

static bool is_liang(int64_t c) {
    return c == 0x4e24 || c == 0x5169;
}

static bool is_number_char(int64_t c) {
    return digit_of(c) >= 0 || scale_of(c);
}

static bool is_text(const reader *r, const token *t, const char *text) {
    return t->kind == TOKEN_HAN && strncmp(r->text + t->at, text, t->n) == 0;
}

/* Whether `text`, all of it Han, stands at token k, where a blank may be before it. Reads no further than it differs. */
static bool stands(reader *r, uint32_t k, const char *text) {
    for (uint32_t i = k; *text; i++) {
        const token *t = reader_at(r, i);
        if (!is_text(r, t, text) || (t->spaced && i > k)) return false;
        text += t->n;
    }
    return true;
}

static bool says(reader *r, uint32_t k, const char *text) {
    return !reader_at(r, k)->spaced && stands(r, k, text);
}

static bool says_one(reader *r, uint32_t k, const char *const *words) {
    for (; *words; words++)
        if (says(r, k, *words)) return true;
    return false;
}

static bool is_among(const reader *r, const token *t, const char *chars) {
    if (t->kind != TOKEN_HAN) return false;
    for (; *chars; chars += strlen("\u4e00"))
        if (is_text(r, t, chars)) return true;
    return false;
}

/* Whether the character at k is one of `chars`. */
static bool is_one(reader *r, uint32_t k, const char *chars) {
    const token *t = reader_at(r, k);
    return !t->spaced && is_among(r, t, chars);
}

/* Whether the character before i is. */
static bool was_one(const reader *r, uint32_t i, const char *chars) {
    return i > 0 && !r->tokens[i].spaced && is_among(r, &r->tokens[i - 1], chars);
}

/* Nothing follows that could belong to it: a sign, an end, a word of letters. */
static bool ends(reader *r, uint32_t k) {
    const token *t = reader_at(r, k);
    return t->kind != TOKEN_HAN || t->spaced;
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

typedef struct zh_run {
    uint32_t first, end; /* tokens */
    uint32_t n;
    bool liang, radio;
    int64_t codes[RUN_MAX];
} zh_run;

static bool run_takes(reader *r, uint32_t k, const zh_run *run) {
    int64_t c = code_at(r, k);
    if (run->n == 0) c = reader_at(r, k)->value;
    if (is_liang(c) && run->n > 0) return scale_of(code_at(r, k + 1)) >= 100; /* else a weight: 五十两 */
    if (is_number_char(c)) return true;
    return run->n > 0 && radio_digit(c) >= 0 && digit_of(run->codes[run->n - 1]) >= 0 &&
           digit_of(code_at(r, k + 1)) >= 0;
}

static void run_read(reader *r, uint32_t i, zh_run *run) {
    *run = (zh_run){.first = i};
    uint32_t k = i;
    for (; run->n < RUN_MAX && run_takes(r, k, run); k++) {
        int64_t c = reader_at(r, k)->value;
        run->liang |= is_liang(c);
        run->radio |= radio_digit(c) >= 0;
        run->codes[run->n++] = c;
    }
    run->end = k;
}

/* Figures one after the other. */
static bool run_row(const zh_run *run, char out[RUN_MAX + 1]) {
    if (run->liang || (run->radio && run->n < RADIO_MIN)) return false;
    for (uint32_t i = 0; i < run->n; i++) {
        int d = digit_of(run->codes[i]);
        if (d < 0) d = radio_digit(run->codes[i]);
        if (d < 0) return false;
        out[i] = (char)('0' + d);
    }
    out[run->n] = 0;
    return true;
}

/* ---- cardinals --------------------------------------------------------------------------------------------------- */

typedef struct zh_value {
    int64_t yi, wan, rest; /* parts before 亿, before 万, behind; -1: none */
} zh_value;

static int64_t value_of(const zh_value *v) {
    return (v->yi > 0 ? v->yi * YI : 0) + (v->wan > 0 ? v->wan * WAN : 0) + (v->rest > 0 ? v->rest : 0);
}

/* Below 10000, from codes[*k] on. `before`: the scale of the part before, so that 三万五 is 35000; 0 where there is none. */
static bool section(const int64_t *c, uint32_t n, uint32_t *k, int64_t before, int64_t *out) {
    int64_t v = 0, last = before, limit = WAN;
    bool zero = false, any = false;
    while (*k < n) {
        int d = digit_of(c[*k]);
        int64_t s = *k + 1 < n ? scale_of(c[*k + 1]) : 0;
        if (d == 0) {
            if (zero || *k + 1 >= n || (!any && !before)) return false;
            zero = true;
            ++*k;
        } else if (d < 0) {
            if (any || scale_of(c[*k]) != 10 || before) break;
            v = last = limit = 10;
            any = true;
            ++*k;
        } else if (s > 0 && s < WAN) {
            if (s >= limit) return false;
            v += d * s;
            last = limit = s;
            zero = false;
            any = true;
            *k += 2;
        } else {
            bool shortened = !zero && last >= 100 && *k + 1 == n;
            v += shortened ? d * last / 10 : d;
            any = true;
            zero = false;
            ++*k;
            break;
        }
    }
    *out = v;
    return any && !zero;
}

/* 三千五百万: up to 万, or without one. */
static bool below_yi(const int64_t *c, uint32_t n, uint32_t *k, int64_t before, zh_value *out) {
    int64_t v;
    if (!section(c, n, k, before, &v)) return false;
    if (*k >= n || scale_of(c[*k]) != WAN) {
        out->rest = v;
        return true;
    }
    out->wan = v;
    if (++*k >= n || scale_of(c[*k]) == YI) return true;
    return section(c, n, k, WAN, &out->rest);
}

static bool cardinal(const int64_t *c, uint32_t n, zh_value *out) {
    *out = (zh_value){-1, -1, -1};
    uint32_t k = 0;
    if (n == 1 && digit_of(c[0]) == 0) {
        out->rest = 0;
        return true;
    }
    if (!below_yi(c, n, &k, 0, out)) return false;
    if (k < n && scale_of(c[k]) == YI) {
        *out = (zh_value){value_of(out), -1, -1};
        if (++k < n && !below_yi(c, n, &k, YI, out)) return false;
    }
    return k == n;
}

static bool is_yao(const zh_run *run) {
    for (uint32_t i = 0; i < run->n; i++)
        if (run->codes[i] == 0x5e7a || radio_digit(run->codes[i]) >= 0) return true;
    return false;
}

static bool run_cardinal(const zh_run *run, zh_value *v) {
    return !is_yao(run) && cardinal(run->codes, run->n, v);
}

/* 300万, 12亿3000万, but 35000. */
static void put_value(itn_answer *a, const zh_value *v) {
    if (v->rest >= 0) {
        itn_put_int(a, value_of(v));
        return;
    }
    if (v->yi >= 0) {
        bool wan = v->yi >= WAN && v->yi % WAN == 0;
        itn_put_int(a, wan ? v->yi / WAN : v->yi);
        itn_put_text(a, wan ? "万亿" : "亿");
    }
    if (v->wan < 0) return;
    itn_put_int(a, v->wan);
    itn_put_text(a, "万");
}

static void take(itn_answer *a, uint32_t end) {
    a->end = a->next = end;
}

/* ---- what stands around a number --------------------------------------------------------------------------------- */

typedef const char *const word_list[];

/* With these a single figure is written too. */
static bool unit_follows(reader *r, uint32_t k) {
    static word_list units = {"美元", "欧元",   "英镑",   "日元",     "港币",   "港元", "美金", "块钱", "公里", "千米",
                              "厘米", "毫米",   "平方米", "平方公里", "立方米", "平米", "公斤", "千克", "毫克", "毫升",
                              "公顷", "摄氏度", "英里",   "英尺",     "英寸",   "海里", "千瓦", "赫兹", "兆",   NULL};
    static word_list after = {"钱", "的", "起", "左右", "以", "每", "人民币", "高", "长", "宽", "深", "远", NULL};
    if (says_one(r, k, units)) return true;
    if (is_one(r, k, "元米度")) return ends(r, k + 1) || says_one(r, k + 1, after); /* and not 一元函数, 三度空间 */
    return is_one(r, k, "吨");
}

/* Counters and units: a number stands before them. */
static bool counter_follows(reader *r, uint32_t k) {
    static word_list longer = {"分钟", "小时", "毫克", "毫升", "毫米", "厘米", "平方", "立方", "摄氏度",
                               "星期", "礼拜", "美元", "欧元", "英镑", "英里", "日元", "港币", "周岁",
                               "周年", "周",   "比特", "字节", "兆",   "学分", NULL};
    if (is_one(r, k,
               "个元块年天月日号点岁人名位只条张本台辆件层楼次米斤吨度秒倍家种届章节页集期班组队室栋间把根支枚颗粒片瓶"
               "杯碗盒箱包袋"
               "套双份封座棵匹艘架篇场遍趟项级升克公两股户门亩"))
        return true;
    return says_one(r, k, longer);
}

/* 几十, 十几个, 二十多, 三十来岁: about so many. */
static bool is_vague(reader *r, const zh_run *run) {
    return was_one(r, run->first, "几数初双") || is_one(r, run->end, "几多来余");
}

/* A word that begins with a figure and is none: 三十一样 is 31 or 一样. */
static bool word_at(reader *r, uint32_t k) {
    static word_list words = {"一样", "一起", "一些", "一下", "一定", "一般", "一直", "一边", "一旦", "一切",
                              "一共", "一同", "一会", "一点", "一致", "一律", "一再", "一路", "三心", "三明治",
                              "四处", "四周", "五花", "七上", "八卦", "两边", "两者", NULL};
    return says_one(r, k, words);
}

static bool day_time_before(reader *r, uint32_t i) {
    static word_list times = {"上午", "下午", "早上", "晚上", "凌晨", "中午", "傍晚", "今晚",
                              "今早", "明早", "明晚", "昨晚", "夜里", "半夜", NULL};
    if (i < 2 || reader_at(r, i)->spaced) return false;
    for (const char *const *w = times; *w; w++)
        if (stands(r, i - 2, *w)) return true;
    return false;
}

/* Idioms and names that would be rewritten; how many characters, 0: none. */
static uint32_t idiom_at(reader *r, uint32_t i) {
    static word_list idioms = {
        "一千零一夜",   "十万火急", "十万八千里", "十万个为什么", "三十六计",   "七十二变",   "三百六十行",
        "二十四节气",   "二十四史", "二十四孝",   "十年寒窗",     "十年树木",   "十年如一日", "十年磨一剑",
        "十月怀胎",     "十月革命", "七七八八",   "三三五五",     "一二一",     "十项全能",   "十项运动",
        "四百四病",     "十年一剑", "十年磨剑",   "七零八落",     "七零八碎",   "七零八散",   "五零四散",
        "三六九等",     "二十五史", "二十八宿",   "三十年河东",   "三十年河西", "一万年太久", "十个指头",
        "三百六十五行", "十室",     "十年九旱",   "十年河东",     NULL};
    for (const char *const *w = idioms; *w; w++)
        if (stands(r, i, *w)) return (uint32_t)strlen(*w) / 3;
    return 0;
}

/* ---- 百分之 --------------------------------------------------------------------------------------------------------- */

/* Figures behind 点, from token k on; how many. What follows them (万) is not read. */
static uint32_t fraction_read(reader *r, uint32_t k, char out[RUN_MAX + 1]) {
    uint32_t n = 0;
    for (; n < 16; n++) {
        int64_t c = code_at(r, k + n);
        int d = is_liang(c) ? -1 : digit_of(c);
        if (d < 0) break;
        out[n] = (char)('0' + d);
    }
    out[n] = 0;
    return n;
}

static bool is_dot(reader *r, uint32_t k) {
    return is_one(r, k, "点點");
}

static void zh_percent(reader *r, uint32_t i, itn_answer *a) {
    char fraction[RUN_MAX + 1] = "";
    zh_run run;
    zh_value v;
    a->next = i + 3;
    if (is_one(r, i + 3, "百") && !is_number_char(code_at(r, i + 4))) {
        itn_put_text(a, "100%");
        take(a, i + 4);
        return;
    }
    if (!is_number_char(code_at(r, i + 3))) return;
    run_read(r, i + 3, &run);
    uint32_t end = a->next = run.end;
    uint32_t figures = 0;
    if (is_dot(r, end) && (figures = fraction_read(r, end + 1, fraction)) > 0) end += 1 + figures;
    if (is_one(r, end, "几多来余秒") || is_number_char(code_at(r, end)) || !run_cardinal(&run, &v)) return;
    put_value(a, &v);
    if (figures) itn_put(a, ".", 1);
    itn_put_text(a, fraction);
    itn_put(a, "%", 1);
    take(a, end);
}

/* ---- 点: decimals and times ---------------------------------------------------------------------------------------- */

/* 三点五 is a decimal where what follows lets it be one; 一点一起 is none. */
static bool decimal_ends(reader *r, uint32_t k, uint32_t figures) {
    static word_list after = {"左右", "以上", "以下", "以内", "版",   "个百分点", "的",   "倍", "到", "至", "厘", "毫",
                              "平方", "秒",   "度",   "公",   "小时", "个小时",   "个月", "折", "级", "斤", NULL};
    if (is_number_char(code_at(r, k))) return scale_of(code_at(r, k)) >= 100;
    if (is_dot(r, k) || is_one(r, k, "分")) return false;
    return figures > 1 || ends(r, k) || unit_follows(r, k) || is_one(r, k, "块升克") || says_one(r, k, after);
}

static bool try_decimal(reader *r, const zh_run *run, itn_answer *a) {
    char fraction[RUN_MAX + 1], row[RUN_MAX + 1];
    zh_value v;
    uint32_t figures = fraction_read(r, run->end + 1, fraction), end = run->end + 1 + figures;
    bool fits = run_cardinal(run, &v), figured = run->n >= 3 && run_row(run, row);
    if (!figures || (!fits && !figured) || (run->n == 1 && run->liang) || !decimal_ends(r, end, figures)) return false;
    if (fits)
        put_value(a, &v);
    else
        itn_put_text(a, row);
    itn_put(a, ".", 1);
    itn_put_text(a, fraction);
    take(a, end);
    return true;
}

/* 三点二十分, 下午三点零五, 八点十五: hour 0..24, minute 1..59. */
static bool try_clock(reader *r, const zh_run *run, bool day_time, itn_answer *a) {
    zh_run minutes;
    zh_value h, m;
    if (!run_cardinal(run, &h) || value_of(&h) > 24 || run->n > 3) return false;
    if (!is_number_char(code_at(r, run->end + 1))) return false;
    run_read(r, run->end + 1, &minutes);
    bool zero = minutes.n == 2 && digit_of(minutes.codes[0]) == 0;
    if (!cardinal(minutes.codes + zero, minutes.n - zero, &m) || minutes.liang || is_yao(&minutes)) return false;
    int64_t minute = value_of(&m);
    bool fen = is_one(r, minutes.end, "分") && !is_one(r, minutes.end + 1, "之钟");
    bool scaled = minute >= 10 && minute < 60;
    if (!(scaled || (zero && (fen || day_time)))) return false;
    if (is_one(r, minutes.end, "几多来余") || (!fen && counter_follows(r, minutes.end))) return false;
    if (minute == 10 && !day_time && !ends(r, minutes.end + fen)) return false; /* 十分 is very, too */
    itn_put_int(a, value_of(&h));
    itn_put_text(a, minute < 10 ? ":0" : ":");
    itn_put_int(a, minute);
    take(a, minutes.end + fen);
    return true;
}

/* Three parts and more are an address or a version: 一九二点一六八点一点一. */
static bool try_dotted(reader *r, const zh_run *first, itn_answer *a) {
    zh_run run = *first;
    char row[RUN_MAX + 1];
    uint32_t parts = 0;
    for (;; parts++) {
        if (!run_row(&run, row) || run.n > 4) return false;
        if (parts) itn_put(a, ".", 1);
        itn_put_text(a, row);
        if (parts == 7 || !is_dot(r, run.end) || !is_number_char(code_at(r, run.end + 1))) break;
        run_read(r, run.end + 1, &run);
    }
    if (parts < 2 || is_dot(r, run.end)) return false;
    take(a, run.end);
    return true;
}

static void forget(itn_answer *a) {
    a->n = 0;
    a->written[0] = 0;
}

/* 一点 and 三点 stay, 下午三点 and 十点 do not. */
static void zh_dot(reader *r, const zh_run *run, itn_answer *a) {
    bool day_time = day_time_before(r, run->first);
    zh_value v;
    zh_run after = {.end = run->end};
    if (is_number_char(code_at(r, run->end + 1))) run_read(r, run->end + 1, &after);
    if (after.n && word_at(r, after.end - 1)) return;
    a->next = after.n ? after.end : run->end;
    if (after.n) {
        if (try_dotted(r, run, a)) return;
        forget(a);
        if (try_clock(r, run, day_time, a)) return;
        forget(a);
        if (!day_time && try_decimal(r, run, a)) return;
        forget(a);
        return;
    }
    if (!run_cardinal(run, &v) || value_of(&v) > 24) return;
    if (!day_time && value_of(&v) < 10) return;
    itn_put_int(a, value_of(&v));
    take(a, run->end);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* 三月五号: a month before a day, or behind a year. */
static bool is_date_part(reader *r, const zh_run *run, int64_t value) {
    if (is_one(r, run->end, "月")) {
        if (was_one(r, run->first, "年")) return true;
        zh_run day;
        if (!is_number_char(code_at(r, run->end + 1))) return false;
        run_read(r, run->end + 1, &day);
        return is_one(r, day.end, "号日");
    }
    return is_one(r, run->end, "号日") && value <= 31 && was_one(r, run->first, "月") &&
           (is_number_char(code_before(r, run->first, 2)) ||
            (run->first >= 2 && r->tokens[run->first - 2].kind == TOKEN_DIGITS));
}

/* Single figures: with a unit, in a date. 一块 is together, 两块 are pieces. */
static bool single_counts(reader *r, const zh_run *run, int64_t value) {
    if (is_date_part(r, run, value)) return true;
    if (unit_follows(r, run->end)) return value != 1 || !is_one(r, run->end, "度");
    if (!is_one(r, run->end, "块")) return false;
    return value >= 3 && (ends(r, run->end + 1) || is_number_char(code_at(r, run->end + 1)));
}

/* 十个, 二十岁, 一百元; 十分, 十足 and 一百 in the middle of a sentence stay. */
static bool short_counts(reader *r, const zh_run *run, int64_t value) {
    static word_list after = {"到", "至", "的", "加", "减", "乘", "除", "比", "左右", "以上", "以下", "以内", NULL};
    if (counter_follows(r, run->end) || unit_follows(r, run->end)) return true;
    if (value == 10 || value == 11) return false;
    if (says(r, run->end, "分") && !says(r, run->end, "分之")) return true;
    return (ends(r, run->end) && value != 250) || says_one(r, run->end, after);
}

static bool cardinal_counts(reader *r, const zh_run *run, const zh_value *v) {
    int64_t value = value_of(v);
    if (was_one(r, run->first, "第")) return value >= 10;
    if (run->n == 1 && value < 10) return single_counts(r, run, value);
    if (run->n <= 2 || value == 250) return short_counts(r, run, value); /* 二百五 is a fool as well */
    return true;
}

/* 一二三 is counting; 九八年 is a year, 七八年 about as many. */
static bool row_counts(reader *r, const zh_run *run, const char *row) {
    if (run->n >= 3) return strcmp(row, "123") != 0 || was_one(r, run->first, "号码是室");
    return run->n == 2 && is_one(r, run->end, "年") && (row[1] < row[0] || row[0] == '0') &&
           !is_one(r, run->end + 1, "前后内来级多间");
}

/* 周五二十人, 星期三十点: whose figure is the first? */
static bool weekday_before(const reader *r, uint32_t i, bool *sure) {
    int64_t before = code_before(r, i, 1), more = code_before(r, i, 2);
    *sure = (before == 0x671f && more == 0x661f) || (before == 0x62dc && more == 0x793c);
    return *sure || before == 0x5468;
}

static void zh_run_ask(reader *r, uint32_t i, itn_answer *a) {
    char row[RUN_MAX + 1];
    zh_run run;
    zh_value v;
    run_read(r, i, &run);
    a->next = run.end;
    if (says(r, run.end, "分之")) {
        a->next = run.end + 2;
        if (is_number_char(code_at(r, a->next))) {
            run_read(r, a->next, &run);
            a->next = run.end;
        }
        return;
    }
    if (is_vague(r, &run) || (run.n > 1 && word_at(r, run.end - 1))) return;
    if (is_dot(r, run.end)) {
        zh_dot(r, &run, a);
        return;
    }
    if (run_row(&run, row) && run.n > 1) {
        if (!row_counts(r, &run, row)) return;
        itn_put_text(a, row);
    } else {
        if (!run_cardinal(&run, &v) || !cardinal_counts(r, &run, &v)) return;
        put_value(a, &v);
    }
    take(a, run.end);
}

static void zh_number(reader *r, uint32_t i, itn_answer *a) {
    bool sure;
    uint32_t idiom = idiom_at(r, i);
    if (idiom) {
        a->next = i + idiom;
        return;
    }
    if (weekday_before(r, i, &sure) && digit_of(r->tokens[i].value) > 0 && is_number_char(code_at(r, i + 1))) {
        zh_run run;
        if (sure) return;
        run_read(r, i, &run);
        a->next = run.end;
        return;
    }
    zh_run_ask(r, i, a);
}

void itn_zh(reader *r, uint32_t i, itn_answer *a) {
    int64_t c = r->tokens[i].value;
    if (c == 0x767e && says(r, i + 1, "分之")) {
        zh_percent(r, i, a);
        return;
    }
    if (digit_of(c) >= 0 || scale_of(c) == 10) {
        zh_number(r, i, a);
        return;
    }
    if (scale_of(c)) { /* 千万, 百货, 万一: none begins so, and what follows belongs to it */
        zh_run run;
        run_read(r, i, &run);
        a->next = run.end;
    }
}
