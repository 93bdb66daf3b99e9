/* test_itn.c: what is said in words and written in figures, what stays, and that a text cut anywhere says the same. */
#include "privacy/find.h"
#include "privacy/itn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROOM 4096

typedef struct sentence {
    const char *said, *written; /* NULL: as it is said */
} sentence;

// clang-format off
static const sentence english[] = {
    /* cardinals */
    {"there were twenty three of them", "there were 23 of them"},
    {"twenty-three chairs", "23 chairs"},
    {"eleven players and twelve balls", "11 players and 12 balls"},
    {"we sold nineteen", "we sold 19"},
    {"it has ninety nine pages", "it has 99 pages"},
    {"one hundred people came", "100 people came"},
    {"two hundred and five people came", "205 people came"},
    {"a hundred and five", "105"},
    {"three thousand five hundred", "3500"},
    {"one thousand and one nights", "1001 nights"},
    {"ten thousand steps", "10,000 steps"},
    {"sixty five thousand five hundred thirty six", "65,536"},
    {"two hundred thousand soldiers", "200,000 soldiers"},
    {"a hundred thousand soldiers", "100,000 soldiers"},
    {"two million three hundred thousand people", "2,300,000 people"},
    {"five million people", "5 million people"},
    {"seven billion people", "7 billion people"},
    {"one trillion stars", "1 trillion stars"},
    {"FIVE HUNDRED AND TWENTY MILES", "520 MILES"},
    {"Forty Two is the answer", "42 is the answer"},
    {"fifteen hundred words", "1500 words"},
    {"a forty-year-old man", "a 40-year-old man"},
    {"between ten and twenty people", "between 10 and 20 people"},
    {"from thirty to forty people", "from 30 to 40 people"},
    {"twelve, thirteen, fourteen", "12, 13, 14"},
    {"seventy six.", "76."},
    {"seventy six\x1e" "eighty", "76\x1e" "80"},
    /* decimals */
    {"three point one four", "3.14"},
    {"zero point five", "0.5"},
    {"twenty point two five", "20.25"},
    {"three point fifteen", "3.15"},
    {"two point five million", "2.5 million"},
    {"one point oh", "1.0"},
    {"a hundred and one point seven", "101.7"},
    /* percentages */
    {"five percent of it", "5% of it"},
    {"fifty per cent", "50%"},
    {"one hundred percent", "100%"},
    {"a hundred percent", "100%"},
    {"three point five percent", "3.5%"},
    {"zero percent", "0%"},
    {"ten to twenty percent", "10 to 20%"},
    /* money */
    {"twenty three dollars and five cents", "$23.05"},
    {"it costs twenty dollars fifty cents", "it costs $20.50"},
    {"five dollars", "$5"},
    {"one dollar", "$1"},
    {"a hundred dollars", "$100"},
    {"a million dollars", "$1 million"},
    {"five million dollars", "$5 million"},
    {"two point five billion dollars", "$2.5 billion"},
    {"a five dollar bill", "a $5 bill"},
    {"nine euros and ninety nine cents", "€9.99"},
    {"three hundred thousand dollars", "$300,000"},
    {"fifty cents", "50 cents"},
    {"twenty pounds", "20 pounds"},
    {"two quid", "2 quid"},
    {"twenty dollars two days ago", "$20 two days ago"},
    {"one thousand euros", "€1000"},
    /* units */
    {"five kilometers away", "5 kilometers away"},
    {"two degrees below zero", "2 degrees below zero"},
    {"fifty-five miles", "55 miles"},
    {"three kilos of rice", "3 kilos of rice"},
    {"minus five degrees", "minus 5 degrees"},
    /* rows of figures */
    {"one three eight one two", "13812"},
    {"one three eight, one two three four, five six seven eight", "138, 1234, 5678"},
    {"double five", "55"},
    {"triple zero", "000"},
    {"double oh seven", "007"},
    {"one oh one", "101"},
    {"nine one one", "911"},
    {"zip code nine oh two one oh", "zip code 90210"},
    {"zip code nine o two one o", "zip code 90210"},
    {"four one five double two three nine", "4152239"},
    {"room one two three", "room 123"},
    {"one two three four", "1234"},
    {"one eight hundred five five five one two one two", "18005551212"},
    {"five five five twenty one fourteen", "5552114"},
    {"one nine two dot one six eight dot one dot one", "192.168.1.1"},
    {"version two dot ten dot three", "version 2.10.3"},
    /* years */
    {"nineteen ninety", "1990"},
    {"in nineteen eighty four", "in 1984"},
    {"nineteen oh five", "1905"},
    {"twenty twenty four", "2024"},
    {"in twenty thirty", "in 2030"},
    {"twenty ten", "2010"},
    {"nineteen hundred", "1900"},
    {"two thousand and nine", "2009"},
    {"seventeen seventy six", "1776"},
    {"june twenty twenty", "june 2020"},
    /* dates */
    {"may first nineteen ninety", "May 1, 1990"},
    {"may first, nineteen ninety", "May 1, 1990"},
    {"the fifth of may", "5 May"},
    {"on the fifth of may two thousand twenty", "on 5 May 2020"},
    {"fifth of november", "5 November"},
    {"june twenty fifth", "June 25"},
    {"June the third", "June 3"},
    {"on may first he left", "on May 1 he left"},
    {"december twenty five", "December 25"},
    {"june twenty five two thousand five", "June 25, 2005"},
    {"july four seventeen seventy six", "July 4, 1776"},
    {"the twenty second of july two thousand and nineteen", "22 July 2019"},
    {"March twenty first", "March 21"},
    {"october thirty-first", "October 31"},
    {"may 1st nineteen ninety", "may 1st 1990"},
    /* times */
    {"three thirty p m", "3:30 PM"},
    {"three thirty pm", "3:30 PM"},
    {"at seven a.m. sharp", "at 7 AM sharp"},
    {"eleven oh five am", "11:05 AM"},
    {"two oh five p m", "2:05 PM"},
    {"ten o'clock", "10 o'clock"},
    {"three o clock", "3 o clock"},
    {"meet me at six forty five", "meet me at 6:45"},
    {"until twelve thirty", "until 12:30"},
    {"nine p m", "9 PM"},
    /* ordinals */
    {"the twenty first century", "the 21st century"},
    {"it's the nineteenth century", "it's the 19th century"},
    {"on her fortieth birthday", "on her 40th birthday"},
    {"the one hundred and first", "the 101st"},
    {"the thirty second floor", "the 32nd floor"},
    {"the twelfth man", "the 12th man"},
    {"the hundred and eleventh is not the eleventh", "the hundred and 11th is not the 11th"},
    /* stays */
    {"one of them", NULL}, {"no one knows", NULL}, {"a second later", NULL}, {"wait a second", NULL},
    {"the first time", NULL}, {"second to none", NULL}, {"two thirds of them", NULL}, {"one half", NULL},
    {"three quarters", NULL}, {"two days ago", NULL}, {"five minutes", NULL}, {"one two", NULL}, {"one two three go", NULL},
    {"a hundred times", NULL}, {"hundreds of thousands", NULL}, {"one in a million", NULL}, {"half a million dollars", NULL},
    {"twenty something", NULL}, {"in the nineteen nineties", NULL}, {"forty-ish", NULL}, {"twenty thirty people", NULL},
    {"fifteen twenty minutes", NULL}, {"twenty twenty five minutes", NULL}, {"five to ten people", NULL},
    {"five to ten percent", NULL}, {"twenty to five", NULL}, {"five or ten of us", NULL}, {"half past ten", NULL},
    {"quarter to eleven", NULL}, {"ten past three", NULL}, {"you may first want to look", NULL}, {"it may second that", NULL},
    {"may one ask", NULL}, {"they march first", NULL}, {"thirty second delay", NULL}, {"one third", NULL},
    {"a tenth of it", NULL}, {"at the eleventh hour", NULL}, {"oh one of them", NULL}, {"oh no", NULL}, {"one two oh no", NULL},
    {"which of the three am i", NULL}, {"twenty four seven", NULL}, {"seven eleven", NULL}, {"double trouble", NULL},
    {"twelve hundred thousand", NULL}, {"point five", NULL}, {"two and a half", NULL}, {"point twenty five", NULL},
    {"twenty dollars fifty", NULL}, {"june first half results", NULL}, {"at this point two people left", NULL},
    {"he has 20 dollars", NULL}, {"at 3:30 p.m.", NULL}, {"May 1, 1990", NULL}, {"one-on-one", NULL}, {"ten dot com", NULL},
    {"five-ten", NULL}, {"the three point line", NULL}, {"a thousand apologies", NULL}, {"four fifths", NULL},
    {"one by one", NULL}, {"at one point two million people", NULL}, {"the twenty tens", NULL}, {"twenty five after three", NULL}, {"7 eleven", NULL}, {"high five", NULL}, {"one hundredth", NULL}, {"three, two, one", NULL}, {"", NULL}, {"\xff one \xe4", NULL},
};

