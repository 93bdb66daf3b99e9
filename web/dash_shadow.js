// dash_shadow.js: what a second model makes of the same sound, where one runs in the shadow (/v1/shadow). Every text is set as text.
import { $, child } from './dom.js';
import { Chart } from './dash_chart.js';
import { badge, same, say } from './dash_parts.js';
import * as units from './dash_units.js';

const VERDICTS = { better: ['good', 'is better'], worse: ['bad', 'is worse'], unknown: ['calm', 'not yet known which is better'] };
const STATES = { listening: 'It listens.', yielding: 'The server is busy with its users: nothing is copied now.', off: 'It does not listen now.', failed: 'It failed' };

const ROWS = [
  ['Final text, median', (s) => units.ms(s.quality?.latency_p50_ms)], ['Final text, 99 %', (s) => units.ms(s.quality?.latency_p99_ms)], ['Confidence', (s) => units.factor(s.quality?.confidence)],
  ['No text for speech', (s) => units.share(s.quality?.empty_rate)], ['Loops cut', (s) => units.share(s.quality?.looped_rate)], ['Characters a second', (s) => units.perSecond(s.quality?.characters_per_s)],
  ['Computing, of audio', (s) => units.share(s.cpu_per_audio_s)], ['Weights', (s) => units.bytes(s.weights_bytes)],
];

const nameOf = (side, letter) => (side ? `${letter}: ${[side.model, side.precision].filter(Boolean).join(' ')}` : letter);
const bounded = ({ rate, low, high } = {}) => [units.share(rate), low === null || low === undefined ? 'bounds after ten streams' : `${units.share(low)} to ${units.share(high)}`];

function figure(list, name, big, small) {
  const row = child(list, 'div');
  say(row, 'dt', name);
  const dd = child(row, 'dd');
  say(dd, 'strong', big);
  dd.append(' ', small);
}

function droppedShare({ dropped = {}, copied = {} }) {
  const lost = Object.values(dropped).reduce((n, d) => n + (d?.audio_s ?? 0), 0);
  const all = lost + (copied.audio_s ?? 0);
  return [all > 0 ? lost / all : null, lost];
}

function verdict(parent, s) {
  const { is = 'unknown', differs, log_better: better = 0, log_worse: worse = 0, log_needed: needed = 0 } = s.verdict ?? {};
  const [kind, text] = VERDICTS[is] ?? ['calm', String(is)];
  const line = child(parent, 'p', 'said');
  badge(line, kind, is === 'unknown' ? text : `${s.b?.model ?? 'B'} ${text}`).classList.add('said');
  say(parent, 'p', `Evidence for better ${units.plain(better)}, for worse ${units.plain(worse)}, ${units.plain(needed)} is needed (natural logarithms). ${differs ? 'They differ by more than A differs from itself.' : 'That they differ by more than A from itself is not sure.'}`, 'hint');
  const list = child(parent, 'dl');
  const [lost, lostS] = droppedShare(s);
  const pairs = s.difference?.pairs ?? 0;
  figure(list, 'Words that differ', ...bounded(s.difference));
  figure(list, 'A from itself', ...bounded(s.floor));
  figure(list, 'Compared', units.count(pairs), `stretches of ${units.count(s.difference?.streams ?? 0)} streams`);
  figure(list, 'Dropped', units.share(lost), lost === null ? '' : `${units.span(lostS)} of audio, for the users’ sake`);
  say(parent, 'p', `${STATES[s.state] ?? s.state}${s.why ? `: ${s.why}` : ''} It gets copies of ${units.count(s.percent)} % of streams.`, 'hint');
}

function sides(parent, s) {
  const table = child(parent, 'table');
  say(table, 'caption', 'Both models, last day', 'hidden-text');
  const head = child(child(table, 'thead'), 'tr');
  for (const name of ['Last day', nameOf(s.a, 'A'), nameOf(s.b, 'B')]) Object.assign(say(head, 'th', name), { scope: 'col' });
  const body = child(table, 'tbody');
  for (const [name, of] of ROWS) {
    const row = child(body, 'tr');
    Object.assign(say(row, 'th', name), { scope: 'row' });
    for (const side of [s.a, s.b]) say(row, 'td', side ? of(side) : '–');
  }
}

const SHOWN = 5;

function samples(parent, s) {
  const told = (s.samples ?? []).filter((m) => m.a !== null || m.b !== null).slice(0, SHOWN);
  if (!told.length) return;
  const details = child(parent, 'details', 'samples');
  say(details, 'summary', `The largest disagreements: ${told.length}`);
  const list = child(details, 'ul');
  for (const m of told) {
    const item = child(list, 'li');
    for (const side of ['a', 'b']) {
      const line = child(item, 'p');
      say(line, 'span', side.toUpperCase(), 'which');
      line.append(m[side] || '(nothing)');
    }
  }
}

let chart = null;

function overTime({ minutes = [], difference }, tables) {
  $('shadow-chart').hidden = minutes.length < 2;
  if (minutes.length < 2) return;
  chart ??= new Chart($('shadow-chart'), { title: 'Words that differ', what: 'of words, up to then', write: units.share, lines: ['A from B', 'A from itself'], floor: 0.02 });
  const of = (name) => minutes.map((m) => m[name]?.rate ?? null);
  chart.put({ times: minutes.map((m) => m.start_s), columns: [of('difference'), of('floor')], now: units.share(difference?.rate), tables, range: 'minutes' });
}

// Colours have changed.
export const repaintShadow = () => chart?.repaint();

// answer: null where no model listens.
export function paintShadow(answer, tables) {
  $('shadow').hidden = !answer;
  if (!answer) return;
  const { minutes, samples: told, now_s, ...rest } = answer;
  if (!same($('shadow-text'), rest)) {
    const pair = child($('shadow-text'), 'div', 'pair');
    verdict(child(pair, 'div'), rest);
    sides(pair, rest);
  }
  overTime(answer, tables);
  if (!same($('shadow-samples'), told)) samples($('shadow-samples'), answer);
}
