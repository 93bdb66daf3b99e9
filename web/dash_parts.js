// dash_parts.js: the lists of the dashboard: tiles, alarms, hosts and models, worst utterances. Each is made anew when what it shows has
// changed, and only then, so that nobody's place or selection is lost. Every text is set as text.
import { $, child } from './dom.js';
import { RTF_LIMIT, RULE_TITLES, bandOf, bandText, hostName, idOf, isHost, marksOf, nameOf, quantile, together, MONITORS } from './dash_monitors.js';
import * as units from './dash_units.js';

const painted = new WeakMap();

// Whether `element` shows this already; if not, it is empty now.
export function same(element, what) {
  const key = JSON.stringify(what);
  if (painted.get(element) === key) return true;
  painted.set(element, key);
  element.replaceChildren();
  return false;
}

export const say = (parent, tag, text, className = '') => {
  const element = child(parent, tag, className);
  element.textContent = text;
  return element;
};

export function time(parent, s, now) {
  const t = say(parent, 'time', units.moment(s, now));
  t.dateTime = new Date(s * 1000).toISOString();
  return t;
}

export function badge(parent, kind, text) {
  return say(parent, 'span', `${{ bad: '▲', warn: '△', good: '✓', calm: '…', off: '✕' }[kind]} ${text}`, `badge ${kind}`);
}

// ---- figures at the top -------------------------------------------------------------------------------------------------

// [name, figure, what stands below it, whether it is out of bounds]
export function tilesOf(watch, status, heard) {
  const own = watch.series.filter((s) => !(s.host ?? ''));
  const [hour, five] = [together(own, '1h'), together(own, '5m')];
  const host = own.find(isHost)?.windows['5m'] ?? {};
  const speech = own.filter((s) => !isHost(s));
  const band = (name) => (speech.length === 1 ? bandText(bandOf(speech[0], MONITORS.find((m) => m.name === name)), MONITORS.find((m) => m.name === name).write) : '') || 'last hour';
  const sum = (name) => status.engines.reduce((n, e) => n + (e[name] ?? 0), 0);
  const recordings = sum('streams') - sum('live');
  const jobs = (status.jobs?.queued ?? 0) + (status.jobs?.running ?? 0);
  const at = (p) => units.ms(quantile(hour.latency_bins, watch.latency_bounds_ms ?? [], p));
  return [
    ['live', 'Live streams', units.count(sum('live')), [recordings ? `${units.count(recordings)} recordings` : '', jobs ? `${units.count(jobs)} jobs` : ''].filter(Boolean).join(', ') || 'no recordings, no jobs'],
    ['heard', 'Audio heard', heard === null ? '–' : `${heard.toFixed(1)} s/s`, `${units.span(sum('audio_s'))} since the start`],
    ['utterances', 'Utterances', units.count(hour.utterances), `last hour, ${units.count(five.utterances)} in 5 min`],
    ['p50', 'Final text, median', at(0.5), 'after the end of speech, last hour'],
    ['p99', 'Final text, 99 %', at(0.99), `95 %: ${at(0.95)}`],
    ['empty', 'No text for speech', units.share(hour.empty_rate), band('empty_rate')],
    ['confidence', 'Confidence', units.factor(hour.confidence), band('confidence')],
    ['rtf', 'Real-time factor', units.factor(host.rtf), `tolerated up to ${units.factor(RTF_LIMIT)}; memory ${units.bytes(host.memory_bytes || null)}`, host.rtf > RTF_LIMIT],
  ];
}

export function paintTiles(tiles) {
  const list = $('tiles');
  for (const [id, name, figure, below, bad] of tiles) {
    let tile = list.querySelector(`[data-tile="${id}"]`);
    if (!tile) {
      tile = child(list, 'div');
      tile.dataset.tile = id;
      say(tile, 'dt', name);
      child(tile, 'dd', 'figure');
      child(tile, 'dd', 'below');
    }
    const [big, small] = tile.querySelectorAll('dd');
    const text = bad ? `▲ ${figure}` : figure;
    if (big.textContent !== text) big.textContent = text;
    if (small.textContent !== below) small.textContent = below;
    tile.classList.toggle('bad', Boolean(bad));
  }
}

export function paintVerdict(watch, status) {
  const { raised, learnt = 0 } = watch.alarms;
  const critical = raised.filter((a) => a.severity === 'critical').length;
  const box = $('verdict');
  box.className = raised.length ? (critical ? 'bad' : 'warn') : 'good';
  const n = raised.length;
  $('verdict-text').textContent = n
    ? `${critical ? '▲' : '△'} ${n} alarm${n === 1 ? '' : 's'}${critical ? `, ${critical === n ? (n === 1 ? 'critical' : 'all critical') : `${critical} critical`}` : ''}`
    : learnt ? '✓ All is as usual' : '✓ No alarms; what is usual is not known yet';
  const engine = status.engines[0];
  const more = [watch.host, status.draining && 'takes no new streams: shutting down', engine?.overloaded && 'too busy for new streams',
    `${engine?.model ?? ''} (${engine?.language ?? ''}) on ${engine?.shards ?? '?'} shard${engine?.shards === 1 ? '' : 's'}`, `up ${units.span(status.uptime_s)}`,
    learnt ? `${units.count(learnt)} monitors know what is usual` : 'that takes twelve hours with data', !watch.restored && 'still reading what was stored'].filter(Boolean);
  $('verdict-more').textContent = more.join(' · ');
}

