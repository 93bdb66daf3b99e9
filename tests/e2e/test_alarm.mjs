// test_alarm.mjs: steno alarm: the rules are listed, recorded minutes are replayed, what is no minute is refused.
import assert from 'node:assert/strict';
import { steno, test, write } from './harness.mjs';

const START = 1767571200;
// A minute of a healthy host with 20 utterances: 1 % of them empty.
const minute = (m, more = {}) => JSON.stringify({ start_s: START + 60 * m, host: 'a', model: 'base', language: 'en', utterances: 20, empty: m % 5 ? 0 : 1, streams: 2,
  texts: 20, confidence_sum: 17, confidence_squares: 14.8, speech_s: 70, audio_s: 120, characters: 900, ...more });
const minutes = (from, to, more) => Array.from({ length: to - from }, (_, i) => minute(from + i, more));

test('alarm list: every rule with what to do, as text and JSON', () => {
  const rules = steno(['alarm', 'list', '--json']).out.trim().split('\n').map((line) => JSON.parse(line));
  const text = steno(['alarm', 'list']).out;
  assert.ok(rules.length >= 15);
  const page = new Set(rules.map((r) => r.rule));
  assert.equal(page.size, rules.length);
  for (const r of rules) {
    assert.ok(text.includes(r.rule) && text.includes(r.runbook), r.rule);
    assert.match(r.severity, /^(warning|critical)$/);
  }
});

test('alarm list: docs/watching.md has a runbook for every rule', async () => {
  const { readFileSync } = await import('node:fs');
  const page = readFileSync('docs/watching.md', 'utf8');
  for (const line of steno(['alarm', 'list', '--json']).out.trim().split('\n')) assert.ok(page.includes(`\`${JSON.parse(line).rule}\``), line);
});

test('alarm test: a fault in recorded minutes is raised, named, resolved; health is not', () => {
  const day = 1440;
  const lines = [...minutes(0, day), ...minutes(day, day + 300, { empty: 2 }), ...minutes(day + 300, day + 600)];
  const file = write('minutes.jsonl', lines.join('\n') + '\n');
  const r = steno(['alarm', 'test', '--json', file]);
  assert.equal(r.status, 0, r.err);
  const events = r.out.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(events.map((e) => [e.change, e.rule, e.severity, e.host, e.model, e.language]), [
    ['raised', 'empty', 'critical', 'a', 'base', 'en'], ['resolved', 'empty', 'critical', 'a', 'base', 'en']]);
  assert.ok(Math.abs(events[0].value - 0.1) < 0.01 && Math.abs(events[0].norm - 0.01) < 0.003, r.out);
  assert.ok(events[0].log_evidence >= events[0].log_needed);
  assert.equal(events[0].since, '2026-01-06T00:00Z');
  const text = steno(['alarm', 'test', file]).out;
  assert.match(text, /Z raised empty a base en: .*: 10 %, usual 1 %/);
  assert.match(text, /\n2040 minutes of 1 series, .*: 1 alarms raised, 1 resolved\n$/);
  const healthy = steno(['alarm', 'test', '--json', write('healthy.jsonl', minutes(0, 3 * day).join('\n'))]);
  assert.equal(healthy.out, '');
});

test('alarm test: a host that computes all the time', () => {
  const lines = Array.from({ length: 30 }, (_, m) => JSON.stringify({ start_s: START + 60 * m, host: 'b', busy_s: m < 10 ? 50 : 110, capacity_s: 120 }));
  const r = steno(['alarm', 'test', '-'], { input: lines.join('\n') });
  assert.match(r.out, /raised rtf b: real-time factor: 0\.\d+, tolerated up to 0.7/);
});

test('alarm test: what is no minute costs one line and status 1', () => {
  for (const [name, text, says] of [['no.jsonl', `${minute(0)}\nhello\n`, 'line 2: '], ['negative.jsonl', `${minute(0, { empty: -1 })}\n`, '"empty"'],
    ['long.jsonl', `${' '.repeat(5000)}\n`, 'line 1 is longer than']]) {
    const r = steno(['alarm', 'test', write(name, text)]);
    assert.equal(r.status, 1);
    assert.ok(r.err.includes(says), r.err);
    assert.equal(r.err.trim().split('\n').length, 1, r.err);
  }
  assert.equal(steno(['alarm', 'test', '/nowhere/x.jsonl']).status, 1);
  for (const args of [[], ['test'], ['list', 'x'], ['rest'], ['test', '--max-series', '0', 'x']]) assert.equal(steno(['alarm', ...args]).status, 2, args.join(' '));
  const many = ['a', 'b', 'c'].map((host) => minute(0, { host })).join('\n');
  assert.match(steno(['alarm', 'test', '--max-series', '2', write('many.jsonl', many)]).err, /1 minutes of more than 2 series/);
});
