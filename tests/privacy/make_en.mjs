// make_en.mjs: the English set: personal data in the sentences of carry_en.mjs, and those of near_en.mjs without any.
import { assemble, pieces_of } from './dice.mjs';
import { KINDS_OF_DATA } from './english.mjs';
import { CARRIERS, LINKS, OPENERS, CLOSERS } from './carry_en.mjs';
import { NEAR } from './near_en.mjs';
import { EN, NEAR_EN, sometimes } from './unseen.mjs';

const TYPES = Object.keys(KINDS_OF_DATA);
const WEIGHTS = { phone: 7, card: 4, email: 4, account: 3, birth_date: 3, address: 3, ssn: 3, id: 2, iban: 2, passport: 2, plate: 2, ip: 2, url: 1 };

/** As recognisers write: all lower case and without punctuation, or with both. What is personal data has its own style already. */
function dress(pieces, style) {
  if (style === 'raw') return pieces.map((p) => (p.type ? p : { text: p.text.toLowerCase().replace(/[,;:?!.](?= |$)/g, '') }));
  const out = pieces.map((p) => (p.type ? p : { text: p.text.replace(/([.?] )([a-z])/g, (_, stop, c) => stop + c.toUpperCase()) }));
  if (!out[0].type) out[0] = { text: out[0].text[0].toUpperCase() + out[0].text.slice(1) };
  const last = out[out.length - 1];
  if (last.type || !/[.?!]$/.test(last.text)) out.push({ text: '.' });
  return out;
}

const of_type = (d, style) => {
  const type = d.weigh(TYPES.map((t) => [WEIGHTS[t], t]));
  return pieces_of(sometimes(d, CARRIERS[type], EN[type]), [{ type, text: KINDS_OF_DATA[type](d, style) }]);
};

/** { text, entities, kind } */
export function sentence(d) {
  const style = d.chance(0.5) ? 'raw' : 'pretty';
  const kind = d.weigh([[50, 'one'], [14, 'two'], [36, 'none']]);
  let pieces;
  if (kind === 'none') {
    pieces = [{ text: d.pick(OPENERS) + sometimes(d, NEAR, NEAR_EN)(d) }];
  } else {
    pieces = [{ text: d.pick(OPENERS) }, ...of_type(d, style)];
    if (kind === 'two') pieces.push({ text: d.pick(LINKS) }, ...of_type(d, style));
    pieces.push({ text: d.pick(CLOSERS) });
  }
  return { ...assemble(dress(pieces.filter((p) => p.text), style)), kind };
}
