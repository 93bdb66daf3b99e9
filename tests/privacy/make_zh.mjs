// make_zh.mjs: the Mandarin set: personal data in the sentences of carry_zh.mjs, and those of near_zh.mjs without any.
import { assemble, pieces_of } from './dice.mjs';
import { KINDS_OF_DATA } from './mandarin.mjs';
import { CARRIERS, LINKS, OPENERS, CLOSERS } from './carry_zh.mjs';
import { NEAR } from './near_zh.mjs';
import { ZH, NEAR_ZH, sometimes } from './unseen.mjs';

const TYPES = Object.keys(KINDS_OF_DATA);
const WEIGHTS = { phone: 8, id: 5, card: 4, account: 3, ssn: 1, iban: 1, passport: 2, plate: 3, email: 4, ip: 2, url: 1, birth_date: 3, address: 4 };

/** As recognisers write: without punctuation, or with it. */
function dress(pieces, style) {
  if (style === 'raw') return pieces.map((p) => (p.type ? p : { text: p.text.replace(/[，。？！、；：]/g, '') }));
  const last = pieces[pieces.length - 1];
  return last.type || !/[。？！]$/.test(last.text) ? [...pieces, { text: '。' }] : pieces;
}

const of_type = (d, style) => {
  const type = d.weigh(TYPES.map((t) => [WEIGHTS[t], t]));
  return pieces_of(sometimes(d, CARRIERS[type], ZH[type]), [{ type, text: KINDS_OF_DATA[type](d, style) }]);
};

/** { text, entities, kind } */
export function sentence(d) {
  const style = d.chance(0.5) ? 'raw' : 'pretty';
  const kind = d.weigh([[50, 'one'], [14, 'two'], [36, 'none']]);
  const pieces = [{ text: d.pick(OPENERS) }];
  if (kind === 'none') {
    pieces.push({ text: sometimes(d, NEAR, NEAR_ZH)(d) });
  } else {
    pieces.push(...of_type(d, style));
    if (kind === 'two') pieces.push({ text: d.pick(LINKS) }, ...of_type(d, style));
    pieces.push({ text: d.pick(CLOSERS) });
  }
  return { ...assemble(dress(pieces.filter((p) => p.text), style)), kind };
}
