// run.mjs: how well speakers are told apart, on conversations whose truth is known.
//
//   node bench/speakers/run.mjs STENO [--set test|dev] [--count 10] [--minutes 4] [--out DIR] [--only whole|live] [--pairs]
//
// Builds the set (tests/speakers/conversations.mjs), lets `steno transcribe --diarize` hear the recordings and
// `steno bench speakers` play them live, scores both by `steno score` and prints tables. --pairs adds two-person conversations of
// every pair of people: where the embedding's limits are. Files stay in DIR (default build/speakers).
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PEOPLE, conversation, missing, write, writeSet } from '../../tests/speakers/conversations.mjs';
import { run } from './audio.mjs';

const SAMPLE = '../shared/data/diarization/pyannote_sample';
const NEVER_S = 36000; // whatever was said before the end
const LATENCIES = [1, 5, NEVER_S];

function options(argv) {
  const o = { steno: argv[0], set: 'test', count: 10, minutes: 4, out: 'build/speakers', only: '', pairs: false };
  for (let i = 1; i < argv.length; i++) {
    const name = argv[i].slice(2);
    if (!argv[i].startsWith('--') || !(name in o) || name === 'steno') throw new Error(`what is '${argv[i]}'? See the head of the file.`);
    o[name] = name === 'pairs' ? true : typeof o[name] === 'number' ? Number(argv[++i]) : argv[++i];
  }
  if (!o.steno) throw new Error('which steno?');
  return o;
}

const o = options(process.argv.slice(2));
const dir = join(o.out, `${o.set}-${o.minutes}min`);

const steno = (args) => run(o.steno, args).toString();

// ---- scores -----------------------------------------------------------------------------------------------------------

const share = (part, all) => (all > 0 ? (100 * part) / all : 0);
const two = (v) => (v === null || v === undefined ? '-' : v.toFixed(2)).padStart(7);

// { der, miss, fa, confusion, strict, switches, recordings: [{ recording, der_percent, ref_speakers, hyp_speakers }] }
function score(ref, hyp) {
  const der = JSON.parse(steno(['score', 'der', '--json', '--collar', '0.25', ref, hyp]));
  const strict = JSON.parse(steno(['score', 'der', '--json', ref, hyp]));
  const switches = JSON.parse(steno(['score', 'switch', '--json', ref, hyp]));
  return { der: der.der_percent, miss: share(der.missed_s, der.reference_s), fa: share(der.false_alarm_s, der.reference_s),
    confusion: share(der.confusion_s, der.reference_s), strict: strict.der_percent, switches: switches.switch_percent, recordings: der.recordings };
}

const HEAD = `${''.padEnd(34)}   DER %    miss      FA   conf.  DER, no collar  switch %`;
const row = (name, s) => console.log(`${name.padEnd(34)} ${[s.der, s.miss, s.fa, s.confusion].map(two).join(' ')} ${two(s.strict).padStart(15)} ${two(s.switches).padStart(9)}`);

function putFile(name, text) {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}

// How many people were found; who is called unknown or other is nobody.
function counted(rttm, name) {
  const found = rttm.split('\n').map((l) => l.split(/\s+/)).filter((f) => f[0] === 'SPEAKER' && f[1] === name).map((f) => f[7]);
  return new Set(found.filter((who) => who !== 'unknown' && who !== 'other')).size;
}

// ---- parts ------------------------------------------------------------------------------------------------------------

const transcribed = (files) => steno(['transcribe', '--quiet', '--diarize', '--format', 'rttm', ...files]);

function whole(made, ref) {
  const rttm = transcribed(made.map((m) => m.wav)), all = score(ref, putFile('whole.rttm', rttm));
  row('whole recordings', all);
  console.log(`\n${'recording'.padEnd(34)}   DER %  people  found`);
  const exact = {};
  for (const m of made) {
    const found = counted(rttm, m.name), der = all.recordings.find((r) => r.recording === m.name)?.der_percent;
    console.log(`${m.name.padEnd(34)} ${two(der)}  ${String(m.about.speakers).padStart(6)}  ${String(found).padStart(5)}`);
    (exact[m.about.speakers] ??= []).push(found === m.about.speakers);
  }
  const right = Object.values(exact).flat();
  for (const [people, list] of Object.entries(exact)) console.log(`${people} people: the exact number in ${list.filter(Boolean).length} of ${list.length}`);
  console.log(`all: the exact number in ${right.filter(Boolean).length} of ${right.length} (${share(right.filter(Boolean).length, right.length).toFixed(0)} %)\n`);
}