static const sentence mandarin[] = {
    /* numbers */
    {"一百二十三", "123"},
    {"一共一百二十三个", "一共123个"},
    {"三万五千", "35000"},
    {"三万五", "35000"},
    {"三千五", "3500"},
    {"一百二十块", "120块"},
    {"一百零五", "105"},
    {"一千零一十", "1010"},
    {"一千零五十六人", "1056人"},
    {"两千四百", "2400"},
    {"十个人", "10个人"},
    {"十二个人", "12个人"},
    {"二十岁", "20岁"},
    {"我今年二十五岁", "我今年25岁"},
    {"他二十五了", "他25了"},
    {"三百万", "300万"},
    {"三百五十万元", "350万元"},
    {"一万亿元", "1万亿元"},
    {"一万零五百亿", "10500亿"},
    {"五十两银子", "50两银子"},
    {"一亿", "1亿"},
    {"一亿二千万", "1亿2000万"},
    {"十四亿人口", "14亿人口"},
    {"一百二十三万四千五百六十七", "1234567"},
    {"三十到四十岁", "30到40岁"},
    {"两百米", "200米"},
    {"二十四小时", "24小时"},
    {"三百六十五天", "365天"},
    {"五十公斤", "50公斤"},
    {"五十人以上", "50人以上"},
    {"一百。", "100。"},
    {"一百\x1e" "二百", "100\x1e" "200"},
    {"有 一百二十 个", "有 120 个"},
    {"一百五十页", "150页"},
    {"一万元", "1万元"},
    {"十万块钱", "10万块钱"},
    {"二百五十个", "250个"},
    {"十五分钟", "15分钟"},
    {"九十五分", "95分"},
    {"六十四位", "64位"},
    {"七十二小时", "72小时"},
    {"十级大风", "10级大风"},
    /* rows */
    {"幺三八零零幺三八零零零", "13800138000"},
    {"这是手机一八五四四一三九一二一", "这是手机18544139121"},
    {"一三八，零零一三，八零零零", "138，0013，8000"},
    {"三零二室", "302室"},
    {"十八号楼三零二室", "18号楼302室"},
    {"幺零洞幺二", "10012"},
    {"九一一事件", "911事件"},
    {"九九六", "996"},
    {"房间号码一二三", "房间号码123"},
    {"一二三四五", "12345"},
    {"一九二点一六八点一点一", "192.168.1.1"},
    {"三五七八号", "3578号"},
    {"二〇二四", "2024"},
    /* dates */
    {"二零二四年三月五号", "2024年3月5号"},
    {"二〇二四年十二月三十一日", "2024年12月31日"},
    {"一九九零年", "1990年"},
    {"两千零八年", "2008年"},
    {"五月一日", "5月1日"},
    {"三月五号开会", "3月5号开会"},
    {"二零二四年三月", "2024年3月"},
    {"去年三月", "去年3月"},
    {"十二月", "12月"},
    {"十五号", "15号"},
    {"十月一号", "10月1号"},
    {"九八年", "98年"},
    {"零八年", "08年"},
    {"八十年代", "80年代"},
    {"二十世纪", NULL},
    {"二十一世纪", "21世纪"},
    {"2024年三月五号", "2024年3月5号"},
    /* percentages and decimals */
    {"百分之五十", "50%"},
    {"百分之五", "5%"},
    {"百分之百", "100%"},
    {"百分之一百", "100%"},
    {"百分之三点五", "3.5%"},
    {"百分之零点零一", "0.01%"},
    {"增长了百分之二十三", "增长了23%"},
    {"百分之十的人", "10%的人"},
    {"三点一四", "3.14"},
    {"零点五", "0.5"},
    {"一点五", "1.5"},
    {"三点五万", "3.5万"},
    {"二点五亿元", "2.5亿元"},
    {"一点二倍", "1.2倍"},
    {"三十六点五度", "36.5度"},
    {"一点五公里", "1.5公里"},
    {"一点五小时", "1.5小时"},
    {"十点二五", "10.25"},
    /* times */
    {"三点二十分", "3:20"},
    {"三点二十", "3:20"},
    {"两点五十", "2:50"},
    {"八点十五到", "8:15到"},
    {"下午三点二十分", "下午3:20"},
    {"下午三点", "下午3点"},
    {"下午三点半", "下午3点半"},
    {"早上八点钟", "早上8点钟"},
    {"下午三点零五开会", "下午3:05开会"},
    {"三点零五分", "3:05"},
    {"十点", "10点"},
    {"十二点半", "12点半"},
    {"二十三点五十九分", "23:59"},
    {"晚上十点十分", "晚上10:10"},
    {"星期三十点开会", "星期三10点开会"},
    {"周五下午三点", "周五下午3点"},
    /* money and units */
    {"十元", "10元"},
    {"五元", "5元"},
    {"五块", "5块"},
    {"五块钱", "5块钱"},
    {"一块钱", "1块钱"},
    {"三美元", "3美元"},
    {"两公里", "2公里"},
    {"三公斤", "3公斤"},
    {"零下五度", "零下5度"},
    {"三米", "3米"},
    {"三百九十九块九", "399块9"},
    {"五块五", "5块5"},
    {"三十七度五", "37度5"},
    {"一千两百块钱", "1200块钱"},
    /* ordinals */
    {"第十二", "第12"},
    {"第十", "第10"},
    {"第三十名", "第30名"},
    {"第一百二十三次", "第123次"},
    {"第二十一届", "第21届"},
    /* stays */
    {"一些", NULL}, {"一起", NULL}, {"万一", NULL}, {"千万别去", NULL}, {"十分", NULL}, {"十分重要", NULL}, {"一点", NULL},
    {"三心二意", NULL}, {"一下", NULL}, {"一样", NULL}, {"一个", NULL}, {"三个人", NULL}, {"两个", NULL}, {"一定", NULL},
    {"一点三心二意", NULL}, {"早一点一起去", NULL}, {"下午三点一起去", NULL}, {"一点一点地", NULL}, {"一点四个人", NULL},
    {"第一", NULL}, {"第二天", NULL}, {"第三", NULL}, {"三分之一", NULL}, {"万分之一", NULL}, {"三分之二十", NULL},
    {"百分之几", NULL}, {"百分百", NULL}, {"百分之一秒", NULL}, {"双十节", NULL}, {"十项全能", NULL}, {"七零八落", NULL}, {"七拐八拐", NULL}, {"三六九等", NULL}, {"三度空间", NULL}, {"一米阳光", NULL},
    {"一元函数", NULL}, {"三十年河东三十年河西", NULL}, {"一点六个", NULL}, {"三四个人", NULL}, {"十七八岁", NULL}, {"七八十个", NULL}, {"两三百人", NULL},
    {"几十个", NULL}, {"十几个", NULL}, {"二十多个", NULL}, {"三十来岁", NULL}, {"数十人", NULL}, {"一两个", NULL},
    {"二百五", NULL}, {"你这个二百五。", NULL}, {"三十六计走为上", NULL}, {"一千零一夜", NULL}, {"九九八十一", NULL},
    {"不管三七二十一", NULL}, {"乱七八糟", NULL}, {"七七八八", NULL}, {"一五一十", NULL}, {"三三两两", NULL}, {"十全十美", NULL},
    {"十万火急", NULL}, {"四面八方", NULL}, {"八九不离十", NULL}, {"星期三", NULL}, {"周五", NULL}, {"周三十点开会", NULL},
    {"礼拜一", NULL}, {"五一", NULL}, {"十一放假", NULL}, {"双十一", NULL}, {"七八年", NULL}, {"三五年", NULL}, {"两块蛋糕", NULL},
    {"一块去", NULL}, {"三月", NULL}, {"八千里路", NULL}, {"五号", NULL}, {"三点", NULL}, {"三点半", NULL}, {"三天", NULL}, {"五分钟", NULL},
    {"统一", NULL}, {"唯一", NULL}, {"之一", NULL}, {"百货", NULL}, {"千里之行", NULL}, {"上百人", NULL}, {"成千上万", NULL},
    {"十大品牌", NULL}, {"十四五规划", NULL}, {"二十大", NULL}, {"三元论", NULL}, {"一元二次方程", NULL}, {"一二三", NULL},
    {"零零后", NULL}, {"九零后", NULL}, {"初十", NULL}, {"像三十一样", NULL}, {"100块", NULL}, {"3点20分", NULL}, {"一度", NULL},
    {"朝三暮四", NULL}, {"一块五", NULL}, {"五块五毛的零钱和一块五花肉", NULL}, {"千方百计", NULL}, {"三明治", NULL}, {"一百一十一样", NULL}, {"一米七五", NULL},
};
// clang-format on
#define COUNT(table) (sizeof(table) / sizeof *(table))

