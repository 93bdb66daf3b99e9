/* test_ner.c: names: the same for every cut, ordinary talk not held back, function words never begin one, only what is asked for; and how
 * good it is on two small sets of sentences that were written for this file and labelled by its author, which is what their figures
 * are worth: they warn when something breaks, they do not say how good it is on other people's talk (docs/names.md).
 */
#include "find_test.h"

#include "base/mem.h"
#include "privacy/ner_int.h"

#include <time.h>

#define SEED      77
#define SENTENCES 500
#define NAMES     (ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_ORGANISATION))

static int names_begin(void **state) {
    (void)state;
    test_types = NAMES;
    return privacy_open(NULL, &test_privacy) || finder_open(test_privacy, &test_finder);
}

/* ---- labelled sentences: <a person>, and nothing else is one --------------------------------------------------------- */

static const char *const english[] = {
    "my name is <john smith> and i am calling about a late delivery",
    "Hi, this is <Priya Raman> from the billing department.",
    "could you put me through to <maria gonzalez> please",
    "<Daniel> will send the slides after lunch.",
    "i spoke with <kevin> on friday and he promised a refund",
    "The surgeon was Dr. <Helen Abara>, who retired in May.",
    "thanks <Emily>, that was very helpful",
    "THIS IS <ROBERT JOHNSON> CALLING FROM CHICAGO",
    "Ask Mrs. <Peterson> whether the blue form was signed.",
    "we met <anna kowalski> and her brother <peter> at the station",
    "The contract names <Thomas Wright> as the tenant.",
    "according to <Linda Chen> the numbers are final",
    "<George Washington> was the first president of the United States.",
    "my daughter <sophie> starts school in september",
    "Mr. <O'Brien> asked for a window seat.",
    "<Ahmed Hassan> lives in Birmingham with his wife <Fatima>.",
    "please welcome our next speaker <Olga Petrova>",
    "it was <mike> who broke the printer",
    "The reservation is under <Nguyen>.",
    "<Jean-Luc Moreau> painted the door green.",
    "can you hear me <sarah>",
    "Tell <William> that dinner is ready.",
    "the card belongs to <christopher lee>",
    "<Barack Obama> spoke in Berlin in July.",
    "I gave the keys to <Laura> and she gave them to <Paul>.",
    "i would like to change my delivery address please",
    "Can I speak to somebody about my bill?",
    "we will be there at nine in the morning",
    "The weather in Paris was lovely last week.",
    "so what do you think about the new design",
    "Thank you for calling, how may I help you today?",
    "it may rain in april but june is usually dry",
    "The bank charged me twice for the same order.",
    "please hold the line while i check that for you",
    "I bought a new phone from Samsung last month.",
    "will you mark the boxes before you send them",
    "He said that the meeting was cancelled.",
    "the grant was approved by the committee",
    "Turn right at the church and go straight on.",
    "my number is five five five one two one two",
    "Let us move to the next item on the agenda.",
    "i am happy with the service",
    "Google and Microsoft both raised their prices.",
    "is there anybody from the sales team on the call",
    "She moved from London to New York in 2019.",
    "we need to update the server before thursday",
    "The train to Manchester leaves from platform four.",
    "no that is not what i said",
    "I would rather pay in cash.",
    "good evening and welcome to the show",
    "You can frank the letters at the front desk.",
    "this is a test of the emergency system",
    "My son broke his arm while playing football.",
    "the price of gold went up again",
    "Are there any questions before we begin?",
    "sorry i did not catch that",
    "We flew with Lufthansa to Munich.",
    "Everybody loves a good story.",
    "okay great let me know",
    "The patient was discharged on Tuesday.",
};

