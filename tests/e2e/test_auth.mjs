// test_auth.mjs: keys, their limits, and strangers' pages, on a running server; the pages in a real browser.
import assert from 'node:assert/strict';
import { createReadStream, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import http from 'node:http';
import { join } from 'node:path';
import WebSocket from 'ws';
import { Client, turn, withServer } from './live_client.mjs';
import { STENO, recording, samples, skip, steno, test, work } from './harness.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const speech = () => bytesOf(samples(recording('0870')));
const silence = (seconds) => Buffer.alloc(seconds * 32000);
const bearer = (key) => ({ headers: { authorization: `Bearer ${key}` } });

const folder = () => mkdtempSync(join(work, 'keys-'));
const idOf = (key) => key.slice(6, 14);

function createKey(dir, ...options) {
  const r = steno(['key', 'create', '--data-dir', dir, ...options]);
  assert.equal(r.status, 0, r.err);
  assert.match(r.out, /^steno_[0-9a-z]{8}_[0-9A-Za-z]{49}\n$/);
  return r.out.trim();
}

const listKeys = (dir) => JSON.parse(steno(['key', 'list', '--json', '--data-dir', dir]).out);
const revokeKey = (dir, key) => assert.equal(steno(['key', 'revoke', '--data-dir', dir, idOf(key)]).status, 0);

// Asks until the answer is as wanted: a server looks at its keys once a second.
async function until(ask, wanted) {
  for (const end = Date.now() + 60000; Date.now() < end; await turn()) {
    const answer = await ask();
    if (wanted(answer)) return answer;
  }
  throw new Error('never');
}

// A plain request with any headers, Host among them; fetch() would not.
const raw = (server, path, headers = {}, method = 'GET') => new Promise((resolve, reject) => {
  const [host, port] = server.address.split(':');
  http.request({ host, port, path, method, headers }, (response) => {
    let body = '';
    response.on('data', (bytes) => (body += bytes));
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
  }).on('error', reject).end();
});

// What an upgrade at any path is answered with.
const upgradeStatus = (server, path, key) => new Promise((resolve) => {
  const socket = new WebSocket(`ws://${server.address}${path}`, bearer(key));
  socket.on('unexpected-response', (request, response) => {
    response.resume();
    resolve(response.statusCode);
  });
  socket.on('open', () => {
    socket.terminate();
    resolve(101);
  });
  socket.on('error', () => {});
});

// Nothing of a key's secret was said.
const kept = (server, ...keys) => {
  for (const key of keys) assert.ok(!server.log.includes(key.slice(15)), server.log);
};

test('auth: without a key all goes; with one, nothing but the page and its health does', async () => {
  const dir = folder();
  await withServer(['--data-dir', dir], async (server) => {
    assert.equal((await server.get('/v1/status')).status, 200);
    const early = new Client(server);
    await early.opened;
    const key = createKey(dir, '--name', 'first');
    await until(() => server.get('/v1/status'), (r) => r.status === 401);
    assert.equal((await early.event('closed')).reason, 'error'); // who came without a key does not stay
    assert.equal((await early.end()).code, 1008);
    for (const path of ['/', '/healthz', '/readyz']) assert.equal((await server.get(path)).status, 200, path);
    const refused = await server.get('/v1/status');
    assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="steno"');
    assert.equal((await refused.json()).code, 'missing_key');
    const ok = await server.get('/v1/status', bearer(key));
    assert.equal(ok.status, 200);
    assert.ok(!(await ok.text()).includes(key.slice(15)));
    const upgrade = await new Client(server).refusal();
    assert.equal(upgrade.status, 401);
    assert.equal(upgrade.headers['www-authenticate'], 'Bearer realm="steno"');
    assert.equal(upgrade.body.code, 'missing_key');
  });
});

test('auth: a stream with a key wherever it may stand; the log has none of it', async () => {
  const dir = folder();
  const key = createKey(dir);
  await withServer(['--data-dir', dir, '--log-level', 'debug'], async (server) => {
    for (const [options, query, spoken] of [
      [{ headers: { authorization: `Bearer ${key}` } }, {}, ''],
      [{ headers: { authorization: `Token ${key}` } }, {}, ''],
      [{ protocols: ['bearer', key] }, {}, 'bearer'],
      [{ protocols: ['token', key] }, {}, 'token'],
      [{ protocols: ['realtime', `openai-insecure-api-key.${key}`] }, {}, 'realtime'],
      [{}, { access_token: key, words: 'false' }, ''],
    ]) {
      const client = new Client(server, query, options);
      await client.opened;
      assert.equal(client.ws.protocol, spoken);
      await client.finish();
    }
    const wrong = key.slice(0, -1) + (key.endsWith('x') ? 'y' : 'x');
    const refusal = await new Client(server, { access_token: wrong }).refusal();
    assert.equal(refusal.status, 401);
    assert.equal(refusal.body.code, 'mistyped_key');
    assert.ok(!JSON.stringify(refusal.body).includes(wrong.slice(15)));
    assert.equal((await server.get(`/v1/status?access_token=${key}`)).status, 200);
    assert.equal((await server.get(`/v1/nothing?access_token=${key}`)).status, 404);
    for (const path of ['status', 'stream']) await server.said(new RegExp(`/v1/${path} .*${idOf(key)}`)); // its id is
    kept(server, key, wrong);
  });
});

test('auth: a revoked key ends its streams with their last words, and no other', async () => {
  const dir = folder();
  const [one, two] = [createKey(dir), createKey(dir)];
  await withServer(['--data-dir', dir, '--max-ahead-ms', '60000'], async (server) => {
    const [first, second] = [new Client(server, {}, bearer(one)), new Client(server, {}, bearer(two))];
    await Promise.all([first.opened, second.opened]);
    first.pieces(speech(), [4000]);
    await first.event('partial');
    revokeKey(dir, one);
    const closed = await first.event('closed');
    assert.equal(closed.reason, 'error');
    assert.equal(first.events.find((e) => e.type === 'error').code, 'revoked_key');
    assert.match(first.text, /leisure/);
    assert.deepEqual(await first.end(), { code: 1008, reason: 'revoked_key' });
    assert.equal((await new Client(server, {}, bearer(one)).refusal()).body.code, 'revoked_key');
    second.pieces(speech(), [4000]);
    await second.finish();
    assert.match(second.text, /leisure/);
    assert.equal(listKeys(dir).find((k) => k.id === idOf(one)).state, 'revoked');
  });
});

test('auth: streams at once; a lost one is resumed by its own key only', async () => {
  const dir = folder();
  const [key, other] = [createKey(dir, '--streams', '1'), createKey(dir)];
  await withServer(['--data-dir', dir], async (server) => {
    const client = new Client(server, {}, bearer(key));
    await client.opened;
    const { session } = await client.event('ready');
    const refused = await new Client(server, {}, bearer(key)).refusal();
    assert.equal(refused.status, 429);
    assert.equal(refused.body.code, 'stream_limit');
    assert.ok(Number(refused.headers['retry-after']) > 0);
    const asked = await server.get('/v1/stream', bearer(key)); // how a page learns why
    assert.equal(asked.status, 429);
    assert.equal((await server.get(`/v1/stream?resume=${session}&last_seq=1`, bearer(key))).status, 426); // that one would go
    assert.equal(await upgradeStatus(server, `/v1/realtime?intent=transcription&resume=${session}`, key), 429);
    client.ws.terminate();
    await client.end();
    await until(() => server.get('/v1/status', bearer(other)).then((r) => r.json()), (s) => s.sessions.waiting === 1);
    const thief = await new Client(server, { resume: session }, bearer(other)).refusal();
    assert.equal(thief.status, 404);
    const again = new Client(server, { resume: session }, bearer(key));
    await again.opened;
    assert.equal((await again.event('ready')).resumed, true);
    assert.equal((await new Client(server, {}, bearer(key)).refusal()).status, 429);
    await again.finish();
    const next = await until(async () => {
      const c = new Client(server, {}, bearer(key));
      return Promise.race([c.opened.then(() => c), c.refused.then(() => null)]);
    }, Boolean);
    await next.finish();
  });
});

test('auth: requests a minute', async () => {
  const dir = folder();
  const [key, other] = [createKey(dir, '--requests-per-minute', '3'), createKey(dir)];
  await withServer(['--data-dir', dir], async (server) => {
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await server.get('/v1/status', bearer(key)));
    const ok = answers.filter((r) => r.status === 200);
    assert.ok(ok.length === 3 || ok.length === 4, String(ok.length)); // 4: a slow machine took 20 s
    assert.equal(ok[0].headers.get('ratelimit-policy'), '"requests";q=3;w=60');
    assert.match(ok[0].headers.get('ratelimit'), /^"requests";r=2;t=20$/);
    const refused = answers.at(-1);
    assert.equal(refused.status, 429);
    assert.equal((await refused.json()).code, 'rate_limited');
    const wait = Number(refused.headers.get('retry-after'));
    assert.ok(wait >= 1 && wait <= 20, String(wait));
    assert.equal((await new Client(server, {}, bearer(key)).refusal()).status, 429);
    assert.equal((await server.get('/v1/status', bearer(other))).status, 200);
  });
});