function live(made, ref, contract) {
  const out = join(dir, contract), args = LATENCIES.flatMap((l) => ['--latency', String(l)]);
  mkdirSync(out, { recursive: true });
  const f = JSON.parse(steno(['bench', 'speakers', '--json', '--contract', contract, '--out', out, ...args, ...made.map((m) => m.wav)]));
  for (const l of LATENCIES) row(`live, ${contract}, ${l === NEVER_S ? 'as mended' : `at ${l} s`}`, score(ref, join(out, `live-${l}s.rttm`)));
  return f;
}

function liveFigures(contract, f) {
  console.log(`live, ${contract}: first label p50 ${f.first_label_p50_s.toFixed(2)} s, p95 ${f.first_label_p95_s.toFixed(2)} s after a person starts (as turns ` +
    `${f.first_turn_p50_s.toFixed(2)}, ${f.first_turn_p95_s.toFixed(2)}); ${f.unlabelled} of ${f.turns} turns never; ${share(f.revisions, f.messages * 100).toFixed(2)} revisions a ` +
    `message; ${share(f.relabelled, f.words).toFixed(1)} % of words relabelled; ${f.broken} broken promises; ${share(f.speakers_cpu_s, f.cpu_s - f.speakers_cpu_s).toFixed(1)} % of the recogniser's CPU time`);
  if (contract === 'enrolled')
    console.log(`identification after 2 s of a turn: ${share(f.mistaken_s, f.identified_s).toFixed(2)} % wrong, ${share(f.unnamed_s, f.identified_s).toFixed(2)} % unnamed of ${f.identified_s.toFixed(0)} s`);
}

// The 30 s of real talk that pyannote publishes, under the name of the file.
function sample() {
  if (!existsSync(`${SAMPLE}.wav`)) return console.log(`no ${SAMPLE}.wav: the real sample is left out`);
  const ref = putFile('sample.ref.rttm', readFileSync(`${SAMPLE}.rttm`, 'utf8').replaceAll(/^SPEAKER \S+/gm, `SPEAKER ${basename(SAMPLE)}`));
  if (o.only !== 'live') row('the real sample', score(ref, putFile('sample.rttm', transcribed([`${SAMPLE}.wav`]))));
  if (o.only === 'whole') return undefined;
  steno(['bench', 'speakers', '--json', '--out', join(dir, 'sample'), `${SAMPLE}.wav`]);
  return row('the real sample, live at 1 s', score(ref, join(dir, 'sample', 'live-1s.rttm')));
}

// Two people at a time: women, men, one of each.
function pairs() {
  const people = Object.keys(PEOPLE), groups = {};
  for (let i = 0; i < people.length; i++) {
    for (let j = i + 1; j < people.length; j++) {
      const pair = [people[i], people[j]], kind = pair.map((p) => PEOPLE[p].sex).sort().join('');
      (groups[kind] ??= []).push(write(join(dir, `pairs-${kind}`), named(conversation({ seed: 2000 + i * 20 + j, people: pair, speakers: 2, minutes: 1 }), pair)));
    }
  }
  for (const [kind, made] of Object.entries(groups)) {
    const ref = putFile(`pairs-${kind}.ref.rttm`, made.map((m) => readFileSync(m.rttm, 'utf8')).join(''));
    const all = score(ref, putFile(`pairs-${kind}.rttm`, transcribed(made.map((m) => m.wav))));
    row(`pairs ${kind} (${made.length})`, all);
    for (const r of all.recordings) console.log(`  ${r.recording.padEnd(32)} ${two(r.der_percent)}`);
  }
}

const named = (talk, pair) => ({ ...talk, name: pair.join('-') });

// ---- all of it ----------------------------------------------------------------------------------------------------------

function main() {
  if (missing().length) throw new Error(`install ${missing().join(' ')}`);
  const made = writeSet(dir, o.set, { count: o.count, minutes: o.minutes });
  const ref = putFile('all.ref.rttm', made.map((m) => readFileSync(m.rttm, 'utf8')).join(''));
  console.log(`set ${o.set}: ${made.length} conversations of ${o.minutes} minutes, 2 to 6 people; collar 0.25 s, overlapped speech scored\n\n${HEAD}`);
  if (o.only !== 'live') whole(made, ref);
  if (o.only !== 'whole') {
    const contracts = ['revise', 'delayed', 'enrolled'];
    const figures = contracts.map((c) => live(made, ref, c));
    console.log('');
    contracts.forEach((c, i) => liveFigures(c, figures[i]));
  }
  console.log(`\n${HEAD}`);
  sample();
  if (o.pairs) pairs();
}

try {
  main();
} catch (error) {
  console.error(`run.mjs: ${error.message}`);
  process.exit(1);
}
