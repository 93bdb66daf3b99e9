// rules.mjs [STENO]: writes deploy/prometheus/rules.yml: the rules of `steno alarm list` as Prometheus can tell them.
//
// steno's own alarms look after every minute with evidence that may be looked at at any time; Prometheus has sums over windows only.
// So each rule is: an hour, against the week before it (or the other hosts, or a limit), a least effect, a least number, and a
// distance in deviations so far out that 50 hosts and 20 rules looked at all week are quiet when nothing is wrong.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const steno = process.argv[2] ?? 'build/steno';
const Z = 5; // deviations
const FLEET_LEAST = 3; // other hosts
const NORM_LEAST = 20; // times the least number of an hour, in the week before: else nothing is known yet
const BY = 'instance, model, language';

// What a rule counts, as fields of steno_quality_*_total. share: events of trials. mean: a sum over a weight; `n` is how many utterances
// that are, and `spread` the deviation of one of them as a share of the norm. least: trials an hour. design: how much less n is worth,
// since utterances of a stream are alike.
const COUNTED = {
  empty: { share: ['empty', 'utterances'], least: 50, design: 2 },
  looped: { share: ['looped', 'utterances'], least: 50, design: 2 },
  language_switches: { share: ['language_switch', 'utterances'], least: 50, design: 4 },
  input_quiet: { share: ['streams_quiet', 'streams_judged'], least: 12, design: 1 },
  input_clipped: { share: ['streams_clipped', 'streams_judged'], least: 12, design: 1 },
  input_noisy: { share: ['streams_noisy', 'streams_judged'], least: 12, design: 1 },
  input_narrow: { share: ['streams_narrow', 'streams_judged'], least: 12, design: 1 },
  partial_revisions: { share: ['partial_revisions', 'partials'], least: 200, design: 4 },
  speaker_revisions: { share: ['speaker_revisions', 'speaker_labels'], least: 200, design: 4 },
  repeated: { share: ['tokens_repeated', 'tokens'], least: 500, design: 8 },
  speech_rate_low: { mean: ['characters', 'speech_seconds'], n: 'utterances', spread: 0.45, least: 60, design: 3 },
  speech_rate_high: { mean: ['characters', 'speech_seconds'], n: 'utterances', spread: 0.45, least: 60, design: 3 },
  compression: { mean: ['compression_sum', 'texts'], n: 'texts', spread: 0.2, least: 50, design: 3 },
  confidence: { mean: ['confidence_sum', 'texts'], n: 'texts', spread: 0.15, least: 50, design: 4 },
  confidence_fleet: { mean: ['confidence_sum', 'texts'], n: 'texts', spread: 0.15, least: 50, design: 4 },
  speech_share_low: { mean: ['speech_seconds', 'audio_seconds'], n: 'utterances', spread: 0.6, least: 60, design: 5 },
  speech_unheard: { mean: ['speech_seconds', 'loud_seconds'], n: 'utterances', spread: 0.35, least: 60, design: 4 },
  speech_share_high: { mean: ['speech_seconds', 'audio_seconds'], n: 'utterances', spread: 0.6, least: 60, design: 5 },
};
const LIMIT_LANGUAGE = { speech_rate_low: 'zh' };

const listed = spawnSync(steno, ['alarm', 'list', '--json'], { encoding: 'utf8' });
if (listed.status !== 0) throw new Error(`${steno} alarm list: ${listed.error ?? listed.stderr}`);
const alarms = listed.stdout.trim().split('\n').map((line) => JSON.parse(line));

const increase = (field, over, offset = '') => `sum by (${BY}) (increase(steno_quality_${field}_total[${over}]${offset}))`;
// Bases of recorded series are shared by rules that count the same.
const baseOf = (rule) => (COUNTED[rule].share ?? COUNTED[rule].mean).join('_per_');

