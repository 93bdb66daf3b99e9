// say_zh.mjs: how people say numbers, dates and addresses of the net in Mandarin, and how recognisers write that down.
//
// style: 'raw' (no punctuation), 'pretty' (with it); a sentence has one.

const FIGURES = [...'零一二三四五六七八九'];
/** Figure -> what it is called: 幺, 洞, 拐, 两 as on the radio and on the phone. */
const manners = (d) => {
  const m = [...FIGURES];
  if (d.chance(0.45)) m[1] = '幺';
  if (d.chance(0.12)) m[0] = d.pick(['洞', '〇', '圈']);
  if (d.chance(0.08)) m[7] = '拐';
  if (d.chance(0.06)) m[2] = '两';
  return m;
};

export const figures = (d, text, manner = FIGURES) => [...text].map((c) => (/\d/.test(c) ? manner[Number(c)] : c)).join('');

/** 0..9999 as a quantity: 三百二十五. */
export function quantity(n) {
  if (n < 10) return FIGURES[n];
  if (n < 20) return `十${n % 10 ? FIGURES[n % 10] : ''}`;
  const unit = n >= 1000 ? 1000 : n >= 100 ? 100 : 10, rest = n % unit;
  const head = `${FIGURES[Math.floor(n / unit)]}${{ 1000: '千', 100: '百', 10: '十' }[unit]}`;
  if (!rest) return head;
  if (rest < unit / 10) return `${head}零${quantity(rest)}`;
  return head + (rest < 20 && rest >= 10 ? `一${quantity(rest)}` : quantity(rest));
}

const FILLERS = ['呃', '嗯', '那个', '额', '啊', '呃'];
const CORRECTIONS = ['不对', '不是', '哦不对', '说错了', '错了', '不对不对', '对不起'];

/** Groups of figures as they are said or written by a recogniser. */
export function say_groups(d, groups, style, { trouble = 0.22, written = 0.12 } = {}) {
  const comma = style === 'raw' ? '' : d.weigh([[4, '，'], [3, ''], [1, '、']]);
  const manner = manners(d), plain = d.chance(written), spaced = d.chance(0.08), times = d.chance(0.1);
  const said = (group) => {
    if (plain) return group;
    let text = figures(d, group, manner);
    if (times) text = text.replace(/(.)\1\1?/g, (all, c) => `${all.length === 3 ? '三' : '两'}个${c}`);
    return spaced && !times ? [...text].join(' ') : text;
  };
  const parts = groups.map(said);
  if (d.chance(trouble)) {
    const i = d.int(0, groups.length - 1);
    if (d.chance(0.5)) {
      if (i > 0) parts[i] = `${d.pick(FILLERS)}${style === 'raw' ? '' : d.pick(['', '，'])}${parts[i]}`;
    } else {
      // Who has said a whole number wrongly says two numbers; so of a long run only the beginning is wrong.
      const long = groups[i].length > 6, at = d.int(0, long ? 4 : groups[i].length - 1);
      const wrong = groups[i].slice(0, at) + (Number(groups[i][at]) + d.int(1, 8)) % 10 + (!long && d.chance(0.5) ? groups[i].slice(at + 1) : '');
      const stop = style === 'raw' ? '' : '，';
      parts[i] = `${said(wrong)}${stop}${d.pick(CORRECTIONS)}${stop}${parts[i]}`;
    }
  }
  return parts.join(plain && !comma ? ' ' : spaced ? `${comma} ` : comma);
}

/** Two utterances: the break stands between two figures. */
export function split_in_two(d, text) {
  const at = [], chars = [...text];
  for (let i = Math.ceil(chars.length * 0.2); i < chars.length * 0.8; i++)
    if (/[0-9零一二三四五六七八九幺洞拐]/.test(chars[i - 1]) && /[0-9零一二三四五六七八九幺洞拐]/.test(chars[i])) at.push(i);
  if (!at.length) return text;
  const i = d.pick(at);
  return `${chars.slice(0, i).join('')}\x1e${chars.slice(i).join('')}`;
}

/** Letters and figures one after the other. */
export function spell(d, code, style) {
  const manner = manners(d), small = style === 'raw' && d.chance(0.5);
  const text = [...code].map((c) => (/\d/.test(c) ? manner[Number(c)] : small ? c.toLowerCase() : c)).join('');
  return d.chance(0.25) ? text.replace(/([A-Za-z])(?=[^A-Za-z])/g, '$1 ') : text;
}

/** zhangsan 艾特 一六三 点 com */
export function say_email(d, email) {
  const at = d.pick(['艾特', '艾特', '艾特', ' at ', '@', '圈a']), dot = d.pick(['点', '点', '点', ' dot ']);
  const gap = d.chance(0.4) ? ' ' : '', manner = [...FIGURES];
  const figure = d.chance(0.5);
  return email.replace(/[@._\-]|\d+/g, (c) => ({ '@': gap + at + gap, '.': gap + dot + gap, _: d.pick(['下划线', '下划线', '底线']), '-': d.pick(['杠', '横杠', '减号']) }[c] ?? (figure ? c : figures(d, c, manner))))
    .replace(/ +/g, ' ').trim();
}

export const say_ip = (d, ip) => {
  const dot = d.chance(0.7) ? '点' : ' 点 ', quantities = d.chance(0.35), manner = manners(d);
  return ip.split('.').map((part) => (quantities ? quantity(Number(part)) : figures(d, part, manner))).join(dot);
};