static text_edit edits[ROOM], front[ROOM];

static void apply(const char *text, size_t n, const text_edit *e, uint32_t count, char *out) {
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(e[i].at >= at && e[i].n > 0 && e[i].at + (size_t)e[i].n <= n);
        assert_int_equal(strlen(e[i].written), e[i].written_bytes);
        out += sprintf(out, "%.*s%s", (int)(e[i].at - at), text + at, e[i].written);
        at = e[i].at + (size_t)e[i].n;
    }
    memcpy(out, text + at, n - at);
    out[n - at] = 0;
}

static void check_written(const sentence *table, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char out[512];
        size_t n = strlen(table[i].said), settled;
        uint32_t found = itn_find(table[i].said, n, true, edits, ROOM, &settled);
        assert_int_equal(settled, n);
        apply(table[i].said, n, edits, found, out);
        const char *expected = table[i].written ? table[i].written : table[i].said;
        if (strcmp(out, expected) != 0) fail_msg("\"%s\" became \"%s\", not \"%s\"", table[i].said, out, expected);
    }
}

static void english_is_written(void **state) {
    (void)state;
    check_written(english, COUNT(english));
}

static void mandarin_is_written(void **state) {
    (void)state;
    check_written(mandarin, COUNT(mandarin));
}

/* Whatever is settled at a cut, the whole text says as well. Returns how many bytes were settled, all cuts together. */
static size_t check_cuts(const char *text, size_t n) {
    uint32_t count = itn_find(text, n, true, edits, ROOM, NULL);
    size_t all = 0, before = 0;
    for (size_t cut = 0; cut <= n; cut++) {
        size_t settled;
        char *copy = malloc(cut + 1); /* so that reading past the end is seen */
        assert_non_null(copy);
        memcpy(copy, text, cut);
        uint32_t found = itn_find(copy, cut, false, front, ROOM, &settled), i = 0;
        free(copy);
        assert_true(settled <= cut && settled >= before);
        for (; i < count && edits[i].at < settled; i++) {
            if (i >= found || memcmp(&front[i], &edits[i], offsetof(text_edit, written)) != 0 ||
                strcmp(front[i].written, edits[i].written) != 0)
                fail_msg("\"%.*s\" cut at %zu: edit %u differs", (int)n, text, cut, i);
            assert_true(edits[i].at + (size_t)edits[i].n <= settled);
        }
        assert_int_equal(found, i);
        before = settled;
        all += settled;
    }
    return all;
}

