// calibration.mjs: are words with confidence p right in a share of p?
//
//   node bench/times/calibration.mjs STENO [transcribe options]
//
// Recognises the 353 Debian prompts and the LibriVox utterances, aligns the words with the references and prints, in bins of
// confidence, how many words there are, their mean confidence and the share that is right; the expected calibration error
// (the mean distance of the two, weighted by words), the area under the ROC curve for telling right from wrong words, and
// the mean cost in nats (cross entropy); the same for segments, whose confidence is the expected share of right words.
//
// A word is right when the cheapest alignment pairs it with an equal one after case, punctuation, small numbers in digits
// and compounds in two words ("voice mail") are made equal: how a word is written is not what its confidence is about.
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { pairs, plain, transcribe } from './score.mjs';

const BINS = [0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0001];
const EQUAL_BINS = Array.from({ length: 11 }, (_, i) => (i === 10 ? 1.0001 : i / 10));

const shell = (args) => execFileSync('sh', args).toString().trim().split('\n');
const split = (text) => text.normalize('NFKC').replace(/[-./@]/g, ' ').split(/\s+/).map(plain).filter((w) => w);

function recordings() {
  const found = [];
  for (const script of ['tools/prompts.sh', 'tools/librivox.sh']) {
    const files = shell([script, '--wav']);
    shell([script]).forEach((line, i) => {
      const [id, text] = line.split('\t');
      if (basename(files[i]) !== `${id}.wav`) throw new Error(`${files[i]} is not ${id}`);
      found.push({ file: files[i], words: split(text) });
    });
  }
  return found;
}

// Neighbours that the other side writes as one word become one.
function join(words, other) {
  const has = new Set(other.map((w) => w.word)), mine = new Set(words.map((w) => w.word)), out = [];
  for (let i = 0; i < words.length; i++) {
    const both = i + 1 < words.length ? words[i].word + words[i + 1].word : '';
    if (both && has.has(both) && !mine.has(both)) out.push({ word: both, of: [...words[i].of, ...words[++i].of] });
    else out.push(words[i]);
  }
  return out;
}

// The words of a document: { p, segment, right }.
function judge(document, reference) {
  const words = document.segments.flatMap((s, segment) => s.words.map((w) => ({ text: w.word, p: w.confidence, segment, right: false })));
  const hyp = words.flatMap((w) => split(w.text).map((word) => ({ word, of: [w] })));
  const ref = reference.map((word) => ({ word, of: [] }));
  const joinedRef = join(ref, hyp), joinedHyp = join(hyp, joinedRef), missed = new Set(words);
  const paired = new Set(pairs(joinedRef.map((w) => w.word), joinedHyp.map((w) => w.word)).map(([, j]) => j));
  joinedHyp.forEach((w, j) => !paired.has(j) && w.of.forEach((o) => (o.wrong = true)));
  for (const w of joinedHyp) for (const o of w.of) missed.delete(o);
  words.forEach((w) => (w.right = !w.wrong && !missed.has(w)));
  return words;
}

const mean = (list, of) => list.reduce((a, x) => a + of(x), 0) / list.length;

function table(items, bins) {
  const rows = [];
  for (let b = 0; b + 1 < bins.length; b++) {
    const inside = items.filter((x) => x.p >= bins[b] && x.p < bins[b + 1]);
    const n = inside.reduce((a, x) => a + x.n, 0);
    if (inside.length) rows.push({ from: bins[b], to: bins[b + 1], count: inside.length, n, p: inside.reduce((a, x) => a + x.p * x.n, 0) / n, right: inside.reduce((a, x) => a + x.right * x.n, 0) / n });
  }
  return rows;
}

const ece = (rows) => rows.reduce((a, r) => a + r.n * Math.abs(r.p - r.right), 0) / rows.reduce((a, r) => a + r.n, 0);

// The chance that a right word has more confidence than a wrong one.
function auc(items) {
  const sorted = [...items].sort((a, b) => a.p - b.p);
  let rank = 0, sum = 0, good = 0;
  for (let i = 0; i < sorted.length;) {
    let to = i;
    while (to < sorted.length && sorted[to].p === sorted[i].p) to++;
    rank = (i + to + 1) / 2;
    for (; i < to; i++) if (sorted[i].right === 1) (sum += rank), good++;
  }
  return (sum - (good * (good + 1)) / 2) / (good * (items.length - good));
}

function nats(items) {
  const inside = (p) => Math.min(0.9999, Math.max(0.0001, p));
  return mean(items, (x) => -Math.log(inside(x.right ? x.p : 1 - x.p)));
}

function print(rows, what) {
  console.log(`| confidence | ${what} | mean confidence | words right |\n|---|---|---|---|`);
  for (const r of rows) console.log(`| ${r.from.toFixed(2)}–${Math.min(1, r.to).toFixed(2)} | ${r.count} | ${r.p.toFixed(3)} | ${r.right.toFixed(3)} |`);
}

const [steno, ...options] = process.argv.slice(2);
if (!steno) {
  console.error('usage: node bench/times/calibration.mjs STENO [transcribe options]');
  process.exit(2);
}
const list = recordings();
const judged = transcribe(steno, list.map((r) => r.file), options).map((d, i) => judge(d, list[i].words));
const words = judged.flat().map((w) => ({ p: w.p, right: w.right ? 1 : 0, n: 1 }));
const segments = judged.flatMap((d) => {
  const by = new Map();
  d.forEach((w) => by.set(w.segment, [...(by.get(w.segment) ?? []), w]));
  return [...by.values()].map((ws) => ({ p: mean(ws, (w) => w.p), right: mean(ws, (w) => (w.right ? 1 : 0)), n: ws.length }));
});
console.log(`${words.length} words, ${(100 * mean(words, (w) => w.right)).toFixed(1)} % right, mean confidence ${mean(words, (w) => w.p).toFixed(3)}`);
console.log(`words: calibration error ${ece(table(words, EQUAL_BINS)).toFixed(3)}, AUC ${auc(words).toFixed(3)}, cost ${nats(words).toFixed(3)} nats\n`);
print(table(words, BINS), 'words');
console.log(`\nsegments: calibration error ${ece(table(segments, EQUAL_BINS)).toFixed(3)}, AUC for segments without errors ${auc(segments.map((s) => ({ ...s, right: s.right === 1 ? 1 : 0 }))).toFixed(3)}\n`);
print(table(segments, BINS), 'segments');
