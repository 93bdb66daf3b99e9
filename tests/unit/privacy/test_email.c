/* test_email.c: e-mail addresses and addresses with credentials, written and said; each sentence also cut at every byte. */
#include "rule_test.h"

static int open_email(void **state) {
    (void)state;
    rule_test_open(NULL, ENTITY_BIT(ENTITY_EMAIL) | ENTITY_BIT(ENTITY_URL));
    return 0;
}

static int close_email(void **state) {
    (void)state;
    rule_test_close();
    return 0;
}

static void written(void **state) {
    (void)state;
    expect("write to {john.smith+news@mail.example.co.uk}.", "john.smith+news@mail.example.co.uk");
    expect("{A_b-c%d@EXAMPLE.com}, thanks", "a_b-c%d@example.com");
    expect("<{o'brien@example.org}> and {info@example.museum}", NULL);
    expect("use {hans@uni-heidelberg.de} or mail at {x1@y2.io}!", NULL);
    expect("me@home and @handle and a@b are none", NULL);
    expect("version 2@3.4 is none, nor is foo@bar.", NULL);
    expect("我的邮箱是{zhang_wei@163.com}谢谢", "zhang_wei@163.com");
    expect("邮箱{13544259062@qq.com}。", "13544259062@qq.com");
    expect("josé's is {josé@example.com}", NULL);
}

static void said_in_english(void **state) {
    (void)state;
    expect("it is {john dot smith at example dot com} thanks", "john.smith@example.com");
    expect("{name underscore nine at gmail dot com}", "name_9@gmail.com");
    expect("my email is {j o h n at yahoo dot co dot uk} okay", "john@yahoo.co.uk");
    expect("my email is {john smith at gmail dot com} please", "johnsmith@gmail.com");
    expect("send it to {mary ann at proton dot me}", "maryann@proton.me");
    expect("cc {peter 328 at mail dot example dot net} on that", "peter328@mail.example.net");
    expect("{j dot smith eighty seven at uni dash heidelberg dot de}", "j.smith87@uni-heidelberg.de");
    expect("{A N N A at health dot gov}. Next", "anna@health.gov");
    expect("it's {O-F-F-I-C-E at web dot de}", "o-f-f-i-c-e@web.de");
    expect("{david under score miller at example dot net} yes", "david_miller@example.net");
    expect("so it's {anna dash um kim at uh proton dot me}", "anna-kim@proton.me");
    expect("{john dot no sorry jon dot smith at example dot com}", "jon.smith@example.com");
    expect("{jane dot doe, at example dot c o m} okay", "jane.doe@example.com");
    expect("{john.smith at example.com}", "john.smith@example.com");
    expect("{john dot smith@example.com}", "john.smith@example.com");
    expect("{tom double four at example dot com}", NULL);
    expect("reach {jsmith at gmail com} okay", "jsmith@gmail.com");
    expect("{john.smith @ gmail . com}", "john.smith@gmail.com");
    expect("that's {b as in boy o b at example dot com}", "bob@example.com");
}

static void said_in_mandarin(void **state) {
    (void)state;
    expect("发到{zhangwei艾特sina点com}没问题吧", "zhangwei@sina.com");
    expect("我的邮箱{一零九零三零九四五 艾特 qq 点 com}好吧", "109030945@qq.com");
    expect("抄送给{二二四六圈a一六三点com}", "2246@163.com");
    expect("登录邮箱是{三五五七圈aoutlook点com}。", "3557@outlook.com");
    expect("{zhaolei下划线4715艾特sohu点com点cn}呢", "zhaolei_4715@sohu.com.cn");
    expect("{wang点fang杠八八艾特pku dot edu dot cn}请尽快", "wang.fang-88@pku.edu.cn");
    expect("是{四九零艾特一六三点comIP}是", "490@163.com");
    expect("请你艾特一下张经理，在群里艾特所有人", NULL);
}

static void none_at_all(void **state) {
    (void)state;
    expect("look at it dot by dot", NULL);
    expect("visit us at example dot com for details", NULL);
    expect("the slides are available at northwind dot io slash talks", NULL);
    expect("it was the peak of the dot com bubble", NULL);
    expect("at one point i was at the point of no return", NULL);
    expect("i ate at six and left at seven not at eight", NULL);
    expect("meet me at nine dot thirty at the net", NULL);
    expect("have a look at google dot com", NULL);
    expect("RT MarcSettle @ SarahMarshall Never . It 's just", NULL);
    expect("the DVD at some point in the future", NULL);
    expect("at at at dot dot com at dot com", NULL);
}

static void credentials(void **state) {
    (void)state;
    expect("open {https://user:pass@host.example.com:8443/a?b=c#d}, please", NULL);
    expect("{postgres://clark:b2dbde33@db.example.net:5432/clinic}", NULL);
    expect("({https://example.com/me?lang=en&api_key=57af01})", NULL);
    expect("用{https://api.example.com/login?token=9f8a}下载", NULL);
    expect("see https://example.com/a?lang=en&page=2. http://host:80/x@y", NULL);
    expect("https://example.com/?token= is empty", NULL);
    expect("std::string a://b and c:/d", NULL);
}

static void a_long_token_is_taken_whole(void **state) {
    char text[RULE_TEST_BYTES] = "{https://h.example/?access_token=";
    (void)state;
    for (int i = 0; i < 100; i++) strcat(text, i % 2 ? "a1" : ".b");
    strcat(text, "} end");
    expect(text, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),     cmocka_unit_test(said_in_english), cmocka_unit_test(said_in_mandarin),
        cmocka_unit_test(none_at_all), cmocka_unit_test(credentials),     cmocka_unit_test(a_long_token_is_taken_whole),
    };
    return cmocka_run_group_tests(tests, open_email, close_email);
}
