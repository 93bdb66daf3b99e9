/* itn_zh.c: what Mandarin number characters are written as: numbers, percentages, decimals, times; years, days and amounts by what
 * follows them, which stays as it is said.
 *
 * Owner      any thread; pure.
 * Invariants precision first, as in itn_en.c: number characters one after the other are rewritten as a whole or stay.
 */
#include "privacy/itn_zh_int.h"

#include <string.h>

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
    if (zh_says_one(r, k, units)) return true;
    if (zh_is_one(r, k, "元米度"))
        return zh_ends(r, k + 1) || zh_says_one(r, k + 1, after); /* and not 一元函数, 三度空间 */
    return zh_is_one(r, k, "吨");
}

/* Counters and units: a number stands before them. */
static bool counter_follows(reader *r, uint32_t k) {
    static word_list longer = {"分钟", "小时", "毫克", "毫升", "毫米", "厘米", "平方", "立方", "摄氏度",
                               "星期", "礼拜", "美元", "欧元", "英镑", "英里", "日元", "港币", "周岁",
                               "周年", "周",   "比特", "字节", "兆",   "学分", NULL};
    if (zh_is_one(
            r, k,
            "个元块年天月日号点岁人名位只条张本台辆件层楼次米斤吨度秒倍家种届章节页集期班组队室栋间把根支枚颗粒片瓶"
            "杯碗盒箱包袋"
            "套双份封座棵匹艘架篇场遍趟项级升克公两股户门亩"))
        return true;
    return zh_says_one(r, k, longer);
}

/* 几十, 十几个, 二十多, 三十来岁: about so many. */
static bool is_vague(reader *r, const zh_run *run) {
    return zh_was_one(r, run->first, "几数初双") || zh_is_one(r, run->end, "几多来余");
}

/* A word that begins with a figure and is none: 三十一样 is 31 or 一样. */
static bool word_at(reader *r, uint32_t k) {
    static word_list words = {"一样", "一起", "一些", "一下", "一定", "一般", "一直", "一边", "一旦", "一切",
                              "一共", "一同", "一会", "一点", "一致", "一律", "一再", "一路", "三心", "三明治",
                              "四处", "四周", "五花", "七上", "八卦", "两边", "两者", NULL};
    return zh_says_one(r, k, words);
}

static bool day_time_before(reader *r, uint32_t i) {
    static word_list times = {"上午", "下午", "早上", "晚上", "凌晨", "中午", "傍晚", "今晚",
                              "今早", "明早", "明晚", "昨晚", "夜里", "半夜", NULL};
    if (i < 2 || reader_at(r, i)->spaced) return false;
    for (const char *const *w = times; *w; w++)
        if (zh_stands(r, i - 2, *w)) return true;
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
        if (zh_stands(r, i, *w)) return (uint32_t)strlen(*w) / 3;
    return 0;
}

/* ---- 百分之 --------------------------------------------------------------------------------------------------------- */

/* Figures behind 点, from token k on; how many. What follows them (万) is not read. */
static uint32_t fraction_read(reader *r, uint32_t k, char out[ZH_RUN_MAX + 1]) {
    uint32_t n = 0;
    for (; n < 16; n++) {
        int64_t c = zh_code_at(r, k + n);
        int d = zh_is_liang(c) ? -1 : zh_digit_of(c);
        if (d < 0) break;
        out[n] = (char)('0' + d);
    }
    out[n] = 0;
    return n;
}

static bool is_dot(reader *r, uint32_t k) {
    return zh_is_one(r, k, "点點");
}

static void zh_percent(reader *r, uint32_t i, itn_answer *a) {
    char fraction[ZH_RUN_MAX + 1] = "";
    zh_run run;
    zh_value v;
    a->next = i + 3;
    if (zh_is_one(r, i + 3, "百") && !zh_is_number_char(zh_code_at(r, i + 4))) {
        itn_put_text(a, "100%");
        take(a, i + 4);
        return;
    }
    if (!zh_is_number_char(zh_code_at(r, i + 3))) return;
    zh_run_read(r, i + 3, &run);
    uint32_t end = a->next = run.end;
    uint32_t figures = 0;
    if (is_dot(r, end) && (figures = fraction_read(r, end + 1, fraction)) > 0) end += 1 + figures;
    if (zh_is_one(r, end, "几多来余秒") || zh_is_number_char(zh_code_at(r, end)) || !zh_run_cardinal(&run, &v)) return;
    zh_put_value(a, &v);
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
    if (zh_is_number_char(zh_code_at(r, k))) return zh_scale_of(zh_code_at(r, k)) >= 100;
    if (is_dot(r, k) || zh_is_one(r, k, "分")) return false;
    return figures > 1 || zh_ends(r, k) || unit_follows(r, k) || zh_is_one(r, k, "块升克") || zh_says_one(r, k, after);
}

