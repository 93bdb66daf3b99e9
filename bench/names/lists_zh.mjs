// lists_zh.mjs: what the tagger of names knows of Han characters beforehand, for train.c: `node bench/names/lists_zh.mjs OUT.tsv`
//
//   han <tab> WORD <tab> flags <tab> how common       flags are NER_HAN_* of src/privacy/ner_int.h
//   given <tab> CODE <tab> surname, first of two given, last of two, only one: how much likelier in a name than anywhere, 8 a nat
// Source: jieba's dictionary and its probabilities of characters (in nodejieba, MIT); names of countries from CLDR (in Node).
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allLocales } from '@faker-js/faker';

const here = dirname(fileURLToPath(import.meta.url));
const dict = join(here, 'node_modules/nodejieba/submodules/cppjieba/dict');
const FLAG = Object.fromEntries(['WORD', 'LONGER', 'PERSON', 'PLACE', 'ORGANISATION', 'SURNAME', 'TITLE', 'PLACE_END', 'ORGANISATION_END', 'CUE', 'WEAK_CUE', 'AFTER', 'STOP', 'FOREIGN', 'NICK'].map((name, i) => [name, 1 << i]));
const COMMON_WORDS = 30000;
const lines = [];

const rows = new Map(); // word -> {flags, rank}
function put(word, flag, count = 0) {
  const e = rows.get(word) ?? { flags: 0, common: 0 };
  e.flags |= FLAG[flag];
  e.common = Math.max(e.common, Math.min(63, Math.round(Math.log2(count + 1) * 3)));
  rows.set(word, e);
}
const isHan = (w) => /^[\u4e00-\u9fff]+$/.test(w);
const length = (w) => [...w].length;
const words = readFileSync(join(dict, 'jieba.dict.utf8'), 'utf8').split('\n').map((l) => l.split(' ')).filter((f) => f.length === 3 && isHan(f[0])).map(([w, n, pos]) => ({ w, n: Number(n), pos }));
const counts = new Map(words.map(({ w, n }) => [w, n]));

// ---- surnames and given names ---------------------------------------------------------------------------------------

const SURNAMES = new Set([...'赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫经房裘缪干解应宗丁宣邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆荣翁荀羊惠甄曲家封芮储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘厉祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍却璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公肖付闫涂覃代麦佟仝岳楚原邸贠钱楼樊娜']);
const COMPOUND = '欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 长孙 宇文 端木 轩辕 南宫 独孤 百里 呼延 申屠 东郭 西门 闻人 澹台 公冶 宗政 濮阳 淳于 单于 太史 仲孙 钟离 鲜于 司空'.split(' ');
for (const list of Object.values(allLocales.zh_CN.person.last_name)) for (const s of list ?? []) if (length(s) === 1) SURNAMES.add(s);
for (const s of SURNAMES) put(s, 'SURNAME');
for (const s of COMPOUND) put(s, 'SURNAME', counts.get(s) ?? 0), put(s, 'WORD', counts.get(s) ?? 0);

// P(character | place in a name) against P(character).
const emit = new Map(readFileSync(join(dict, 'pos_dict/prob_emit.utf8'), 'utf8').split('\n').filter((l) => /^[BMES],nr:/.test(l)).map((l) => [l[0], new Map(l.slice(5).split(';').filter(Boolean).map((f) => f.split(',')).map(([c, p]) => [c, Number(p)]))]));
const background = new Map();
let all = 0;
for (const { w, n } of words) for (const c of w) background.set(c, (background.get(c) ?? 0) + n), (all += n);
// Two given characters, counted over the names of the dictionary, smoothed.
const firstOfTwo = new Map(), lastOfTwo = new Map();
let names = 0;
for (const { w, n, pos } of words) {
  if (pos !== 'nr' || length(w) !== 3 || !SURNAMES.has(w[0]) || n > 1000) continue;
  names++;
  firstOfTwo.set(w[1], (firstOfTwo.get(w[1]) ?? 0) + 1);
  lastOfTwo.set(w[2], (lastOfTwo.get(w[2]) ?? 0) + 1);
}
const clamp = (x) => Math.max(-127, Math.min(127, Math.round(x * 8)));
for (let code = 0x4e00; code < 0xa000; code++) {
  const c = String.fromCodePoint(code), n = background.get(c);
  if (!n) continue;
  const log = Math.log((n + 50) / all);
  const mean = (state, map) => {
    const hmm = emit.get(state)?.get(c), count = Math.log(((map.get(c) ?? 0) + 0.2) / (names + 1));
    return (hmm === undefined ? count : Math.max(hmm, -14) / 2 + count / 2) - log;
  };
  const surname = SURNAMES.has(c) ? (emit.get('B')?.get(c) ?? -12) - log : -15;
  const single = (emit.get('E')?.get(c) ?? -12) - log;
  const scores = [surname, mean('M', firstOfTwo), mean('E', lastOfTwo), single - 0.5].map(clamp);
  lines.push(`given\t${code}\t${scores.join('\t')}\n`);
}

