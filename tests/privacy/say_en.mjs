// say_en.mjs: how people say numbers, dates and addresses of the net in English, and how recognisers write that down.
//
// style: 'raw' (lower case, no punctuation), 'pretty' (punctuation, capitals); a sentence has one.

const ONES = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const TEENS = ['ten', 'eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen'];
const TENS = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
export const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const ORDINALS = ['', 'first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth', 'eleventh', 'twelfth', 'thirteenth',
  'fourteenth', 'fifteenth', 'sixteenth', 'seventeenth', 'eighteenth', 'nineteenth', 'twentieth'];

export function below_hundred(n, dash = ' ') {
  if (n < 10) return ONES[n];
  if (n < 20) return TEENS[n - 10];
  return n % 10 ? `${TENS[Math.floor(n / 10)]}${dash}${ONES[n % 10]}` : TENS[n / 10];
}
export const ordinal = (n) => (n <= 20 ? ORDINALS[n] : n === 30 ? 'thirtieth' : `${TENS[Math.floor(n / 10)]} ${ORDINALS[n % 10]}`);
export const suffix = (n) => `${n}${n % 100 > 10 && n % 100 < 14 ? 'th' : ['th', 'st', 'nd', 'rd'][n % 10] ?? 'th'}`;

/** One figure after the other, some of them doubled. */
function one_by_one(d, group, manner) {
  const words = [];
  for (let i = 0; i < group.length;) {
    let run = 1;
    while (run < 3 && group[i + run] === group[i]) run++;
    const name = group[i] === '0' ? manner.zero : ONES[Number(group[i])];
    if (run > 1 && manner.doubles) {
      words.push(`${run === 2 ? 'double' : 'triple'} ${name}`);
      i += run;
    } else {
      words.push(name);
      i++;
    }
  }
  return words;
}

/** "twelve thirty four", "eight hundred", "four fifteen". */
function in_pairs(group, manner) {
  if (group.length < 2) return [ONES[Number(group)]];
  if (group.length === 3) {
    if (group.endsWith('00') && group[0] !== '0') return [`${ONES[Number(group[0])]} hundred`];
    return group[1] === '0' ? [...group].map((c) => (c === '0' ? manner.zero : ONES[Number(c)])) : [ONES[Number(group[0])], below_hundred(Number(group.slice(1)))];
  }
  if (group.length === 4 && group.endsWith('00') && group[0] !== '0' && group[1] !== '0') return [`${below_hundred(Number(group.slice(0, 2)))} hundred`];
  const out = [];
  for (let i = 0; i < group.length; i += 2) {
    const pair = group.slice(i, i + 2);
    if (pair.length === 1 || pair[0] === '0') out.push(...[...pair].map((c) => (c === '0' ? manner.zero : ONES[Number(c)])));
    else out.push(below_hundred(Number(pair)));
  }
  return out;
}

const FILLERS = ['uh', 'um', 'er', 'uh', 'um', 'uhm', 'hmm'];
const CORRECTIONS = ['no sorry', 'sorry', 'no wait', 'wait no', 'sorry no', 'no', 'I mean', 'correction'];

