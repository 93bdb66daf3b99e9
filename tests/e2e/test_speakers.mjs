// test_speakers.mjs: voices enrolled with consent, on the command line and over HTTP: what is refused and why, whose they are, what is kept.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { turn, withServer } from './live_client.mjs';
import { steno, test, work } from './harness.mjs';
import { SEED, both, clipped, good, goodAgain, needVoices, noisy, reader, readerAgain, short, silent } from './voices.mjs';

const CONSENT = 'signed form 17/26 of the registry';
const ID = /^voice_[A-Za-z0-9_-]{22}$/;
const folder = () => mkdtempSync(join(work, 'voices-'));
const speaker = (dir, ...args) => steno(['speaker', ...args, '--data-dir', dir]);
const enroll = (dir, name, files, ...options) => speaker(dir, 'enroll', name, ...files, '--consent', CONSENT, ...options);
const list = (dir, ...options) => JSON.parse(speaker(dir, 'list', '--json', ...options).out);

function enrolled(dir, name, files, ...options) {
  const r = enroll(dir, name, files, ...options);
  assert.equal(r.status, 0, r.err);
  assert.match(r.out.trim(), ID);
  return r.out.trim();
}

// Bytes that may stand in no file of a folder.
const inFiles = (dir, bytes) => readdirSync(dir).some((f) => statSync(join(dir, f)).isFile() && readFileSync(join(dir, f)).includes(bytes));

// ---- the command line -------------------------------------------------------------------------------------------------

test('speakers: enrolled, listed, checked, deleted on the command line', () => {
  needVoices();
  const dir = folder();
  assert.deepEqual(list(dir), []);
  const before = Date.now();
  const id = enrolled(dir, 'Allison', [good()], '--by', 'the clerk');
  const two = enrolled(dir, 'Reader', [reader()]);
  const [a, b] = list(dir);
  assert.deepEqual([a.id, a.name, a.key, a.consent.text, a.consent.by], [id, 'Allison', null, CONSENT, 'the clerk']);
  assert.deepEqual([b.id, b.name], [two, 'Reader']);
  assert.ok(a.speech_s >= 5 && a.quality.snr_db > 15 && a.quality.unity > 0.5 && a.quality.clipped === 0, JSON.stringify(a));
  assert.ok(Math.abs(Date.parse(a.consent.at) - before) < 120000);
  assert.deepEqual(Object.keys(a).sort(), ['consent', 'created', 'id', 'key', 'model', 'name', 'quality', 'speech_s']); // no print
  const table = speaker(dir, 'list').out;
  assert.match(table, new RegExp(`${id} .*Allison .*${CONSENT} \\(the clerk\\)`));
  for (const [name, file, same] of [['Allison', goodAgain(), true], ['Reader', readerAgain(), true], ['Allison', readerAgain(), false], [two, goodAgain(), false]]) {
    const r = speaker(dir, 'check', name, file, '--json');
    assert.equal(r.status, 0, r.err);
    const fit = JSON.parse(r.out);
    assert.equal(fit.same, same, r.out);
    assert.equal(fit.margin > 0, same, r.out);
    assert.ok(['Allison', 'Reader'].includes(fit.next));
  }
  assert.match(speaker(dir, 'check', 'Allison', goodAgain()).out, /^Allison: same, likeness 0\.\d\d \(margin \+0\.\d\d\), .* next: Reader, /);
  assert.equal(statSync(join(dir, 'voice.key')).mode & 0o777, 0o600);
  assert.ok(inFiles(dir, id));
  const gone = speaker(dir, 'delete', 'Allison', two);
  assert.equal(gone.status, 0, gone.err);
  assert.equal(gone.out, `${id}: deleted\n${two}: deleted\n`);
  assert.equal(gone.err, '');
  assert.deepEqual(list(dir), []);
  for (const text of [id, two, 'Allison', CONSENT]) assert.ok(!inFiles(dir, text), text);
  const again = speaker(dir, 'delete', 'Allison');
  assert.equal(again.status, 1);
  assert.match(again.err, /there is no voice 'Allison'/);
});

test('speakers: several recordings make one voice, and every one is named when it fails', () => {
  needVoices();
  const dir = folder();
  assert.match(enroll(dir, 'A', [short()]).err, /too short/);
  enrolled(dir, 'A', [short(), short()]); // 7 s of speech in all
  const r = enroll(dir, 'B', [good(), '/nowhere/b.wav']);
  assert.equal(r.status, 1);
  assert.match(r.err, /\/nowhere\/b\.wav/);
});

