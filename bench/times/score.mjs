// score.mjs: how far the word times of `steno transcribe` are from the truth that truth.mjs made.
//
//   node bench/times/score.mjs STENO TRUTH_DIR [transcribe options]
//
// Words are compared where recognition and truth agree on them (the cheapest alignment, as in `steno score`); of each the
// start and the end where the truth knows it. Per set: number, mean absolute error, median, mean signed error
// (+ is late), share within 50, 100 and 200 ms.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ONES = 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
const TENS = { 20: 'twenty', 30: 'thirty', 40: 'forty', 50: 'fifty', 60: 'sixty', 70: 'seventy', 80: 'eighty', 90: 'ninety' };
const ORDINALS = { '1st': 'first', '2nd': 'second', '3rd': 'third', '5th': 'fifth', '8th': 'eighth', '9th': 'ninth', '12th': 'twelfth' };

// One way of writing a word: lower case, no punctuation, small numbers in letters.
export function plain(word) {
  const w = word.toLowerCase().replace(/[^\p{L}\p{N}']/gu, '');
  if (ORDINALS[w]) return ORDINALS[w];
  const number = /^(\d+)(th)?$/.exec(w);
  if (!number) return w;
  const name = ONES[Number(number[1])] ?? TENS[number[1]] ?? number[1];
  return number[2] ? `${name}th`.replace('tyth', 'tieth') : name;
}

export function readTruth(path) {
  const files = new Map();
  for (const line of readFileSync(path, 'utf8').trim().split('\n')) {
    const [file, word, start, end] = line.split('\t');
    if (!files.has(file)) files.set(file, []);
    files.get(file).push({ word: plain(word), start: start === '-' ? NaN : Number(start), end: end === '-' ? NaN : Number(end) });
  }
  return files;
}

// Pairs [i, j] of equal words on the cheapest path; of equally cheap ones, the one with the most equal words.
export function pairs(ref, hyp) {
  const worth = Array.from({ length: ref.length + 1 }, () => new Float64Array(hyp.length + 1));
  for (let i = ref.length; i >= 0; i--) {
    for (let j = hyp.length; j >= 0; j--) {
      if (i === ref.length || j === hyp.length) {
        worth[i][j] = -(ref.length - i + hyp.length - j);
        continue;
      }
      const same = worth[i + 1][j + 1] + (ref[i] === hyp[j] ? 1e-3 : -1);
      worth[i][j] = Math.max(same, worth[i + 1][j] - 1, worth[i][j + 1] - 1);
    }
  }
  const found = [];
  for (let i = 0, j = 0; i < ref.length && j < hyp.length;) {
    const equal = ref[i] === hyp[j];
    if (worth[i][j] === worth[i + 1][j + 1] + (equal ? 1e-3 : -1)) {
      if (equal) found.push([i, j]);
      i++, j++;
    } else if (worth[i][j] === worth[i + 1][j] - 1) i++;
    else j++;
  }
  return found;
}

export function transcribe(steno, files, options = []) {
  const r = spawnSync(steno, ['transcribe', '-q', '-f', 'json', ...options, ...files], { maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(`${steno}: ${r.error ?? r.stderr}`);
  const documents = r.stdout.toString().trim();
  return files.length === 1 ? [JSON.parse(documents)] : documents.split('\n').map((line) => JSON.parse(line));
}

// Signed errors in seconds, by set: { words: { start: [], end: [], words: n }, … }.
export function errors(steno, dir, options = []) {
  const truth = readTruth(join(dir, 'truth.tsv'));
  const documents = transcribe(steno, [...truth.keys()].map((f) => join(dir, f)), options);
  const sets = {};
  [...truth.entries()].forEach(([file, ref], n) => {
    const set = (sets[file.replace(/-.*/, '')] ??= { words: 0, matched: 0, start: [], end: [] });
    const hyp = documents[n].segments.flatMap((s) => s.words);
    set.words += ref.length;
    for (const [i, j] of pairs(ref.map((w) => w.word), hyp.map((w) => plain(w.word)))) {
      set.matched++;
      if (!Number.isNaN(ref[i].start)) set.start.push(hyp[j].start - ref[i].start);
      if (!Number.isNaN(ref[i].end)) set.end.push(hyp[j].end - ref[i].end);
    }
  });
  return sets;
}

export function summary(list) {
  const size = list.map(Math.abs).sort((a, b) => a - b);
  const mean = (xs) => xs.reduce((a, b) => a + b, 0) / xs.length;
  const within = (s) => (100 * size.filter((e) => e <= s + 1e-9).length) / size.length;
  return { n: size.length, mae_ms: 1000 * mean(size), median_ms: 1000 * size[size.length >> 1], bias_ms: 1000 * mean(list), p50: within(0.05), p100: within(0.1), p200: within(0.2) };
}

const row = (name, s) =>
  console.log([name.padEnd(16), ...[s.n, s.mae_ms.toFixed(0), s.median_ms.toFixed(0), s.bias_ms.toFixed(0), s.p50.toFixed(1), s.p100.toFixed(1), s.p200.toFixed(1)].map((v) => String(v).padStart(7))].join(' '));

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [steno, dir, ...options] = process.argv.slice(2);
  if (!dir) {
    console.error('usage: node bench/times/score.mjs STENO TRUTH_DIR [transcribe options]');
    process.exit(2);
  }
  const sets = errors(steno, dir, options);
  console.log(`${''.padEnd(16)} ${['n', 'MAE ms', 'median', 'bias', '<50 %', '<100 %', '<200 %'].map((v) => v.padStart(7)).join(' ')}`);
  for (const [name, set] of Object.entries(sets)) {
    if (set.start.length) row(`${name} starts`, summary(set.start));
    if (set.end.length) row(`${name} ends`, summary(set.end));
  }
  const all = Object.values(sets);
  row('all starts', summary(all.flatMap((s) => s.start)));
  row('all ends', summary(all.flatMap((s) => s.end)));
  console.log(`words recognised: ${all.reduce((a, s) => a + s.matched, 0)} of ${all.reduce((a, s) => a + s.words, 0)}`);
}
