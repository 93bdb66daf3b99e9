/* test_ip.c: addresses of machines, written and said; each sentence also cut at every byte. */
#include "rule_test.h"

static int open_ip(void **state) {
    (void)state;
    rule_test_open(NULL, ENTITY_BIT(ENTITY_IP));
    return 0;
}

static int close_ip(void **state) {
    (void)state;
    rule_test_close();
    return 0;
}

static void version_4(void **state) {
    (void)state;
    expect("log in to {192.168.1.10}.", "192.168.1.10");
    expect("({10.0.0.1}:8080) or {172.16.254.3}/24", "10.0.0.1");
    expect("服务器IP{8.8.8.8}，谢谢", "8.8.8.8");
    expect("256.1.1.1 and 1.2.3 and 1.2.3.4.5 and 1.2.3.400", NULL);
    expect("version 1.2.3.4, v1.2.3.4, Chrome 118.0.44.68, 版本1.2.3.4", NULL);
    expect("at 12.30.45.60pm", NULL);
}

static void version_4_said(void **state) {
    (void)state;
    expect("ping {one nine two dot one six eight dot four dot one nine five} now", "192.168.4.195");
    expect("{one ninety two dot one sixty eight dot oh dot one}", "192.168.0.1");
    expect("{two fifteen point three seven point two two eight point nine zero} okay", "215.37.228.90");
    expect("{ten dot um thirty four dot one hundred and forty five dot two}", "10.34.145.2");
    expect("{192 dot 168 dot 1 dot 20}", "192.168.1.20");
    expect("网关是{幺九二点幺六八点五点四九}吧", "192.168.5.49");
    expect("是{一百九十二点一百六十八点零点二百四十六}", "192.168.0.246");
    expect("six point five, one dot two dot three, nine dot nine nine nine dot one dot one", NULL);
    expect("one dot two dot three dot four dot five", NULL);
}

static void version_6(void **state) {
    (void)state;
    expect("from {2001:db8:bd6d:11e3::f04}.", "2001:db8:bd6d:11e3::f04");
    expect("{fe80::25eb:de56}, if you could", "fe80::25eb:de56");
    expect("at {feba:f607:23c6:de94:6f65:9230:cfaa:26e0}: here", "feba:f607:23c6:de94:6f65:9230:cfaa:26e0");
    expect("服务器IP{2001:db8:e59c::fee}好吧", "2001:db8:e59c::fee");
    expect("12:30:45, 2d:2e:8b:6d:5c:5d, std::string, a:b, dead:beef, 1:2:3:4:5:6:7:8:9", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_4),
        cmocka_unit_test(version_4_said),
        cmocka_unit_test(version_6),
    };
    return cmocka_run_group_tests(tests, open_ip, close_ip);
}
