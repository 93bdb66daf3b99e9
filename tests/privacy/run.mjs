// run.mjs: how well personal data is found in sentences made for it. Makes the sets, looks for what is in them, compares, and says
// whether the figures that have to be reached are reached; the last line is "N passed, N failed, N skipped".
//
//   node tests/privacy/run.mjs BUILD [--seed test] [--show 10]      or: make test-privacy
//
// Reached must be, with a match where entities of the right type overlap:
//   - structured types, in English and in Mandarin, over all of them: precision >= 0.98, recall >= 0.99;
//   - card, e-mail, IBAN and phone each, in English of presidio-research's kind: precision >= 0.90, recall >= 0.97.
//   - numbers in which the recogniser erred once, so that they fail their check, behind a word for them (`misheard`): over all of them
//     precision >= 0.90, recall >= 0.85.
//
// --show N: examples of what was missed or wrongly found, of each type. Not for the seed `test`, which is to judge only.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const STRUCTURED = ['phone', 'id', 'card', 'iban', 'ssn', 'email', 'passport', 'plate', 'ip', 'birth_date', 'account', 'address', 'url'];
const FOUR = ['card', 'email', 'iban', 'phone'];
const GOALS = [
  { set: 'en', types: STRUCTURED, each: ['all'], precision: 0.98, recall: 0.99 },
  { set: 'zh', types: STRUCTURED, each: ['all'], precision: 0.98, recall: 0.99 },
  { set: 'presidio', types: FOUR, each: FOUR, precision: 0.9, recall: 0.97 },
  { set: 'misheard', types: STRUCTURED, each: ['all'], precision: 0.9, recall: 0.85 },
];
const BYTES_MAX = 256 << 20;

const here = fileURLToPath(new URL('.', import.meta.url));
const build = process.argv[2] ?? 'build';
const option = (name, otherwise) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : otherwise);
const seed = option('--seed', 'test'), show = Number(option('--show', 0));
if (show && seed === 'test') throw new Error('--show wants another seed: nobody looks at sentences of the seed that judges');

function run(program, args, input) {
  const got = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: BYTES_MAX, stdio: ['pipe', 'pipe', 'inherit'] });
  if (got.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${got.error ?? `status ${got.status}`}`);
  return got.stdout;
}

/** Up to `show` sentences of each type and kind of mistake. */
function mistakes(truth, found) {
  const seen = new Map();
  truth.forEach((line, i) => {
    const bytes = Buffer.from(line.text), text = (e) => bytes.subarray(e.start, e.end).toString();
    const meets = (a, b) => a.type === b.type && a.start < b.end && b.start < a.end;
    const tell = (kind, e, others) => {
      const key = `${kind} ${e.type}`, list = seen.get(key) ?? [];
      seen.set(key, list);
      const beside = others.filter((o) => o.start < e.end && e.start < o.end).map((o) => `${o.type} '${text(o)}'`);
      list.push(`'${text(e)}'${beside.length ? ` (${beside.join(', ')})` : ''} in: ${JSON.stringify(line.text)}`);
    };
    line.entities.filter((t) => !found[i].entities.some((f) => meets(t, f))).forEach((t) => tell('missed', t, found[i].entities));
    found[i].entities.filter((f) => !line.entities.some((t) => meets(t, f))).forEach((f) => tell('wrong', f, line.entities));
    line.entities.filter((t) => found[i].entities.filter((f) => meets(t, f)).length > 1).forEach((t) => tell('in pieces', t, found[i].entities));
  });
  for (const [key, list] of [...seen].sort((a, b) => b[1].length - a[1].length)) {
    console.log(`  ${key}: ${list.length}`);
    for (const line of list.slice(0, show)) console.log(`      ${line}`);
  }
}

let passed = 0, failed = 0;
const folder = join(build, 'privacy');
mkdirSync(folder, { recursive: true });
for (const goal of GOALS) {
  const truth = run('node', [join(here, 'generate.mjs'), '--set', goal.set, '--seed', seed]);
  const name = seed === 'test' ? goal.set : `${goal.set}-${seed}`;
  writeFileSync(join(folder, `${name}.jsonl`), truth);
  const found = run(join(build, 'find_lines'), [goal.types.join(',')], truth);
  writeFileSync(join(folder, `${name}.found.jsonl`), found);
  const files = [join(folder, `${name}.jsonl`), join(folder, `${name}.found.jsonl`)];
  console.log(`${goal.set}, seed ${seed}: ${truth.trimEnd().split('\n').length} sentences`);
  process.stdout.write(run(join(build, 'steno'), ['score', 'pii', ...files], ''));
  const counts = JSON.parse(run(join(build, 'steno'), ['score', 'pii', '--json', ...files], ''));
  for (const type of goal.each) {
    const of = type === 'all' ? counts.all : counts.types.find((t) => t.type === type);
    const good = of.precision >= goal.precision && of.recall >= goal.recall;
    good ? passed++ : failed++;
    console.log(`${good ? 'ok' : 'FAILED'}: ${goal.set}, ${type}: precision ${of.precision?.toFixed(4)} (>= ${goal.precision}), recall ${of.recall?.toFixed(4)} (>= ${goal.recall})`);
  }
  if (show) mistakes(truth.trimEnd().split('\n').map((l) => JSON.parse(l)), found.trimEnd().split('\n').map((l) => JSON.parse(l)));
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed ? 1 : 0;