// ---- places and organisations ---------------------------------------------------------------------------------------

const PLACE_ENDS = [...'省市县区镇乡村州岛山河江湖湾港洲盟旗路街桥'], STRICT_ENDS = [...'省市县区镇乡州'];
const countries = new Intl.DisplayNames(['zh'], { type: 'region' });
for (let a = 65; a < 91; a++)
  for (let b = 65; b < 91; b++) {
    const code = String.fromCharCode(a, b), name = countries.of(code);
    if (name && name !== code && isHan(name) && length(name) <= 6) put(name, 'PLACE', 500);
  }
for (const w of '美国 英国 法国 德国 俄国 苏联 欧洲 亚洲 非洲 美洲 北美 南美 大洋洲 拉美 中东 东南亚 西藏 新疆 内蒙古 宁夏 广西 香港 澳门 台湾 台北 高雄 纽约 伦敦 巴黎 东京 大阪 首尔 柏林 莫斯科 洛杉矶 旧金山 华盛顿 悉尼 墨尔本 多伦多 温哥华 罗马 米兰 浦东 海淀 朝阳区 中关村 陆家嘴 王府井 天安门 外滩 西湖 长江 黄河 长城 黑龙江 吉林 辽宁 河北 河南 山东 山西 陕西 湖北 湖南 江苏 浙江 安徽 福建 江西 广东 海南 四川 贵州 云南 甘肃 青海 北京 上海 天津 重庆'.split(' '))
  put(w, 'PLACE', counts.get(w) ?? 100);
const NOT_PLACES = new Set('长大 上市 城市 都市 大区 山区 社区 地区 市区 城区 小区 园区 特区 灾区 学区 郊区 州 县市 省市 各省 各市 本市 本省 本县 全省 全市 全县 江湖 江山 河山 山河 河水 江水 湖水 大江 大河 大湖 大山 高山 深山 大桥 石桥 上山 下山 入市 开市 股市 超市 门市 夜市 集市 闹市 江 河 湖 乡镇 城镇 重镇 古镇 小镇 农村 乡村 山村 新村 铁路 公路 马路 大路 道路 网路 一路 走路 思路 大街 街 红桥 天桥 立交桥 东区 西区 南区 北区 新区 老区 专区 军区 战区 自治区 自治州 自治县 开发区 直辖市 地级市 县级市 省 市 县 区 镇 乡 村 岛 半岛 群岛 海岛 孤岛 火山 冰山 登山 爬山 内河 运河 大洲 港 海港 军港 航路 山路 水路 电路 线路 网路 半路 上路 出路 退路 末路 沿路 陆路 岔路 后路 来路 去路 修路 让路 赶路 问路 迷路 引路 领路 带路 拦路 开路 销路 门路 歧路 回路 短路 通路 套路 生路 死路 活路 血路 柏油路 高速公路 国道'.split(' '));
for (const { w, n, pos } of words) {
  const len = length(w), last = w[w.length - 1];
  if (pos !== 'ns' || len < 2 || len > 6 || NOT_PLACES.has(w) || n < 3) continue;
  if ((len >= 3 && PLACE_ENDS.includes(last)) || STRICT_ENDS.some((e) => (counts.get(w + e) ?? 0) >= 3)) put(w, 'PLACE', n);
}
const ORGANISATION_ENDS = '公司 集团 大学 学院 中学 小学 医院 银行 法院 检察院 公安局 派出所 委员会 研究所 研究院 研究中心 协会 学会 基金会 事务所 出版社 报社 电视台 工厂 酒店 饭店 宾馆 超市 幼儿园 政府 党委 支行 分行 分公司 有限公司 股份有限公司 有限责任公司 保险 证券 科技 航空 博物馆 图书馆 俱乐部 联合会 商会 总局 税务局 教育局 卫生局 财政局'.split(' ');
for (const w of ORGANISATION_ENDS) put(w, 'ORGANISATION_END', counts.get(w) ?? 50), put(w, 'WORD', counts.get(w) ?? 50);
for (const { w, n, pos } of words)
  if (pos === 'nt' && n >= 3 && length(w) >= 3 && length(w) <= 8) put(w, 'ORGANISATION', n);
for (const w of '阿里巴巴 腾讯 百度 华为 小米 京东 美团 字节跳动 拼多多 网易 新浪 搜狐 联想 中国移动 中国联通 中国电信 工商银行 建设银行 农业银行 中国银行 招商银行 交通银行 清华 北大 清华大学 北京大学 复旦大学 浙江大学 微软 谷歌 苹果公司 国务院 联合国'.split(' ')) put(w, 'ORGANISATION', 300);

// ---- words that say something of what stands beside them ---------------------------------------------------------------

