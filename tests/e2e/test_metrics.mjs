// test_metrics.mjs: GET /metrics: what promtool and a real Prometheus make of it, what it counts, and who may ask.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import http from 'node:http';
import { createServer } from 'node:net';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Client, turn, within, withServer } from './live_client.mjs';
import { STENO, recording, samples, skip, steno, test, work } from './harness.mjs';

const FAST = ['--max-ahead-ms', '60000'];
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const folder = (name) => mkdtempSync(join(work, `${name}-`));

// { 'name{a="b"}': value }, and the order of the lines that are none.
export function parse(text) {
  const series = new Map();
  for (const line of text.trim().split('\n').filter((l) => !l.startsWith('#'))) {
    const at = line.lastIndexOf(' ');
    assert.ok(!series.has(line.slice(0, at)), `twice: ${line}`);
    series.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return series;
}
const scrape = async (server) => parse(await (await server.get('/metrics')).text());

// Asked with any headers; fetch() would not.
const raw = (address, headers = {}) => new Promise((resolve, reject) => {
  const [host, port] = address.split(':');
  http.request({ host, port, path: '/metrics', headers }, (response) => {
    let body = '';
    response.on('data', (bytes) => (body += bytes));
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
  }).on('error', reject).end();
});

async function hear(server, query = {}) {
  const client = new Client(server, query);
  await client.opened;
  client.pieces(bytesOf(samples(recording('0870'))), [4000]);
  await client.finish();
  return client;
}

function transcribeFile(server) {
  const body = new FormData();
  body.append('file', new Blob([readFileSync(recording('0880'))], { type: 'audio/wav' }), 'a.wav');
  body.append('model', 'whisper-1');
  return server.get('/v1/audio/transcriptions', { method: 'POST', body });
}

test('metrics: promtool finds nothing to say about them', async () => {
  if (spawnSync('promtool', ['--version']).error) skip('prometheus is not installed');
  await withServer([...FAST, '--data-dir', folder('promtool')], async (server) => {
    await hear(server);
    const answer = await server.get('/metrics');
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const r = spawnSync('promtool', ['check', 'metrics'], { input: await answer.text(), encoding: 'utf8' });
    assert.equal(r.stdout + r.stderr, '');
    assert.equal(r.status, 0);
  });
});

test('metrics: what was done is counted, by protocol and outcome', async () => {
  await withServer([...FAST, '--data-dir', folder('counted')], async (server) => {
    const before = await scrape(server);
    const client = await hear(server);
    assert.equal((await transcribeFile(server)).status, 200);
    assert.equal((await server.get('/v1/stream?sample_rate=1')).status, 400);
    const after = await scrape(server);
    const more = (name) => after.get(name) - before.get(name);
    const finals = client.events.filter((e) => e.type === 'final').length;
    assert.equal(more('steno_streams_started_total{dialect="native"}'), 1);
    assert.equal(more('steno_streams_total{dialect="native",outcome="done"}'), 1);
    assert.equal(more('steno_streams{dialect="native"}'), 0);
    assert.equal(more('steno_requests_total{dialect="native",outcome="ok"}'), 1); // the upgrade
    assert.equal(more('steno_requests_total{dialect="native",outcome="refused"}'), 1);
    assert.equal(more('steno_requests_total{dialect="openai",outcome="ok"}'), 1);
    assert.equal(after.get('steno_request_seconds_count{dialect="openai"}'), 1);
    assert.equal(more('steno_recordings_total{kind="request",outcome="done"}'), 1);
    assert.ok(Math.abs(more('steno_recording_audio_seconds_total{kind="request"}') - samples(recording('0880')).length / 16000) < 0.05);
    assert.equal(more('steno_recording_rtf_ratio_count{kind="request"}'), 1);
    assert.equal(more('steno_final_seconds_count'), finals);
    assert.equal(more('steno_partial_lag_seconds_count'), client.events.filter((e) => e.type === 'partial').length);
    assert.equal(more('steno_first_text_seconds_count'), client.events.filter((e) => e.type === 'speech_started').length);
    assert.equal(more('steno_finals_total') >= finals, true);
    assert.ok(more('steno_gate_segments_total') >= finals);
    assert.ok(more('steno_audio_seconds_total') > 10);
    assert.ok(more('steno_encode_rows_total') > 0 && more('steno_decode_batch_rows_count') > 0);
    assert.ok(more('steno_encode_wait_seconds_count{pass="recording"}') >= 1);
    assert.ok(more('steno_encode_wait_seconds_count{pass="final"}') >= 1);
    assert.ok(more('steno_tick_seconds_count') > 0 && more('steno_tick_seconds_sum') > 0);
    const stages = ['listen', 'encode', 'decode'].map((s) => more(`steno_engine_busy_seconds_total{stage="${s}"}`));
    for (const seconds of stages) assert.ok(seconds > 0);
    assert.ok(stages.reduce((a, b) => a + b) <= more('steno_tick_seconds_sum') + 1e-6);
    for (const [name, value] of before) if (/_(total|count|bucket)(\{|$)/.test(name)) assert.ok(after.get(name) >= value, name);
    const used = (now) => ['kv_pages', 'audio_frames', 'segments'].reduce((sum, pool) => sum + now.get(`steno_pool_slots{pool="${pool}",state="used"}`), 0);
    await within((async () => { while (used(await scrape(server))) await turn(); })(), 'empty pools'); // a shard says so after its tick
    assert.ok(!/dashwood/i.test(JSON.stringify([...after])));
  });
});

test('metrics: counters outlive the engine that a reload replaces', async () => {
  await withServer([...FAST, '--data-dir', folder('reload')], async (server) => {
    await hear(server);
    const before = await scrape(server);
    server.child.kill('SIGHUP');
    for (;;) {
      const now = await scrape(server);
      if (now.get('steno_reloads_total') === 1 && now.get('steno_engine_shards') === before.get('steno_engine_shards')) break;
      await turn();
    }
    await hear(server);
    const after = await scrape(server);
    assert.ok(after.get('steno_finals_total') >= 2 * before.get('steno_finals_total'));
    assert.ok(after.get('steno_tick_seconds_count') > before.get('steno_tick_seconds_count'));
  });
});

test('metrics: this machine needs no key, others and pages do; unless they are public', async () => {
  const dir = folder('keys');
  const made = steno(['key', 'create', '--data-dir', dir, '--name', 'prometheus']);
  const key = made.out.trim();
  await withServer(['--data-dir', dir], async (server) => {
    assert.equal((await server.get('/v1/status')).status, 401);
    assert.equal((await raw(server.address)).status, 200);
    for (const headers of [{ 'X-Forwarded-For': '203.0.113.9' }, { Forwarded: 'for=203.0.113.9' }, { Host: 'rebound.example:80' },
      { Origin: 'http://127.0.0.1:1' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
      const answer = await raw(server.address, headers);
      assert.notEqual(answer.status, 200, JSON.stringify(headers));
      assert.ok(!answer.body.includes('steno_'), answer.body);
    }
    assert.equal((await raw(server.address, { 'X-Forwarded-For': '203.0.113.9', Authorization: `Bearer ${key}` })).status, 200);
  });
  await withServer(['--data-dir', dir, '--metrics-public', 'yes'], async (server) => {
    assert.equal((await raw(server.address, { 'X-Forwarded-For': '203.0.113.9' })).status, 200);
    assert.equal((await server.get('/v1/status')).status, 401);
  });
});

test('metrics: an address that is not loopback needs a key', async () => {
  const own = Object.values(networkInterfaces()).flat().find((a) => a.family === 'IPv4' && !a.internal)?.address;
  if (!own) skip('this machine has no address but its own');
  const dir = folder('outer');
  steno(['key', 'create', '--data-dir', dir, '--name', 'any']);
  await withServer(['--data-dir', dir, '--bind', '0.0.0.0'], async (server) => {
    const port = server.address.split(':')[1];
    assert.equal((await raw(`${own}:${port}`, { Host: `localhost:${port}` })).status, 401);
    assert.equal((await raw(`127.0.0.1:${port}`)).status, 200);
  });
});

test('metrics: the manual lists every family', async () => {
  const manual = readFileSync('docs/metrics.md', 'utf8');
  await withServer([...FAST, '--data-dir', folder('manual')], async (server) => {
    const text = await (await server.get('/metrics')).text();
    for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) assert.ok(manual.includes(`| \`${name}\` | ${type} |`), name);
  });
});

// The file is as its script makes it.
const asMade = (script, file, ...args) => {
  const before = readFileSync(file, 'utf8');
  const r = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  assert.equal(r.status, 0, r.stderr);
  const after = readFileSync(file, 'utf8');
  writeFileSync(file, before);
  assert.equal(after, before, `${script} was not run`);
};

test('metrics: the rules are those of the table of alarms, and the dashboard is as it is made', () => {
  asMade('deploy/prometheus/rules.mjs', 'deploy/prometheus/rules.yml', STENO);
  asMade('deploy/grafana/dashboard.mjs', 'deploy/grafana/steno.json');
});

test('metrics: promtool takes the rules, and they fire when they should', () => {
  if (spawnSync('promtool', ['--version']).error) skip('prometheus is not installed');
  for (const args of [['check', 'rules', 'deploy/prometheus/rules.yml'], ['test', 'rules', 'deploy/prometheus/rules_test.yml']]) {
    const r = spawnSync('promtool', args, { encoding: 'utf8' });
    assert.equal(r.status, 0, r.stdout + r.stderr);
  }
});

// ---- a real Prometheus --------------------------------------------------------------------------------------------

const freePort = () => new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

async function withPrometheus(target, rules, body) {
  const dir = folder('prometheus');
  const port = await freePort();
  writeFileSync(join(dir, 'prometheus.yml'), `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ${JSON.stringify(rules)}
scrape_configs:
  - job_name: steno
    static_configs: [{ targets: ['${target}'] }]
`);
  const child = spawn('prometheus', [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`,
    `--web.listen-address=127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const failed = new Promise((resolve, reject) => {
    child.on('error', () => reject(new Error('no prometheus')));
    child.on('close', (status) => reject(new Error(`prometheus ended with ${status}:\n${log}`)));
  });
  failed.catch(() => {});
  child.stderr.on('data', (bytes) => (log += bytes));
  // Asks until the answer is as wanted.
  const until = (path, wanted) => within(Promise.race([failed, (async () => {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).then((r) => r.json()).catch(() => null);
      if (answer?.status === 'success' && wanted(answer.data)) return answer.data;
      await turn();
    }
  })()]), path);
  const query = (q, wanted) => until(`query?query=${encodeURIComponent(q)}`, (d) => wanted(d.result));
  try {
    await body({ until, query });
  } finally {
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
  }
}

test('metrics: a real Prometheus scrapes the server and answers questions about it', async () => {
  if (spawnSync('prometheus', ['--version']).error) skip('prometheus is not installed');
  await withServer([...FAST, '--data-dir', folder('scraped')], async (server) => {
    await withPrometheus(server.address, [], async ({ until, query }) => {
      await until('targets', (d) => d.activeTargets.some((t) => t.health === 'up'));
      await hear(server);
      await query('sum(steno_finals_total) > 0', (r) => r.length === 1);
      const [{ value }] = (await query('histogram_quantile(0.99, sum by (le) (steno_final_seconds_bucket))', (r) => r.length === 1 && Number.isFinite(Number(r[0].value[1])))).result;
      assert.ok(Number(value[1]) > 0);
      const { result } = await query('steno_build_info', (r) => r.length === 1);
      assert.match(result[0].metric.version, /^\d+\.\d+/);
      const types = await until('metadata?metric=steno_final_seconds', (d) => d.steno_final_seconds);
      assert.equal(types.steno_final_seconds[0].type, 'histogram');
      assert.ok(types.steno_final_seconds[0].help.length > 10);
    });
  });
});