function recorded() {
  const hours = new Map();
  const norms = new Map();
  for (const rule of Object.keys(COUNTED)) {
    const { share, mean, n } = COUNTED[rule];
    const [y, w] = share ?? mean;
    const base = baseOf(rule);
    hours.set(`steno:${base}:1h`, `${increase(y, '1h')} / (${increase(w, '1h')} > 0)`);
    norms.set(`steno:${base}:norm`, `${increase(y, '1w', ' offset 1h')} / (${increase(w, '1w', ' offset 1h')} > 0)`);
    const trials = n ?? w;
    hours.set(`steno:${trials}:n_1h`, increase(trials, '1h'));
    norms.set(`steno:${trials}:n_norm`, increase(trials, '1w', ' offset 1h'));
  }
  const list = (rules) => [...rules].map(([record, expr]) => ({ record, expr }));
  const fleet = alarms.filter((a) => a.against === 'the other hosts').flatMap((a) => fleetRecorded(a.rule));
  return { norms: list(norms), hours: [...list(hours), ...fleet] };
}

// How far off a mean or share is, in deviations; `norm` is an expression of the same labels.
function deviations({ share, design, spread }, value, norm, trials, sign) {
  const distance = sign > 0 ? `(${value} - ${norm})` : `(${norm} - ${value})`;
  // Four events more in the variance: what is rare is not normal.
  const variance = share ? `${design} * (${norm} * (1 - ${norm}) + 4 / ${trials}) / ${trials}` : `${design} * (${spread} * ${norm}) ^ 2 / ${trials}`;
  return `${distance} / sqrt(${variance}) > ${Z}`;
}

function againstNorm(a) {
  const c = COUNTED[a.rule];
  const sign = a.direction === 'high' ? 1 : -1;
  const trials = c.n ?? c.share[1];
  const value = `steno:${baseOf(a.rule)}:1h`;
  const norm = `steno:${baseOf(a.rule)}:norm`;
  const tolerated = `${norm} * ${1 + sign * a.margin_ratio}${a.margin ? ` ${sign > 0 ? '+' : '-'} ${a.margin}` : ''}`;
  const parts = [
    `${value} ${sign > 0 ? '>' : '<'} ${tolerated}`,
    `steno:${trials}:n_1h >= ${c.least}`,
    `steno:${trials}:n_norm >= ${c.least * NORM_LEAST}`,
    deviations(c, value, norm, `steno:${trials}:n_1h`, sign),
  ];
  if (!a.limit) return parts.join('\nand ');
  const language = LIMIT_LANGUAGE[a.rule] ? `{language="${LIMIT_LANGUAGE[a.rule]}"}` : '';
  return `(\n${parts.join('\nand ')}\n)\nor (${value}${language} ${sign > 0 ? '>' : '<'} ${a.limit} and steno:${trials}:n_1h >= ${c.least})`;
}

// The others of the fleet: all of it less oneself, each as much as the next; their mean is recorded beside the hours.
function fleetRecorded(rule) {
  const { n, least } = COUNTED[rule];
  const known = `steno:${rule}:known`;
  const all = (f) => `0 * ${known} + on (model, language) group_left () ${f} by (model, language) (${known})`;
  return [
    { record: known, expr: `steno:${baseOf(rule)}:1h and steno:${n}:n_1h >= ${least}` },
    { record: `steno:${rule}:hosts`, expr: all('count') },
    { record: `steno:${rule}:others`, expr: `(${all('sum')} - ${known}) / (steno:${rule}:hosts - 1 > 0)` },
  ];
}

function againstFleet(a) {
  const c = COUNTED[a.rule];
  const [known, others] = [`steno:${a.rule}:known`, `steno:${a.rule}:others`];
  return [
    `${known} < ${others} * ${1 - a.margin_ratio}`,
    `steno:${a.rule}:hosts >= ${FLEET_LEAST + 1}`,
    deviations(c, known, others, `steno:${c.n}:n_1h`, -1),
  ].join('\nand ');
}

