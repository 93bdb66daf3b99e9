// mandarin.mjs: personal data in Mandarin, written and spoken. The sentences people say it in: carry_zh.mjs; neighbours that are none: near_zh.mjs.
import * as v from './values.mjs';
import * as say from './say_zh.mjs';

const grouped = (s, sizes) => {
  const out = [];
  let at = 0;
  for (const n of sizes) if (at < s.length) out.push(s.slice(at, at += n));
  if (at < s.length) out.push(s.slice(at));
  return out;
};
const fours = (s) => grouped(s, [4, 4, 4, 4, 4, 4, 4, 4]);
const maybe_split = (d, text) => (d.chance(0.08) ? say.split_in_two(d, text) : text);
const spoken = (d, style) => d.chance(style === 'raw' ? 0.75 : 0.5);

// ---- phones -----------------------------------------------------------------------------------------------------------

function mobile(d, style) {
  const n = v.mobile_cn(d);
  if (spoken(d, style)) return (d.chance(0.06) ? '八六' : '') + maybe_split(d, say.say_groups(d, d.pick([grouped(n, [3, 4, 4]), [n], grouped(n, [3, 4, 4]), grouped(n, [3, 2, 2, 2, 2]), grouped(n, [4, 3, 4])]), style));
  const written = d.pick([n, n, n, grouped(n, [3, 4, 4]).join(' '), grouped(n, [3, 4, 4]).join('-')]);
  return d.weigh([[8, ''], [1, '+86 '], [1, '+86'], [1, '86-']]) + written;
}
const CITIES = ['010', '021', '020', '022', '025', '028', '027', '029', '0755', '0571', '0512', '0532', '0411', '0592', '0731'];
function landline(d, style) {
  const city = d.pick(CITIES), n = d.fill(city.length === 3 ? '%#######' : d.pick(['8#######', '%######']));
  const extension = d.chance(0.15) ? d.fill(d.pick(['###', '####'])) : '';
  if (spoken(d, style)) return maybe_split(d, say.say_groups(d, [city, ...grouped(n, n.length === 8 ? [4, 4] : [3, 4])], style)) + (extension ? `转${say.say_groups(d, [extension], style, { trouble: 0 })}` : '');
  return d.pick([`${city}-${n}`, `${city} ${n}`, `(${city})${n}`, `${city}${n}`, `（${city}）${n}`]) + (extension ? d.pick([`转${extension}`, `-${extension}`]) : '');
}
function service(d, style) {
  const n = [d.pick(['400', '800']), d.fill('###'), d.fill('####')];
  return spoken(d, style) ? say.say_groups(d, n, style, { trouble: 0.1 }) : n.join('-');
}
function abroad(d, style) {
  if (spoken(d, style)) return `加一${say.say_groups(d, v.nanp(d), style)}`;
  return d.fill(d.pick(['+1 %## %## ####', '+852 9### ####', '+81 90 #### ####', '+65 8### ####', '+44 7### ######', '+886 9## ### ###']));
}
const phone = (d, style) => d.weigh([[10, mobile], [4, landline], [1, service], [1, abroad]])(d, style);

// ---- other numbers -------------------------------------------------------------------------------------------------------

function id(d, style) {
  const n = d.chance(0.88) ? v.identity(d) : v.identity_old(d);
  if (!spoken(d, style)) return d.weigh([[6, n], [1, n.replace('X', 'x')], [1, grouped(n, n.length === 18 ? [6, 8, 4] : [6, 6, 3]).join(' ')]]);
  const front = n.replace('X', '');
  const said = maybe_split(d, say.say_groups(d, d.pick([grouped(front, [6, 8, 4]), grouped(front, [3, 3, 4, 4, 4]), [front], grouped(front, [6, 4, 4, 4])]), style));
  return said + (n.endsWith('X') ? d.pick(['x', 'X', '艾克斯', '叉', ' X']) : '');
}
function card(d, style) {
  const n = d.chance(0.6) ? v.card_of(d, d.pick(['6222', '6217', '6228', '6212', '6225', '6214', '6230']), d.pick([16, 19, 19])) : v.card(d);
  if (!spoken(d, style)) return d.pick([n, n, fours(n).join(' '), fours(n).join('-')]);
  return maybe_split(d, say.say_groups(d, d.pick([fours(n), fours(n), [n], grouped(n, [6, 6, 7])]), style));
}
function account(d, style) {
  const n = v.account(d);
  return spoken(d, style) ? maybe_split(d, say.say_groups(d, d.pick([grouped(n, [4, 4, 4]), grouped(n, [3, 3, 3, 3]), [n]]), style)) : n;
}
const ssn = (d, style) => (spoken(d, style) ? say.say_groups(d, v.ssn(d), style) : v.ssn(d).join(d.pick(['-', '-', ' '])));
function iban(d, style) {
  const n = v.iban(d);
  if (d.chance(0.25)) return say.spell(d, n, style);
  return d.chance(0.5) ? fours(n).join(' ') : n;
}
function passport(d, style) {
  const n = d.fill(d.pick(['E########', 'G########', 'E?#######', 'E########', '?########']));
  return spoken(d, style) ? say.spell(d, n, style) : style === 'raw' && d.chance(0.3) ? n.toLowerCase() : n;
}
const PROVINCES = [...'京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤川青藏琼宁'];
const LETTERS = [...'ABCDEFGHJKLMNPQRSTUVWXYZ'], one = (d) => d.pick(d.chance(0.25) ? LETTERS : [...'0123456789']);
function plate(d, style) {
  const city = d.pick(LETTERS), electric = d.chance(0.25);
  const rest = electric ? d.pick(['D', 'F']) + one(d) + d.fill('####') : d.until(() => Array.from({ length: 5 }, () => one(d)).join(''), (s) => /\d{2}/.test(s));
  const front = d.pick(PROVINCES);
  if (!spoken(d, style)) return front + city + d.weigh([[5, ''], [2, '·'], [1, ' '], [1, '-']]) + (style === 'raw' && d.chance(0.3) ? rest.toLowerCase() : rest);
  return front + d.pick(['', ' ']) + say.spell(d, city + rest, style);
}

