// english.mjs: personal data in English, written and spoken, and the sentences people say it in. Neighbours that are none: near_en.mjs.
import * as v from './values.mjs';
import * as say from './say_en.mjs';

export const FIRST = ['john', 'mary', 'wei', 'sarah', 'david', 'emma', 'ahmed', 'olivia', 'james', 'priya', 'carlos', 'anna', 'peter', 'linda', 'kevin', 'sophie', 'hans', 'yuki', 'grace', 'tom'];
export const LAST = ['smith', 'jones', 'chen', 'garcia', 'miller', 'patel', 'brown', 'wilson', 'kim', 'taylor', 'nguyen', 'martin', 'lee', 'walker', 'young', 'novak', 'rossi', 'clark', 'hill', 'baker'];
const HOSTS = ['gmail.com', 'yahoo.com', 'outlook.com', 'hotmail.com', 'example.com', 'icloud.com', 'proton.me', 'example.org', 'yahoo.co.uk', 'btinternet.com', 'acme-corp.com', 'mail.example.net', 'northwind.io', 'uni-heidelberg.de', 'health.gov', 'web.de'];

const cap = (s) => s[0].toUpperCase() + s.slice(1);
const grouped = (s, sizes) => {
  const out = [];
  let at = 0;
  for (const n of sizes) if (at < s.length) out.push(s.slice(at, at += n));
  if (at < s.length) out.push(s.slice(at));
  return out;
};
const fours = (s) => grouped(s, [4, 4, 4, 4, 4, 4, 4, 4]);
/** Sometimes said over two utterances. */
const maybe_split = (d, text) => (d.chance(0.08) ? say.split_in_two(d, text) : text);
const spoken = (d, style) => d.chance(style === 'raw' ? 0.8 : 0.45);

// ---- phones -----------------------------------------------------------------------------------------------------------

const US = ['{0}-{1}-{2}', '({0}) {1}-{2}', '({0}){1}-{2}', '{0}.{1}.{2}', '{0} {1} {2}', '{0}{1}{2}', '+1 {0} {1} {2}', '+1-{0}-{1}-{2}', '1-{0}-{1}-{2}', '+1 ({0}) {1}-{2}', '+1{0}{1}{2}', '001-{0}-{1}-{2}'];
const put = (pattern, parts) => pattern.replace(/\{(\d)\}/g, (_, i) => parts[i]);

function phone_us(d, style) {
  const parts = v.nanp(d);
  if (d.chance(0.08)) parts[0] = d.pick(['800', '888', '877', '866']);
  const extension = d.chance(0.12) ? d.fill(d.pick(['##', '###', '####'])) : '';
  if (!spoken(d, style)) return put(d.pick(US), parts) + (extension ? d.pick([' ext ', ' ext. ', ' x', ' extension ']) + extension : '');
  const groups = d.weigh([[6, parts], [2, [parts[0], parts[1], parts[2].slice(0, 2), parts[2].slice(2)]], [1, [parts.join('')]], [1, [parts.join('').slice(0, 5), parts.join('').slice(5)]]]);
  const one = d.chance(0.12) ? d.pick(['one ', 'plus one ']) : '';
  return one + maybe_split(d, say.say_groups(d, groups, style)) + (extension ? ` extension ${say.say_groups(d, [extension], style, { trouble: 0, figures: 0 })}` : '');
}

function phone_uk(d, style) {
  const written = d.pick(['020 7### ####', '07### ######', '0161 ### ####', '+44 20 7### ####', '+44 7### ######', '07### ### ###', '(0131) ### ####', '+44 (0)20 7### ####', '+447#########', '01### ######']);
  if (!spoken(d, style)) return d.fill(written);
  const groups = d.fill(d.pick(['020 7### ####', '07### ### ###', '07### ######', '0161 ### ####'])).split(' ');
  return maybe_split(d, say.say_groups(d, groups, style, { pairs: 0.1 }));
}