for (const w of '先生 女士 小姐 老师 经理 医生 大夫 主任 总监 总裁 总经理 董事长 教授 博士 律师 同学 同志 师傅 护士 警官 法官 校长 院长 书记 市长 省长 县长 局长 处长 科长 部长 主席 总理 总统 阿姨 叔叔 大哥 大姐 哥 姐 总 工 老板 秘书 会计 老 队长 班长 组长 工程师 助理 太太 夫人 爷爷 奶奶 将军 司令 上校 记者 主持人 女士们 店长 专员 顾问 客服'.split(' '))
  put(w, 'TITLE', counts.get(w) ?? 50), length(w) > 1 && put(w, 'WORD', counts.get(w) ?? 50);
for (const w of '我叫 名叫 叫做 姓名 名字 名字叫 名字是 姓名是 我是 本人 我姓 他叫 她叫 叫 姓 联系人 收件人 户主 患者 病人 法人 乘客 客户 持卡人 寄件人 收货人 嘉宾'.split(' '))
  put(w, 'CUE', counts.get(w) ?? 50), length(w) > 1 && put(w, 'WORD', counts.get(w) ?? 50);
for (const w of '是 找 请 给 和 跟 与 同 由 对 被 让 为 问 向 替 陪 认识 联系 告诉 通知 感谢 谢谢 采访 欢迎 演员 歌手 导演 作家 作者 记者 教练 球员 选手 老师 医生 律师 教授 经理 主任 总统 总理 主席 同事 朋友 同学 哥哥 姐姐 弟弟 妹妹 儿子 女儿 丈夫 妻子 爱人 老公 老婆 爸爸 妈妈 父亲 母亲 儿媳 女婿 室友 邻居 客户 学生 司机 秘书 你好 您好 喂 著名 叫做'.split(' '))
  put(w, 'WEAK_CUE', counts.get(w) ?? 50), length(w) > 1 && put(w, 'WORD', counts.get(w) ?? 50);
for (const w of [...'说是的在和跟与同来去到把被让将也都就又还不没有给对为问想要会能可已曾从向很讲道打找写做用住去当啊呢吗吧嘛呀了'])
  put(w, 'AFTER');
// Characters that are in no name that one would say: particles, pronouns, verbs of one character.
for (const w of [...'的了是在我你他她它们这那哪不没么吗呢吧啊呀嘛啦哦就都也还很太把被给让从到往向对跟为什怎谁几些个只每各与或但而且所以因于之其此即使若虽等该已曾将要会能可应须得着过来去说看听想问做打叫找请买卖吃喝走跑坐站拿放开关进出上下里外前后左右二三四五六七八九十百千零两第点号月日年时分秒块元角岁次件位名条张家种样'])
  put(w, 'STOP');

// ---- other words ----------------------------------------------------------------------------------------------------

const isName = (w) => length(w) === 3 && SURNAMES.has(w[0]);
for (const { w, n, pos } of words) {
  if (/(先生|小姐|夫人|太太|女士|老师|师傅|皇帝|主义|思想|大人|公主|太后)$/.test(w)) continue;
  if (pos === 'nrt' && length(w) >= 3 && length(w) <= 5 && n >= 3) put(w, 'PERSON', n);
  if (pos === 'nr' && isName(w) && n >= 20 && n < 10000 && ![...'子们师爷人氏'].includes(w[2])) put(w, 'PERSON', n);
}
// Characters that names from elsewhere are written with.
const foreign = new Map();
for (const { w, pos } of words) if (pos === 'nrt' && length(w) >= 3) for (const c of w) foreign.set(c, (foreign.get(c) ?? 0) + 1);
[...foreign].filter(([c]) => !'大小中国人王太子天地山水一二三上下的不'.includes(c)).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 190).forEach(([c]) => put(c, 'FOREIGN'));
for (const { w, n, pos } of words) if (pos.startsWith('nr') && length(w) >= 3 && n >= 3 && [...w].every((c) => (rows.get(c)?.flags ?? 0) & FLAG.FOREIGN) && !SURNAMES.has(w[0])) put(w, 'PERSON', n);
for (const c of '老小阿') put(c, 'NICK');
const others = words.filter(({ w, pos }) => length(w) >= 2 && length(w) <= 4 && !(pos === 'nr' && length(w) >= 3) && pos !== 'nrt' && pos !== 'nrfg' && !(pos.startsWith('nr') && /^[老小阿]/.test(w))).sort((a, b) => b.n - a.n || (a.w < b.w ? -1 : 1));
for (const { w, n } of others.slice(0, COMMON_WORDS)) put(w, 'WORD', n);
for (const w of [...rows.keys()])
  for (let k = 1; k < length(w); k++) {
    const front = w.slice(0, k);
    const e = rows.get(front) ?? { flags: 0, common: 0 };
    e.flags |= FLAG.LONGER;
    rows.set(front, e);
  }

writeFileSync(process.argv[2], [...rows].map(([w, e]) => `han\t${w}\t${e.flags}\t${e.common}\n`).join('') + lines.join(''));
process.stderr.write(`${rows.size} Han words\n`);
