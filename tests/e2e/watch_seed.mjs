// watch_seed.mjs: a week of made-up minutes in the store of a server that has not started yet: what is usual, and a fault at the end.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { skip } from './harness.mjs';
import { withServer } from './live_client.mjs';

const MINUTE = 60;
const DAY = 86400;

// A small generator, so that a week can be repeated.
function dice(seed) {
  let s = seed >>> 0;
  return () => (s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

// How many of n have what a share p has.
const some = (roll, n, p) => Array.from({ length: n }, roll).filter((x) => x < p).length;

// Hundreds by day, tens by night.
const busy = (at) => 1 + Math.round(11 * Math.max(0, Math.sin((Math.PI * ((at % DAY) / 3600 - 5)) / 17)) ** 2);

export function hostMinute(roll, at, { rtf = 0.2 } = {}) {
  const load = busy(at) / 12;
  return { start_s: at, busy_s: Number((120 * (0.03 + rtf * load * (0.9 + 0.2 * roll()))).toFixed(3)), capacity_s: 120, memory_bytes: Math.round(390e6 + 3e6 * roll()) };
}

// faults: { empty, confidence, quiet } as shares; what is not given is healthy.
export function speechMinute(roll, at, { model = 'tiny', language = 'en', empty = 0.015, confidence = 0.84, quiet = 0.02, slow = 1 } = {}) {
  const n = busy(at);
  const none = some(roll, n, empty);
  const texts = n - none;
  const speech = n * (3 + roll());
  const of = (p, count = n) => some(roll, count, p);
  const streams = Math.max(1, Math.round(n / 8));
  const c = Array.from({ length: texts }, () => Math.min(0.999, Math.max(0.05, confidence + 0.28 * (roll() + roll() + roll() - 1.5))));
  const bins = Array(10).fill(0);
  for (const x of c) bins[Math.floor(x * 10)]++;
  const latency = Array(18).fill(0);
  for (let i = 0; i < texts; i++) latency[Math.min(17, Math.floor(slow * (2 + 5 * roll() ** 2 + (roll() < 0.02 ? 4 : 0))))]++;
  const words = Math.round(speech * 2.4 * (texts / n));
  const round = (x) => Number(x.toFixed(4));
  return { start_s: at, model, language, utterances: n, empty: none, looped: of(0.003), streams, speech_s: round(speech), audio_s: round(speech * (2.1 + 0.4 * roll())), characters: Math.round(words * 4.3),
    words, tokens: words, tokens_repeated: of(0.008, words), texts, confidence_sum: round(c.reduce((s, x) => s + x, 0)), confidence_squares: round(c.reduce((s, x) => s + x * x, 0)),
    compression_sum: round(texts * (1.2 + 0.1 * roll())), compression_squares: round(texts * 1.57), confidence_bin: bins, partials: n * 5, partial_revisions: of(0.12, n * 5),
    speaker_labels: n, speaker_revisions: of(0.02), input_noisy: of(0.03), streams_judged: streams, streams_quiet: of(quiet, streams), streams_clipped: of(0.01, streams),
    streams_noisy: of(0.03, streams), streams_narrow: of(0.02, streams), latency_bin: latency };
}

// Minutes from `days` ago to now: cells(roll, at, back) gives those of one, `back` seconds ago.
export async function seedWatch(dir, { seed = 7, days = 7, cells }) {
  await withServer(['--data-dir', dir], (server) => server.status()); // makes the tables
  const roll = dice(seed);
  const now = Math.floor(Date.now() / 1000 / MINUTE) * MINUTE;
  const rows = ['BEGIN;'];
  for (let at = now - days * DAY; at < now; at += MINUTE) {
    for (const c of cells(roll, at, now - at)) {
      const series = [c.host ?? '', c.model ?? '', c.language ?? '', c.key ?? ''].join('|').replaceAll("'", "''");
      rows.push(`INSERT OR REPLACE INTO watch_cells VALUES(${at},'${series}','${JSON.stringify(c).replaceAll("'", "''")}');`);
    }
  }
  const r = spawnSync('sqlite3', [join(dir, 'steno.db')], { input: [...rows, 'COMMIT;'].join('\n') });
  if (r.error) skip('sqlite3 is not installed');
  assert.equal(r.status, 0, String(r.stderr));
}