function phone_abroad(d, style) {
  const written = d.fill(d.pick(['+33 6 ## ## ## ##', '+49 30 ########', '+49 151 ########', '+34 6## ### ###', '+39 3## #######', '+61 4## ### ###', '+91 9#### #####', '+81 90 #### ####', '+65 8### ####', '+353 8# ### ####', '+46 70 ### ## ##', '+41 44 ### ## ##']));
  if (!spoken(d, style)) return written;
  return `plus ${maybe_split(d, say.say_groups(d, written.slice(1).split(' '), style, { pairs: 0.15 }))}`;
}

function phone_china(d, style) {
  const n = v.mobile_cn(d);
  if (!spoken(d, style)) return d.pick(['', '+86 ', '+86', '0086 ']) + d.pick([n, grouped(n, [3, 4, 4]).join(' '), grouped(n, [3, 4, 4]).join('-')]);
  return (d.chance(0.2) ? 'plus eight six ' : '') + maybe_split(d, say.say_groups(d, d.pick([grouped(n, [3, 4, 4]), [n], grouped(n, [3, 2, 2, 2, 2])]), style, { pairs: 0 }));
}

const phone = (d, style) => d.weigh([[10, phone_us], [4, phone_uk], [2, phone_abroad], [3, phone_china]])(d, style);

// ---- other numbers ------------------------------------------------------------------------------------------------------

function card(d, style) {
  const n = v.card(d), groups = n.length === 15 ? grouped(n, [4, 6, 5]) : n.length === 14 ? grouped(n, [4, 6, 4]) : fours(n);
  if (!spoken(d, style)) return d.weigh([[4, groups.join(' ')], [3, groups.join('-')], [3, n]]);
  return maybe_split(d, say.say_groups(d, d.chance(0.2) ? grouped(n, [3, 3, 3, 3, 3, 3, 3]) : groups, style));
}

function ssn(d, style) {
  const parts = v.ssn(d);
  if (!spoken(d, style)) return d.weigh([[5, parts.join('-')], [2, parts.join(' ')], [1, parts.join('')]]);
  if (d.chance(0.1)) return say.say_groups(d, parts, 'raw', { trouble: 0, figures: 0 }).replace(/ /g, ' ');
  return maybe_split(d, say.say_groups(d, parts, style));
}

function id(d, style) {
  const n = d.chance(0.85) ? v.identity(d) : v.identity_old(d);
  if (!spoken(d, style)) return d.chance(0.7) ? n : grouped(n, n.length === 18 ? [6, 8, 4] : [6, 6, 3]).join(' ');
  const front = n.endsWith('X') ? n.slice(0, -1) : n;
  const said = say.say_groups(d, grouped(front, d.pick([[6, 4, 4, 4], [3, 3, 4, 4, 4], [6, 8, 4]])), style, { pairs: 0.05 });
  return maybe_split(d, said + (n.endsWith('X') ? (style === 'raw' ? ' x' : ' X') : ''));
}

function account(d, style) {
  const n = v.account(d);
  if (!spoken(d, style)) return d.weigh([[6, n], [1, grouped(n, [4, 4, 4]).join(' ')], [1, grouped(n, [4, 4, 4]).join('-')]]);
  return maybe_split(d, say.say_groups(d, grouped(n, d.pick([[3, 3, 3, 3], [4, 4, 4], [2, 2, 2, 2, 2, 2]])), style, { pairs: 0.2 }));
}

function iban(d, style) {
  const n = v.iban(d);
  if (d.chance(0.35)) return say.spell(d, n, style);
  const written = d.chance(0.6) ? fours(n).join(' ') : n;
  return style === 'raw' ? written.toLowerCase() : written;
}

function passport(d, style) {
  const n = d.fill(d.pick(['#########', '?########', '5########', 'E########', 'G########', '??#######', 'K#######', 'C#######']));
  return spoken(d, style) ? say.spell(d, n, style) : style === 'raw' ? n.toLowerCase() : n;
}

function plate(d, style) {
  const n = d.until(() => d.fill(d.pick(['!???###', '???-####', '??## ???', '???###', '??#-###', 'B ?? ####', '### ???'])), (s) => !/^(ONE|TWO|THE|AND|FOR|YOU|ALL|ANY)/.test(s.replace(/[^A-Z]/g, '')));
  return spoken(d, style) ? say.spell(d, n.replace(/[ -]/g, ''), style) : style === 'raw' ? n.toLowerCase() : n;
}