// ---- alarms -------------------------------------------------------------------------------------------------------------

const shares = new Set(['empty', 'looped', 'repeated', 'latency', 'speech_share_low', 'speech_share_high', 'input_quiet', 'input_clipped', 'input_noisy', 'input_narrow', 'partial_revisions', 'speaker_revisions', 'language_switches']);
const write = (rule) => (shares.has(rule) ? units.share : rule === 'memory' ? units.bytes : rule.startsWith('speech_rate') ? units.perSecond : rule === 'compression' ? units.times : /confidence|rtf/.test(rule) ? units.factor : units.plain);

function alarmFigures(a) {
  const w = write(a.rule);
  const usual = a.rule === 'confidence_fleet' ? 'other hosts' : 'usual';
  return [`${w(a.value)}${a.rule === 'latency' ? ' of finals are slower than the usual 99 %' : ''}`, a.norm !== null && a.rule !== 'rtf' && `${usual} ${w(a.norm)}`, a.tolerated !== null && `tolerated ${w(a.tolerated)}`, a.samples >= 1 && `over ${units.count(a.samples)} samples`].filter(Boolean);
}

const title = (rule) => RULE_TITLES[rule] ?? rule;

// show(alarm): what brings its picture in sight, null where there is none.
export function paintRaised({ raised }, now, show) {
  const box = $('raised');
  if (same(box, [raised.map((a) => [a.rule, a.host, a.model, a.language, a.key, a.severity, alarmFigures(a), a.runbook, a.since_s]), Math.floor(now / 60)])) return;
  if (!raised.length) {
    say(box, 'p', 'None is raised.', 'none');
    return;
  }
  const list = child(box, 'ul', 'raised');
  for (const a of raised) {
    const item = child(list, 'li', `card alarm ${a.severity === 'critical' ? 'bad' : 'warn'}`);
    const head = child(item, 'div', 'head');
    badge(head, a.severity === 'critical' ? 'bad' : 'warn', a.severity);
    say(head, 'h3', title(a.rule));
    say(head, 'code', a.rule, 'rule');
    say(item, 'p', nameOf(a), 'where');
    const figures = child(item, 'p', 'figures');
    alarmFigures(a).forEach((f, i) => say(figures, i ? 'span' : 'strong', f));
    const since = child(figures, 'span');
    since.append('since ');
    time(since, a.since_s, now);
    since.append(` (${units.span(Math.max(60, Math.floor((now - a.since_s) / 60) * 60))})`);
    const todo = child(item, 'p', 'todo');
    say(todo, 'strong', 'What to do: ');
    todo.append(a.runbook);
    if (!show(a)) continue;
    const button = say(item, 'button', 'Show its picture', 'link');
    button.type = 'button';
    button.addEventListener('click', () => show(a)());
  }
}

const CHANGES = { raised: ['bad', 'raised'], resolved: ['good', 'resolved'], accepted: ['calm', 'accepted as usual'] };

export function paintRecent({ recent }, now) {
  const box = $('recent');
  if (same(box, [recent.map((a) => [a.change, a.rule, a.host, a.model, a.language, a.key, a.at_s, a.value]), Math.floor(now / 3600)]) || !recent.length) return;
  const details = child(box, 'details', 'card flush');
  details.open = recent.length <= 6;
  say(details, 'summary', `What changed since the start: ${recent.length === 64 ? 'the last 64' : recent.length}`);
  const list = child(details, 'ol', 'recent');
  for (const a of recent) {
    const item = child(list, 'li');
    time(item, a.at_s, now);
    badge(item, a.change === 'raised' && a.severity !== 'critical' ? 'warn' : (CHANGES[a.change]?.[0] ?? 'calm'), CHANGES[a.change]?.[1] ?? a.change);
    say(item, 'span', title(a.rule), 'rule-title');
    say(item, 'span', `${nameOf(a)}: ${alarmFigures(a).slice(0, 3).join(', ')}`, 'where');
  }
}

// ---- hosts and models -----------------------------------------------------------------------------------------------------

const COLUMNS = [
  ['Series'], ['State'], ['Utterances', (w) => units.count(w.utterances)], ['No text', (w) => units.share(w.empty_rate)], ['Confidence', (w) => units.factor(w.confidence)],
  ['Characters/s', (w) => units.perSecond(w.characters_per_s), 'wide'], ['Final, median', (w) => units.ms(w.latency_p50_ms), 'wide'], ['Final, 99 %', (w) => units.ms(w.latency_p99_ms)],
];

const sameSeries = (a, s) => [a.host ?? '', a.model, a.language, a.key].join('|') === idOf(s);

