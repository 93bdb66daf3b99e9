// dashboard.js: the dashboard: /v1/watch and /v1/status, asked every two seconds (dash_poll.js), as tiles, alarms, tables and charts.
// Invariants: nothing is stored but the key, in this tab's session storage, as the live page does; what is shown while the server does not
// answer says how old it is.
import { $, child, recall, remember } from './dom.js';
import { Chart, hasCharts } from './dash_chart.js';
import { MONITORS, RTF_LIMIT, RULE_TITLES, bandOf, hostName, idOf, isHost, learnt, nameOf, smooth } from './dash_monitors.js';
import { byHost, paintRaised, paintRecent, paintSeries, paintTiles, paintVerdict, paintWorst, tilesOf } from './dash_parts.js';
import { Poller, Refused } from './dash_poll.js';
import { paintHosts } from './dash_hosts.js';
import { paintShadow, repaintShadow } from './dash_shadow.js';
import * as units from './dash_units.js';

const KEY = 'steno-key';
const CHOICE = 'steno-dashboard';
const HEARD_MS = 10000; // over which audio is counted
const SHADOW_MS = 10000;

let watch = null;
const columns = new Map(); // of series by their ids: { minutes, hours }; those of the chosen one and of its host are asked for once a minute
let columnsAt = '';
let chosen = '';
let answeredAt = 0; // ms
let told = null; // alarms that were announced
const view = { range: 'minutes', shape: 'charts' };
try {
  const kept = JSON.parse(recall(CHOICE) || '{}');
  if (kept.range === 'hours') view.range = 'hours';
  if (kept.shape === 'tables') view.shape = 'tables';
} catch {
  // not ours
}

// ---- asking ---------------------------------------------------------------------------------------------------------------

let shadow = { answer: null, at: -Infinity };

// Not there is no trouble: most servers run no shadow.
async function askShadow(get, answer) {
  if (!answer.shadow || performance.now() - shadow.at < SHADOW_MS) return;
  try {
    shadow = { answer: await get('v1/shadow'), at: performance.now() };
  } catch (error) {
    if (!(error instanceof Refused) || error.kind !== 'off') throw error;
    shadow = { answer: null, at: Infinity };
  }
}

const columnsFor = ({ series, now_s }) => JSON.stringify([Math.floor(now_s / 60), chosen, series.map(idOf)]);

// Minutes are much to write: those of one series, when another minute has begun or another series is looked at.
async function askColumns(get, answer) {
  pick(ours(answer));
  if (columnsFor(answer) === columnsAt) return answer;
  const full = await get(`v1/watch?series=${Math.max(0, answer.series.findIndex((s) => idOf(s) === chosen))}`);
  for (const s of full.series) if (s.minutes) columns.set(idOf(s), { minutes: s.minutes, hours: s.hours });
  if (full.series.find((s) => idOf(s) === chosen)?.minutes) columnsAt = columnsFor(full);
  return full;
}

const poller = new Poller(async (get) => {
  const [status, answer] = await Promise.all([get('v1/status'), get('v1/watch?minutes=false')]);
  const full = await askColumns(get, answer);
  await askShadow(get, answer);
  return { status, answer: full };
});

// Alarms name their host; what is of this one has no name here, as its series have none.
function ours(answer) {
  const unname = (a) => (a.host && a.host === answer.host ? { ...a, host: '' } : a);
  const { raised, recent } = answer.alarms;
  return { ...answer, alarms: { ...answer.alarms, raised: raised.map(unname), recent: recent.map(unname) } };
}

poller.addEventListener('answer', ({ detail: { status, answer } }) => {
  watch = ours(answer);
  answeredAt = Date.now();
  showState('live', `Live, updated ${units.exactTime(answeredAt / 1000)}`);
  $('key-form').hidden = true;
  $('off').hidden = true;
  $('main').hidden = false;
  paint(status);
});

poller.addEventListener('stopped', () => answeredAt && showState('paused', `Paused while hidden, from ${units.exactTime(answeredAt / 1000)}`));

const TROUBLE = {
  lost: () => 'The server cannot be reached',
  limited: (message) => `The server takes no questions for now: ${message}`,
  odd: (message) => `The server answers with an error: ${message}`,
};

