// compare.mjs BUILD [PAIRS]: steno beside sherpa-onnx, same weights, same recordings, one thread each, in alternating runs.
//
// 1. Throughput: all 353 English prompts of Debian's asterisk-core-sounds-en-wav, PAIRS times (default 3): sherpa-onnx,
//    steno, steno with voice activity off, and again. A figure is CPU seconds of all processes, reading and resampling included,
//    over audio seconds; the table has medians, and the median and range of the ratios of neighbouring runs.
// 2. Latency: the LibriVox utterance nearest to 5 s alone, over and over.
// 3. Word error rates of both on the prompts, by `steno score wer`.
// Everything measured is also written to BUILD/bench-peers.json.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeTokens } from './sherpa_tokens.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(HERE, '../..');
const BUILD = process.argv[2] ?? 'build';
const PAIRS = Number(process.argv[3] ?? 3);
const UTTERANCE = '/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0890.wav'; // 5.3 s
const ALONE_REPEATS = 20;
const OUT = join(BUILD, 'bench-peers');
const steno = join(BUILD, 'steno');
const models = join(ROOT, 'models/node_modules');
const libraries = join(HERE, 'node_modules/sherpa-onnx-linux-x64');
mkdirSync(OUT, { recursive: true });

const file = (name) => join(OUT, name);
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
const note = (text) => process.stderr.write(`bench-peers: ${text}\n`);

function capture(command, args, env = {}) {
  return execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
}

// ---- what runs --------------------------------------------------------------------------------------------------

function runSherpa(list, repeat, texts) {
  const args = [join(HERE, 'sherpa.cjs'), '--models', models, '--tokens', file('tokens.txt'), '--list', list, '--repeat', String(repeat)];
  if (texts) args.push('--texts', texts);
  const passes = capture('node', args, { LD_LIBRARY_PATH: libraries }).trim().split('\n').map((line) => JSON.parse(line));
  return {
    audio_s: passes[0].audio_s,
    cpu_s: median(passes.map((p) => p.cpu_s)),
    wall_s: median(passes.map((p) => p.wall_s)),
    latency_p50_s: median(passes.flatMap((p) => p.latency_s)),
    peak_memory_mib: passes.at(-1).peak_memory_mib,
  };
}

function runSteno(list, repeat, extra, texts) {
  const args = ['bench', 'offline', '--threads', '1', '--model', 'tiny', '--json', '--list', list, '--repeat', String(repeat), ...extra];
  if (texts) args.push('--texts', texts);
  return JSON.parse(capture(steno, args));
}

const systems = {
  'sherpa-onnx': (list, repeat, alone, texts) => runSherpa(list, repeat, texts),
  steno: (list, repeat, alone, texts) => runSteno(list, repeat, alone ? ['--alone'] : [], texts),
  'steno, vad off': (list, repeat, alone, texts) => runSteno(list, repeat, ['--vad', 'off', ...(alone ? ['--alone'] : [])], texts),
};
const names = Object.keys(systems);

function alternate(list, repeat, alone) {
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const name of names) {
      const texts = alone || pair > 0 ? null : file(`${name.replace(/\W+/g, '-')}.tsv`);
      const run = systems[name](list, repeat, alone, texts);
      note(`${name}: ${run.audio_s.toFixed(1)} s of audio, ${run.cpu_s.toFixed(3)} s of CPU, ${run.wall_s.toFixed(3)} s`);
      runs[name].push(run);
    }
  }
  return runs;
}

function wer(texts) {
  return capture(steno, ['score', 'wer', '--ids', file('reference.tsv'), texts]).trim();
}

// ---- the report --------------------------------------------------------------------------------------------------

const number = (value, digits) => value.toFixed(digits);

// Ratios of neighbouring runs: what the machine does slowly to both cancels out.
function times(runs, name, figure) {
  const ratios = runs['sherpa-onnx'].map((peer, i) => figure(peer) / figure(runs[name][i]));
  return `${number(median(ratios), 2)} (${number(Math.min(...ratios), 2)}–${number(Math.max(...ratios), 2)})`;
}

function table(runs, columns) {
  const rows = [['', ...columns.map((c) => c.title)]];
  for (const name of names) rows.push([name, ...columns.map((c) => c.cell(runs, name))]);
  const widths = rows[0].map((_, i) => Math.max(...rows.map((r) => r[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  console.log([line(rows[0]), `|${widths.map((w) => '-'.repeat(w + 2)).join('|')}|`, ...rows.slice(1).map(line)].join('\n'));
}

const rtf = (run) => run.cpu_s / run.audio_s;

writeTokens(join(BUILD, 'models/tokens.txt'), file('tokens.txt'));
writeFileSync(file('prompts.txt'), capture('tools/prompts.sh', ['--wav']));
writeFileSync(file('reference.tsv'), capture('tools/prompts.sh', []));
writeFileSync(file('utterance.txt'), UTTERANCE + '\n');
note(`${cpus()[0].model}, ${cpus().length} cores; ${PAIRS} alternating runs of each`);

const prompts = alternate(file('prompts.txt'), 1, false);
console.log('\nThe 353 prompts, one thread\n');
table(prompts, [
  { title: 'audio s', cell: (r, n) => number(r[n][0].audio_s, 1) },
  { title: 'CPU s', cell: (r, n) => number(median(r[n].map((x) => x.cpu_s)), 2) },
  { title: 'RTF (CPU)', cell: (r, n) => number(median(r[n].map(rtf)), 5) },
  { title: 'wall s', cell: (r, n) => number(median(r[n].map((x) => x.wall_s)), 2) },
  { title: 'times sherpa-onnx (range)', cell: (r, n) => times(r, n, rtf) },
  { title: 'peak MiB', cell: (r, n) => number(Math.max(...r[n].map((x) => x.peak_memory_mib)), 0) },
]);

const alone = alternate(file('utterance.txt'), ALONE_REPEATS, true);
console.log(`\nOne utterance of ${number(alone.steno[0].audio_s, 1)} s alone, ${ALONE_REPEATS} times a run, one thread\n`);
table(alone, [
  { title: 'CPU ms', cell: (r, n) => number(1000 * median(r[n].map((x) => x.cpu_s)), 1) },
  { title: 'latency ms', cell: (r, n) => number(1000 * median(r[n].map((x) => x.latency_p50_s)), 1) },
  { title: 'CPU, times sherpa-onnx', cell: (r, n) => times(r, n, rtf) },
  { title: 'latency, times sherpa-onnx', cell: (r, n) => times(r, n, (x) => x.latency_p50_s) },
]);

console.log('\nWord error rates on the prompts');
const scores = {};
for (const name of names) {
  scores[name] = wer(file(`${name.replace(/\W+/g, '-')}.tsv`));
  console.log(`\n${name}\n${scores[name]}`);
}
writeFileSync(join(BUILD, 'bench-peers.json'), JSON.stringify({ cpu: cpus()[0].model, cores: cpus().length, prompts, alone, scores }, null, 1));
