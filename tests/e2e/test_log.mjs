// test_log.mjs: the log of `steno serve`: a line a request with its id, in both forms, and never what people say or a key.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recording, steno, test, work } from './harness.mjs';
import { Client, turn, withServer } from './live_client.mjs';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SAID = /dashwood|leisure|consider|prudently|power/i;
const dataDir = () => mkdtempSync(join(work, 'data-'));
const linesOf = (server) => server.log.trim().split('\n').map((line) => JSON.parse(line));
// The access lines of a path, once there are so many.
async function accesses(server, path, n = 1) {
  const wanted = new RegExp(`("message":"request"[^\\n]*"path":"${path}"[^]*?){${n}}`);
  await server.said(wanted);
  return linesOf(server).filter((l) => l.message === 'request' && l.path === path);
}

test('log: a request has an id, in its answer and in its line, and the line has no query', async () => {
  await withServer(['--log-format', 'json'], async (server) => {
    const sane = await server.get('/v1/status?secret=word', { headers: { 'X-Request-Id': 'check_1.2:3-4' } });
    assert.equal(sane.headers.get('x-request-id'), 'check_1.2:3-4');
    const strange = await server.get('/v1/status', { headers: { 'X-Request-Id': 'a b"c' } });
    assert.match(strange.headers.get('x-request-id'), UUID);
    const long = await server.get('/v1/status', { headers: { 'X-Request-Id': 'x'.repeat(40) } });
    assert.match(long.headers.get('x-request-id'), UUID);
    const lines = await accesses(server, '/v1/status', 3);
    assert.deepEqual(lines.map((l) => l.request), [sane, strange, long].map((r) => r.headers.get('x-request-id')));
    for (const line of lines) {
      assert.equal(line.level, 'info');
      assert.equal(line.status, 200);
      assert.equal(line.method, 'GET');
      assert.match(line.peer, /127\.0\.0\.1/);
      assert.ok(line.ms >= 0 && line.sent_bytes > 100 && line.received_bytes === 0);
    }
    assert.ok(!server.log.includes('secret'));
    // Pages and probes are not worth a line, unless they fail.
    for (const path of ['/', '/healthz', '/readyz', '/nothing']) await server.get(path);
    assert.equal((await accesses(server, '/nothing')).at(-1).status, 404);
    for (const path of ['/', '/healthz', '/readyz']) assert.ok(!linesOf(server).some((l) => l.path === path), path);
  });
});

test('log: a path cannot forge a line', async () => {
  for (const format of ['text', 'json']) {
    await withServer(['--log-format', format], async (server) => {
      await server.get('/x%0A2026-01-01T00:00:00.000Z%20error%20forged%1B%5B31m%22');
      await server.said(/forged/);
      for (const line of server.log.trim().split('\n')) {
        if (format === 'json') JSON.parse(line);
        else assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (error|warn |info |debug) /);
        assert.ok(!/^2026-01-01/.test(line) && !line.includes('\u001b'));
      }
    });
  }
});

test('log: speech, live and recorded, leaves no word in it, not even at debug; nor does a key', async () => {
  const dir = dataDir();
  const made = steno(['key', 'create', '--data-dir', dir, '--name', 'log']);
  assert.equal(made.status, 0, made.err);
  const [key] = made.out.match(/steno_[0-9a-z]{8}_[0-9A-Za-z]{49}/);
  const [, id] = key.split('_');
  await withServer(['--data-dir', dir, '--log-level', 'debug', '--log-format', 'json', '--max-ahead-ms', '60000'], async (server) => {
    const wav = readFileSync(recording('0870'));
    const auth = { Authorization: `Bearer ${key}` };
    const client = new Client(server, { access_token: key });
    await client.opened;
    const { session } = await client.event('ready');
    client.pieces(wav.subarray(44), [3200]);
    client.send('leisure'); // no control: its text is the client's
    await client.finish();
    assert.match(client.text, SAID);
    const form = new FormData();
    for (const [name, value] of [['file', new Blob([wav])], ['model', 'whisper-1'], ['prompt', 'Dashwood prudently'], ['temperature', '0.5']]) form.append(name, value);
    const openai = await server.get('/v1/audio/transcriptions', { method: 'POST', headers: auth, body: form });
    assert.match((await openai.json()).text, SAID);
    const deepgram = await server.get('/v1/listen?keyterm=Dashwood&punctuate=true', { method: 'POST', headers: { Authorization: `Token ${key}`, 'Content-Type': 'audio/wav' }, body: wav });
    assert.match(JSON.stringify(await deepgram.json()), SAID);
    const job = await (await server.get('/v1/jobs', { method: 'POST', headers: { ...auth, 'Content-Type': 'audio/wav' }, body: wav })).json();
    const ask = async () => (await server.get(`/v1/jobs/${job.id}?access_token=${key}`)).json();
    while ((await ask()).state !== 'done') await turn();
    assert.match(await (await server.get(`/v1/jobs/${job.id}/result?format=text`, { headers: auth })).text(), SAID);
    const [line] = await accesses(server, `/v1/jobs/${job.id}/result`);
    assert.equal(line.key, id); // who it was, not what they know
    await accesses(server, '/v1/stream');
    server.child.kill('SIGTERM');
    assert.equal((await server.end()).status, 0);
    assert.ok(!SAID.test(server.log), server.log.match(/.*(dashwood|leisure|consider|prudently|power).*/i)?.[0]);
    assert.ok(!server.log.includes(key.slice(15)), 'a key');
    assert.ok(!server.log.includes(session), 'a token that resumes a session');
    for (const l of linesOf(server)) assert.ok(l.time && l.level && l.message);
  });
});
