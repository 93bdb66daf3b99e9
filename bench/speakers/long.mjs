// long.mjs: an hour in which people go away and come back: is somebody who returns after ten minutes who they were?
//
//   node bench/speakers/long.mjs STENO [--parts 6] [--minutes 10] [--seed 1001] [--out build/speakers]
//
// Parts of ten minutes, each a conversation of its own (other levels, other noise: they sat down elsewhere), one after the other to one
// live stream: four people, then three of them, so that each is away for a part now and then. Prints the error rates of all of it and,
// for each person and part, the label that most of their speech had.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RATE, conversation, rttm, wav } from '../../tests/speakers/conversations.mjs';
import { run } from './audio.mjs';

const PEOPLE = ['allison', 'carlo', 'menardi', 'armelle'];
const AWAY = [null, 0, null, 1, 2, 3]; // who is away in each part, in turn
const NEVER_S = 36000; // a latency: whatever was said before the end
const LATENCIES = [1, NEVER_S];

function options(argv) {
  const o = { steno: argv[0], parts: 6, minutes: 10, seed: 1001, out: 'build/speakers' };
  for (let i = 1; i < argv.length; i += 2) {
    const name = argv[i].slice(2);
    if (!argv[i].startsWith('--') || !(name in o) || name === 'steno') throw new Error(`what is '${argv[i]}'? See the head of the file.`);
    o[name] = typeof o[name] === 'number' ? Number(argv[i + 1]) : argv[i + 1];
  }
  if (!o.steno) throw new Error('which steno?');
  return o;
}

const steno = (o, args) => run(o.steno, args).toString();

// { file, ref, parts: [{ start_s, end_s, people }] }
function build(o, dir) {
  const parts = [], turns = [], sounds = [];
  let at_s = 0;
  for (let i = 0; i < o.parts; i++) {
    const people = PEOPLE.filter((_, p) => p !== AWAY[i % AWAY.length]);
    const talk = conversation({ seed: o.seed + i, people, minutes: o.minutes, enrol_s: 0 }), seconds = talk.pcm.length / RATE;
    turns.push(...talk.turns.map((t) => ({ ...t, start_s: t.start_s + at_s, end_s: t.end_s + at_s })));
    parts.push({ start_s: at_s, end_s: at_s + seconds, people });
    sounds.push(talk.pcm);
    at_s += seconds;
  }
  const pcm = new Float32Array(sounds.reduce((n, s) => n + s.length, 0));
  sounds.reduce((n, s) => (pcm.set(s, n), n + s.length), 0);
  const name = `long-${o.seed}-${o.parts}x${o.minutes}min`, file = join(dir, `${name}.wav`), ref = join(dir, `${name}.rttm`);
  writeFileSync(file, wav(pcm));
  writeFileSync(ref, rttm(name, turns));
  return { file, ref, parts, turns };
}

const turnsOf = (text) => text.split('\n').map((l) => l.split(/\s+/)).filter((f) => f[0] === 'SPEAKER')
  .map((f) => ({ start_s: Number(f[3]), end_s: Number(f[3]) + Number(f[4]), speaker: f[7] }));

// The label that most of a person's speech in a part has, and its share.
function labelOf(made, said, part, person) {
  const seconds = {};
  let all = 0;
  for (const t of made.turns.filter((u) => u.speaker === person && u.start_s >= part.start_s && u.end_s <= part.end_s)) {
    all += t.end_s - t.start_s;
    for (const h of said) {
      const both = Math.min(t.end_s, h.end_s) - Math.max(t.start_s, h.start_s);
      if (both > 0) seconds[h.speaker] = (seconds[h.speaker] ?? 0) + both;
    }
  }
  const [label, most] = Object.entries(seconds).sort((a, b) => b[1] - a[1])[0] ?? ['-', 0];
  return { label, text: `${label} ${all ? ((100 * most) / all).toFixed(0) : 0} %` };
}

function returns(made, said) {
  const labels = {};
  for (const [i, part] of made.parts.entries()) {
    const cells = PEOPLE.map((p) => {
      if (!part.people.includes(p)) return 'away'.padEnd(14);
      const found = labelOf(made, said, part, p);
      (labels[p] ??= []).push(found.label);
      return found.text.padEnd(14);
    });
    console.log(`part ${i + 1}, ${(part.start_s / 60).toFixed(1)} to ${(part.end_s / 60).toFixed(1)} min`.padEnd(34), cells.join(' '));
  }
  const kept = PEOPLE.filter((p) => new Set(labels[p]).size === 1).length;
  console.log(`one label in every part: ${kept} of ${PEOPLE.length} people`);
}

function scores(o, name, ref, hyp) {
  const der = JSON.parse(steno(o, ['score', 'der', '--json', '--collar', '0.25', ref, hyp])), switches = JSON.parse(steno(o, ['score', 'switch', '--json', ref, hyp]));
  console.log(`${name.padEnd(34)} DER ${der.der_percent.toFixed(2)} %, switch rate ${switches.switch_percent.toFixed(2)} %, labels ${der.recordings[0].hyp_speakers}`);
}

function main() {
  const o = options(process.argv.slice(2)), dir = join(o.out, 'long'), out = join(dir, 'live');
  mkdirSync(out, { recursive: true });
  const made = build(o, dir), whole = join(dir, 'whole.rttm');
  const f = JSON.parse(steno(o, ['bench', 'speakers', '--json', '--out', out, ...LATENCIES.flatMap((l) => ['--latency', String(l)]), made.file]));
  writeFileSync(whole, steno(o, ['transcribe', '--quiet', '--diarize', '--format', 'rttm', made.file]));
  console.log(`${made.file}: ${(made.parts.at(-1).end_s / 60).toFixed(1)} minutes; collar 0.25 s, overlapped speech scored`);
  scores(o, 'live, at 1 s', made.ref, join(out, 'live-1s.rttm'));
  scores(o, 'live, as mended before the end', made.ref, join(out, `live-${NEVER_S}s.rttm`));
  scores(o, 'whole recording', made.ref, whole);
  console.log(`first label p50 ${f.first_label_p50_s.toFixed(2)} s, p95 ${f.first_label_p95_s.toFixed(2)} s; ${f.broken} broken promises\n\n${''.padEnd(34)} ${PEOPLE.map((p) => p.padEnd(14)).join(' ')}`);
  returns(made, turnsOf(readFileSync(join(out, 'live-1s.rttm'), 'utf8')));
}

try {
  main();
} catch (error) {
  console.error(`long.mjs: ${error.message}`);
  process.exit(1);
}