const P99 = (over, offset = '') => `histogram_quantile(0.99, sum by (instance, le) (increase(steno_final_after_speech_seconds_bucket[${over}]${offset})))`;
const finals = (over, offset = '') => `sum by (instance) (increase(steno_final_after_speech_seconds_count[${over}]${offset}))`;
const OWN = {
  latency: (a) => `${P99('1h')} > ${1 + a.margin_ratio} * ${P99('1w', ' offset 1h')}\nand ${finals('1h')} >= 500\nand ${finals('1w', ' offset 1h')} >= 10000`,
  rtf: (a) => `sum by (instance) (rate(steno_engine_busy_seconds_total[10m])) / sum by (instance) (steno_engine_shards) > ${a.limit}`,
  memory: (a) => `avg_over_time(process_resident_memory_bytes{job=~".*steno.*"}[1h])\n> ${1 + a.margin_ratio} * max_over_time(process_resident_memory_bytes{job=~".*steno.*"}[1d] offset 2h)\n`
    + 'and deriv(process_resident_memory_bytes{job=~".*steno.*"}[6h]) > 0',
};
const FOR = { rtf: '10m', memory: '3h', latency: '5m' };

const expression = (a) => {
  if (OWN[a.rule]) return OWN[a.rule](a);
  if (!COUNTED[a.rule]) throw new Error(`${a.rule}: rules.mjs does not know what it counts`);
  return a.against === 'the other hosts' ? againstFleet(a) : againstNorm(a);
};

const camel = (name) => `Steno${name.split('_').map((w) => w[0].toUpperCase() + w.slice(1)).join('')}`;
const alerts = alarms.map((a) => ({
  alert: camel(a.rule),
  expr: expression(a),
  for: FOR[a.rule] ?? '5m',
  labels: { severity: a.severity },
  annotations: { summary: `too ${a.direction}: ${a.what}, beyond ${a.against}`, runbook: a.runbook },
}));
alerts.push({
  alert: 'StenoDown',
  expr: 'up{job=~".*steno.*"} == 0',
  for: '5m',
  labels: { severity: 'critical' },
  annotations: { summary: 'the server does not answer', runbook: 'Look at its log and at /healthz; a server that only refuses says so at /readyz.' },
}, {
  alert: 'StenoRefusing',
  expr: 'sum by (instance) (increase(steno_refusals_total{by="streams",reason=~"streams|overload|speakers|memory"}[15m])) > 20',
  for: '5m',
  labels: { severity: 'warning' },
  annotations: { summary: 'new live streams are turned away', runbook: 'More hosts, or a higher max_streams where rtf allows it; look at steno_refusals_total by reason.' },
});

// YAML of plain shapes: keys, strings, block texts.
const text = (value, indent) => (value.includes('\n') ? `|-\n${value.split('\n').map((l) => indent + l).join('\n')}` : JSON.stringify(value));
const pairs = (object, indent) => Object.entries(object).map(([key, value]) => (typeof value === 'object'
  ? `${indent}${key}:\n${pairs(value, `${indent}  `)}`
  : `${indent}${key}: ${text(value, `${indent}  `)}`)).join('\n');
const item = (object) => `      - ${pairs(object, '        ').trimStart()}`;

const { norms, hours } = recorded();
const out = join(dirname(fileURLToPath(import.meta.url)), 'rules.yml');
writeFileSync(out, `# Made by deploy/prometheus/rules.mjs of \`steno alarm list\`. Do not edit: change the table of alarms, or that script.
# Scrape with a job whose name holds "steno".
groups:
  - name: steno-norms
    interval: 4m # a week is much to read, and a series that is older than 5 minutes is gone
    rules:
${norms.map(item).join('\n')}
  - name: steno-hours
    interval: 1m
    rules:
${hours.map(item).join('\n')}
  - name: steno
    interval: 1m
    rules:
${alerts.map(item).join('\n')}
`);
console.log(`${out}: ${alerts.length} alarms`);