test('auth: audio minutes a day end a stream, and a restart does not forget them', async () => {
  const dir = folder();
  const key = createKey(dir, '--audio-minutes-per-day', '1');
  const fast = ['--data-dir', dir, '--max-ahead-ms', '60000'];
  await withServer(fast, async (server) => {
    const client = new Client(server, {}, bearer(key));
    await client.opened;
    client.pieces(silence(59), [32000]);
    await until(() => listKeys(dir), ([k]) => k.audio_minutes_today > 0.9); // written while it goes on
    client.pieces(silence(3), [32000]);
    assert.equal((await client.event('closed')).reason, 'error');
    assert.equal(client.events.find((e) => e.type === 'error').code, 'audio_limit');
    assert.equal((await client.end()).code, 1008);
    server.child.kill('SIGTERM');
    await server.end();
  });
  assert.ok(listKeys(dir)[0].audio_minutes_today > 1);
  await withServer(fast, async (server) => {
    const refused = await new Client(server, {}, bearer(key)).refusal();
    assert.equal(refused.status, 429);
    assert.equal(refused.body.code, 'audio_limit');
    const wait = Number(refused.headers['retry-after']);
    assert.ok(wait > 0 && wait <= 86400, String(wait));
    assert.equal((await server.get('/v1/status', bearer(key))).status, 200);
  });
});