test('speakers: recordings that are no good are refused with the reason', () => {
  needVoices();
  const dir = folder();
  console.log(`         seed of the noise: ${SEED}`);
  for (const [file, why] of [[short(), /too short: 3\.\d s of speech.*at least 5 s/], [silent(), /too short: 0\.0 s/], [noisy(), /too noisy: speech is only -?\d+ dB/],
    [clipped(), /too loud: \d+\.\d % of the speech/], [both(), /two voices/]]) {
    const r = enroll(dir, 'A', [file]);
    assert.equal(r.status, 1, r.out);
    assert.equal(r.out, '');
    assert.match(r.err, why);
    assert.equal(r.err.trim().split('\n').length, 1, r.err);
  }
  assert.ok(!existsSync(join(dir, 'steno.db')), 'nothing was kept');
});

test('speakers: without a consent, or with a name that cannot be, nobody is enrolled', () => {
  const dir = folder();
  const none = speaker(dir, 'enroll', 'A', good());
  assert.equal(none.status, 2);
  assert.match(none.err, /--consent is needed/);
  for (const consent of ['', '  ']) {
    const r = speaker(dir, 'enroll', 'A', good(), '--consent', consent);
    assert.equal(r.status, 1);
    assert.match(r.err, /consent: want a text/);
  }
  for (const name of ['a,b', '*', 'other', 'S1', ' a', 'voice_x', 'x'.repeat(64)]) {
    const r = enroll(dir, name, [good()]);
    assert.equal(r.status, 1, name);
    assert.match(r.err, /name: /);
  }
  for (const args of [[], ['enroll'], ['enroll', 'A'], ['export', 'A'], ['list', 'A'], ['delete'], ['delete', 'A', '--all'], ['check', 'A'], ['list', '--consent', 'x'], ['list', '--key', 'short']]) {
    const r = speaker(dir, ...args);
    assert.equal(r.status, 2, args.join(' '));
    assert.equal(r.err.trim().split('\n').length, 1, r.err);
  }
  assert.ok(!existsSync(join(dir, 'steno.db')));
});

test('speakers: the key of voices: open to others, missing, another one, exchanged', () => {
  needVoices();
  const dir = folder();
  const key = join(dir, 'voice.key');
  enrolled(dir, 'Allison', [good()]);
  const checks = () => speaker(dir, 'check', 'Allison', goodAgain());
  assert.equal(checks().status, 0);
  chmodSync(key, 0o644);
  assert.match(checks().err, /voice\.key: others may read the key of voices \(mode 644\)/);
  chmodSync(key, 0o600);
  renameSync(key, `${key}.away`);
  assert.match(checks().err, /voice\.key: the key of voices is missing/);
  assert.match(enroll(dir, 'B', [reader()]).err, /the key of voices is missing/);
  enrolled(folder(), 'C', [good()], '--config', '/dev/null');
  assert.ok(!existsSync(key), 'no other key was made');
  renameSync(`${key}.away`, key);
  const before = readFileSync(key);
  const r = speaker(dir, 'rotate-key');
  assert.equal(r.status, 0, r.err);
  assert.equal(r.out, '1 encrypted again\n');
  const after = readFileSync(key);
  assert.ok(!after.equals(before));
  assert.equal(checks().status, 0);
});

// ---- a server ---------------------------------------------------------------------------------------------------------

const createKey = (dir) => steno(['key', 'create', '--data-dir', dir]).out.trim();
const bearer = (key) => (key ? { authorization: `Bearer ${key}` } : {});

class Voices {
  constructor(server, key) {
    this.server = server;
    this.key = key;
  }

  async ask(method, path, body) {
    const response = await this.server.get(`/v1/speakers${path}`, { method, body, headers: bearer(this.key) });
    const text = await response.text();
    assert.ok(!/(-?\d+\.\d+,){8}/.test(text), 'nothing like a print is in an answer');
    return { status: response.status, body: text ? JSON.parse(text) : null, location: response.headers.get('location') };
  }

  enroll(name, files, fields = { consent: CONSENT }) {
    const form = new FormData();
    if (name !== null) form.append('name', name);
    for (const [field, value] of Object.entries(fields)) form.append(field, value);
    for (const file of files) form.append('file', new Blob([readFileSync(file)], { type: 'audio/wav' }), 'a.wav');
    return this.ask('POST', '', form);
  }

