// folds.mjs: how good the tagger of names is: five trainings, each without another fifth of the articles and messages, added up.
//
//   node bench/names/folds.mjs build/ner_train DATA LISTS.tsv SPOKEN.conll [AT_ONCE]
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [program, data, lists, spoken, atOnce = '1'] = process.argv.slice(2);
const run = promisify(execFile);
const sums = new Map(), folds = [0, 1, 2, 3, 4], perFold = [];
const f1 = ([right, found, there]) => {
  const p = right / found, r = right / there;
  return `P ${p.toFixed(3)} R ${r.toFixed(3)} F1 ${((2 * p * r) / (p + r)).toFixed(3)} (${there})`;
};
async function fold(k) {
  const { stdout } = await run(program, [data, lists, spoken, join(tmpdir(), `ner-fold-${k}.bin`), '--held', String(k)]);
  for (const line of stdout.split('\n')) {
    const [set, casing] = line.split(/\s+/);
    for (const [, type, ...counts] of line.matchAll(/(person|place|organisation) P.*?\((\d+)\/(\d+)\/(\d+)\)/g)) {
      const key = `${set} ${casing} ${type}`, sum = sums.get(key) ?? [0, 0, 0];
      counts.forEach((c, i) => (sum[i] += Number(c)));
      sums.set(key, sum);
      if (key === 'wikigold true person') perFold[k] = f1(counts.map(Number));
    }
  }
}
const worker = async () => {
  for (let k; (k = folds.shift()) !== undefined; ) await fold(k);
};
await Promise.all(Array.from({ length: Number(atOnce) }, worker));
perFold.forEach((line, k) => console.log(`fold ${k}: wikigold person ${line}`));
for (const [key, sum] of sums) console.log(key.padEnd(30), f1(sum));