static bool try_decimal(reader *r, const zh_run *run, itn_answer *a) {
    char fraction[ZH_RUN_MAX + 1], row[ZH_RUN_MAX + 1];
    zh_value v;
    uint32_t figures = fraction_read(r, run->end + 1, fraction), end = run->end + 1 + figures;
    bool fits = zh_run_cardinal(run, &v), figured = run->n >= 3 && zh_run_row(run, row);
    if (!figures || (!fits && !figured) || (run->n == 1 && run->liang) || !decimal_ends(r, end, figures)) return false;
    if (fits)
        zh_put_value(a, &v);
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
    if (!zh_run_cardinal(run, &h) || zh_value_of(&h) > 24 || run->n > 3) return false;
    if (!zh_is_number_char(zh_code_at(r, run->end + 1))) return false;
    zh_run_read(r, run->end + 1, &minutes);
    bool zero = minutes.n == 2 && zh_digit_of(minutes.codes[0]) == 0;
    if (!zh_cardinal(minutes.codes + zero, minutes.n - zero, &m) || minutes.liang || zh_is_yao(&minutes)) return false;
    int64_t minute = zh_value_of(&m);
    bool fen = zh_is_one(r, minutes.end, "分") && !zh_is_one(r, minutes.end + 1, "之钟");
    bool scaled = minute >= 10 && minute < 60;
    if (!(scaled || (zero && (fen || day_time)))) return false;
    if (zh_is_one(r, minutes.end, "几多来余") || (!fen && counter_follows(r, minutes.end))) return false;
    if (minute == 10 && !day_time && !zh_ends(r, minutes.end + fen)) return false; /* 十分 is very, too */
    itn_put_int(a, zh_value_of(&h));
    itn_put_text(a, minute < 10 ? ":0" : ":");
    itn_put_int(a, minute);
    take(a, minutes.end + fen);
    return true;
}