test('auth: wrong keys are slowed down; right ones beside them are not', async () => {
  const dir = folder();
  const key = createKey(dir);
  const stranger = createKey(folder());
  await withServer(['--data-dir', dir], async (server) => {
    const codes = [];
    for (let i = 0; i < 15; i++) codes.push((await server.get('/v1/status', bearer(stranger))).status);
    assert.deepEqual([...new Set(codes)], [401, 429]);
    const refused = await server.get('/v1/status', bearer(stranger));
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.equal((await server.get('/v1/status', bearer(key))).status, 200);
    kept(server, key, stranger);
  });
});

test('auth: other machines are not served before there is a key, and the log says so', async () => {
  const dir = folder();
  await withServer(['--data-dir', dir, '--bind', '0.0.0.0'], async (server) => {
    assert.match(server.address, /^127\.0\.0\.1:/);
    assert.match(server.log, /not listening on 0\.0\.0\.0 but on 127\.0\.0\.1 only: there is no API key yet.*steno key create/);
  });
});

// ---- other doors of the same house ----------------------------------------------------------------------------------

test('auth: OpenAI’s own client meets the errors it knows', async () => {
  const { default: OpenAI } = await import('openai').catch(() => skip('openai is not installed'));
  const dir = folder();
  const [key, slow] = [createKey(dir), createKey(dir, '--requests-per-minute', '1')];
  await withServer(['--data-dir', dir], async (server) => {
    const client = (apiKey) => new OpenAI({ apiKey, baseURL: `http://${server.address}/v1`, maxRetries: 0 });
    const models = await client(key).models.list();
    assert.ok(models.data.length > 0);
    const hear = (apiKey) => client(apiKey).audio.transcriptions.create({ model: 'whisper-1', file: createReadStream(recording('0870')) });
    assert.match((await hear(key)).text, /leisure/);
    await assert.rejects(hear('sk-not-ours'), (e) => e instanceof OpenAI.AuthenticationError && e.status === 401);
    await client(slow).models.list();
    await assert.rejects(hear(slow), (e) => e instanceof OpenAI.RateLimitError && e.status === 429 && Number(e.headers.get('retry-after')) > 0);
    kept(server, key, slow);
  });
});