function stateOf(s, raised) {
  const own = raised.filter((a) => sameSeries(a, s));
  if (own.length) return [own.some((a) => a.severity === 'critical') ? 'bad' : 'warn', `${own.length} alarm${own.length === 1 ? '' : 's'}`];
  return Object.keys(s.bands ?? {}).length ? ['good', 'as usual'] : ['calm', 'learning'];
}

// Hosts have figures of their own: they stand above their series.
function hostRow(body, s, raised) {
  const row = child(body, 'tr', 'host');
  const head = child(row, 'th');
  head.scope = 'row';
  head.textContent = hostName(s);
  const cell = child(row, 'td', 'state');
  const state = stateOf(s, raised);
  if (/alarm/.test(state[1])) badge(cell, ...state);
  const w = s.windows['5m'];
  const more = child(row, 'td', 'host-figures');
  more.colSpan = COLUMNS.length - 2;
  more.textContent = `real-time factor ${units.factor(w.rtf)}, memory ${units.bytes(w.memory_bytes || null)}`;
}

function seriesRow(body, s, raised, chosen, choose) {
  const row = child(body, 'tr');
  const id = idOf(s);
  const head = child(row, 'th');
  head.scope = 'row';
  const label = child(head, 'label');
  const radio = child(label, 'input');
  Object.assign(radio, { type: 'radio', name: 'series', value: id, checked: id === chosen });
  radio.addEventListener('change', () => choose(id));
  say(label, 'span', nameOf(s, false));
  row.classList.toggle('chosen', id === chosen);
  badge(child(row, 'td', 'state'), ...stateOf(s, raised));
  for (const [name, figure, wide] of COLUMNS.slice(2)) say(row, 'td', figure(s.windows['1h']), wide ?? '').dataset.name = name;
}

// Hosts by name, of each itself first, then series with an alarm, then the busiest.
export function byHost(series, raised) {
  const order = (s) => [s.host ?? '', isHost(s) ? '' : raised.some((a) => sameSeries(a, s)) ? '1' : '2', s.windows['1h'].utterances ? String(1e12 - s.windows['1h'].utterances) : 'z', s.model, s.language, s.key];
  return series.map((s) => [order(s), s]).sort(([a], [b]) => a.map((x, i) => (x < b[i] ? -1 : x > b[i] ? 1 : 0)).find((c) => c) ?? 0).map(([, s]) => s);
}

export function paintSeries(watch, chosen, choose) {
  const head = $('series').tHead.rows[0];
  if (!head.cells.length) for (const [name, , wide] of COLUMNS) Object.assign(say(head, 'th', name, wide ?? ''), { scope: 'col' });
  const body = $('series').tBodies[0];
  const focused = document.activeElement?.name === 'series';
  const { raised } = watch.alarms;
  const series = byHost(watch.series, raised);
  if (same(body, [chosen, series.map((s) => [idOf(s), stateOf(s, raised), isHost(s) ? [units.factor(s.windows['5m'].rtf), units.bytes(s.windows['5m'].memory_bytes)] : COLUMNS.slice(2).map(([, f]) => f(s.windows['1h']))])])) return;
  for (const s of series) (isHost(s) ? hostRow : seriesRow)(body, s, raised, chosen, choose);
  if (series.every(isHost)) {
    const cell = child(child(body, 'tr'), 'td', 'none');
    cell.colSpan = COLUMNS.length;
    cell.textContent = 'Nobody has spoken yet.';
  }
  if (focused) body.querySelector('input:checked')?.focus();
}

// ---- the worst ------------------------------------------------------------------------------------------------------------

const WORST_FIRST = 6;
let allWorst = false;

export function paintWorst(worst, now) {
  const list = $('worst');
  const shown = allWorst ? worst : worst.slice(0, WORST_FIRST);
  const more = $('worst-more');
  more.hidden = worst.length <= WORST_FIRST;
  more.textContent = allWorst ? 'Fewer' : `All ${worst.length}`;
  more.onclick = () => {
    allWorst = !allWorst;
    paintWorst(worst, now);
  };
  if (same(list, shown)) return;
  if (!shown.length) say(list, 'li', 'None: nothing was said since the start, or in the last hour.', 'none');
  for (const u of shown) {
    const item = child(list, 'li', 'card');
    const text = child(item, 'p', u.text === null ? 'text hidden' : 'text');
    text.textContent = u.text ?? (u.empty ? 'No text came.' : 'The words are for the key they were said to.');
    if (u.text !== null) Object.assign(text, { lang: u.language, dir: 'auto' });
    const tags = child(item, 'p', 'tags');
    const marks = marksOf(u);
    for (const mark of marks.length ? marks : [`nothing unusual, confidence ${units.factor(u.confidence)}`]) say(tags, 'span', mark, marks.length ? 'tag' : 'tag calm');
    const meta = child(item, 'p', 'meta');
    time(meta, u.at_s, now);
    meta.append(` · ${[u.model, u.language].filter(Boolean).join(' ')} · ${u.live ? 'live' : 'recording'} · ${units.span(u.speech_s)} of speech`);
  }
}
