/* lexicon_zh.c: Mandarin words that mean something to the rules.
 *
 * Owner: anybody; constant. See lexicon.h for how to add one. The longest word that fits is taken, so a word here hides the
 * characters in it; after a figure a word that begins with a figure is not taken ("一三五一起" ends in a one).
 */
#include "privacy/lexicon.h"

#include "privacy/token.h"

// clang-format off
const lexicon_word lexicon_zh[] = {
    /* Figures, also as they are said on the telephone and written on cheques. */
    {"零", SENSE_DIGIT, 0}, {"〇", SENSE_DIGIT, 0}, {"洞", SENSE_DIGIT, 0}, {"圈", SENSE_DIGIT, 0}, {"一", SENSE_DIGIT, 1},
    {"幺", SENSE_DIGIT, 1}, {"壹", SENSE_DIGIT, 1}, {"二", SENSE_DIGIT, 2}, {"两", SENSE_DIGIT, 2}, {"兩", SENSE_DIGIT, 2},
    {"贰", SENSE_DIGIT, 2}, {"三", SENSE_DIGIT, 3}, {"叁", SENSE_DIGIT, 3}, {"四", SENSE_DIGIT, 4}, {"肆", SENSE_DIGIT, 4},
    {"五", SENSE_DIGIT, 5}, {"伍", SENSE_DIGIT, 5}, {"六", SENSE_DIGIT, 6}, {"陆", SENSE_DIGIT, 6}, {"七", SENSE_DIGIT, 7},
    {"拐", SENSE_DIGIT, 7}, {"柒", SENSE_DIGIT, 7}, {"八", SENSE_DIGIT, 8}, {"捌", SENSE_DIGIT, 8}, {"九", SENSE_DIGIT, 9},
    {"勾", SENSE_DIGIT, 9}, {"玖", SENSE_DIGIT, 9},
    {"十", SENSE_SCALE, 10}, {"拾", SENSE_SCALE, 10}, {"百", SENSE_SCALE, 100}, {"佰", SENSE_SCALE, 100}, {"千", SENSE_SCALE, 1000},
    {"仟", SENSE_SCALE, 1000}, {"万", SENSE_SCALE, 10000}, {"萬", SENSE_SCALE, 10000}, {"亿", SENSE_SCALE, 100000000},
    {"億", SENSE_SCALE, 100000000}, {"廿", SENSE_TENS, 20},
    /* Words in which a figure is none. */
    {"一些", SENSE_COMMON, 0}, {"一下", SENSE_COMMON, 0}, {"一样", SENSE_COMMON, 0}, {"一起", SENSE_COMMON, 0}, {"一定", SENSE_COMMON, 0},
    {"一般", SENSE_COMMON, 0}, {"一直", SENSE_COMMON, 0}, {"一旦", SENSE_COMMON, 0}, {"一切", SENSE_COMMON, 0}, {"一边", SENSE_COMMON, 0},
    {"万一", SENSE_COMMON, 0}, {"一会儿", SENSE_COMMON, 0}, {"千万", SENSE_COMMON, 0}, {"两者", SENSE_COMMON, 0}, {"第一", SENSE_ORDINAL, 1},
    {"第二", SENSE_ORDINAL, 2}, {"第三", SENSE_ORDINAL, 3}, {"统一", 0, 0}, {"唯一", 0, 0}, {"之一", 0, 0}, {"地点", 0, 0}, {"重点", 0, 0},
    {"优点", 0, 0}, {"缺点", 0, 0}, {"观点", 0, 0}, {"特点", 0, 0}, {"朋友圈", 0, 0}, {"圈子", 0, 0},
    /* What is said between figures. */
    {"呃", SENSE_FILLER, 0}, {"嗯", SENSE_FILLER, 0}, {"啊", SENSE_FILLER, 0}, {"哦", SENSE_FILLER, 0}, {"唔", SENSE_FILLER, 0},
    {"额", SENSE_FILLER, 0}, {"哎", SENSE_FILLER, 0}, {"诶", SENSE_FILLER, 0}, {"那个", SENSE_FILLER, 0}, {"这个", SENSE_FILLER, 0},
    {"呢", SENSE_FILLER, 0}, {"吧", SENSE_FILLER, 0}, {"喂", SENSE_FILLER, 0}, {"好的", SENSE_FILLER, 0}, {"就是", SENSE_FILLER, 0},
    {"不对", SENSE_CORRECTION, 0}, {"不是", SENSE_CORRECTION, 0}, {"错了", SENSE_CORRECTION, 0}, {"说错了", SENSE_CORRECTION, 0},
    {"等等", SENSE_CORRECTION, 0}, {"等一下", SENSE_CORRECTION, 0}, {"抱歉", SENSE_CORRECTION, 0}, {"对不起", SENSE_CORRECTION, 0},
    {"更正", SENSE_CORRECTION, 0}, {"应该是", SENSE_CORRECTION, 0}, {"不好意思", SENSE_CORRECTION, 0}, 
    {"不不", SENSE_CORRECTION, 0},
    {"然后", SENSE_JOIN, 0}, {"接着", SENSE_JOIN, 0}, {"再", SENSE_JOIN, 0}, {"后面", SENSE_JOIN, 0}, {"空格", SENSE_JOIN, 0},
    {"是", SENSE_JOIN, 0}, {"重新说", SENSE_JOIN, 0}, {"再说一遍", SENSE_JOIN, 0},
    {"转", SENSE_EXTENSION, 0}, {"分机", SENSE_EXTENSION, 0}, {"分机号", SENSE_EXTENSION, 0}, {"转分机", SENSE_EXTENSION, 0},
    {"大写", SENSE_JOIN, 0}, {"叉", SENSE_LETTER, 'x'}, {"艾克斯", SENSE_LETTER, 'x'},
    /* Signs that are said. */
    {"艾特", SENSE_AT, 0}, {"点", SENSE_DOT, 0}, {"點", SENSE_DOT, 0}, {"杠", SENSE_DASH, 0}, {"横杠", SENSE_DASH, 0},
    {"中杠", SENSE_DASH, 0}, {"短横", SENSE_DASH, 0}, {"短横线", SENSE_DASH, 0}, {"横线", SENSE_DASH, 0}, {"减号", SENSE_DASH, 0},
    {"连字符", SENSE_DASH, 0}, {"中划线", SENSE_DASH, 0}, {"下划线", SENSE_UNDERSCORE, 0}, {"底线", SENSE_UNDERSCORE, 0},
    {"加", SENSE_PLUS, 0}, {"加号", SENSE_PLUS, 0}, {"斜杠", SENSE_SLASH, 0}, {"斜线", SENSE_SLASH, 0},
    /* Money. */
    {"元", SENSE_CURRENCY, 0}, {"块", SENSE_CURRENCY, 0}, {"块钱", SENSE_CURRENCY, 0}, {"角", SENSE_CURRENCY, 0}, {"毛", SENSE_CURRENCY, 0},
    {"圆", SENSE_CURRENCY, 0}, {"美元", SENSE_CURRENCY, 0}, {"欧元", SENSE_CURRENCY, 0}, {"英镑", SENSE_CURRENCY, 0},
    {"日元", SENSE_CURRENCY, 0}, {"港币", SENSE_CURRENCY, 0}, {"人民币", SENSE_CURRENCY, 0}, {"美金", SENSE_CURRENCY, 0},
    /* Streets. */
    {"路", SENSE_STREET, 0}, {"街", SENSE_STREET, 0}, {"大街", SENSE_STREET, 0}, {"大道", SENSE_STREET, 0}, {"巷", SENSE_STREET, 0},
    {"弄", SENSE_STREET, 0}, {"胡同", SENSE_STREET, 0}, {"号", SENSE_STREET, 0}, {"号楼", SENSE_STREET, 0}, {"栋", SENSE_STREET, 0},
    {"幢", SENSE_STREET, 0}, {"单元", SENSE_STREET, 0}, {"室", SENSE_STREET, 0}, {"小区", SENSE_STREET, 0},
    /* Ends of domain names. */
    {"康姆", SENSE_DOMAIN, 0}, {"中国", 0, 0},
    /* The provinces, as plates write them. */
    {"京", SENSE_PROVINCE, 0}, {"津", SENSE_PROVINCE, 0}, {"沪", SENSE_PROVINCE, 0}, {"渝", SENSE_PROVINCE, 0}, {"冀", SENSE_PROVINCE, 0},
    {"豫", SENSE_PROVINCE, 0}, {"云", SENSE_PROVINCE, 0}, {"辽", SENSE_PROVINCE, 0}, {"黑", SENSE_PROVINCE, 0}, {"湘", SENSE_PROVINCE, 0},
    {"皖", SENSE_PROVINCE, 0}, {"鲁", SENSE_PROVINCE, 0}, {"新", SENSE_PROVINCE, 0}, {"苏", SENSE_PROVINCE, 0}, {"浙", SENSE_PROVINCE, 0},
    {"赣", SENSE_PROVINCE, 0}, {"鄂", SENSE_PROVINCE, 0}, {"桂", SENSE_PROVINCE, 0}, {"甘", SENSE_PROVINCE, 0}, {"晋", SENSE_PROVINCE, 0},
    {"蒙", SENSE_PROVINCE, 0}, {"陕", SENSE_PROVINCE, 0}, {"吉", SENSE_PROVINCE, 0}, {"闽", SENSE_PROVINCE, 0}, {"贵", SENSE_PROVINCE, 0},
    {"粤", SENSE_PROVINCE, 0}, {"青", SENSE_PROVINCE, 0}, {"藏", SENSE_PROVINCE, 0}, {"川", SENSE_PROVINCE, 0}, {"宁", SENSE_PROVINCE, 0},
    {"琼", SENSE_PROVINCE, 0},
    /* What a number nearby is. */
    {"手机", SENSE_KEY_PHONE, 0}, {"手机号", SENSE_KEY_PHONE, 0}, {"电话", SENSE_KEY_PHONE, 0}, {"电话号码", SENSE_KEY_PHONE, 0},
    {"座机", SENSE_KEY_PHONE, 0}, {"固话", SENSE_KEY_PHONE, 0}, {"传真", SENSE_KEY_PHONE, 0}, {"热线", SENSE_KEY_PHONE, 0},
    {"联系", SENSE_KEY_PHONE, 0}, {"拨打", SENSE_KEY_PHONE, 0}, {"致电", SENSE_KEY_PHONE, 0}, {"打给", SENSE_KEY_PHONE, 0},
    {"来电", SENSE_KEY_PHONE, 0}, {"回电", SENSE_KEY_PHONE, 0}, {"微信", SENSE_KEY_PHONE, 0}, {"短信", SENSE_KEY_PHONE, 0},
    {"身份证", SENSE_KEY_ID, 0}, {"身份证号", SENSE_KEY_ID, 0}, {"身份", SENSE_KEY_ID, 0}, {"证件", SENSE_KEY_ID, 0},
    {"证件号", SENSE_KEY_ID, 0}, {"公民", SENSE_KEY_ID, 0},
    {"银行卡", SENSE_KEY_CARD, 0}, {"信用卡", SENSE_KEY_CARD, 0}, {"储蓄卡", SENSE_KEY_CARD, 0}, {"借记卡", SENSE_KEY_CARD, 0},
    {"卡号", SENSE_KEY_CARD, 0}, {"卡", SENSE_KEY_CARD, 0}, {"银联", SENSE_KEY_CARD, 0}, {"工资卡", SENSE_KEY_CARD, 0},
    {"账号", SENSE_KEY_ACCOUNT, 0}, {"帐号", SENSE_KEY_ACCOUNT, 0}, {"账户", SENSE_KEY_ACCOUNT, 0}, {"帐户", SENSE_KEY_ACCOUNT, 0},
    {"户号", SENSE_KEY_ACCOUNT, 0}, {"会员", SENSE_KEY_ACCOUNT, 0}, {"会员号", SENSE_KEY_ACCOUNT, 0}, {"保单", SENSE_KEY_ACCOUNT, 0},
    {"保单号", SENSE_KEY_ACCOUNT, 0}, {"社保", SENSE_KEY_ACCOUNT, 0}, {"社保号", SENSE_KEY_ACCOUNT, 0}, {"医保", SENSE_KEY_ACCOUNT, 0},
    {"客户号", SENSE_KEY_ACCOUNT, 0}, {"病历", SENSE_KEY_ACCOUNT, 0}, {"病历号", SENSE_KEY_ACCOUNT, 0}, {"公积金", SENSE_KEY_ACCOUNT, 0},
    {"会员编号", SENSE_KEY_ACCOUNT, 0}, {"客户编号", SENSE_KEY_ACCOUNT, 0}, {"保险单", SENSE_KEY_ACCOUNT, 0},
    {"保险单号", SENSE_KEY_ACCOUNT, 0}, {"用户编号", SENSE_KEY_ACCOUNT, 0}, {"员工编号", SENSE_KEY_ACCOUNT, 0},
    {"门诊号", SENSE_KEY_ACCOUNT, 0}, {"住院号", SENSE_KEY_ACCOUNT, 0}, {"工号", SENSE_KEY_ACCOUNT, 0}, {"学号", SENSE_KEY_ACCOUNT, 0},
    {"号码", 0, 0}, {"社会安全号", SENSE_KEY_SSN, 0}, {"社会安全号码", SENSE_KEY_SSN, 0}, {"社安号", SENSE_KEY_SSN, 0},
    {"护照", SENSE_KEY_PASSPORT, 0}, {"护照号", SENSE_KEY_PASSPORT, 0},
    {"车牌", SENSE_KEY_PLATE, 0}, {"车牌号", SENSE_KEY_PLATE, 0}, {"牌照", SENSE_KEY_PLATE, 0}, {"车号", SENSE_KEY_PLATE, 0},
    {"出生", SENSE_KEY_BIRTH, 0}, {"生日", SENSE_KEY_BIRTH, 0}, {"出生日期", SENSE_KEY_BIRTH, 0}, {"生于", SENSE_KEY_BIRTH, 0},
    {"地址", SENSE_KEY_ADDRESS, 0}, {"住在", SENSE_KEY_ADDRESS, 0}, {"住址", SENSE_KEY_ADDRESS, 0}, {"家住", SENSE_KEY_ADDRESS, 0},
    {"寄到", SENSE_KEY_ADDRESS, 0}, {"送到", SENSE_KEY_ADDRESS, 0},
    {"服务器", SENSE_KEY_IP, 0}, {"主机", SENSE_KEY_IP, 0},
    {"订单", SENSE_KEY_OTHER, 0}, {"订单号", SENSE_KEY_OTHER, 0}, {"快递", SENSE_KEY_OTHER, 0}, {"快递单号", SENSE_KEY_OTHER, 0},
    {"单号", SENSE_KEY_OTHER, 0}, {"运单", SENSE_KEY_OTHER, 0}, {"运单号", SENSE_KEY_OTHER, 0}, {"发票", SENSE_KEY_OTHER, 0},
    {"发票号", SENSE_KEY_OTHER, 0}, {"流水号", SENSE_KEY_OTHER, 0}, {"编号", SENSE_KEY_OTHER, 0}, {"版本", SENSE_KEY_OTHER, 0},
    {"型号", SENSE_KEY_OTHER, 0}, {"序列号", SENSE_KEY_OTHER, 0}, {"时间戳", SENSE_KEY_OTHER, 0}, {"条码", SENSE_KEY_OTHER, 0},
    {"条形码", SENSE_KEY_OTHER, 0}, {"中奖", SENSE_KEY_OTHER, 0}, {"彩票", SENSE_KEY_OTHER, 0}, {"工单", SENSE_KEY_OTHER, 0}, {"工单号", SENSE_KEY_OTHER, 0}, {"航班", SENSE_KEY_OTHER, 0},
    {"物流", SENSE_KEY_OTHER, 0}, {"交易号", SENSE_KEY_OTHER, 0}, {"验证码", SENSE_KEY_OTHER, 0}, {"编码", SENSE_KEY_OTHER, 0},
    /* Words of grammar: no name begins with one. */
    {"的", SENSE_COMMON, 0}, {"了", SENSE_COMMON, 0}, {"是", SENSE_COMMON, 0}, {"我", SENSE_COMMON, 0}, {"你", SENSE_COMMON, 0},
    {"他", SENSE_COMMON, 0}, {"她", SENSE_COMMON, 0}, {"它", SENSE_COMMON, 0}, {"您", SENSE_COMMON, 0}, {"在", SENSE_COMMON, 0},
    {"不", SENSE_COMMON, 0}, {"有", SENSE_COMMON, 0}, {"就", SENSE_COMMON, 0}, {"都", SENSE_COMMON, 0}, {"也", SENSE_COMMON, 0},
    {"还", SENSE_COMMON, 0}, {"这", SENSE_COMMON, 0}, {"那", SENSE_COMMON, 0}, {"吗", SENSE_COMMON, 0}, {"呢", SENSE_COMMON, 0},
    {"吧", SENSE_COMMON, 0}, {"把", SENSE_COMMON, 0}, {"被", SENSE_COMMON, 0}, {"们", SENSE_COMMON, 0}, {"很", SENSE_COMMON, 0},
};
// clang-format on
const size_t lexicon_zh_n = sizeof lexicon_zh / sizeof *lexicon_zh;