test('auth: jobs use the minutes of the key that asked, and are seen by no other', async () => {
  const dir = folder();
  const [key, other] = [createKey(dir, '--audio-minutes-per-day', '1'), createKey(dir)];
  const audio = Buffer.concat([readFileSync(recording('0870')).subarray(0, 44), silence(70)]);
  audio.writeUInt32LE(audio.length - 44, 40);
  await withServer(['--data-dir', dir], async (server) => {
    const post = (k) => server.get('/v1/jobs', { method: 'POST', headers: { authorization: `Bearer ${k}`, 'content-type': 'audio/wav' }, body: audio });
    const accepted = await post(key);
    assert.equal(accepted.status, 202);
    const answer = await accepted.json();
    const { id } = answer.jobs?.[0] ?? answer;
    assert.equal((await server.get(`/v1/jobs/${id}`, bearer(other))).status, 404);
    assert.equal((await server.get(`/v1/jobs/${id}`, { method: 'DELETE', ...bearer(other) })).status, 404);
    await until(() => server.get(`/v1/jobs/${id}`, bearer(key)).then((r) => r.json()), (j) => j.state === 'done');
    await until(() => listKeys(dir).find((k) => k.id === idOf(key)), (k) => k.audio_minutes_today > 1.1);
    const refused = await post(key);
    assert.equal(refused.status, 429);
    assert.equal((await refused.json()).code, 'audio_limit');
    assert.equal((await server.get(`/v1/jobs/${id}/result?format=json`, bearer(key))).status, 200);
    assert.equal((await post(other)).status, 202);
    assert.ok(listKeys(dir).find((k) => k.id === idOf(key)).audio_minutes_today < 1.3); // counted once
  });
});

// ---- pages --------------------------------------------------------------------------------------------------------

test('auth: a stranger’s page gets nothing from a server without keys', async () => {
  await withServer([], async (server) => {
    const own = `http://${server.address}`;
    const port = server.address.split(':')[1];
    const ask = (headers) => new Client(server, {}, { headers });
    const good = ask({ origin: own });
    await good.opened;
    await good.finish();
    for (const [headers, code] of [
      [{ origin: 'https://evil.example' }, 'forbidden_origin'],
      [{ origin: 'null' }, 'forbidden_origin'],
      [{ origin: `http://localhost:${port}` }, 'forbidden_origin'],
      [{ origin: `http://evil.example:${port}`, host: `evil.example:${port}` }, 'forbidden_host'],
    ]) {
      const refusal = await ask(headers).refusal();
      assert.equal(refusal.status, 403, JSON.stringify(headers));
      assert.equal(refusal.body.code, code);
      assert.equal(refusal.headers['access-control-allow-origin'], undefined);
      assert.equal((await raw(server, '/v1/status', headers)).status, 403);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
      assert.equal((await raw(server, '/v1/status', { host })).status, 200, host);
    for (const site of ['cross-site', 'same-site'])
      assert.equal((await raw(server, '/v1/status', { 'sec-fetch-site': site })).status, 403, site);
    for (const site of ['same-origin', 'none'])
      assert.equal((await raw(server, '/v1/status', { 'sec-fetch-site': site })).status, 200, site);
  });
});

test('auth: origins that are allowed may, preflights and errors included', async () => {
  await withServer(['--allowed-origins', 'https://app.example'], async (server) => {
    const origin = 'https://app.example';
    const ok = await raw(server, '/v1/status', { origin });
    assert.equal(ok.status, 200);
    assert.equal(ok.headers['access-control-allow-origin'], origin);
    assert.match(ok.headers.vary, /origin/i);
    const asked = { 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization, x-mine' };
    const preflight = await raw(server, '/v1/status', { origin, ...asked }, 'OPTIONS');
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], origin);
    assert.equal(preflight.headers['access-control-allow-headers'], 'authorization, x-mine');
    assert.match(preflight.headers['access-control-allow-methods'], /POST/);
    const stranger = await raw(server, '/v1/status', { origin: 'https://evil.example', ...asked }, 'OPTIONS');
    assert.equal(stranger.status, 403);
    assert.equal(stranger.headers['access-control-allow-origin'], undefined);
  });
});