static const char *const chinese[] = {
    "您好，我叫<王小明>，我想查一下订单。",
    "请问<张伟>在不在？",
    "我是<李娜>，昨天给你打过电话。",
    "麻烦转告<陈思远>，会议改到三点。",
    "<周婷婷>的快递放在门口了",
    "这件事由<冯雪峰>负责",
    "姓名<赵敏>，电话一三八零零一三八零零零",
    "昨天<刘芳>和<孙悦>都没来",
    "<黄>先生您好，请问有什么可以帮您",
    "<吴>医生今天不上班",
    "请<郑>老师回电话",
    "<欧阳娜娜>是一位演员",
    "患者<马冬梅>，女，四十五岁",
    "我的名字是<胡一鸣>",
    "联系人是<何志强>",
    "<林>经理说合同没问题",
    "我爱人叫<徐静>",
    "持卡人<高建军>本人办理",
    "<司马懿>和<诸葛亮>谁更聪明",
    "我找<沈丽华>，她在吗",
    "导演<张艺谋>的新电影上映了",
    "欢迎<杨洋>来到我们的节目",
    "<曹德旺>先生捐了很多钱",
    "我儿子<谢宇航>今年上小学",
    "被告<许大勇>没有到庭",
    "我很高兴认识你",
    "这样做很方便",
    "他在王国里住了很久",
    "于是我们就回家了",
    "周末去爬山",
    "周四上午九点开会",
    "马上就来",
    "何时出发",
    "钱包丢了",
    "白天太热了",
    "黄金价格又涨了",
    "高铁几点到",
    "安全第一",
    "方法不对",
    "金额是三百块",
    "水果多少钱一斤",
    "温度太高了",
    "常常迟到不好",
    "万一下雨怎么办",
    "石头剪刀布",
    "许多人都知道",
    "任何问题都可以问",
    "孙子今年上小学",
    "钱不够了",
    "陈述一下情况",
    "宋朝的历史",
    "唐诗三百首",
    "曾经来过这里",
    "关于这个问题我不清楚",
    "应该可以吧",
    "文章写得好",
    "叶子掉了一地",
    "康复训练要坚持",
    "史无前例的增长",
    "深入的分析这一次全球金融动荡背后的根源",
    "大家如果对我的研究感兴趣呢",
    "重点呢想谈三个问题",
    "我住在北京市朝阳区",
    "从上海到广州的飞机",
    "我在清华大学读书",
    "路上堵车了",
    "包装破了要退货",
    "时间来不及了",
    "成绩不太好",
    "解决方案已经发给您了",
};

typedef struct count {
    uint32_t right, found, there;
} count;

/* Text without its marks; which bytes are labelled, as pairs. */
static uint32_t unmark(const char *marked, char *text, uint32_t (*spans)[2]) {
    uint32_t n = 0, n_spans = 0;
    for (; *marked; marked++) {
        if (*marked == '<')
            spans[n_spans][0] = n;
        else if (*marked == '>')
            spans[n_spans++][1] = n;
        else
            text[n++] = *marked;
    }
    text[n] = 0;
    return n_spans;
}

static void score(const char *marked, bool lower, count *c) {
    char text[512];
    uint32_t spans[8][2];
    const uint32_t n_spans = unmark(marked, text, spans);
    for (char *p = text; lower && *p; p++) *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    const find_result r = find_in(text, strlen(text), 0, true);
    uint32_t right = 0;
    for (uint32_t k = 0; k < r.n; k++)
        for (uint32_t s = 0; s < n_spans; s++)
            right += r.findings[k].at == spans[s][0] && r.findings[k].at + r.findings[k].n == spans[s][1];
    if (right != n_spans || right != r.n) printf("  %s: %s\n", marked, found_in(text));
    c->right += right;
    c->found += r.n;
    c->there += n_spans;
}

static double f1(const count *c, const char *what) {
    const double precision = (double)c->right / c->found, recall = (double)c->right / c->there,
                 f = 2 * precision * recall / (precision + recall);
    printf("%s: persons P %.3f R %.3f F1 %.3f (%u)\n", what, precision, recall, f, c->there);
    return f;
}

