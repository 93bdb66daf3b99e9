// dash_hosts.js: the other hosts whose /metrics this one reads ([watch] fleet), where it reads any. Every text is set as text.
import { $, child } from './dom.js';
import { badge, same, say, time } from './dash_parts.js';
import * as units from './dash_units.js';

const STATES = { new: ['calm', 'not asked yet'], up: ['good', 'up'], self: ['calm', 'this host'], twin: ['calm', 'same as another'], down: ['off', 'down'], refused: ['off', 'wants another key'], strange: ['off', 'says no metrics of steno'] };

const COLUMNS = [
  ['Utterances', (h) => units.count(h.utterances)], ['No text', (h) => units.share(h.empty_rate)], ['Confidence', (h) => units.factor(h.confidence)],
  ['Real-time factor', (h) => units.factor(h.rtf)], ['Memory', (h) => units.bytes(h.memory_bytes || null)],
];

function hostRow(body, h, raised, now) {
  const row = child(body, 'tr');
  const [kind, text] = STATES[h.state] ?? ['off', String(h.state)];
  Object.assign(say(row, 'th', h.host), { scope: 'row' });
  const own = raised.filter((a) => a.host === h.host);
  const state = child(row, 'td', 'state');
  if (own.length) badge(state, own.some((a) => a.severity === 'critical') ? 'bad' : 'warn', `${own.length} alarm${own.length === 1 ? '' : 's'}`);
  else badge(state, kind, text);
  if (kind === 'off') {
    const why = child(row, 'td', 'why');
    why.colSpan = COLUMNS.length + 1;
    why.append(`${h.why ? `${h.why}, ` : ''}since `);
    time(why, h.since_s, now);
    if (own.length) why.append(` · ${text}`);
    return;
  }
  for (const [name, figure] of COLUMNS) say(row, 'td', figure(h)).dataset.name = name;
  const heard = child(row, 'td');
  heard.dataset.name = 'Answered';
  if (h.answered_s) time(heard, h.answered_s, now);
  else heard.textContent = '–';
}

export function paintHosts(hosts, raised, now) {
  const box = $('hosts');
  if (same(box, [hosts ?? null, raised.map((a) => [a.host, a.severity]), Math.floor(now / 3600)]) || !hosts?.length) return;
  const card = child(box, 'div', 'card flush');
  const table = child(card, 'table', 'rows');
  say(table, 'caption', 'Other hosts, as of their last answers', 'hidden-text');
  const head = child(child(table, 'thead'), 'tr');
  for (const name of ['Other hosts, last minute', 'State', ...COLUMNS.map(([n]) => n), 'Answered']) Object.assign(say(head, 'th', name), { scope: 'col' });
  const body = child(table, 'tbody');
  for (const h of hosts) hostRow(body, h, raised, now);
}
