// test_jobs.mjs: /v1/jobs as its users see it: results, lists, keys, refusals, cancelling, webhooks.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { Jobs, form, place, query, shortPrompts, wav, withJobs, withReceiver } from './jobs_client.mjs';
import { Server } from './live_client.mjs';
import { concatenate, recording, samples, skip, steno, test, transcribe, work, write, writeWav } from './harness.mjs';

const spool = (dir) => readdirSync(join(dir, 'spool'));

// Some minutes of talk: long enough to be cancelled, and to be interrupted.
const long = (minutes = 4) => {
  const parts = [];
  for (let s = 0; s < minutes * 60; s += samples(recording('0870')).length / 16000) parts.push(recording('0870'));
  return writeWav(`long-${minutes}.wav`, concatenate(parts));
};

test('jobs: a recording to its result in every format', async () => {
  await withJobs([], async (jobs, dir) => {
    const file = recording('0870');
    const sent = await jobs.post({ words: 'true', metadata: '{"ticket":7}', file_name: 'call.wav' }, wav(file));
    assert.match(sent.id, /^job_[\w-]{22}$/);
    assert.equal(sent.state, 'queued');
    const job = await jobs.over(sent.id);
    assert.equal(job.state, 'done', JSON.stringify(job));
    assert.deepEqual([job.progress, job.file_name, job.metadata, job.attempts], [1, 'call.wav', { ticket: 7 }, 1]);
    assert.ok(Math.abs(job.audio_s - samples(file).length / 16000) < 0.01);
    assert.ok(Date.parse(job.created) <= Date.parse(job.started) && Date.parse(job.started) <= Date.parse(job.ended));
    for (const format of ['text', 'srt', 'vtt', 'tsv'])
      assert.equal(await jobs.result(job.id, format), transcribe(['--format', format, file]), format);
    assert.equal(await jobs.result(job.id, 'txt'), await jobs.result(job.id, 'text'));
    assert.equal(await jobs.result(job.id, 'ctm'), transcribe(['--format', 'ctm', file]).replace(/^\S+/gm, 'call'));
    const same = JSON.parse(transcribe(['--format', 'json', file]));
    assert.deepEqual((await jobs.result(job.id, 'json')).segments, same.segments);
    await jobs.result(job.id, 'pdf', 400);
    assert.deepEqual(spool(dir), []); // the recording went when its job was over
    assert.equal(statSync(dir).mode & 0o777, 0o700);
  });
});

test('jobs: channels apart, and recordings that are kept', async () => {
  await withJobs(['--keep-audio', 'yes'], async (jobs, dir) => {
    const mono = samples(recording('0870'));
    const both = new Int16Array(mono.length * 2);
    mono.forEach((s, i) => (both[2 * i + 1] = s));
    const file = writeWav('right.wav', both, { channels: 2 });
    const { id } = await jobs.post({ channels: 'split' }, wav(file));
    assert.equal((await jobs.over(id)).state, 'done');
    assert.ok((await jobs.result(id, 'json')).segments.every((s) => s.channel === 2));
    assert.deepEqual(spool(dir), [id]);
    const masked = await jobs.post({ redact: 'mask' }, wav(file)); // the sound would say what the words hide
    assert.equal((await jobs.over(masked.id)).state, 'done');
    assert.deepEqual(spool(dir), [id]);
    assert.equal((await jobs.ask(`/v1/jobs/${id}`, { method: 'DELETE' })).status, 204);
    assert.deepEqual(spool(dir), []);
    await jobs.job(id, 404);
    await jobs.result(id, 'json', 404);
  });
});

test('jobs: many files in one request, lists in pages', async () => {
  await withJobs([], async (jobs) => {
    const files = shortPrompts(5);
    const { jobs: made } = await jobs.post({}, form(files.map((p) => p.file), { metadata: '{"batch":1}', words: 'true' }));
    assert.equal(made.length, 5);
    for (const [i, job] of made.entries()) {
      assert.equal((await jobs.over(job.id)).state, 'done');
      assert.equal(await jobs.result(job.id, 'text'), transcribe(['--format', 'text', files[i].file]));
    }
    const listed = [];
    let next = '';
    do {
      const { body } = await jobs.ask(`/v1/jobs?limit=2${next && `&after=${next}`}`);
      assert.ok(body.jobs.length <= 2);
      listed.push(...body.jobs.map((j) => j.id));
      next = body.next;
    } while (next);
    assert.deepEqual(listed, made.map((j) => j.id).reverse());
    assert.equal((await jobs.ask('/v1/jobs?state=done&limit=99')).body.jobs.length, 5);
    assert.equal((await jobs.ask('/v1/jobs?state=failed')).body.jobs.length, 0);
    for (const wrong of ['limit=0', 'limit=x', 'limit=100', 'state=ready', 'after=7', 'after=job_0000000000000000000000'])
      await jobs.ask(`/v1/jobs?${wrong}`, undefined, 400);
  });
});