poller.addEventListener('trouble', ({ detail: { kind, message, waitMs } }) => {
  if (kind === 'key') return askForKey(message);
  if (kind === 'off') return showOff(message);
  const old = answeredAt ? `; what is shown is from ${units.exactTime(answeredAt / 1000)}` : '';
  showState('lost', `${TROUBLE[kind](message)}. Asking again in ${units.span(Math.round(waitMs / 1000))}${old}`);
});

let lost = false; // and it was read out

function showState(state, text) {
  if (state === 'lost' && !lost) $('announce').textContent = text;
  if (state === 'live' && lost) $('announce').textContent = 'The server answers again.';
  lost = state === 'lost' || (lost && state !== 'live');
  $('state').dataset.state = state;
  if ($('state-text').textContent !== text) $('state-text').textContent = text;
  $('now').hidden = state !== 'lost';
  document.body.classList.toggle('stale', state === 'lost' || state === 'paused');
}

function showOff(message) {
  showState('off', 'Nothing to show');
  $('main').hidden = true;
  $('off').hidden = false;
  $('off').textContent = `There is nothing to show: ${message}. In its configuration, [watch] watch = yes turns it on.`;
}

// ---- a key, where the server wants one ----------------------------------------------------------------------------------------

function keepKey(key) {
  poller.key = key;
  $('forget-key').hidden = !key;
  remember(KEY, key);
}

function askForKey(message) {
  const refused = `The server does not take this key${message ? `: ${message}` : ''}. Check it, or ask whoever runs the server.`;
  $('key-why').textContent = poller.key ? refused : 'This server asks for a key. It is kept until this tab is closed, and goes to this server only.';
  keepKey('');
  showState('key', 'A key is needed');
  $('main').hidden = true;
  $('key-form').hidden = false;
  $('key').focus();
}

$('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const key = $('key').value.trim();
  $('key').value = '';
  if (!key) return;
  keepKey(key);
  showState('opening', 'Asking the server…');
  poller.again();
});
$('forget-key').addEventListener('click', () => {
  keepKey('');
  poller.again();
});
$('now').addEventListener('click', () => {
  showState('opening', 'Asking the server…');
  poller.again();
});

// ---- charts -------------------------------------------------------------------------------------------------------------------

const charts = new Map();
const groups = new Map(); // { details, note, rules } by title
const phone = matchMedia('(max-width: 44rem)').matches;

// On a phone only the first is open, and those with an alarm.
function group(title, name, rules) {
  const details = child($('charts'), 'details', `group ${name}`);
  details.open = !phone || !groups.size;
  const summary = child(details, 'summary');
  child(summary, 'h3').textContent = title;
  groups.set(title, { details, note: child(summary, 'span', 'badge bad'), rules });
  return child(details, 'div', 'grid');
}

function openCharts() {
  const first = group('Speed and load', 'load', ['latency', 'rtf', 'memory']);
  charts.set('latency', new Chart(first, { title: 'Final text', what: 'after the end of speech', write: units.ms, lines: ['median', '95 %', '99 %'], tall: true, floor: 200 }));
  charts.set('utterances', new Chart(first, { title: 'Throughput', what: 'utterances', write: units.count, tall: true, bars: true, floor: 5 }));
  charts.set('rtf', new Chart(first, { title: 'Real-time factor', what: 'of the host', write: units.factor, tall: true, top: RTF_LIMIT }));
  charts.set('memory', new Chart(first, { title: 'Memory', what: 'of the host', write: units.mebibytes, tall: true, floor: 100 }));
  for (const title of new Set(MONITORS.map((m) => m.group))) {
    const own = MONITORS.filter((m) => m.group === title);
    const grid = group(title, 'monitors', own.flatMap((m) => m.rules));
    for (const m of own) charts.set(m.name, new Chart(grid, m));
  }
}

function paintGroups(series, host) {
  for (const { details, note, rules } of groups.values()) {
    const n = rules.filter((rule) => raisedOf(series, [rule]) || raisedOf(host, [rule])).length;
    const text = n ? `▲ ${n} alarm${n === 1 ? '' : 's'}` : '';
    if (n && note.textContent !== text) details.open = true;
    note.textContent = text;
  }
}