// ---- addresses of the net -------------------------------------------------------------------------------------------------

export function email_written(d) {
  const [first, last] = [d.pick(FIRST), d.pick(LAST)];
  const number = d.fill(d.pick(['#', '##', '19%#', '###']));
  const local = d.weigh([[4, `${first}.${last}`], [3, `${first}${last}`], [2, `${first}_${last}`], [2, `${first[0]}${last}`], [2, `${first}${number}`], [1, `${first}-${last}`],
    [1, `${first}.${last}${number}`], [1, `${last}${number}`], [1, d.pick(['info', 'office', 'billing', 'hr', 'sales'])]]);
  return `${local}@${d.pick(HOSTS)}`;
}

function email(d, style) {
  const written = email_written(d);
  if (!spoken(d, style)) {
    const tagged = d.chance(0.08) ? written.replace('@', `+${d.pick(['news', 'shop', 'bank'])}@`) : written;
    return style === 'pretty' && d.chance(0.2) ? cap(tagged) : d.chance(0.05) ? tagged.toUpperCase() : tagged;
  }
  if (d.chance(0.18)) {
    const [local, host] = written.split('@');
    const letters = local.replace(/[^a-z]/g, '').slice(0, d.int(4, 9));
    return `${style === 'raw' ? [...letters].join(' ') : [...letters].join(d.chance(0.3) ? '-' : ' ').toUpperCase()} at ${say.say_email(d, host, style)}`;
  }
  const two_words = written.match(/^([a-z]{3,})(\.)([a-z]+)@/);
  if (two_words && d.chance(0.15)) return say.say_email(d, written.replace('.', ' '), style);
  return say.say_email(d, written, style);
}

const octets = (d) => d.weigh([[3, `192.168.${d.int(0, 9)}.${d.int(1, 254)}`], [2, `10.${d.int(0, 99)}.${d.int(0, 254)}.${d.int(1, 254)}`],
  [4, `${d.until(() => d.int(11, 223), (n) => n !== 127)}.${d.int(0, 254)}.${d.int(0, 254)}.${d.int(1, 254)}`], [1, `172.16.${d.int(0, 31)}.${d.int(1, 254)}`]]);
const hex = (d, n) => Array.from({ length: n }, () => d.pick([...'0123456789abcdef'])).join('');
function ip(d, style) {
  const written = octets(d);
  if (spoken(d, style)) return say.say_ip(d, written);
  return d.weigh([[7, written], [1, `2001:db8:${hex(d, 4)}:${hex(d, 4)}::${hex(d, 3)}`], [1, Array.from({ length: 8 }, () => hex(d, 4)).join(':')], [1, `fe80::${hex(d, 4)}:${hex(d, 4)}`]]);
}

const url = (d) => d.weigh([
  [4, `${d.pick(['https', 'http', 'ftp', 'sftp'])}://${d.pick(FIRST)}:${d.fill(d.pick(['pass##??', 'hunter#', '?#?#?#?#', 'secret###'])).toLowerCase()}@${d.pick(['files.example.com', 'ftp.example.org', 'db.acme-corp.com:5432', octets(d)])}${d.pick(['', '/', '/backup', '/in/box.csv'])}`],
  [2, `https://${d.pick(['api', 'app', 'portal'])}.example.com/${d.pick(['login', 'v1/me', 'reset'])}?${d.pick(['token', 'access_token', 'password', 'api_key'])}=${hex(d, d.pick([12, 20, 32]))}`],
  [1, `postgres://${d.pick(LAST)}:${hex(d, 8)}@db.example.net:5432/clinic`]]);

// ---- dates of birth, street addresses -----------------------------------------------------------------------------------------

