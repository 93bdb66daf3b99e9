// test_openapi.mjs: docs/openapi.yaml is OpenAPI 3.1, names just the paths there are, is served, and what it says of answers is so.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recording, steno, test, work } from './harness.mjs';
import { turn, withServer } from './live_client.mjs';
import { good, haveVoices, needVoices, short } from './voices.mjs';
import { answer, document, lookUp, validateOpenApi } from './openapi_schema.mjs';

function* references(node) {
  if (typeof node !== 'object' || node === null) return;
  if (typeof node.$ref === 'string') yield node.$ref;
  for (const child of Object.values(node)) yield* references(child);
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];
const operations = () => Object.entries(document().paths).flatMap(([path, item]) => METHODS.filter((m) => item[m]).map((m) => [m, path, item[m]]));

test('openapi: the document follows the standard and refers to nothing that is missing', async () => {
  const doc = document();
  await validateOpenApi(doc);
  for (const ref of references(doc)) {
    assert.ok(ref.startsWith('#/') && ref.slice(2).split('/').reduce((at, name) => at?.[name], doc), `${ref} leads nowhere`);
  }
  await assert.rejects(validateOpenApi({ ...doc, paths: { nonsense: 1 } }));
  const used = new Set(references(doc));
  for (const name of Object.keys(doc.components.schemas)) assert.ok(used.has(`#/components/schemas/${name}`), `${name} is used nowhere`);
  const ids = operations().map(([, , operation]) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(doc.info.version, steno(['--version']).out.trim().split(' ')[1]);
});

test('openapi: the paths are those of src/api/routes.c', () => {
  const source = readFileSync('src/api/routes.c', 'utf8');
  const routes = [...source.matchAll(/^ {4}\{"([A-Z]+)", "(\/[^"]*)", /gm)].map(([, method, path]) => `${method} ${path}`);
  assert.ok(routes.length >= 10);
  const documented = operations().map(([method, path]) => `${method.toUpperCase()} ${path.replace(/\{[^}]*\}/g, '*')}`);
  const files = ['GET /openapi.yaml', 'GET /asyncapi.yaml']; // among the page's
  assert.deepEqual(documented.filter((d) => !files.includes(d)).sort(), [...new Set(routes)].sort());
});

test('openapi: it is served as it is in the tree', async () => {
  await withServer([], async (server) => {
    for (const name of ['openapi.yaml', 'asyncapi.yaml']) {
      const response = await server.get(`/${name}`);
      assert.equal(await answer('get', `/${name}`, response.clone()), readFileSync(`docs/${name}`, 'utf8'));
      const again = await server.get(`/${name}`, { headers: { 'If-None-Match': response.headers.get('etag') } });
      assert.equal(again.status, 304);
    }
  });
});

// Each test of answers gets a server with a data folder of its own.
const withJobs = (body) => withServer(['--data-dir', mkdtempSync(join(work, 'data-'))], body);
const sound = () => readFileSync(recording('0870'));
const form = (fields) => {
  const f = new FormData();
  for (const [name, value] of fields) f.append(name, value);
  return f;
};
const file = () => new Blob([sound()], { type: 'audio/wav' });

test('openapi: real answers about the state, models and streams are what it says', async () => {
  await withJobs(async (server) => {
    const ask = async (path, template = path) => answer('get', template, await server.get(path));
    assert.deepEqual(await ask('/healthz'), { ok: true });
    assert.deepEqual(await ask('/readyz'), { ready: true });
    assert.equal((await ask('/v1/status')).engines.length, 1);
    assert.equal((await ask('/v1/watch')).series[0].model, '');
    assert.equal((await ask('/v1/shadow')).code, 'not_found');
    assert.equal((await ask('/v1/stream')).code, 'upgrade_required');
    assert.match((await ask('/v1/stream?sample_rate=1', '/v1/stream')).message, /sample_rate/);
    const { data } = await ask('/v1/models');
    assert.equal((await ask(`/v1/models/${data[0].id}`, '/v1/models/{model}')).id, data[0].id);
    assert.equal((await ask('/v1/models/none', '/v1/models/{model}')).error.code, 'model_not_found');
  });
});

test('openapi: real answers about a model in the shadow are what it says', async () => {
  await withServer(['--data-dir', mkdtempSync(join(work, 'data-')), '--shadow-model', 'tiny', '--shadow-precision', 'fp32', '--shadow-percent', '100'], async (server) => {
    const ask = async () => answer('get', '/v1/shadow', await server.get('/v1/shadow'));
    assert.equal((await ask()).state, 'listening');
    await server.get('/v1/audio/transcriptions', { method: 'POST', body: form([['file', file()], ['model', 'whisper-1']]) });
    while (!(await ask()).minutes.length) await turn();
    assert.equal((await ask()).a.model, 'tiny');
  });
});

test('openapi: real answers about jobs are what it says', async () => {
  await withJobs(async (server) => {
    const call = async (method, template, path, options) => answer(method, template, await server.get(path, { method: method.toUpperCase(), ...options }));
    const audio = { headers: { 'Content-Type': 'audio/wav' }, body: sound() };
    const job = await call('post', '/v1/jobs', '/v1/jobs?words=true&metadata={"case":17}', audio);
    assert.equal(job.metadata.case, 17);
    const many = await call('post', '/v1/jobs', '/v1/jobs', { body: form([['file', file()], ['file', file()], ['channels', 'split']]) });
    assert.equal(many.jobs.length, 2);
    assert.equal((await call('post', '/v1/jobs', '/v1/jobs?colour=blue', audio)).code, 'bad_parameter');
    assert.equal((await call('post', '/v1/jobs', '/v1/jobs', { ...audio, headers: { 'Content-Type': 'text/plain' } })).code, 'bad_type');
    const get = (id) => call('get', '/v1/jobs/{id}', `/v1/jobs/${id}`);
    while (!['done', 'failed'].includes((await get(job.id)).state)) await turn();
    const result = (format) => call('get', '/v1/jobs/{id}/result', `/v1/jobs/${job.id}/result?format=${format}`);
    assert.match((await result('json')).segments[0].text, /John Dashwood/);
    for (const format of lookUp('paths', '/v1/jobs/{id}/result', 'get', 'parameters').at[0].schema.enum) assert.ok(await result(format), format);
    assert.equal((await result('docx')).code, 'bad_parameter');
    const page = await call('get', '/v1/jobs', '/v1/jobs?limit=2');
    assert.equal(page.jobs.length, 2);
    assert.equal((await call('get', '/v1/jobs', `/v1/jobs?after=${page.next}`)).next, null);
    assert.equal(await call('delete', '/v1/jobs/{id}', `/v1/jobs/${job.id}`), null);
    assert.equal((await get(job.id)).code, 'not_found');
  });
});

test('openapi: real answers about speakers are what it says', async () => {
  needVoices();
  await withJobs(async (server) => {
    const path = '/v1/speakers';
    const post = async (...fields) => answer('post', path, await server.get(path, { method: 'POST', body: form(fields) }));
    const voice = new Blob([readFileSync(good())], { type: 'audio/wav' });
    const made = await post(['name', 'Allison'], ['consent', 'on paper'], ['file', voice]);
    assert.equal(made.name, 'Allison');
    assert.equal((await post(['name', 'Allison'], ['consent', 'on paper'], ['file', voice])).code, 'name_taken');
    assert.equal((await post(['name', 'B'], ['consent', 'on paper'], ['file', new Blob([readFileSync(short())])])).code, 'too_short');
    assert.equal((await post(['name', 'B'], ['file', voice])).code, 'consent_required');
    assert.deepEqual((await answer('get', path, await server.get(path))).speakers, [made]);
    const remove = async () => answer('delete', '/v1/speakers/{id}', await server.get(`${path}/${made.id}`, { method: 'DELETE' }));
    assert.equal(await remove(), null);
    assert.equal((await remove()).code, 'not_found');
  });
});

test('openapi: real answers to OpenAI\'s clients are what it says', async () => {
  await withJobs(async (server) => {
    const path = '/v1/audio/transcriptions';
    const ask = async (...fields) => answer('post', path, await server.get(path, { method: 'POST', body: form([['file', file()], ['model', 'whisper-1'], ...fields]) }));
    for (const format of lookUp('paths', path, 'post', 'requestBody', 'content', 'multipart/form-data', 'schema', 'properties', 'response_format').at.enum) {
      if (format === 'diarized_json' && !haveVoices()) continue;
      assert.match(JSON.stringify(await ask(['response_format', format])), /John Dashwood/, format);
    }
    const verbose = await ask(['response_format', 'verbose_json'], ['timestamp_granularities[]', 'word'], ['timestamp_granularities[]', 'segment']);
    assert.ok(verbose.words.length > 10 && verbose.segments.length >= 1);
    assert.match(await ask(['model', 'gpt-4o-transcribe'], ['stream', 'true']), /transcript\.text\.done/);
    assert.ok((await ask(['response_format', 'docx'])).error.message);
    for (const [method, other, operation] of operations().filter(([, , o]) => /Not supported/.test(o.summary))) {
      assert.equal((await answer(method, other, await server.get(other, { method: 'POST', body: '{}' }))).error.code, 'not_supported', operation.operationId);
    }
  });
});

test('openapi: real answers to Deepgram\'s clients are what it says', async () => {
  await withJobs(async (server) => {
    const ask = async (query, body = sound(), type = 'audio/wav') => answer('post', '/v1/listen',
      await server.get(`/v1/listen?${query}`, { method: 'POST', headers: { 'Content-Type': type }, body }));
    const plain = await ask('');
    assert.match(plain.results.channels[0].alternatives[0].transcript, /john dashwood/);
    const all = await ask('model=nova-3&smart_format=true&paragraphs=true&utterances=true&punctuate=true&summarize=true&tag=a&extra=b:c');
    assert.ok(all.results.utterances.length >= 1 && all.metadata.warnings.length >= 1);
    assert.ok((await ask('language=xx')).err_msg);
    assert.ok((await ask('', '{"url":"http://127.0.0.1/"}', 'application/json')).err_msg);
  });
});