static void people_are_found_in_english(void **state) {
    (void)state;
    count as_is = {0}, lower = {0};
    test_types = ENTITY_BIT(ENTITY_PERSON);
    for (size_t k = 0; k < sizeof english / sizeof *english; k++) score(english[k], false, &as_is);
    for (size_t k = 0; k < sizeof english / sizeof *english; k++) score(english[k], true, &lower);
    test_types = NAMES;
    assert_true(f1(&as_is, "English") >= 0.85);
    assert_true(f1(&lower, "English in lower case") >= 0.80);
}

static void people_are_found_in_chinese(void **state) {
    (void)state;
    count c = {0};
    test_types = ENTITY_BIT(ENTITY_PERSON);
    for (size_t k = 0; k < sizeof chinese / sizeof *chinese; k++) score(chinese[k], false, &c);
    test_types = NAMES;
    assert_true(f1(&c, "Chinese") >= 0.85);
}

/* ---- cutting ---------------------------------------------------------------------------------------------------------- */

static uint64_t chance = SEED;
static uint32_t below(uint32_t n) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)((chance >> 33) % n);
}

static const char *const pieces[] = {
    "john",   "Smith",      "smith's",  "Maria",   "Mr.",    "Dr",         "New York",
    "London", "bank of",    "the",      "and",     "is",     "my name is", "calling from",
    "J.",     "K.",         "Jean-Luc", "O'Brien", "AT&T",   "U.S.",       "Müller",
    "of",     "University", "said",     "hello",   "thanks", ",",          ".",
    "?",      "-",          "\x1e",     "139th",   "2024",   "Will",       "may",
    "united", "Bobick",     "Bobick's", "\"",      "'",      "I",          "I'm",
    "street", "Company",    "我叫",     "王小明",  "张",     "伟",         "李",
    "先生",   "欧阳",       "北京",     "大学",    "说",     "的",         "高兴",
    "，",     "文森特",     "卡索",     "老王",    "公司",   "是",         "建国",
    "a",      "\xe4\xb8",   "\xff",
};

static void random_row(char *text, size_t room) {
    size_t n = 0;
    for (uint32_t k = 3 + below(14); k > 0; k--) {
        const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
        const char *blank = (unsigned char)piece[0] >= 0xe0 || below(12) == 0 ? "" : " ";
        n += (size_t)snprintf(text + n, room - n, "%s%s", piece, blank);
    }
    const uint32_t way = below(4); /* as it is, lower, upper */
    for (char *p = text; *p; p++) {
        if (way == 1 && *p >= 'A' && *p <= 'Z') *p |= 0x20;
        if (way == 2 && *p >= 'a' && *p <= 'z') *p &= (char)~0x20;
    }
}

static void every_cut_agrees_with_the_whole(void **state) {
    (void)state;
    char text[1024];
    printf("seed %d\n", SEED);
    for (uint32_t k = 0; k < SENTENCES; k++) {
        random_row(text, sizeof text);
        check_cuts(text, strlen(text));
    }
    uint32_t spans[8][2];
    for (size_t k = 0; k < sizeof english / sizeof *english; k++)
        unmark(english[k], text, spans), check_cuts(text, strlen(text));
    for (size_t k = 0; k < sizeof chinese / sizeof *chinese; k++)
        unmark(chinese[k], text, spans), check_cuts(text, strlen(text));
}

static size_t settled_of(const char *text) {
    return find_in(text, strlen(text), 0, false).settled;
}

static void ordinary_talk_is_not_held(void **state) {
    (void)state;
    test_types = ENTITY_BIT(ENTITY_PERSON);
    static const char *const talk[] = {"so we have to do it again ", "and then they said that this was all ",
                                       "i think you should not do that ", "what are you going to do about it "};
    for (size_t k = 0; k < sizeof talk / sizeof *talk; k++)
        if (settled_of(talk[k]) != strlen(talk[k])) fail_msg("\"%s\": settled %zu", talk[k], settled_of(talk[k]));
    assert_int_equal(settled_of("my name is john "), 11);
    assert_int_equal(settled_of("my name is john and "), 11);            /* it looks two words ahead … */
    assert_int_equal(settled_of("my name is john smith and this "), 31); /* … and no further */
    test_types = NAMES;
}