  list() {
    return this.ask('GET', '').then((r) => r.body.speakers);
  }

  delete(id) {
    return this.ask('DELETE', `/${id}`);
  }

  async until(wanted) {
    for (const end = Date.now() + 60000; Date.now() < end; await turn()) {
      const answer = await this.ask('GET', '');
      if (wanted(answer)) return answer;
    }
    throw new Error('never');
  }
}

// Nothing that says who somebody is, or how they sound, is in the log.
const keepsSilent = (server) => {
  for (const text of ['Allison', 'Reader', CONSENT]) assert.ok(!server.log.includes(text), server.log);
  assert.ok(!/(-?\d+\.\d+[, ]+){8}/.test(server.log));
};

test('speakers: enrolled, listed and deleted over HTTP; another key sees nothing of them', async () => {
  needVoices();
  const dir = folder();
  const [one, two] = [createKey(dir), createKey(dir)];
  await withServer(['--data-dir', dir, '--log-level', 'debug'], async (server) => {
    const [mine, theirs] = [new Voices(server, one), new Voices(server, two)];
    const made = await mine.enroll('Allison', [good()], { consent: CONSENT, by: 'the clerk' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { id } = made.body;
    assert.match(id, ID);
    assert.equal(made.location, `/v1/speakers/${id}`);
    assert.deepEqual([made.body.name, made.body.consent.text, made.body.consent.by], ['Allison', CONSENT, 'the clerk']);
    assert.ok(made.body.speech_s >= 5 && made.body.quality.unity > 0.5);
    assert.deepEqual(await mine.list(), [made.body]);
    assert.deepEqual(await theirs.list(), []);
    assert.equal((await theirs.delete(id)).status, 404);
    assert.equal((await mine.enroll('Allison', [good()])).body.code, 'name_taken');
    const namesake = await theirs.enroll('Allison', [reader()]); // names are a key's own
    assert.equal(namesake.status, 201);
    assert.equal(namesake.body.consent.by, `key ${two.slice(6, 14)}`);
    assert.equal((await new Voices(server).ask('GET', '')).status, 401);
    assert.equal((await mine.delete(id)).status, 204);
    assert.deepEqual(await mine.list(), []);
    assert.equal((await mine.delete(id)).status, 404);
    assert.equal((await theirs.list()).length, 1);
    assert.ok(!inFiles(dir, id));
    await server.said(new RegExp(`voice deleted.*${id}`));
    keepsSilent(server);
    assert.deepEqual(list(dir).map((v) => v.key), [two.slice(6, 14)]);
    assert.equal(speaker(dir, 'delete', '--all', '--key', two.slice(6, 14)).out, '1 deleted\n');
    await theirs.until((r) => r.body.speakers.length === 0); // a running server notices
  });
});

test('speakers: what HTTP refuses, and by which code', async () => {
  needVoices();
  const dir = folder();
  await withServer(['--data-dir', dir], async (server) => {
    const voices = new Voices(server);
    for (const [name, files, fields, status, code] of [
      ['A', [short()], undefined, 422, 'too_short'], ['A', [noisy()], undefined, 422, 'too_noisy'], ['A', [clipped()], undefined, 422, 'clipped'],
      ['A', [both()], undefined, 422, 'two_voices'], ['A', ['package.json'].map(() => new URL(import.meta.url).pathname), undefined, 422, 'bad_audio'],
      ['A', [good()], {}, 400, 'consent_required'], ['A', [good()], { consent: ' ' }, 400, 'consent_required'], ['A', [], undefined, 400, 'no_file'],
      [null, [good()], undefined, 400, 'bad_parameter'], ['a,b', [good()], undefined, 400, 'bad_parameter'],
      ['A', [good()], { consent: CONSENT, colour: 'blue' }, 400, 'bad_parameter'], ['A', Array(17).fill(short()), undefined, 400, 'bad_upload'],
    ]) {
      const r = await voices.enroll(name, files, fields);
      assert.deepEqual([r.status, r.body.code], [status, code], JSON.stringify(r.body));
      assert.ok(!/\/proc|\/tmp/.test(r.body.message), r.body.message);
    }
    assert.equal((await voices.ask('POST', '?name=A', new FormData())).body.code, 'bad_parameter');
    assert.equal((await voices.ask('POST', '', 'plain')).status, 415);
    assert.equal((await voices.ask('DELETE', '/etc')).status, 404);
    assert.equal((await voices.delete('voice_aaaaaaaaaaaaaaaaaaaaaa')).status, 404);
    assert.deepEqual(await voices.list(), []);
    assert.ok(!existsSync(join(dir, 'voice.key')));
  });
});

test('speakers: so many and no more', async () => {
  needVoices();
  const dir = folder();
  await withServer(['--data-dir', dir, '--voices-max', '1'], async (server) => {
    const voices = new Voices(server);
    assert.equal((await voices.enroll('A', [good()])).status, 201);
    const r = await voices.enroll('B', [reader()]);
    assert.deepEqual([r.status, r.body.code], [507, 'voices_full']);
    const many = await Promise.all(Array.from({ length: 20 }, () => voices.enroll('C', [good()])));
    assert.ok(many.every((m) => ['voices_full', 'busy'].includes(m.body.code)), JSON.stringify(many.map((m) => m.body)));
    assert.equal((await voices.list()).length, 1);
  });
});

test('speakers: a server notices what the command line does, also a key that is gone and comes back', async () => {
  needVoices();
  const dir = folder();
  await withServer(['--data-dir', dir], async (server) => {
    const voices = new Voices(server);
    const id = enrolled(dir, 'Allison', [good()]);
    await voices.until((r) => r.body.speakers?.length === 1);
    assert.equal(speaker(dir, 'rotate-key').status, 0);
    assert.equal((await voices.enroll('Reader', [reader()])).status, 201); // by the new key
    const key = join(dir, 'voice.key');
    renameSync(key, `${key}.away`);
    const r = await voices.enroll('B', [good()]);
    assert.equal(r.status, 503);
    assert.ok(!JSON.stringify(r.body).includes('voice.key'));
    await server.said(/the key of voices is missing/);
    assert.equal((await server.get('/readyz')).status, 200);
    renameSync(`${key}.away`, key);
    assert.equal((await voices.delete(id)).status, 204);
    await voices.until((a) => a.body.speakers?.length === 1);
    keepsSilent(server);
  });
  chmodSync(join(dir, 'voice.key'), 0o604);
  await withServer(['--data-dir', dir], async (server) => { // it starts, and says that voices are not to be had
    const voices = new Voices(server);
    assert.match(server.log, /nobody can be recognised by name: .*others may read/);
    assert.equal((await voices.ask('GET', '')).status, 503);
    assert.equal((await server.get('/v1/status')).status, 200);
    chmodSync(join(dir, 'voice.key'), 0o600);
    await voices.until((r) => r.status === 200);
  });
});

test('speakers: a client that leaves, and a server that is told to end, while a voice is heard', async () => {
  needVoices();
  const dir = folder();
  await withServer(['--data-dir', dir], async (server) => {
    const [host, port] = server.address.split(':');
    const form = new Response(Object.entries({ name: 'A', consent: CONSENT }).reduce((f, [k, v]) => (f.append(k, v), f), new FormData()));
    const head = await form.text();
    const boundary = head.slice(2, head.indexOf('\r\n'));
    const body = Buffer.concat([Buffer.from(`${head.slice(0, head.lastIndexOf(`--${boundary}--`))}--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n`),
      readFileSync(good()), Buffer.from(`\r\n--${boundary}--\r\n`)]);
    const request = `POST /v1/speakers HTTP/1.1\r\nHost: ${server.address}\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (const cut of [body.length, Math.floor(body.length / 2)]) { // the whole body, and half of it
      await new Promise((resolve) => {
        const socket = net.connect(Number(port), host, () => socket.write(Buffer.concat([Buffer.from(request), body.subarray(0, cut)]), () => socket.destroy()));
        socket.on('close', resolve);
        socket.on('error', () => {});
      });
    }
    await server.until((s) => s.network.connections <= 1, 'their end');
    const { network: { received_bytes: before } } = await server.status();
    const asked = new Voices(server).enroll('Allison', [good()]);
    await server.until((s) => s.network.received_bytes >= before + body.length, 'the body');
    server.child.kill('SIGTERM');
    const answer = await asked; // it is owed, and comes
    assert.ok([201, 503].includes(answer.status), JSON.stringify(answer));
    assert.equal((await server.end()).status, 0);
  });
  assert.ok(list(dir).length <= 2);
});