// A page of somebody else, and what it can do with the server: in a browser that believes names are here.
async function inBrowser(address, body) {
  if (!existsSync(CHROMIUM)) skip(`${CHROMIUM} is not there`);
  const { chromium } = await import('playwright-core').catch(() => skip('playwright-core is not installed'));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--disable-dev-shm-usage', '--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(60000);
    await page.goto(address);
    await body(page);
  } finally {
    await browser.close();
  }
}

const empty = () => new Promise((resolve) => {
  const server = http.createServer((request, response) => response.end('<!doctype html><title>a page</title>'));
  server.listen(0, '127.0.0.1', () => resolve(server));
});

// In the page: the status of a fetch or 'blocked'; 'open' or 'closed' for a WebSocket.
const tries = (page, address, key) => page.evaluate(async ([to, secret]) => {
  const headers = secret ? { authorization: `Bearer ${secret}` } : {};
  const fetched = await fetch(`http://${to}/v1/status`, { headers }).then((r) => r.status, () => 'blocked');
  const socket = new WebSocket(`ws://${to}/v1/stream`, secret ? ['bearer', secret] : []);
  const opened = await new Promise((resolve) => {
    socket.onopen = () => resolve('open');
    socket.onclose = () => resolve('closed');
  });
  socket.close();
  return [fetched, opened];
}, [address, key]);

test('auth: in a browser, a stranger’s page and a rebound name get nothing', async () => {
  const stranger = await empty();
  try {
    await withServer([], async (server) => {
      await inBrowser(`http://${server.address}/`, async (page) => {
        assert.deepEqual(await tries(page, server.address), [200, 'open']); // the own page
        await page.goto(`http://127.0.0.1:${stranger.address().port}/`);
        assert.deepEqual(await tries(page, server.address), ['blocked', 'closed']);
        const rebound = `evil.example:${server.address.split(':')[1]}`;
        await page.goto(`http://${rebound}/`); // to the browser this is the server's own origin
        assert.deepEqual(await tries(page, rebound), [403, 'closed']);
      });
    });
  } finally {
    stranger.close();
  }
});

test('auth: in a browser, a page with a key for its origin may, with another it may not', async () => {
  const app = await empty();
  const dir = folder();
  const [good, other] = [createKey(dir, '--origin', `http://127.0.0.1:${app.address().port}`), createKey(dir, '--origin', 'https://other.example')];
  try {
    await withServer(['--data-dir', dir], async (server) => {
      await inBrowser(`http://127.0.0.1:${app.address().port}/`, async (page) => {
        assert.deepEqual(await tries(page, server.address, good), [200, 'open']);
        assert.deepEqual(await tries(page, server.address, other), ['blocked', 'closed']);
        assert.deepEqual(await tries(page, server.address), [401, 'closed']); // and is told why
      });
      kept(server, good, other);
    });
  } finally {
    app.close();
  }
});

test('auth: steno live names the key in STENO_KEY, and says what a server without one wants', async () => {
  const dir = folder();
  const key = createKey(dir);
  await withServer(['--data-dir', dir], async (server) => {
    const live = (env) => new Promise((resolve) => {
      const child = spawn(STENO, ['live', '--url', `ws://${server.address}/v1/stream`, '--speed', '8', recording('0870')], { env: { ...process.env, ...env } });
      const got = { out: '', err: '' };
      child.stdout.on('data', (text) => (got.out += text));
      child.stderr.on('data', (text) => (got.err += text));
      child.on('close', (status) => resolve({ status, ...got }));
    });
    const with_ = await live({ STENO_KEY: key });
    assert.equal(with_.status, 0, with_.err);
    assert.match(with_.out, /Dashwood/);
    const without = await live({ STENO_KEY: '' });
    assert.equal(without.status, 1);
    assert.match(without.err, /wants a key.*STENO_KEY/);
    assert.ok(!without.err.includes(key));
  });
});
