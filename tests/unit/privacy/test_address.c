/* test_address.c: street addresses in English and Mandarin; each sentence also cut at every byte. */
#include "rule_test.h"

static int open_address(void **state) {
    (void)state;
    rule_test_open(NULL, ENTITY_BIT(ENTITY_ADDRESS));
    return 0;
}

static int close_address(void **state) {
    (void)state;
    rule_test_close();
    return 0;
}

static void english_written(void **state) {
    (void)state;
    expect("I live at {221B Baker Street, London NW1 6XE}.", NULL);
    expect("ship it to {505 Cedar Hill Way, Apt 26, Portland, OR 98287}, thanks", NULL);
    expect("at {12-14 St. James Road, Flat 3, Leeds}.", NULL);
    expect("at {7432a Green Ct #5} today", NULL);
    expect("{1600 Pennsylvania Avenue NW, Washington, DC 20500-0003}", NULL);
    expect("{4521 Highway 61, Suite 28C}", NULL);
    expect("P.O. is {P.O. Box 4421, Austin, TX 78701}; {PO Box 12}", NULL);
    expect("{88 Ocean Loop} and {9 Elm St} and {10 N. Oak Ave}; I live at {88 Smith Mountain}", NULL);
    expect("it is {3 New Street, 2nd floor}", NULL);
}

static void english_said(void **state) {
    (void)state;
    expect("it is {two twenty one b baker street} in london", NULL);
    expect("{four fifty two fifth avenue apartment three} okay", NULL);
    expect("at {six double three two oak boulevard unit twenty three}, thank you", NULL);
    expect("{five five one martin luther king place suite twenty three b} yes", NULL);
    expect("to {one four two five maple way madison wisconsin} thank you", NULL);
    expect("{nine five two station drive portland oregon nine seven two oh one} please", NULL);
    expect("{eight fifteen main road new york ny 10001}", NULL);
    expect("i live at {twelve cherry hill} here", NULL);
    expect("{10 downing street london sw1a 2aa}", NULL);
    expect("po is {po box twelve}", NULL);
}

static void english_none(void **state) {
    (void)state;
    expect("there were thirteen people on the street that day", NULL);
    expect("a five minute drive, a four wheel drive, a one way street, a two lane road", NULL);
    expect("one moment fifth avenue was closed for 8 hours", NULL);
    expect("turn left on Oak Street and then walk down Main Street", NULL);
    expect("the fourth street on the right, i need to address six issues", NULL);
    expect("they won sixty five to eighty four in court", NULL);
    expect("there is no way seventy people fit in here no way", NULL);
    expect("it is 500 dollars a place", NULL);
    expect("2007 Bowling Green Falcons, Eleven Madison Park, 25 Big Center for, 02 Microwave St", NULL);
}

static void mandarin(void **state) {
    (void)state;
    expect("我住{北京市朝阳区建国路88号3栋502室}，请尽快", NULL);
    expect("请寄到{科技园路674号}。", NULL);
    expect("我住{广州市天河区学院路373弄295号16号楼1060室}吧", NULL);
    expect("来{上海市闵行区建国路二百四十五号十九号楼一百六十三室}找我", NULL);
    expect("地址是{成都市锦江区和平街385号11栋3单元559}", NULL);
    expect("送到{解放大道481号万科花园9栋B座109室}了", NULL);
    expect("搬到{中关村大街九九五弄四百七十四号三栋五单元二千六百八十八}了", NULL);
    expect("快递寄到{学院路七八八号锦绣小区十五栋四零零室}就行", NULL);
    expect("公司在{青年路九百四十九号}，五楼", NULL);
    expect("我家{人民路12号}院子很大", NULL);
    expect("{天津市和平区五大道民园西里7号}", NULL);
    expect("在{杭州市西湖区文三路478号华星时代广场A座1802}上班", NULL);
    expect("住{幸福小区3号楼2单元501}", NULL);
}

static void mandarin_none(void **state) {
    (void)state;
    expect("沿着人民路一直走，第二个路口左转", NULL);
    expect("坐668路公交车，南京路今天特别堵，这条街上有八十家店", NULL);
    expect("请到九号窗口排队，您是第一百五十二号", NULL);
    expect("京沪高速677公里处，坐地铁七号线到体育中心", NULL);
    expect("走六百米就到了，5月1号去广场", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(english_written), cmocka_unit_test(english_said),  cmocka_unit_test(english_none),
        cmocka_unit_test(mandarin),        cmocka_unit_test(mandarin_none),
    };
    return cmocka_run_group_tests(tests, open_address, close_address);
}
