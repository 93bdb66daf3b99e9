// values.mjs: numbers as their issuers make them, with check digits, and neighbours of theirs that are none.
//
// Sources: ISO/IEC 7812-1 (Luhn), ISO 13616 (IBAN, mod 97), GB 11643-1999 (resident identity number, MOD 11-2), NANP (area and
// exchange codes), the plan of the Chinese mobile numbers (1[3-9] and nine digits), 42 U.S.C. 405 (SSN: no 000, 666, 9xx).

export function luhn(digits) {
  let sum = 0;
  [...digits].reverse().forEach((c, i) => {
    const v = Number(c) * (i % 2 ? 2 : 1);
    sum += v > 9 ? v - 9 : v;
  });
  return sum % 10 === 0;
}

function with_luhn(front) {
  for (let d = 0; d < 10; d++) if (luhn(front + d)) return front + d;
  throw new Error('no check digit');
}

/** With `d.mishears`, as a recogniser that errs once has it: a figure is another one, is missing, or stands there twice. */
export function heard(d, text) {
  if (!d.mishears) return text;
  const at = d.pick([...text].flatMap((c, i) => (i > 3 && /\d/.test(c) ? [i] : [])));
  const c = d.weigh([[2, String((Number(text[at]) + d.int(1, 9)) % 10)], [2, ''], [1, text[at] + text[at]]]);
  return text.slice(0, at) + c + text.slice(at + 1);
}

/** Of every network: length and first digits. */
export function card(d) {
  const [prefix, n] = d.weigh([
    [4, ['4', 16]], [3, [`5${d.int(1, 5)}`, 16]], [1, [`2${d.int(3, 6)}`, 16]], [2, [d.pick(['34', '37']), 15]],
    [1, ['6011', 16]], [1, [d.pick(['36', '38', '300', '305']), 14]], [1, [`35${d.int(28, 89)}`, 16]],
    [2, ['62', 16]], [3, ['62', 19]],
  ]);
  return card_of(d, prefix, n);
}
export const card_of = (d, prefix, n) => heard(d, with_luhn(prefix + d.fill('#'.repeat(n - 1 - prefix.length))));

/** Looks like a card, and its check digit is wrong. */
export const no_card = (d, n = 16) => d.until(() => {
  const prefix = d.pick(['4', '51', '62', '37', '90', '81', '10']);
  return prefix + d.fill('#'.repeat(n - prefix.length));
}, (s) => !luhn(s));

const AREAS = ['110101', '110105', '110108', '120101', '130102', '140105', '210102', '230103', '310101', '310115', '320102', '320506',
  '330106', '340102', '350203', '370202', '410105', '420106', '430103', '440106', '440305', '450102', '500103', '510104', '520103', '530102', '610113', '620102', '650102'];
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const id_check = (front) => '10X98765432'[[...front].reduce((sum, c, i) => sum + Number(c) * WEIGHTS[i], 0) % 11];
const two = (n) => String(n).padStart(2, '0');

export const identity = (d) => {
  const front = d.pick(AREAS) + d.int(1945, 2008) + two(d.int(1, 12)) + two(d.int(1, 28)) + d.fill('###');
  return heard(d, front + id_check(front));
};
export const identity_old = (d) => d.pick(AREAS) + two(d.int(45, 85)) + two(d.int(1, 12)) + two(d.int(1, 28)) + d.fill('###');
/** 18 figures: the check digit is wrong, or the date impossible; no card either. */
export const no_identity = (d) => d.until(() => {
  const good = identity(d);
  if (d.chance(0.5)) return good.slice(0, 17) + (good[17] === 'X' ? '1' : (Number(good[17]) + d.int(1, 8)) % 10);
  return good.slice(0, 10) + d.pick(['1345', '0230', '0431', '1532', '0010']) + good.slice(14, 17) + d.int(0, 9);
}, (s) => !luhn(s) && (id_check(s.slice(0, 17)) !== s[17] || !/^(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])$/.test(s.slice(10, 14))));

const mod97 = (iban) => [...(iban.slice(4) + iban.slice(0, 4))].reduce((rest, c) =>
  (rest * (c >= 'A' ? 100 : 10) + parseInt(c, 36)) % 97, 0);
const IBANS = [['DE', '##################'], ['GB', '????##############'], ['FR', '####################' + '###'], ['ES', '####################'],
  ['IT', '?######################'], ['NL', '????##########'], ['CH', '#################'], ['BE', '############'], ['AT', '################'],
  ['PL', '########################'], ['IE', '????##############'], ['SE', '####################'], ['PT', '#####################'], ['NO', '###########']];
export const iban = (d, countries) => {
  const [country, pattern] = d.pick(countries ? IBANS.filter(([c]) => countries.includes(c)) : IBANS);
  const body = d.fill(pattern);
  return heard(d, country + two(98 - mod97(`${country}00${body}`)) + body);
};
export const no_iban = (d) => d.until(() => {
  const good = iban(d);
  return good.slice(0, 2) + two((Number(good.slice(2, 4)) + d.int(1, 90)) % 97) + good.slice(4);
}, (s) => mod97(s) !== 1);

export const ssn = (d) => d.until(() => [d.fill('###'), d.fill('##'), d.fill('####')],
  ([a, g, s]) => a !== '000' && a !== '666' && a[0] !== '9' && g !== '00' && s !== '0000');
/** [area, exchange, line] */
export const nanp = (d) => d.until(() => [d.fill('%##'), d.fill('%##'), d.fill('####')], ([a, e]) => a.slice(1) !== '11' && e.slice(1) !== '11' && a[1] !== '9');
export const mobile_cn = (d) => `1${d.pick(['30', '31', '33', '35', '36', '37', '38', '39', '50', '51', '52', '55', '56', '57', '58', '59', '66', '73', '76', '77', '78', '80', '81', '82', '83', '85', '86', '87', '88', '89', '91', '95', '98', '99'])}${d.fill('########')}`;
export const two_digits = two;

/** No telephone number, no card, no identity number: for accounts. */
export const account = (d) => d.until(() => d.fill(`!${'#'.repeat(d.pick([5, 6, 7, 7, 8, 8, 11, 12]))}`),
  (s) => !/^1[3-9]\d{9}$/.test(s) && !luhn(s) && !/^(\d)\1+$/.test(s));
