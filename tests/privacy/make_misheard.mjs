// make_misheard.mjs: numbers that fail their check because a recogniser erred in one figure, behind words that say what they are:
// personal all the same. English and Mandarin.
import { assemble, pieces_of } from './dice.mjs';
import * as english from './english.mjs';
import * as mandarin from './mandarin.mjs';
import * as carry_en from './carry_en.mjs';
import * as carry_zh from './carry_zh.mjs';

// What makes it plain what follows.
const KEYS = { card: /card|visa|卡/i, id: /ID|identity|身份/, iban: /IBAN/ };
const SOURCES = [[english, carry_en], [mandarin, carry_zh]];

export function sentence(d) {
  const [{ KINDS_OF_DATA }, { CARRIERS }] = d.pick(SOURCES), type = d.pick(Object.keys(KEYS));
  const carrier = d.pick(CARRIERS[type].filter((c) => KEYS[type].test(c.slice(0, c.indexOf('{}')))));
  const style = d.chance(0.5) ? 'raw' : 'pretty';
  d.mishears = true;
  const text = KINDS_OF_DATA[type](d, style);
  return { ...assemble(pieces_of(style === 'raw' ? carrier.toLowerCase().replace(/[,，。？?]/g, '') : carrier, [{ type, text }])), kind: 'misheard' };
}