static void every_cut_agrees(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(english); i++) check_cuts(english[i].said, strlen(english[i].said));
    for (size_t i = 0; i < COUNT(mandarin); i++) check_cuts(mandarin[i].said, strlen(mandarin[i].said));
}

static uint32_t random_next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Pieces of sentences, one after the other. */
static void every_cut_of_mixtures_agrees(void **state) {
    (void)state;
    uint32_t seed = 6;
    printf("seed %u\n", seed);
    for (int round = 0; round < 150; round++) {
        char text[400];
        size_t n = 0;
        while (n < 120) {
            uint32_t pick = random_next(&seed) % (COUNT(english) + COUNT(mandarin));
            const char *piece = pick < COUNT(english) ? english[pick].said : mandarin[pick - COUNT(english)].said;
            size_t whole = strlen(piece), take = random_next(&seed) % 4 && whole ? random_next(&seed) % whole : whole;
            memcpy(text + n, piece, take);
            n += take;
            if (random_next(&seed) % 2) text[n++] = ' ';
        }
        check_cuts(text, n);
    }
}

static void what_cannot_grow_is_settled(void **state) {
    (void)state;
    size_t settled;
    assert_int_equal(itn_find("i saw twenty", 12, false, edits, ROOM, &settled), 0);
    assert_int_equal(settled, 6);
    assert_int_equal(itn_find("i saw twenty three of", 21, false, edits, ROOM, &settled), 0);
    assert_int_equal(settled, 6); /* "of" may be "often" */
    assert_int_equal(itn_find("i saw twenty three of ", 22, false, edits, ROOM, &settled), 1);
    assert_int_equal(settled, 22);
    assert_string_equal(edits[0].written, "23");
    assert_int_equal(itn_find("他说", 6, false, edits, ROOM, &settled), 0);
    assert_int_equal(settled, 6);
    assert_int_equal(itn_find("他有三十五", 15, false, edits, ROOM, &settled), 0);
    assert_int_equal(settled, 6);
    assert_int_equal(itn_find("他有三十五岁\xe4\xba", 20, false, edits, ROOM, &settled), 1);
    assert_int_equal(settled, 18);
}