/** Groups of figures as they are said. Returns a text. */
export function say_groups(d, groups, style, { pairs = 0.25, trouble = 0.22, figures = 0.16 } = {}) {
  const comma = style === 'raw' ? '' : d.weigh([[5, ','], [2, ''], [1, '.']]);
  const manner = { zero: d.weigh([[5, 'zero'], [4, 'oh']]), doubles: d.chance(0.35) };
  const how = d.chance(figures) ? 'figures' : d.chance(pairs) ? 'pairs' : 'ones';
  const said = (group) => {
    if (how === 'figures') return [...group];
    if (how === 'pairs' && d.chance(0.75)) return in_pairs(group, manner);
    return one_by_one(d, group, manner);
  };
  // Some recognisers put a comma behind every word.
  const commas = style === 'pretty' && how === 'ones' && d.chance(0.2);
  const link = (words) => words.join(commas || (how === 'figures' && style === 'pretty' && d.chance(0.3)) ? ', ' : ' ');
  let parts = groups.map((group) => link(said(group)));
  if (d.chance(trouble)) {
    const i = d.int(0, groups.length - 1);
    if (d.chance(0.5)) {
      parts[i] = style === 'raw' ? `${d.pick(FILLERS)} ${parts[i]}` : d.chance(0.5) ? `${d.pick(FILLERS)}, ${parts[i]}` : `${d.pick(FILLERS)} ${parts[i]}`;
      if (i === 0) parts[i] = link(said(groups[0])); // a filler at the front is not part of the number
      else if (d.chance(0.3)) parts[0] += ` ${d.pick(FILLERS)}`;
    } else {
      // Who has said a whole number wrongly says two numbers; so of a long run only the beginning is wrong.
      const long = groups[i].length > 6, at = d.int(0, long ? 4 : groups[i].length - 1);
      const wrong = groups[i].slice(0, at) + (Number(groups[i][at]) + d.int(1, 8)) % 10 + (!long && d.chance(0.5) ? groups[i].slice(at + 1) : '');
      const sorry = d.pick(CORRECTIONS);
      parts[i] = style === 'raw' ? `${link(said(wrong))} ${sorry.toLowerCase()} ${parts[i]}` : `${link(said(wrong))}, ${sorry}, ${parts[i]}`;
    }
  }
  let text = parts.join(how === 'ones' && !commas && d.chance(0.05) ? ' dash ' : `${commas ? ',' : comma} `);
  if (style === 'raw') text = text.replace(/[.,]/g, '');
  return text;
}

/** Two utterances: the break stands between two words, somewhere in the middle. */
export function split_in_two(d, text) {
  const blanks = [];
  for (let i = Math.floor(text.length * 0.2); i < text.length * 0.8; i++)
    if (text[i] === ' ' && !/(ty|double|triple|no|sorry|plus)$/i.test(text.slice(0, i))) blanks.push(i); // nobody rests in "twenty six"
  if (!blanks.length) return text;
  const i = d.pick(blanks);
  return `${text.slice(0, i)}\x1e${text.slice(i + 1)}`;
}

/** "eight seven" -> letters and figures one after the other, as plates, passports and IBANs are said. */
export function spell(d, code, style) {
  const zero = d.pick(['zero', 'oh', 'zero']), figures = d.chance(0.3);
  const letter = (c) => (style === 'raw' ? c.toLowerCase() : c.toUpperCase());
  return [...code].map((c) => (/\d/.test(c) ? (figures ? c : c === '0' ? zero : ONES[Number(c)]) : letter(c))).join(' ');
}

export function say_year(d, year) {
  if (year >= 2000 && year < 2010) return d.chance(0.7) ? `two thousand ${year % 10 ? (d.chance(0.4) ? 'and ' : '') + ONES[year % 10] : ''}`.trim() : `twenty oh ${ONES[year % 10]}`;
  if (year % 100 < 10) return year % 100 ? `nineteen oh ${ONES[year % 10]}` : 'nineteen hundred';
  return `${below_hundred(Math.floor(year / 100))} ${below_hundred(year % 100)}`;
}

/** "john dot smith at example dot com" */
export function say_email(d, email, style) {
  const underscore = d.pick(['underscore', 'underscore', 'under score']);
  const words = email.replace(/@/g, ' at ').replace(/\./g, ' dot ').replace(/_/g, ` ${underscore} `)
    .replace(/-/g, d.pick([' dash ', ' hyphen '])).replace(/\+/g, ' plus ');
  const manner = { zero: 'zero', doubles: false };
  const spelled = words.replace(/\d+/g, (n) => ` ${d.weigh([[3, n], [3, one_by_one(d, n, manner).join(' ')], [3, in_pairs(n, manner).join(' ')]])} `);
  return spelled.replace(/ +/g, ' ').trim()[style === 'raw' ? 'toLowerCase' : 'toString']();
}

export const say_ip = (d, ip) => {
  const manner = { zero: 'zero', doubles: false };
  return ip.split('.').map((part) => d.chance(0.5) ? one_by_one(d, part, manner).join(' ') : in_pairs(part, manner).join(' ')).join(d.chance(0.85) ? ' dot ' : ' point ');
};