// What shows the picture of an alarm: that of its series and rule. null: other hosts have none here.
function pictureOf(alarm) {
  const sameHost = watch.series.filter((s) => (s.host ?? '') === (alarm.host ?? ''));
  const shown = alarm.model ? sameHost.find((s) => idOf(s) === idOf(alarm)) : (sameHost.find((s) => !isHost(s)) ?? sameHost[0]);
  const chart = charts.get(MONITORS.find((m) => m.rules.includes(alarm.rule))?.name ?? alarm.rule);
  if (!shown || !chart) return null;
  return () => {
    choose(idOf(shown));
    for (const { details, rules } of groups.values()) if (rules.includes(alarm.rule)) details.open = true;
    chart.focus();
  };
}

const raisedOf = (series, rules) => watch.alarms.raised.some((a) => rules.includes(a.rule) && [a.host ?? '', a.model, a.language, a.key].join('|') === idOf(series));

function putMonitor(m, series, cols, more) {
  const band = bandOf(series, m);
  const chart = charts.get(m.name);
  const w = series.windows;
  const alarmed = raisedOf(series, m.rules);
  chart.put({ times: cols.start_s, columns: [smooth(cols, m, view.range)], band, now: m.write(w['1h'][m.name]), note: `Last day: ${m.write(w['1d'][m.name])}`, alarmed, learning: !alarmed && !learnt(band), ...more });
  if (m.bins) paintBins(chart.extra, w['1h'][m.bins]);
}

function paintSpeech(series, cols, { each, ...more }) {
  const w = series.windows[view.range === 'minutes' ? '1h' : '1d'];
  charts.get('latency').put({ times: cols.start_s, columns: ['p50', 'p95', 'p99'].map((p) => cols[`latency_${p}_ms`]), now: `${units.ms(w.latency_p50_ms)}, 99 %: ${units.ms(w.latency_p99_ms)}`, alarmed: raisedOf(series, ['latency']), ...more });
  charts.get('utterances').put({ times: cols.start_s, columns: [cols.utterances], now: `${units.count(w.utterances)} in the last ${view.range === 'minutes' ? 'hour' : 'day'}`, note: `${units.span(w.speech_s)} of speech in ${units.span(w.audio_s)} of audio, ${each}`, ...more });
  for (const m of MONITORS) putMonitor(m, series, cols, more);
}

function paintHost(host, cols, { each, ...more }) {
  if (!cols) return;
  const note = `${hostName(host)}, ${each}`;
  const mebi = (x) => (x ? x / 1024 ** 2 : null); // 0: not measured yet
  const { norm, low, high } = bandOf(host, { rules: ['memory'] });
  const rtf = { norm: null, low: null, high: RTF_LIMIT };
  charts.get('rtf').put({ times: cols.start_s, columns: [cols.rtf], band: rtf, now: `${units.factor(host.windows['1h'].rtf)} in the last hour`, note, alarmed: raisedOf(host, ['rtf']), ...more });
  charts.get('memory').put({ times: cols.start_s, columns: [cols.memory_bytes.map(mebi)], band: { norm: mebi(norm), low: mebi(low), high: mebi(high) }, now: units.mebibytes(mebi(host.windows['5m'].memory_bytes)), note, alarmed: raisedOf(host, ['memory']), ...more });
}

function paintCharts() {
  const series = watch.series.find((s) => idOf(s) === chosen);
  const cols = columns.get(chosen)?.[view.range];
  if (!series || !cols) return; // they come: what is there stays until then
  $('charts').hidden = false;
  const each = view.range === 'minutes' ? 'by minute' : 'by hour';
  const more = { tables: view.shape === 'tables', range: view.range };
  $('legend').textContent = `${nameOf(series)}, ${view.range === 'minutes' ? 'the last hour by minute; shares and means are of five minutes each' : 'the last day by hour'}. Large figures are of the last hour.${hasCharts && view.shape === 'charts' ? ' Tinted: tolerated; dotted: usual.' : ''} A line beyond what is tolerated is an alarm once chance does not explain it.`;
  for (const [name, chart] of charts) chart.hidden = isHost(series) && !['rtf', 'memory'].includes(name);
  for (const [title, { details }] of groups) details.hidden = isHost(series) && title !== 'Speed and load';
  const host = watch.series.find((s) => isHost(s) && (s.host ?? '') === (series.host ?? ''));
  if (host) paintHost(host, columns.get(idOf(host))?.[view.range], { ...more, each });
  if (!isHost(series)) paintSpeech(series, cols, { ...more, each });
  paintGroups(series, host ?? series);
}