static void a_full_table_says_where_it_stopped(void **state) {
    (void)state;
    size_t settled;
    const char *text = "eleven, twelve, thirteen";
    assert_int_equal(itn_find(text, strlen(text), true, edits, 2, &settled), 2);
    assert_int_equal(settled, 16);
    assert_int_equal(itn_find(text + settled, strlen(text) - settled, true, edits, 2, &settled), 1);
    assert_string_equal(edits[0].written, "13");
}

/* The window slides: what stands far into a text is what stands at its front. */
static void long_texts_are_like_short_ones(void **state) {
    (void)state;
    static char text[FIND_TEXT_MAX];
    static const char *const pieces[] = {"i paid twenty three dollars and five cents, ", "二零二四年三月五号，"};
    for (size_t k = 0; k < COUNT(pieces); k++) {
        size_t n = strlen(pieces[k]), times = 65000 / n, settled;
        for (size_t i = 0; i < times; i++) memcpy(text + i * n, pieces[k], n);
        uint32_t each = itn_find(pieces[k], n, true, front, ROOM, NULL);
        uint32_t room = times * each < ROOM ? ROOM : each * 1000;
        uint32_t count = itn_find(text, times * n, true, edits, room, &settled);
        assert_int_equal(count, times * each < ROOM ? times * each : room);
        for (uint32_t i = 0; i < count; i++) {
            assert_string_equal(edits[i].written, front[i % each].written);
            assert_int_equal(edits[i].at, front[i % each].at + i / each * n);
        }
    }
}

