// test_redact_http.mjs: POST /v1/redact: texts of other programs, and what key and server force upon them.
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { steno, test, work } from './harness.mjs';
import { withServer } from './live_client.mjs';
import { answer } from './openapi_schema.mjs';

const PHONE = 'my phone number is 138 1234 5678';
const withData = (body, ...args) => withServer(['--data-dir', mkdtempSync(join(work, 'data-')), ...args], body);

async function post(server, body, headers = {}) {
  const sent = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await server.get('/v1/redact', { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: sent });
  const said = await answer('post', '/v1/redact', response);
  return { status: response.status, ...said };
}

test('redact http: one text, several, modes, positions in characters', async () => {
  await withData(async (server) => {
    const one = await post(server, { text: '电话 13812345678 okay' });
    assert.equal(one.text, '电话 [PHONE] okay');
    assert.deepEqual(one.entities.map((e) => [e.type, e.start, e.end]), [['phone', 3, 10]]);
    assert.equal(one.mode, 'mask');
    const several = await post(server, { texts: [PHONE, '', 'mail a@b.com'], mode: 'redact', types: ['phone', 'email'] });
    assert.deepEqual(several.results.map((r) => r.text), ['my phone number is 138****5678', '', 'mail a***@b.com']);
    assert.deepEqual([several.mode, several.types], ['redact', 'phone, email']);
    assert.equal((await post(server, { text: PHONE, types: 'email' })).text, PHONE);
    const tag = await post(server, { text: PHONE, mode: 'tag' });
    assert.equal(tag.text.slice(tag.entities[0].start, tag.entities[0].end), '138 1234 5678');
    assert.equal((await post(server, { text: 'twenty three dollars', mode: 'off', itn: true })).text, '$23');
    assert.equal((await post(server, { texts: ['a@b.com', 'c@d.com', 'a@b.com'], numbered: true })).results.map((r) => r.text).join(' '), '[EMAIL_1] [EMAIL_2] [EMAIL_1]');
    assert.equal((await post(server, { text: PHONE, min_confidence: 1 })).text, PHONE);
    assert.equal((await post(server, { text: 'my phone number is one three eight one two\u001ethree four five six seven eight' })).text, 'my phone number is [PHONE]\u001e[PHONE]');
    assert.deepEqual((await post(server, { texts: [] })).results, []);
  });
});

test('redact http: a long text is what it is in pieces, and others are answered meanwhile', async () => {
  await withData(async (server) => {
    const text = `${PHONE}. `.repeat(12000).slice(0, 400000);
    const long = post(server, { text });
    const short = await post(server, { text: 'a@b.com' });
    assert.equal(short.text, '[EMAIL]');
    const got = await long;
    assert.ok(!/138/.test(got.text.slice(0, -50)));
    assert.ok(got.entities.length > 11000);
    const last = got.entities.at(-2);
    assert.equal(got.text.slice(last.start, last.end), '[PHONE]');
  });
});

test('redact http: what is wrong is said, without what was sent', async () => {
  await withData(async (server) => {
    for (const [body, about] of [['no json', /JSON object/], ['["a"]', /JSON object/], [{}, /text or texts/], [{ text: 1 }, /text/], [{ texts: ['a', 1] }, /number 1/], [{ text: 'a', texts: [] }, /not both/],
      [{ text: PHONE, mode: 'hide' }, /mask/], [{ text: PHONE, types: ['shoes'] }, /shoes/], [{ text: PHONE, types: [1] }, /types/], [{ text: PHONE, itn: 'yes' }, /itn/],
      [{ text: PHONE, min_confidence: 2 }, /min_confidence/], [{ text: PHONE, numbered: 1 }, /numbered/], [{ text: PHONE, language: 'en' }, /not known/],
      [`{"text":"${PHONE}","text":"a"}`, /JSON object/], [{ texts: Array(5000).fill('') }, /4096/]]) {
      const r = await post(server, body);
      assert.equal(r.status, 400, JSON.stringify(body).slice(0, 100));
      assert.match(r.message, about);
      assert.ok(!r.message.includes('138'));
    }
    assert.equal((await post(server, { text: 'a' }, { 'Content-Type': 'text/plain' })).status, 415);
    assert.equal((await post(server, { text: 'a'.repeat(600000) })).status, 413);
    const get = await server.get('/v1/redact');
    assert.equal(get.status, 405);
    assert.ok(!server.log.includes('1234 5678'), 'what was sent is in the log');
  });
});

test('redact http: what a key or the server forces is done', async () => {
  const dir = mkdtempSync(join(work, 'data-'));
  const key = (...args) => ({ Authorization: `Bearer ${JSON.parse(steno(['key', 'create', '--data-dir', dir, '--json', ...args]).out).key}` });
  const [strict, free] = [key('--redact', 'mask', '--redact-types', 'phone'), key()];
  await withServer(['--data-dir', dir], async (server) => {
    const forced = await post(server, { text: `${PHONE}, a@b.com`, mode: 'tag', types: 'email', min_confidence: 1 }, strict);
    assert.equal(forced.text, 'my phone number is [PHONE], [EMAIL]');
    assert.equal(forced.mode, 'mask');
    assert.equal((await post(server, { text: PHONE, mode: 'off' }, free)).text, PHONE);
    assert.equal((await post(server, { text: PHONE })).status, 401);
  });
});

test('redact http: too many at once wait outside, and who leaves makes room', async () => {
  await withData(async (server) => {
    const { port } = new URL(server.url ?? `http://${server.address}`);
    const begin = () => new Promise((resolve) => {
      const r = request({ port, host: '127.0.0.1', path: '/v1/redact', method: 'POST', headers: { 'Content-Type': 'application/json', 'Content-Length': 100 } });
      r.on('error', () => resolve(r));
      r.on('response', (response) => resolve(Object.assign(r, { code: response.statusCode })));
      r.write('{"text":', () => resolve(r));
    });
    const open = [];
    for (let i = 0; i < 16; i++) open.push(await begin());
    const refused = async () => (await post(server, { text: 'a' })).status === 503;
    while (!(await refused())); // the last of them may still be on its way
    open[0].destroy();
    while (await refused());
    for (const r of open) r.destroy();
  });
});
