// dashboard.mjs: writes deploy/grafana/steno.json, a dashboard over what /metrics says (docs/metrics.md). No library: JSON is what it is.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WIDTH = 24; // of Grafana's grid
const PANEL = { w: 8, h: 8 };
const source = { type: 'prometheus', uid: '${source}' };
const RANGE = '[$__rate_interval]';
const ON = '{instance=~"$host"}';
const on = (labels) => `{instance=~"$host",${labels}}`;

const quantiles = (name, by = '') => [0.5, 0.95, 0.99].map((q) => [
  `histogram_quantile(${q}, sum by (le${by && `, ${by}`}) (rate(${name}_bucket${ON}${RANGE})))`, `${by ? `{{${by}}} ` : ''}p${q * 100}`]);
const rate = (name, by, selector = ON) => [`sum by (${by}) (rate(${name}${selector}${RANGE}))`, by.split(', ').map((l) => `{{${l}}}`).join(' ')];
const ratio = (y, w, by = 'instance, model, language') => [
  `sum by (${by}) (rate(${y}${ON}${RANGE})) / sum by (${by}) (rate(${w}${ON}${RANGE}))`, by.split(', ').map((l) => `{{${l}}}`).join(' ')];
const quality = (name) => `steno_quality_${name}_total`;

// [title, unit, [[expression, legend] …]]
const rows = {
  'What people get': [
    ['Live streams', 'short', [[`sum by (instance, dialect) (steno_streams${ON}) > 0`, '{{instance}} {{dialect}}']]],
    ['Final text after the end of speech', 's', quantiles('steno_final_after_speech_seconds')],
    ['First words', 's', quantiles('steno_first_text_seconds')],
    ['Lag of partials', 's', quantiles('steno_partial_lag_seconds')],
    ['Audio heard, seconds a second', 'short', [rate('steno_audio_seconds_total', 'instance')]],
    ['Refused', 'ops', [rate('steno_refusals_total', 'by, reason')]],
  ],
  'What is said about it, without references': [
    ['Speech and no text', 'percentunit', [ratio(quality('empty'), quality('utterances'))]],
    ['Mean confidence', 'percentunit', [ratio(quality('confidence_sum'), quality('texts'))]],
    ['Characters a second of speech', 'short', [ratio(quality('characters'), quality('speech_seconds'))]],
    ['Loops cut', 'percentunit', [ratio(quality('looped'), quality('utterances'))]],
    ['Partials that took words back', 'percentunit', [ratio(quality('partial_revisions'), quality('partials'))]],
    ['Input: quiet, clipped, noisy, narrow', 'percentunit', ['quiet', 'clipped', 'noisy', 'narrow'].map((k) => [
      ratio(quality(`streams_${k}`), quality('streams_judged'), 'instance')[0], `${k} {{instance}}`])],
  ],
  'The machine': [
    ['Real-time factor (a thread is 1)', 'percentunit', [[`sum by (instance) (rate(steno_engine_busy_seconds_total${ON}${RANGE})) / sum by (instance) (steno_engine_shards${ON})`, '{{instance}}']]],
    ['What threads do', 'short', [rate('steno_engine_busy_seconds_total', 'stage')]],
    ['Length of ticks', 's', quantiles('steno_tick_seconds')],
    ['Wait for the encoder, p99', 's', [[`histogram_quantile(0.99, sum by (le, pass) (rate(steno_encode_wait_seconds_bucket${ON}${RANGE})))`, '{{pass}}']]],
    ['Utterances a batch, mean', 'short', [[`sum by (lane) (rate(steno_encode_batch_utterances_sum${ON}${RANGE})) / sum by (lane) (rate(steno_encode_batch_utterances_count${ON}${RANGE}))`, '{{lane}}']]],
    ['Queues', 'short', [[`sum by (instance, queue) (steno_engine_queue_depth${ON})`, '{{instance}} {{queue}}']]],
    ['Pools in use', 'percentunit', [[`sum by (instance, pool) (steno_pool_slots${on('state="used"')}) / sum by (instance, pool) (steno_pool_slots${ON})`, '{{instance}} {{pool}}']]],
    ['Memory', 'bytes', [[`process_resident_memory_bytes${ON}`, '{{instance}}']]],
    ['Processors', 'short', [[`rate(process_cpu_seconds_total${ON}${RANGE})`, '{{instance}}']]],
  ],
  'Requests, jobs, the gate': [
    ['Requests', 'reqps', [rate('steno_requests_total', 'dialect, outcome')]],
    ['Jobs', 'short', [[`sum by (instance, state) (steno_jobs${ON})`, '{{instance}} {{state}}']]],
    ['Webhooks', 'ops', [rate('steno_webhooks_total', 'outcome')]],
    ['Personal data found', 'ops', [rate('steno_gate_entities_total', 'type')]],
    ['Silence that no network heard', 'percentunit', [ratio('steno_audio_skipped_seconds_total', 'steno_audio_seconds_total', 'instance')]],
    ['Alarms', 'short', [['count by (alertname, severity) (ALERTS{alertname=~"Steno.*",alertstate="firing"})', '{{alertname}}']]],
  ],
};

let id = 0;
const graph = ([title, unit, targets], x, y) => ({
  id: ++id, type: 'timeseries', title, datasource: source, gridPos: { ...PANEL, x, y },
  fieldConfig: { defaults: { unit, min: 0, custom: { lineWidth: 1, fillOpacity: 8, showPoints: 'never' } }, overrides: [] },
  options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  targets: targets.map(([expr, legendFormat], i) => ({ refId: String.fromCharCode(65 + i), datasource: source, expr, legendFormat })),
});

function panels() {
  const all = [];
  let y = 0;
  for (const [title, graphs] of Object.entries(rows)) {
    all.push({ id: ++id, type: 'row', title, collapsed: false, gridPos: { x: 0, y: y++, w: WIDTH, h: 1 }, panels: [] });
    graphs.forEach((g, i) => all.push(graph(g, (i * PANEL.w) % WIDTH, y + PANEL.h * Math.floor((i * PANEL.w) / WIDTH))));
    y += PANEL.h * Math.ceil((graphs.length * PANEL.w) / WIDTH);
  }
  return all;
}

const out = join(dirname(fileURLToPath(import.meta.url)), 'steno.json');
writeFileSync(out, `${JSON.stringify({
  uid: 'steno', title: 'steno', tags: ['steno'], schemaVersion: 39, version: 1, editable: true, timezone: 'browser', refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  templating: { list: [
    { name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {} },
    { name: 'host', label: 'Host', type: 'query', datasource: source, query: 'label_values(steno_build_info, instance)', refresh: 2, multi: true, includeAll: true, allValue: '.*', current: { text: 'All', value: '$__all' } },
  ] },
  panels: panels(),
}, null, 1)}\n`);
console.log(`${out}: ${id} panels and rows`);