// ---- addresses of the net --------------------------------------------------------------------------------------------------

const NAMES = ['zhangwei', 'lina', 'wangfang', 'liuyang', 'chenjie', 'xiaoming', 'zhaolei', 'sunli', 'huangqiang', 'tom', 'alice', 'kefu', 'admin', 'zhang.wei', 'li_na', 'wang-fang'];
const HOSTS = ['163.com', 'qq.com', '126.com', 'gmail.com', 'sina.com', 'example.com', 'outlook.com', 'sohu.com', 'foxmail.com', 'example.com.cn', 'pku.edu.cn', 'aliyun.com', '139.com'];
function email(d, style) {
  const number = d.fill(d.pick(['#', '##', '19%#', '###', '####']));
  const local = d.weigh([[5, d.pick(NAMES)], [4, d.pick(NAMES.slice(0, 9)) + number], [2, d.fill('!########')], [1, v.mobile_cn(d)], [1, `${d.pick(NAMES.slice(0, 9))}_${number}`]]);
  const written = `${local}@${d.pick(HOSTS)}`;
  return spoken(d, style) ? say.say_email(d, written) : written;
}
const octets = (d) => d.weigh([[3, `192.168.${d.int(0, 9)}.${d.int(1, 254)}`], [2, `10.${d.int(0, 99)}.${d.int(0, 254)}.${d.int(1, 254)}`], [4, `${d.until(() => d.int(11, 223), (n) => n !== 127)}.${d.int(0, 254)}.${d.int(0, 254)}.${d.int(1, 254)}`]]);
const hex = (d, n) => Array.from({ length: n }, () => d.pick([...'0123456789abcdef'])).join('');
const ip = (d, style) => (spoken(d, style) ? say.say_ip(d, octets(d)) : d.chance(0.9) ? octets(d) : `2001:db8:${hex(d, 4)}::${hex(d, 4)}`);
const url = (d) => d.weigh([[3, `${d.pick(['https', 'http', 'ftp'])}://${d.pick(NAMES.slice(0, 9))}:${hex(d, 8)}@${d.pick(['files.example.cn', 'ftp.example.com', octets(d)])}${d.pick(['', '/', '/backup'])}`],
  [1, `https://api.example.cn/${d.pick(['login', 'v1/me'])}?${d.pick(['token', 'access_token', 'password'])}=${hex(d, 20)}`]]);

// ---- dates of birth, street addresses ------------------------------------------------------------------------------------------

function birth_date(d, style) {
  const [day, month, year] = [d.int(1, 28), d.int(1, 12), d.int(1938, 2010)], n2 = v.two_digits, end = d.pick(['日', '号', '号']);
  if (spoken(d, style)) return `${say.figures(d, d.chance(0.2) && year < 2000 ? String(year).slice(2) : String(year))}年${say.quantity(month)}月${say.quantity(day)}${end}`;
  return d.pick([`${year}年${month}月${day}${end}`, `${year}年${month}月${day}${end}`, `${year}-${n2(month)}-${n2(day)}`, `${year}/${month}/${day}`, `${year}.${n2(month)}.${n2(day)}`, `${year}年${n2(month)}月${n2(day)}日`]);
}
const PLACES = [['北京市', ['朝阳区', '海淀区', '西城区', '东城区', '丰台区']], ['上海市', ['浦东新区', '徐汇区', '静安区', '长宁区', '闵行区']], ['广东省深圳市', ['南山区', '福田区', '罗湖区']], ['浙江省杭州市', ['西湖区', '滨江区', '余杭区']], ['江苏省南京市', ['鼓楼区', '玄武区']],
  ['四川省成都市', ['武侯区', '锦江区']], ['湖北省武汉市', ['洪山区', '江汉区']], ['西安市', ['雁塔区', '碑林区']], ['广州市', ['天河区', '越秀区']]];
const ROADS = ['建国路', '中关村大街', '人民路', '解放大道', '张江路', '南京西路', '文一西路', '天府大道', '和平街', '学院路', '长安街', '中山北路', '科技园路', '复兴路', '延安中路', '珞喻路', '幸福大街', '青年路', '朝阳北路', '淮海中路'];
function address(d, style) {
  const [city, districts] = d.pick(PLACES), say_it = spoken(d, style);
  const n = (low, high) => { const k = d.int(low, high); return say_it ? (d.chance(0.5) && k > 99 ? say.figures(d, String(k)) : say.quantity(k)) : String(k); };
  const front = d.weigh([[3, city + d.pick(districts)], [3, d.pick(districts)], [1, city], [2, '']]);
  const lane = d.chance(0.15) ? `${n(2, 999)}弄` : '';
  const house = `${n(1, 999)}号`;
  const inner = d.weigh([[4, ''], [2, `${n(1, 20)}号楼${n(101, 2904)}室`], [2, `${n(1, 20)}栋${n(1, 6)}单元${n(101, 2904)}`], [1, `${n(2, 30)}楼`], [1, `${d.pick(['阳光', '锦绣', '万科', '星河'])}${d.pick(['花园', '小区', '大厦'])}${n(1, 20)}栋${n(101, 999)}室`]]);
  return front + d.pick(ROADS) + lane + house + inner;
}

export const KINDS_OF_DATA = { phone, id, card, account, ssn, iban, passport, plate, email, ip, url, birth_date, address };