function birth_date(d, style) {
  const [day, month, year] = [d.int(1, 28), d.int(1, 12), d.int(1935, 2009)], name = say.MONTHS[month - 1], n2 = v.two_digits;
  const written = [`${name} ${day}, ${year}`, `${day} ${name} ${year}`, `${name} ${say.suffix(day)}, ${year}`, `${name} ${say.suffix(day)} ${year}`, `${say.suffix(day)} of ${name} ${year}`,
    `${n2(month)}/${n2(day)}/${year}`, `${n2(day)}/${n2(month)}/${year}`, `${year}-${n2(month)}-${n2(day)}`, `${n2(day)}.${n2(month)}.${year}`, `${name.slice(0, 3)} ${day}, ${year}`, `${n2(month)}-${n2(day)}-${year}`, `${month}/${day}/${n2(year % 100)}`];
  const said = [`${name} ${say.ordinal(day)} ${say.say_year(d, year)}`, `the ${say.ordinal(day)} of ${name} ${say.say_year(d, year)}`, `${name} the ${say.ordinal(day)} ${say.say_year(d, year)}`, `${say.ordinal(day)} ${name} ${say.say_year(d, year)}`,
    `${name} ${say.below_hundred(day)} ${say.say_year(d, year)}`, `${name} ${day} ${year}`, `${name} ${say.suffix(day)} ${year}`];
  const text = d.pick(spoken(d, style) ? said : written);
  return style === 'raw' ? text.toLowerCase().replace(/,/g, '') : text;
}

const STREETS = ['Maple', 'Oak', 'Main', 'Church', 'Baker', 'Park', 'Washington', 'High', 'Station', 'Victoria', 'Elm', 'Lincoln', 'King', 'Cedar Hill', 'Sunset', 'Mill', 'Highland', 'Martin Luther King', 'Saint James', 'Green', 'Orchard', 'North Market', 'Fifth', 'Second'];
const KINDS = [['Street', 'St'], ['Avenue', 'Ave'], ['Road', 'Rd'], ['Lane', 'Ln'], ['Drive', 'Dr'], ['Boulevard', 'Blvd'], ['Court', 'Ct'], ['Way', 'Way'], ['Place', 'Pl']];
const TOWNS = [['Springfield', 'Illinois', 'IL'], ['Portland', 'Oregon', 'OR'], ['Austin', 'Texas', 'TX'], ['Denver', 'Colorado', 'CO'], ['Madison', 'Wisconsin', 'WI'], ['Albany', 'New York', 'NY']];
function address(d, style) {
  const [kind, short] = d.pick(KINDS), [town, state, code] = d.pick(TOWNS), street = d.pick(STREETS);
  const number = d.weigh([[3, d.int(1, 99)], [4, d.int(100, 999)], [4, d.int(1000, 9899)]]);
  if (spoken(d, style)) {
    const said = say.say_groups(d, [String(number)], 'raw', { trouble: 0, figures: 0.2, pairs: 0.8 }).replace(/^(\d) (\d) ?(\d)? ?(\d)?$/, (all) => all.replace(/ /g, ''));
    const unit = d.chance(0.25) ? ` ${d.pick(['apartment', 'unit', 'suite'])} ${say.below_hundred(d.int(1, 40))}` : '';
    const place = d.chance(0.25) ? ` ${town} ${state}` : '';
    const text = `${said} ${street} ${kind}${unit}${place}`;
    return style === 'raw' ? text.toLowerCase() : text;
  }
  const unit = d.chance(0.3) ? d.pick([`, Apt ${d.int(1, 40)}`, `, Suite ${d.int(100, 900)}`, ` Apartment ${d.int(1, 40)}${d.pick(['', 'B', 'C'])}`, ` #${d.int(1, 40)}`, `, Unit ${d.int(1, 40)}`]) : '';
  const place = d.chance(0.3) ? `, ${town}, ${code} ${d.fill('!####')}` : '';
  const text = `${number}${d.chance(0.05) ? d.pick(['A', 'B']) : ''} ${street} ${d.chance(0.25) ? short : kind}${unit}${place}`;
  return style === 'raw' ? text.toLowerCase().replace(/[,.]/g, '') : text;
}

export const KINDS_OF_DATA = { phone, card, ssn, id, account, iban, passport, plate, email, ip, url, birth_date, address };