// How the confidence of texts is spread, in ten columns.
function paintBins(parent, bins) {
  const all = bins?.reduce((n, x) => n + x, 0) ?? 0;
  if (!parent.children.length) for (let i = 0; i < 10; i++) child(parent, 'i');
  parent.className = 'extra bins';
  parent.hidden = !all;
  if (!all) return;
  const most = Math.max(...bins);
  [...parent.children].forEach((bar, i) => {
    bar.style.height = `${Math.max(bins[i] ? 6 : 2, (100 * bins[i]) / most)}%`;
  });
  parent.setAttribute('role', 'img');
  parent.setAttribute('aria-label', `How it is spread over the last hour: ${bins.map((n, i) => [n, i]).filter(([n]) => n).map(([n, i]) => `${units.share(n / all)} from ${i / 10} to ${(i + 1) / 10}`).join(', ')}`);
  parent.title = 'How confidence is spread over the last hour, from 0 (left) to 1 (right)';
}

// ---- all of it ------------------------------------------------------------------------------------------------------------------

let heardMarks = []; // [ms, seconds of audio]

function heardRate(status) {
  const total = status.engines.reduce((n, e) => n + (e.audio_s ?? 0), 0);
  const now = performance.now();
  if (heardMarks.length && heardMarks.at(-1)[1] > total) heardMarks = []; // another process
  heardMarks.push([now, total]);
  while (heardMarks.length > 2 && now - heardMarks[1][0] > HEARD_MS) heardMarks.shift();
  const [at, before] = heardMarks[0];
  return now - at < 500 ? null : ((total - before) * 1000) / (now - at);
}

// Alarms that are new are read out; those that were there when the page opened are on it.
function announce({ raised }) {
  const now = new Set(raised.map((a) => `${RULE_TITLES[a.rule] ?? a.rule}, ${nameOf(a)}`));
  const fresh = told ? [...now].filter((name) => !told.has(name)) : [];
  if (fresh.length) $('announce').textContent = `Alarm raised: ${fresh.join('; ')}`;
  told = now;
  document.title = `${raised.length ? `(${raised.length}) ` : ''}steno dashboard`;
}

function choose(id) {
  chosen = id;
  paintSeries(watch, chosen, choose);
  paintCharts();
  poller.again();
}

// The series that is looked at: what was chosen while it is there; else one with an alarm, or the one with the most utterances.
function pick({ series, alarms: { raised } }) {
  if (series.some((s) => idOf(s) === chosen && !isHost(s))) return;
  const first = byHost(series, raised).find((s) => !isHost(s)) ?? series[0];
  chosen = first ? idOf(first) : '';
}

function paint(status) {
  announce(watch.alarms);
  paintVerdict(watch, status);
  paintTiles(tilesOf(watch, status, heardRate(status)));
  paintRaised(watch.alarms, watch.now_s, pictureOf);
  paintRecent(watch.alarms, watch.now_s);
  paintShadow(shadow.answer, view.shape === 'tables');
  paintSeries(watch, chosen, choose);
  paintHosts(watch.hosts, watch.alarms.raised, watch.now_s);
  paintCharts();
  paintWorst(watch.worst, watch.now_s);
  $('about').textContent = `steno ${status.version}. Counted since ${units.moment(watch.since_s, watch.now_s)}; figures of before that come from the store.`;
}

for (const name of ['range', 'shape']) {
  for (const radio of document.querySelectorAll(`input[name="${name}"]`)) {
    if (radio.value === view[name]) radio.checked = true;
    radio.addEventListener('change', () => {
      view[name] = radio.value;
      remember(CHOICE, JSON.stringify(view));
      if (watch) paintCharts();
    });
  }
}
if (!hasCharts) {
  $('no-charts').hidden = false;
  document.querySelectorAll('input[name="shape"]').forEach((radio) => (radio.disabled = true));
  document.querySelector('input[name="shape"][value="tables"]').checked = true;
}
for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) matchMedia(query).addEventListener('change', () => {
  charts.forEach((c) => c.repaint());
  repaintShadow();
});

openCharts();
keepKey(recall(KEY));
poller.start();
