// test_conversations.mjs: the builder of conversations (tests/speakers): what it says of them is so. Speaker labels are tuned and
// measured by it, so a wrong truth would be believed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { samples, skip, steno, test, work } from './harness.mjs';
import { needVoices } from './voices.mjs';
import { RATE, conversation, missing, write } from '../speakers/conversations.mjs';

const PEOPLE = ['allison', 'colombia', 'armelle']; // of small packages
let made = null;
function talk() {
  const lacking = missing(PEOPLE);
  if (lacking.length) skip(`not installed: ${lacking.join(' ')}`);
  return (made ??= conversation({ seed: 5, people: PEOPLE, minutes: 3 }));
}

const sum = (list) => list.reduce((a, b) => a + b, 0);
const level = (pcm, from, to) => 10 * Math.log10(sum([...pcm.subarray(Math.round(from * RATE), Math.round(to * RATE))].map((v) => v * v)) / ((to - from) * RATE) + 1e-12);

test('conversations: a seed is a conversation', () => {
  const again = conversation({ seed: 5, people: PEOPLE, minutes: 3 });
  assert.deepEqual(again.turns, talk().turns);
  assert.deepEqual(again.pcm, talk().pcm);
  assert.notDeepEqual(conversation({ seed: 6, people: PEOPLE, minutes: 1 }).turns, talk().turns.slice(0, 5));
});

test('conversations: turns, pauses and overlaps are those of people', () => {
  const { turns, about, talk: said } = talk();
  assert.equal(about.speakers, 3);
  assert.ok(about.seconds > 170 && about.seconds < 195, `${about.seconds} s`);
  assert.ok(about.overlap > 0.03 && about.overlap < 0.13, `overlap ${about.overlap}`);
  assert.ok(about.snr_db >= 15 && about.snr_db <= 30);
  for (const who of PEOPLE) {
    const own = turns.filter((t) => t.speaker === who);
    assert.ok(sum(own.map((t) => t.end_s - t.start_s)) >= 6, `${who} says too little`);
    for (let i = 1; i < own.length; i++) assert.ok(own[i].start_s >= own[i - 1].end_s, `${who} speaks twice at ${own[i].start_s}`);
  }
  const lengths = said.filter((t) => !t.back).map((t) => t.seconds).sort((a, b) => a - b);
  assert.ok(lengths[0] >= 0.2 && lengths.at(-1) <= 16, `${lengths[0]} … ${lengths.at(-1)} s`);
  const median = lengths[lengths.length >> 1];
  assert.ok(median > 1.5 && median < 4, `median ${median} s`);
});

test('conversations: the truth is where the sound is', () => {
  const { pcm, turns } = talk();
  const levels = turns.filter((t) => t.end_s - t.start_s > 0.5).map((t) => level(pcm, t.start_s, t.end_s));
  const gaps = [];
  let end = 0;
  for (const t of turns) {
    if (t.start_s - end > 0.3) gaps.push(level(pcm, end + 0.05, t.start_s - 0.05));
    end = Math.max(end, t.end_s);
  }
  assert.ok(gaps.length >= 3);
  assert.ok(Math.min(...levels) > Math.max(...gaps) + 3, `speech from ${Math.min(...levels)} dB, pauses up to ${Math.max(...gaps)} dB`);
});

test('conversations: files are what was made, and score no error against themselves', () => {
  const files = write(join(work, 'talk'), talk(), true);
  const pcm = samples(files.wav);
  assert.equal(pcm.length, talk().pcm.length);
  const at = Math.round((talk().turns[3].start_s + 0.2) * RATE);
  assert.ok(Math.abs(pcm[at] / 32767 - talk().pcm[at]) < 1e-4);
  const said = new Set(JSON.parse(readFileSync(files.json, 'utf8')).spoken.flatMap((t) => t.prompts));
  assert.ok(said.size > 20);
  assert.deepEqual(Object.keys(files.enrolment).sort(), [...PEOPLE].sort());
  for (const file of Object.values(files.enrolment)) assert.ok(samples(file).length > 9 * RATE);
  const same = JSON.parse(steno(['score', 'der', '--json', files.rttm, files.rttm]).out);
  assert.equal(same.der_percent, 0);
  assert.equal(same.ref_speakers, 3);
  assert.equal(JSON.parse(steno(['score', 'switch', '--json', files.rttm, files.rttm]).out).switches, 0);
});

test('conversations: what was said to enrol somebody is not said again', () => {
  const { talk: said, enrolment } = talk();
  for (const who of PEOPLE) {
    const clip = said.find((t) => t.who.name === who).parts[0][1];
    assert.ok(enrolment[who].length > clip.pcm.length);
    const kept = said.find((t) => t.who.name === who).who.kept;
    assert.ok(kept.length > 0);
    for (const t of said) for (const [, c] of t.parts) assert.ok(!kept.includes(c), c.name);
  }
});

// The whole way: what a live stream says of a conversation is counted, and promises hold.
test('conversations: steno bench speakers plays one live, and no promised label changes', () => {
  needVoices();
  talk();
  const short = write(join(work, 'short'), conversation({ seed: 9, people: PEOPLE.slice(0, 2), minutes: 0.5 }), true);
  for (const contract of ['revise', 'delayed', 'enrolled']) {
    const out = join(work, 'short', contract);
    const r = steno(['bench', 'speakers', '--json', '--contract', contract, '--latency', '2', '--out', out, short.wav]);
    assert.equal(r.status, 0, r.err);
    const f = JSON.parse(r.out);
    assert.equal(f.with_truth, 1);
    assert.ok(f.turns > 3 && f.words > 0 && f.speakers_cpu_s > 0);
    assert.equal(f.broken, 0, `${contract}: ${f.broken} labels changed that never should`);
    if (contract === 'enrolled') assert.ok(f.identified_s > 3);
    const der = JSON.parse(steno(['score', 'der', '--json', short.rttm, join(out, 'live-2s.rttm')]).out);
    assert.ok(der.missed_s < 0.3 * der.reference_s && der.false_alarm_s < 0.2 * der.reference_s, JSON.stringify(der));
  }
});