/* Three parts and more are an address or a version: 一九二点一六八点一点一. */
static bool try_dotted(reader *r, const zh_run *first, itn_answer *a) {
    zh_run run = *first;
    char row[ZH_RUN_MAX + 1];
    uint32_t parts = 0;
    for (;; parts++) {
        if (!zh_run_row(&run, row) || run.n > 4) return false;
        if (parts) itn_put(a, ".", 1);
        itn_put_text(a, row);
        if (parts == 7 || !is_dot(r, run.end) || !zh_is_number_char(zh_code_at(r, run.end + 1))) break;
        zh_run_read(r, run.end + 1, &run);
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
    if (zh_is_number_char(zh_code_at(r, run->end + 1))) zh_run_read(r, run->end + 1, &after);
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
    if (!zh_run_cardinal(run, &v) || zh_value_of(&v) > 24) return;
    if (!day_time && zh_value_of(&v) < 10) return;
    itn_put_int(a, zh_value_of(&v));
    take(a, run->end);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* 三月五号: a month before a day, or behind a year. */
static bool is_date_part(reader *r, const zh_run *run, int64_t value) {
    if (zh_is_one(r, run->end, "月")) {
        if (zh_was_one(r, run->first, "年")) return true;
        zh_run day;
        if (!zh_is_number_char(zh_code_at(r, run->end + 1))) return false;
        zh_run_read(r, run->end + 1, &day);
        return zh_is_one(r, day.end, "号日");
    }
    return zh_is_one(r, run->end, "号日") && value <= 31 && zh_was_one(r, run->first, "月") &&
           (zh_is_number_char(zh_code_before(r, run->first, 2)) ||
            (run->first >= 2 && r->tokens[run->first - 2].kind == TOKEN_DIGITS));
}

/* The nine of 三百九十九块九, the five of 三十七度五: where the number before is written too. */
static bool is_tail(reader *r, const zh_run *run) {
    if (!zh_was_one(r, run->first, "块度") || !zh_ends(r, run->end)) return false;
    int64_t last = zh_code_before(r, run->first, 2);
    if (zh_is_number_char(last) && zh_is_number_char(zh_code_before(r, run->first, 3))) return true;
    return zh_was_one(r, run->first, "块") && zh_digit_of(last) >= 3;
}

/* Single figures: with a unit, in a date. 一块 is together, 两块 are pieces. */
static bool single_counts(reader *r, const zh_run *run, int64_t value) {
    if (is_date_part(r, run, value) || is_tail(r, run)) return true;
    if (unit_follows(r, run->end)) return value != 1 || !zh_is_one(r, run->end, "度");
    if (!zh_is_one(r, run->end, "块")) return false;
    uint32_t k = run->end + 1;
    return value >= 3 && (zh_ends(r, k) || (zh_is_number_char(zh_code_at(r, k)) && zh_ends(r, k + 1)));
}

/* 十个, 二十岁, 一百元; 十分, 十足 and 一百 in the middle of a sentence stay. */
static bool short_counts(reader *r, const zh_run *run, int64_t value) {
    static word_list after = {"到", "至", "的", "加", "减", "乘", "除", "比", "左右", "以上", "以下", "以内", NULL};
    if (counter_follows(r, run->end) || unit_follows(r, run->end)) return true;
    if (value == 10 || value == 11) return false;
    if (zh_says(r, run->end, "分") && !zh_says(r, run->end, "分之")) return true;
    return (zh_ends(r, run->end) && value != 250) || zh_says_one(r, run->end, after);
}

static bool cardinal_counts(reader *r, const zh_run *run, const zh_value *v) {
    int64_t value = zh_value_of(v);
    if (zh_was_one(r, run->first, "第")) return value >= 10;
    if (run->n == 1 && value < 10) return single_counts(r, run, value);
    if (run->n <= 2 || value == 250) return short_counts(r, run, value); /* 二百五 is a fool as well */
    return true;
}

/* 一二三 is counting; 九八年 is a year, 七八年 about as many. */
static bool row_counts(reader *r, const zh_run *run, const char *row) {
    if (run->n >= 3) return strcmp(row, "123") != 0 || zh_was_one(r, run->first, "号码是室");
    return run->n == 2 && zh_is_one(r, run->end, "年") && (row[1] < row[0] || row[0] == '0') &&
           !zh_is_one(r, run->end + 1, "前后内来级多间");
}

/* 周五二十人, 星期三十点: whose figure is the first? */
static bool weekday_before(const reader *r, uint32_t i, bool *sure) {
    int64_t before = zh_code_before(r, i, 1), more = zh_code_before(r, i, 2);
    *sure = (before == 0x671f && more == 0x661f) || (before == 0x62dc && more == 0x793c);
    return *sure || before == 0x5468;
}

static void zh_run_ask(reader *r, uint32_t i, itn_answer *a) {
    char row[ZH_RUN_MAX + 1];
    zh_run run;
    zh_value v;
    zh_run_read(r, i, &run);
    a->next = run.end;
    if (zh_says(r, run.end, "分之")) {
        a->next = run.end + 2;
        if (zh_is_number_char(zh_code_at(r, a->next))) {
            zh_run_read(r, a->next, &run);
            a->next = run.end;
        }
        return;
    }
    if (is_vague(r, &run) || (run.n > 1 && word_at(r, run.end - 1))) return;
    if (is_dot(r, run.end)) {
        zh_dot(r, &run, a);
        return;
    }
    if (zh_run_row(&run, row) && run.n > 1) {
        if (!row_counts(r, &run, row)) return;
        itn_put_text(a, row);
    } else {
        if (!zh_run_cardinal(&run, &v) || !cardinal_counts(r, &run, &v)) return;
        zh_put_value(a, &v);
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
    if (weekday_before(r, i, &sure) && zh_digit_of(r->tokens[i].value) > 0 && zh_is_number_char(zh_code_at(r, i + 1))) {
        zh_run run;
        if (sure) return;
        zh_run_read(r, i, &run);
        a->next = run.end;
        return;
    }
    zh_run_ask(r, i, a);
}

void itn_zh(reader *r, uint32_t i, itn_answer *a) {
    int64_t c = r->tokens[i].value;
    if (c == 0x767e && zh_says(r, i + 1, "分之")) {
        zh_percent(r, i, a);
        return;
    }
    if (zh_digit_of(c) >= 0 || zh_scale_of(c) == 10) {
        zh_number(r, i, a);
        return;
    }
    if (zh_scale_of(c)) { /* 千万, 百货, 万一: none begins so, and what follows belongs to it */
        zh_run run;
        zh_run_read(r, i, &run);
        a->next = run.end;
    }
}