/* ---- what is a name, and what is looked for ---------------------------------------------------------------------------- */

static void no_name_begins_with_a_function_word(void **state) {
    (void)state;
    static const char *const words[] = {"the",  "of",   "and",  "in",  "is",   "you",  "that",  "it",
                                        "was",  "for",  "on",   "are", "with", "they", "at",    "this",
                                        "have", "from", "or",   "had", "by",   "but",  "what",  "there",
                                        "we",   "when", "your", "how", "said", "mr.",  "Doctor"};
    char text[64];
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        snprintf(text, sizeof text, "%s Smith", words[k]);
        const find_result r = find_in(text, strlen(text), 0, true);
        for (uint32_t j = 0; j < r.n; j++) assert_true(r.findings[j].at > 0);
    }
}

static void only_types_asked_for_are_found(void **state) {
    (void)state;
    const char *text = "John Smith lives in London. 王小明住在北京市。";
    test_types = NAMES;
    assert_string_equal(found_in(text), "person:John Smith=; place:London=; person:王小明=; place:北京市=");
    test_types = ENTITY_BIT(ENTITY_PERSON);
    assert_string_equal(found_in(text), "person:John Smith=; person:王小明=");
    test_types = ENTITY_BIT(ENTITY_PLACE);
    assert_string_equal(found_in(text), "place:London=; place:北京市=");
    test_types = ENTITY_BIT(ENTITY_PHONE);
    assert_string_equal(found_in(text), "");
    test_types = NAMES;
}

static void a_name_said_before_is_known(void **state) {
    (void)state;
    test_types = ENTITY_BIT(ENTITY_PERSON);
    assert_string_equal(found_in("The boxer was Duane Bobick. Later Bobick won again."),
                        "person:Duane Bobick=; person:Bobick=");
    test_types = NAMES;
}

static void nothing_is_allocated_and_long_texts_are_fine(void **state) {
    (void)state;
    static char text[FIND_TEXT_MAX];
    uint32_t words = 0;
    size_t n = 0;
    while (n + 40 < sizeof text) {
        const int wrote = snprintf(text + n, sizeof text - n, "%s ", pieces[below(sizeof pieces / sizeof *pieces)]);
        n += (size_t)wrote;
        words++;
    }
    const uint64_t before = mem_alloc_count();
    const clock_t start = clock();
    const find_result r = find_in(text, n, 0, true);
    printf("%.2f us a piece of names and other words (%u findings)\n",
           (double)(clock() - start) * 1e6 / CLOCKS_PER_SEC / words, r.n);
    assert_int_equal(mem_alloc_count(), before);
    assert_int_equal(r.settled, n);
    for (size_t k = 0; k < sizeof text; k++) text[k] = k % 2 ? 'A' : '-'; /* one word without an end */
    assert_int_equal(find_in(text, sizeof text, 0, true).settled, sizeof text);
}

static void broken_tables_are_refused(void **state) {
    (void)state;
    ner_tables t;
    _Alignas(64) uint8_t bytes[256] = {0};
    assert_false(ner_read_tables(bytes, 0, &t));
    assert_false(ner_read_tables(bytes, sizeof bytes, &t));
    ner_head head = {NER_TABLES_MAGIC, 8, 8, 1u << 30, 0, {0}, 0};
    memcpy(bytes, &head, sizeof head);
    assert_false(ner_read_tables(bytes, sizeof bytes, &t));
    assert_true(ner_get_tables(&t));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_found_in_english),
        cmocka_unit_test(people_are_found_in_chinese),
        cmocka_unit_test(every_cut_agrees_with_the_whole),
        cmocka_unit_test(ordinary_talk_is_not_held),
        cmocka_unit_test(no_name_begins_with_a_function_word),
        cmocka_unit_test(only_types_asked_for_are_found),
        cmocka_unit_test(a_name_said_before_is_known),
        cmocka_unit_test(nothing_is_allocated_and_long_texts_are_fine),
        cmocka_unit_test(broken_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, names_begin, find_end);
}
