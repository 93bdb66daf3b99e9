// heads.mjs: which attention heads follow the audio: each alone, then the best few together.
//
//   node bench/times/heads.mjs BUILD MODEL TRUTH_DIR [MOST [CHOICE…]]      CHOICE: "5.4*1 4.3*1 5.0*0.5"
//
// Builds heads.c against BUILD/libsteno_core.a. The cost of a choice is the mean over the sets of the mean error of starts
// and ends, each error counted as at most CAP_S. Heads are added one by one, weights 1 or 0.5, as long as the cost on every
// second recording falls; the other half of the recordings is only reported.
import { execFileSync, execSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pairs, plain, readTruth } from './score.mjs';

const CAP_S = 0.25;
const LEAST_GAIN_MS = 0.25;

const [build, model, dir, most = '5'] = process.argv.slice(2);
if (!dir) {
  console.error('usage: node bench/times/heads.mjs BUILD MODEL TRUTH_DIR [MOST [CHOICE…]]');
  process.exit(2);
}

function compile() {
  const libraries = execSync('pkg-config --libs libavformat libavcodec libavutil libswresample libseccomp jansson libutf8proc libcrypto').toString().trim().split(/\s+/);
  const out = join(build, 'heads');
  execFileSync('cc', ['-std=gnu17', '-O2', '-Isrc', '-Iinclude', 'bench/times/heads.c', join(build, 'libsteno_core.a'), ...libraries, '-lm', '-lpthread', '-o', out], { stdio: 'inherit' });
  return out;
}

const truth = readTruth(join(dir, 'truth.tsv'));
const list = join(dir, 'list.txt');
writeFileSync(list, [...truth.keys()].map((f) => join(dir, f) + '\n').join(''));
const child = spawn(compile(), [process.env.STENO_MODELS ?? 'build/models', model, list], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

async function ask(question) {
  child.stdin.write(question + '\n');
  const answer = [];
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error('heads ended');
    if (value === '.') return answer;
    answer.push(value.split('\t'));
  }
}

// [cost of the even recordings, of the odd ones] in ms
async function cost(choice) {
  const found = new Map();
  for (const [path, word, start, end] of await ask(choice.map((c) => `${c.layer},${c.head},${c.weight}`).join(' '))) {
    if (!found.has(basename(path))) found.set(basename(path), []);
    found.get(basename(path)).push({ word: plain(word), start: Number(start), end: Number(end) });
  }
  const halves = [{}, {}];
  [...truth.entries()].forEach(([file, ref], n) => {
    const hyp = found.get(file) ?? [], errors = ((halves[n % 2][file.replace(/-.*/, '')] ??= []));
    for (const [i, j] of pairs(ref.map((w) => w.word), hyp.map((w) => w.word)))
      for (const edge of ['start', 'end']) if (!Number.isNaN(ref[i][edge])) errors.push(Math.min(CAP_S, Math.abs(hyp[j][edge] - ref[i][edge])));
  });
  const mean = (xs) => xs.reduce((a, b) => a + b, 0) / xs.length;
  return halves.map((sets) => 1000 * mean(Object.values(sets).filter((e) => e.length).map(mean)));
}

const name = (choice) => choice.map((c) => `${c.layer}.${c.head}*${c.weight}`).join(' ');
const [[layers, heads]] = (await ask('sizes')).map((row) => row.map(Number));
const upper = [];
for (let layer = layers >> 1; layer < layers; layer++) for (let head = 0; head < heads; head++) upper.push({ layer, head, weight: 1 });
const show = async (title, choice) => {
  const [a, b] = await cost(choice);
  console.log(`${title.padEnd(44)} ${a.toFixed(1).padStart(6)} ms   held out ${b.toFixed(1)} ms`);
  return a;
};
await show('all of the upper half', upper);
const alone = [];
for (let layer = 0; layer < layers; layer++)
  for (let head = 0; head < heads; head++) {
    const choice = [{ layer, head, weight: 1 }];
    alone.push({ choice, cost: (await cost(choice))[0] });
  }
alone.sort((a, b) => a.cost - b.cost);
console.log(`alone: ${alone.slice(0, 16).map((x) => `${x.choice[0].layer}.${x.choice[0].head}: ${x.cost.toFixed(0)}`).join('  ')}`);
let { choice, cost: least } = alone[0];
while (choice.length < Number(most)) {
  let best = null;
  for (const { layer, head } of upper.filter((u) => !choice.some((c) => c.layer === u.layer && c.head === u.head)))
    for (const weight of [0.5, 1]) {
      const next = [...choice, { layer, head, weight }];
      const [c] = await cost(next);
      if (!best || c < best.c) best = { c, next };
    }
  if (!best || best.c > least - LEAST_GAIN_MS) break;
  ({ c: least, next: choice } = best);
  await show(name(choice), choice);
}
for (const text of process.argv.slice(6)) await show(text, text.split(' ').map((t) => t.match(/^(\d+)\.(\d+)\*([\d.]+)$/).slice(1).map(Number)).map(([layer, head, weight]) => ({ layer, head, weight })));
child.stdin.end();