test('jobs: an idempotency key makes a request one', async () => {
  await withJobs([], async (jobs) => {
    const [a, b] = shortPrompts(2).map((p) => p.file);
    const keyed = (file) => ({ ...wav(file), headers: { 'content-type': 'audio/wav', 'idempotency-key': 'order-17' } });
    const answers = await Promise.all([1, 2, 3, 4].map(() => jobs.ask(query({}), keyed(a), 202)));
    assert.equal(new Set(answers.map((x) => x.body.id)).size, 1);
    assert.equal(answers.filter((x) => x.headers.get('idempotency-replayed')).length, 3);
    await jobs.over(answers[0].body.id);
    assert.equal((await jobs.post({}, keyed(a))).id, answers[0].body.id);
    assert.equal((await jobs.ask(query({}), keyed(b), 422)).body.code, 'key_reused');
    assert.equal((await jobs.ask(query({ words: 'true' }), keyed(a), 422)).body.code, 'key_reused');
    assert.equal((await jobs.ask('/v1/jobs')).body.jobs.length, 1);
  });
});

test('jobs: what is refused, and why', async () => {
  await withJobs(['--max-queued', '3', '--body-max-mb', '3', '--spool-max-mb', '1'], async (jobs, dir) => {
    const [{ file }] = shortPrompts(1);
    const refused = async (options, request, status, code, said) => {
      const { body } = await jobs.ask(query(options), request, status);
      assert.equal(body.code, code, JSON.stringify(body));
      assert.match(body.message, said);
    };
    await refused({ language: 'de' }, wav(file), 400, 'bad_parameter', /language: .*'en'.*'de'/);
    await refused({ words: 'maybe' }, wav(file), 400, 'bad_parameter', /words: /);
    await refused({ colour: 'red' }, wav(file), 400, 'bad_parameter', /no option 'colour'/);
    await refused({ metadata: '[1]' }, wav(file), 400, 'bad_parameter', /metadata: /);
    await refused({ webhook: 'ftp://x/' }, wav(file), 400, 'bad_parameter', /webhook: /);
    await refused({ webhook: 'http://x/', webhook_secret: 'short' }, wav(file), 400, 'bad_parameter', /webhook_secret: /);
    await refused({}, { method: 'POST', body: 'x=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415, 'bad_type', /audio/);
    await refused({}, { method: 'POST', body: new Uint8Array(0), headers: { 'content-type': 'audio/wav' } }, 400, 'empty_file', /no bytes/);
    await refused({}, form([], { words: 'true' }), 400, 'no_file', /no file/);
    await refused({}, form([file], { colour: 'red' }), 400, 'bad_parameter', /no option 'colour'/);
    await refused({}, form([file, file, file, file]), 429, 'queue_full', /wait/);
    const big = { ...wav(file), body: Buffer.alloc(2 << 20) };
    await refused({}, big, 507, 'spool_full', /space/);
    for (const path of ['/v1/jobs/job_nope', '/v1/jobs/job_0000000000000000000000', '/v1/jobs/..%2f..%2fetc'])
      await jobs.ask(path, undefined, 404);
    await jobs.ask('/v1/jobs', { method: 'PUT', body: 'x' }, 405);
    const noise = await jobs.post({}, { ...wav(file), body: Buffer.from('this is no recording at all') });
    const job = await jobs.over(noise.id);
    assert.equal(job.state, 'failed');
    assert.ok(job.error.message.length > 10 && !job.error.message.includes(dir), job.error.message);
    const gone = await jobs.result(job.id, 'text', 409);
    assert.equal(gone.code, 'failed');
    assert.deepEqual(spool(dir), []);
    assert.equal((await jobs.ask('/v1/jobs')).body.jobs.length, 1); // nothing of what was refused is there
  });
  await withJobs(['--body-max-mb', '1'], async (jobs) => {
    const big = { ...wav(shortPrompts(1)[0].file), body: Buffer.alloc(2 << 20) };
    assert.equal((await jobs.ask(query({}), big)).status, 413);
  });
});

test('jobs: without a data directory there are none', async () => {
  const env = { ...process.env };
  for (const name of ['HOME', 'XDG_DATA_HOME', 'STATE_DIRECTORY']) delete process.env[name];
  const server = new Server();
  Object.assign(process.env, env);
  try {
    await server.listening();
    assert.match(server.log, /no jobs and no keys/);
    const jobs = new Jobs(server);
    for (const path of ['/v1/jobs', '/v1/jobs/job_0000000000000000000000'])
      assert.equal((await jobs.ask(path, undefined, 503)).body.code, 'not_configured');
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
});

test('jobs: cancelled while they wait and while they are heard', async () => {
  await withJobs(['--at-once', '1'], async (jobs, dir) => {
    const file = long();
    const first = await jobs.post({}, wav(file));
    const second = await jobs.post({}, wav(file));
    const seen = await jobs.until(first.id, (j) => j.state === 'running' && j.progress > 0);
    assert.ok(seen.progress < 1 && seen.audio_s > 0);
    for (const { id } of [second, first]) {
      const { body } = await jobs.ask(`/v1/jobs/${id}`, { method: 'DELETE' }, 200);
      assert.equal(body.state, 'cancelled');
      assert.equal((await jobs.result(id, 'text', 409)).code, 'cancelled');
    }
    assert.deepEqual(spool(dir), []);
    const third = await jobs.post({}, wav(shortPrompts(1)[0].file)); // the place is free again
    assert.equal((await jobs.over(third.id)).state, 'done');
    const status = await jobs.server.until((s) => s.jobs.running === 0, 'nothing is heard');
    assert.deepEqual([status.jobs.cancelled, status.jobs.done, status.jobs.queued], [2, 1, 0]);
  });
});

test('jobs: those of one key do not exist for another', async () => {
  const dir = place();
  const keys = [1, 2].map(() => JSON.parse(steno(['key', 'create', '--data-dir', dir, '--json']).out).key);
  const as = (n, request = {}) => ({ ...request, headers: { ...request.headers, authorization: `Bearer ${keys[n]}` } });
  await withJobs([], async (jobs) => {
    const { file } = shortPrompts(1)[0];
    await jobs.ask('/v1/jobs', undefined, 401);
    const keyed = (n) => as(n, { ...wav(file), headers: { 'content-type': 'audio/wav', 'idempotency-key': 'same' } });
    const mine = (await jobs.ask(query({}), keyed(0), 202)).body;
    const theirs = (await jobs.ask(query({}), keyed(1), 202)).body; // a key of their own, although it is the same text
    assert.notEqual(mine.id, theirs.id);
    for (const [path, method] of [['', 'GET'], ['', 'DELETE'], ['/result', 'GET']]) {
      const unknown = (await jobs.ask(`/v1/jobs/job_0000000000000000000000${path}`, as(1, { method }), 404)).body;
      assert.deepEqual((await jobs.ask(`/v1/jobs/${mine.id}${path}`, as(1, { method }), 404)).body, unknown);
    }
    assert.equal((await jobs.ask(`/v1/jobs?after=${mine.id}`, as(1))).status, 400);
    for (const [n, id] of [[0, mine.id], [1, theirs.id]])
      assert.deepEqual((await jobs.ask('/v1/jobs', as(n), 200)).body.jobs.map((j) => j.id), [id]);
  }, dir);
});

test('jobs: only one server works on a data directory', async () => {
  await withJobs([], async (jobs, dir) => {
    const other = new Server(['--data-dir', dir]);
    const { status } = await other.end();
    assert.equal(status, 1);
    assert.match(other.log, /another steno works on this data_dir/);
  });
});

// ---- webhooks ---------------------------------------------------------------------------------------------------

const soon = ['--webhook-retry-ms', '20'];

test('jobs: a webhook is signed as Standard Webhooks are', async () => {
  await withJobs([], async (jobs) => {
    await withReceiver(undefined, async (receiver) => {
      const { file } = shortPrompts(1)[0];
      const made = await jobs.post({ webhook: receiver.url, metadata: '{"a":1}' }, wav(file));
      assert.match(made.webhook.secret, /^whsec_/);
      await receiver.came(1);
      const own = await jobs.post({ webhook: receiver.url, webhook_secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }, wav(file));
      assert.equal(own.webhook.secret, undefined);
      await receiver.came(2);
      for (const [i, job, secret] of [[0, made, made.webhook.secret], [1, own, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']]) {
        const { method, headers, body } = receiver.seen[i];
        const message = new Webhook(secret).verify(body, headers); // throws when anything is wrong
        assert.equal(method, 'POST');
        assert.equal(message.type, 'job.done');
        assert.equal(message.data.id, job.id);
        assert.equal(message.data.state, 'done');
        assert.throws(() => new Webhook('whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA==').verify(body, headers));
        assert.throws(() => new Webhook(secret).verify(`${body} `, headers));
        assert.ok(!body.includes(secret));
        const told = await jobs.until(job.id, (j) => j.webhook.state === 'delivered');
        assert.deepEqual([told.webhook.id, told.webhook.attempts, told.webhook.status], [headers['webhook-id'], 1, 204]);
        assert.equal(told.webhook.secret, undefined);
      }
      assert.deepEqual(receiver.seen[0].headers['content-type'], 'application/json');
      assert.deepEqual(JSON.parse(receiver.seen[0].body).data.metadata, { a: 1 });
    });
  });
});

test('jobs: a webhook is sent until it is taken, under one id', async () => {
  await withJobs(soon, async (jobs) => {
    await withReceiver((_, n) => ({ status: n < 4 ? 500 : 200, body: 'x'.repeat(200000) }), async (receiver) => {
      const { id } = await jobs.post({ webhook: receiver.url }, wav(shortPrompts(1)[0].file));
      const job = await jobs.until(id, (j) => j.webhook.state === 'delivered');
      assert.equal(job.webhook.attempts, 4);
      assert.equal(new Set(receiver.seen.map((m) => m.headers['webhook-id'])).size, 1);
      assert.equal(new Set(receiver.seen.map((m) => m.body)).size, 1);
      assert.equal(receiver.seen.length, 4);
    });
  });
});

test('jobs: webhooks that are not wanted, lead elsewhere, or nowhere', async () => {
  await withJobs([...soon, '--webhook-attempts', '3'], async (jobs) => {
    const { file } = shortPrompts(1)[0];
    const told = async (url) => {
      const { id } = await jobs.post({ webhook: url }, wav(file));
      return (await jobs.until(id, (j) => ['delivered', 'given_up'].includes(j.webhook.state))).webhook;
    };
    await withReceiver(undefined, async (elsewhere) => {
      await withReceiver((m) => (m.path === '/gone' ? { status: 410 } : { status: 307, headers: { location: elsewhere.url } }), async (receiver) => {
        const gone = await told(receiver.url.replace('hook', 'gone'));
        assert.deepEqual([gone.state, gone.attempts, gone.status], ['given_up', 1, 410]);
        const moved = await told(receiver.url);
        assert.deepEqual([moved.state, moved.attempts, moved.status], ['given_up', 3, 307]);
        assert.match(moved.error, /redirects are not followed/);
        assert.equal(elsewhere.seen.length, 0);
      });
    });
    const dead = await told('http://127.0.0.1:1/');
    assert.deepEqual([dead.state, dead.attempts, dead.status], ['given_up', 3, undefined]);
    const meta = await told('http://169.254.169.254/latest/meta-data/');
    assert.deepEqual([meta.state, meta.attempts], ['given_up', 1]);
    assert.match(meta.error, /address/);
  });
});

test('jobs: webhooks go only to networks that are named, whatever a name resolves to', async () => {
  await withJobs([...soon, '--webhook-networks', '10.0.0.0/8'], async (jobs) => {
    await withReceiver(undefined, async (receiver) => {
      const { id } = await jobs.post({ webhook: receiver.url.replace('127.0.0.1', 'localhost') }, wav(shortPrompts(1)[0].file));
      const job = await jobs.until(id, (j) => j.webhook.state === 'given_up');
      assert.match(job.webhook.error, /address/);
      assert.equal(receiver.seen.length, 0);
    });
  });
});

test('jobs: webhooks over TLS, to servers that can prove who they are', async () => {
  const [key, cert] = [join(work, 'hook-key.pem'), join(work, 'hook-cert.pem')];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  if (made.status !== 0) skip('openssl makes no certificates here');
  const { file } = shortPrompts(1)[0];
  await withReceiver(undefined, async (receiver) => {
    await withJobs([...soon, '--webhook-attempts', '1'], async (jobs) => {
      const { id } = await jobs.post({ webhook: receiver.url }, wav(file));
      const { webhook } = await jobs.until(id, (j) => j.webhook.state === 'given_up');
      assert.match(webhook.error, /cert/i);
      assert.equal(receiver.seen.length, 0);
    });
    await withJobs(['--webhook-ca-file', cert], async (jobs) => {
      const { id } = await jobs.post({ webhook: receiver.url }, wav(file));
      await jobs.until(id, (j) => j.webhook.state === 'delivered');
      assert.equal(receiver.seen.length, 1);
    });
  }, { key: readFileSync(key), cert: readFileSync(cert) });
});

test('jobs: SIGHUP changes limits and where webhooks may go', async () => {
  const file = write('jobs.ini', '[jobs]\nspool_max_mb = 1\nwebhook_networks = 10.0.0.0/8\nwebhook_attempts = 1\n');
  await withJobs(['--config', file], async (jobs) => {
    await withReceiver(undefined, async (receiver) => {
      const big = { ...wav(shortPrompts(1)[0].file), body: Buffer.alloc(2 << 20) };
      await jobs.ask(query({}), big, 507);
      const before = await jobs.post({ webhook: receiver.url }, wav(shortPrompts(1)[0].file));
      await jobs.until(before.id, (j) => j.webhook.state === 'given_up');
      writeFileSync(file, '[jobs]\nspool_max_mb = 10\nkeep_audio = yes\n');
      jobs.server.child.kill('SIGHUP');
      await jobs.server.said(/SIGHUP: new streams use/);
      await jobs.post({}, big);
      const after = await jobs.post({ webhook: receiver.url }, wav(shortPrompts(1)[0].file));
      await jobs.until(after.id, (j) => j.webhook.state === 'delivered');
      assert.equal(receiver.seen.length, 1);
    });
  });
});

// ---- ends ---------------------------------------------------------------------------------------------------------

test('jobs: an orderly end gives back what is being heard', async () => {
  const dir = place();
  let id;
  await withJobs([], async (jobs) => {
    ({ id } = await jobs.post({}, wav(long())));
    await jobs.until(id, (j) => j.state === 'running' && j.progress > 0);
    jobs.server.child.kill('SIGTERM');
    assert.equal((await jobs.server.end()).status, 0);
  }, dir);
  await withJobs([], async (jobs) => {
    const job = await jobs.over(id);
    assert.deepEqual([job.state, job.attempts], ['done', 1]);
  }, dir);
});

test('jobs: rows without a recording fail, recordings without a row go', async () => {
  const dir = place();
  let kept, lost;
  await withJobs(['--at-once', '1'], async (jobs) => {
    const busy = await jobs.post({}, wav(long()));
    await jobs.until(busy.id, (j) => j.state === 'running');
    kept = await jobs.post({}, wav(shortPrompts(1)[0].file));
    lost = await jobs.post({}, wav(shortPrompts(1)[0].file));
    jobs.server.child.kill('SIGKILL');
    await jobs.server.end();
  }, dir);
  spawnSync('rm', [join(dir, 'spool', lost.id)]);
  writeFileSync(join(dir, 'spool', 'job_AAAAAAAAAAAAAAAAAAAAAA'), 'of a request that was never answered');
  await withJobs([], async (jobs) => {
    const job = await jobs.job(lost.id);
    assert.equal(job.state, 'failed');
    assert.equal(job.error.code, 'audio_lost');
    assert.equal((await jobs.over(kept.id)).state, 'done');
    assert.ok(!spool(dir).includes('job_AAAAAAAAAAAAAAAAAAAAAA'));
  }, dir);
});

test('jobs: what is over is forgotten after its time', async () => {
  const dir = place();
  let id;
  await withJobs([], async (jobs) => {
    ({ id } = await jobs.post({}, wav(shortPrompts(1)[0].file)));
    await jobs.over(id);
  }, dir);
  const old = spawnSync('sqlite3', [join(dir, 'steno.db'), 'UPDATE jobs SET ended_ms = ended_ms - 3 * 3600000']);
  if (old.status !== 0) skip('sqlite3 is not installed');
  await withJobs(['--retention-h', '2'], async (jobs) => {
    await jobs.server.said(/1 that were over for 2 h are forgotten/);
    await jobs.job(id, 404);
  }, dir);
});
