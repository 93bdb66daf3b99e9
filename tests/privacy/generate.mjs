// generate.mjs: the sets on which `make test-privacy` judges the finder of personal data. Everything in them is made up.
//
//   node tests/privacy/generate.mjs --set en|zh|presidio|misheard [--seed test|dev|NAME] [--count N] >SET.jsonl
//
// A line is {"text", "entities": [{"type", "start", "end"}], "kind"}; positions are bytes of UTF-8. A break between two utterances of
// one speaker is the character U+001E.
//
// Two seeds: nobody looks at sentences of `test` while working on rules; `dev` is for that. A quarter of `test` are sentences that
// `dev` does not have (unseen.mjs).
//
// What counts as an entity: all that is said of it, with country code and extension, fillers, corrections (what was wrong is
// personal too) and breaks inside; not the words before it ("my number is"), not the punctuation behind it.
import { dice } from './dice.mjs';

const MAKERS = { en: './make_en.mjs', zh: './make_zh.mjs', presidio: './make_presidio.mjs', misheard: './make_misheard.mjs' };
const COUNTS = { en: 6000, zh: 6000, presidio: 2400, misheard: 2000 };

function options(argv) {
  const out = { set: '', seed: 'test', count: 0 };
  for (let i = 0; i < argv.length; i += 2) {
    const key = argv[i].replace(/^--/, '');
    if (!(key in out) || argv[i + 1] === undefined) throw new Error(`'${argv[i]}' is not --set, --seed or --count, with a value`);
    out[key] = argv[i + 1];
  }
  if (!MAKERS[out.set]) throw new Error(`--set '${out.set}' is not one of ${Object.keys(MAKERS).join(', ')}`);
  return out;
}

const { set, seed, count } = options(process.argv.slice(2));
const { sentence } = await import(MAKERS[set]);
const d = dice(`${set} ${seed}`), lines = [];
d.judging = seed === 'test';
for (let i = 0; i < (Number(count) || COUNTS[set]); i++) lines.push(JSON.stringify(sentence(d)));
process.stdout.write(`${lines.join('\n')}\n`);
