// unseen.mjs: sentences that stand in the set of the seed `test` only, so that it also says how the rules do on what nobody had in
// mind while they were written. Carriers and near-misses as in carry_*.mjs and near_*.mjs.

/** One of `list`, or, where nobody may look, now and then one of `unseen`. */
export const sometimes = (d, list, unseen) => (d.judging && d.chance(0.25) ? d.pick(unseen) : d.pick(list));

export const EN = {
  phone: ['drop me a line at {}', 'if anything changes, {} is the quickest way to get hold of me', 'we tried {} twice and it went to voicemail', 'she gave me {} as her number', 'the plumber said to ring him under {}', 'leave a message at {} after five', 'for emergencies use {}', 'he never picks up {}'],
  card: ['run it again with {}', 'I\'m reading from the card now, {}', 'the amex is {}', 'take {} off my file, that card is closed', 'you can put the hotel on {}', 'my husband\'s card, it\'s {}, same address'],
  ssn: ['okay here comes my social, {}', 'is {} the social you have for me?', 'the last employer needs social security {}', 'they asked for my social security number which is {}'],
  id: ['his mainland identity card reads {}', 'Chinese resident ID {} please', 'the identity card number I have is {}'],
  account: ['wire it into account number {} by noon', 'the policy in question is policy number {}', 'I bank with you, account {}', 'the membership number on the card is {}', 'could you close account number {} for me'],
  iban: ['the rent goes to {}', 'here is my IBAN, {}', 'please use the following IBAN {}'],
  passport: ['it\'s a new passport, number {}', 'visa application for passport {}', 'the old passport had number {}'],
  plate: ['somebody parked me in, license plate {}', 'it was a taxi with the plate {}', 'the plate on the rental is {}'],
  email: ['you\'ll find me under {}', 'I never got it, try {}', 'the newsletter goes to {} and I want it stopped', 'mail it over to {} will you', 'is {} spelled correctly?', 'my address for mail is {}'],
  ip: ['it resolves to {}', 'we blocked {} this morning', 'the router has {}', 'requests from {} time out'],
  url: ['somebody committed {} to the repo', 'it mounts {} on start'],
  birth_date: ['my son was born {}', 'birthdate {}', 'date of birth is {} as in the file', 'when were you born? {}'],
  address: ['the taxi should pick me up at {}', 'we\'re having it delivered to {}', 'she used to live at {}', 'forward my mail to {}', 'the fire is at {}'],
};

export const ZH = {
  phone: ['改打{}吧，那个停机了', '他留的号码是{}', '司机电话{}，到了联系', '您记一下我手机，{}', '我妈的手机号{}', '验证码发到{}了吗'],
  id: ['身份证上写的是{}', '我给您念身份证号，{}', '孩子的身份证号是{}', '登记的身份证为{}'],
  card: ['麻烦把钱转到卡号{}', '还款的卡是{}', '我那张农行卡{}', '新办的信用卡{}'],
  account: ['打到账号{}', '您的账户{}已冻结', '保单号码{}', '会员卡号是{}'],
  ssn: ['他的社会安全号是{}', '填一下社会安全号码，{}'],
  iban: ['IBAN填{}', '请确认IBAN，{}'],
  passport: ['新护照的号码是{}', '护照号{}，麻烦出票'],
  plate: ['套牌车的车牌号是{}', '我开的车，车牌号{}', '车牌号为{}'],
  email: ['邮件发我{}', '注册邮箱写的是{}', '我换邮箱了，{}', '简历投{}'],
  ip: ['跳板机{}', '域名解析到{}', '把{}加进白名单'],
  url: ['他提交了{}', '配置里写的{}'],
  birth_date: ['我的出生年月是{}', '她生日在{}', '出生日期填{}', '我是{}生人'],
  address: ['麻烦送到{}门口', '我租在{}', '店开在{}', '户口在{}', '事故发生在{}附近'],
};

export const NEAR_EN = [
  (d) => `the meter reads ${d.int(10000, 99999)} kilowatt hours`,
  (d) => `your queue number is ${d.int(100, 999)}, about ${d.int(5, 40)} minutes to go`,
  (d) => `purchase order PO-${d.fill('#######')} needs a signature`,
  (d) => `seat ${d.int(1, 40)}${d.pick(['A', 'C', 'F'])} on the ${d.int(6, 11)}:${d.pick(['05', '20', '50'])} to Boston`,
  (d) => `the loan is ${d.int(100, 900)} thousand over ${d.int(10, 30)} years at ${d.int(2, 9)}.${d.int(1, 9)} percent`,
  (d) => `hex ${d.fill('0x##?###').replace(/[G-Z]/g, 'F')} is not a valid pointer`,
  (d) => `she scored ${d.int(60, 99)}, ${d.int(60, 99)} and ${d.int(60, 99)} in the three exams`,
  (d) => `the serial number on the washing machine is ${d.fill('WM########??')}`,
  (d) => `the flight recorder stopped at ${d.int(10, 23)}:${d.fill('#!')}:${d.fill('#!')}`.replace(/:([6-9])/g, ':4'),
  (d) => `win ratio ${d.int(1, 9)} to ${d.int(1, 9)}, average ${d.int(1, 9)} point ${d.int(1, 9)}`,
  (d) => `from nineteen ninety to two thousand ten they built ${d.int(100, 999)} houses on that road`,
  () => 'at the end of the day it is what it is, dot dot dot',
  () => 'I was born in Ohio and my address book is a mess',
  (d) => `the insurance covers ${d.int(20, 100)} percent up to ${d.int(1, 9)},000 a year`,
  (d) => `the dose went from ${d.int(5, 40)} to ${d.int(41, 90)} and her white count is ${d.int(4, 11)}.${d.int(1, 9)}`,
  (d) => `catalog number ${d.fill('###-###-###')} is sold out`,
  (d) => `we need ${d.int(2, 9)} by ${d.int(4, 12)} boards, ${d.int(100, 400)} of them`,
];

export const NEAR_ZH = [
  (d) => `电表读数是${d.int(10000, 99999)}度`,
  (d) => `您前面还有${d.int(3, 40)}位，大约等${d.int(5, 60)}分钟`,
  (d) => `采购单PO${d.fill('#######')}还没签字`,
  (d) => `贷款${d.int(20, 300)}万，分${d.int(10, 30)}年还，利率${d.int(3, 5)}.${d.fill('##')}`,
  (d) => `三门分别考了${d.int(60, 99)}、${d.int(60, 99)}和${d.int(60, 99)}分`,
  (d) => `洗衣机的序列号是WM${d.fill('########')}`,
  (d) => `这道题选一三五还是二四六`,
  (d) => `他一米八三，体重一百四十五斤`,
  (d) => `从一九九零年到二零一零年盖了${d.int(100, 999)}栋楼`,
  (d) => `白细胞${d.int(4, 11)}.${d.int(1, 9)}，血小板${d.int(100, 300)}`,
  () => '我在这条路上走了十几年了',
  () => '点一下那个点，再点一下',
  (d) => `尺寸是${d.int(10, 99)}乘${d.int(10, 99)}乘${d.int(10, 99)}厘米`,
  (d) => `工号${d.fill('####')}为您服务`,
];