/* Numbers without an end are left or written in pieces; the call comes to its end. */
static void numbers_without_end(void **state) {
    (void)state;
    static char text[FIND_TEXT_MAX], out[2 * FIND_TEXT_MAX];
    static const char *const pieces[] = {"one ",    "twenty ",    "hundred ",   "one hundred ", "one hundred and ",
                                         "double ", "may ",       "the ",       "first ",       "one dot ",
                                         "one to ", "a ",         "a hundred ", "twenty-",      "one point ",
                                         "oh ",     "a m ",       "dollars ",   "june one ",    "twenty dollars and ",
                                         "一",      "十",         "万",         "一点",         "百分之",
                                         "一亿",    "第一",       "三月",       "一万",         "周三",
                                         "十分之",  "百分之一点", "一千",       "零",           "拐",
                                         "一拐",    "'",          "1",          "3r",           "\xe4\xb8"};
    for (size_t k = 0; k < COUNT(pieces); k++) {
        size_t n = 0, m = strlen(pieces[k]), settled;
        for (; n + m < FIND_TEXT_MAX; n += m) memcpy(text + n, pieces[k], m);
        uint32_t count = itn_find(text, n, true, edits, ROOM, &settled);
        assert_true(settled == n || count == ROOM);
        apply(text, n, edits, count, out);
        itn_find(text, n, false, edits, ROOM, &settled);
        assert_true(settled <= n);
        check_cuts(text, 600);
    }
}

/* More figures behind the point than a number has: they stay. */
static void fractions_without_end(void **state) {
    (void)state;
    static const char *const pieces[][2] = {{"one point", " five"}, {"一点", "五"}};
    for (size_t k = 0; k < COUNT(pieces); k++) {
        char text[512], out[1024];
        strcpy(text, pieces[k][0]);
        for (int i = 0; i < 70; i++) strcat(text, pieces[k][1]);
        size_t n = strlen(text);
        apply(text, n, edits, itn_find(text, n, true, edits, ROOM, NULL), out);
        if (k == 0) assert_string_equal(out, text);
        check_cuts(text, n);
    }
}

static int setup(void **state) {
    (void)state;
    return token_lexicon() == STENO_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(english_is_written),
        cmocka_unit_test(mandarin_is_written),
        cmocka_unit_test(every_cut_agrees),
        cmocka_unit_test(every_cut_of_mixtures_agrees),
        cmocka_unit_test(what_cannot_grow_is_settled),
        cmocka_unit_test(a_full_table_says_where_it_stopped),
        cmocka_unit_test(long_texts_are_like_short_ones),
        cmocka_unit_test(numbers_without_end),
        cmocka_unit_test(fractions_without_end),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
