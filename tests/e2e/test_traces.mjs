// test_traces.mjs: traces as a caller, a collector and a receiver of webhooks see them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import WebSocket from 'ws';
import { Jobs, place, shortPrompts, wav, withJobs, withReceiver } from './jobs_client.mjs';
import { Client, Server, turn, within, withServer } from './live_client.mjs';
import { Kind, withCollector } from './otlp_collector.mjs';
import { recording, samples, steno, test, work, write } from './harness.mjs';
import { spokenNumber } from './spoken_number.mjs';
import { parse } from './test_metrics.mjs';

const FAST = ['--max-ahead-ms', '60000'];
const LOG = ['--log-format', 'json'];
const hex = (bytes) => randomBytes(bytes).toString('hex');
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const caller = (flags = '01') => {
  const [trace, span] = [hex(16), hex(8)];
  return { trace, span, headers: { traceparent: `00-${trace}-${span}-${flags}` } };
};
const form = (file) => {
  const body = new FormData();
  body.append('file', new Blob([readFileSync(file)], { type: 'audio/wav' }), basename(file));
  body.append('model', 'whisper-1');
  return { method: 'POST', body };
};
const named = (spans, name) => spans.filter((s) => s.name === name);
const one = (spans, name) => {
  assert.equal(named(spans, name).length, 1, `${name} among ${spans.map((s) => s.name)}`);
  return named(spans, name)[0];
};
const has = (...names) => (spans) => names.every((name) => named(spans, name).length);
// Its time lies in the other's, which is its parent.
const within_ = (child, parent) => {
  assert.equal(child.parentSpanId, parent.spanId, child.name);
  assert.ok(BigInt(child.startTimeUnixNano) >= BigInt(parent.startTimeUnixNano), `${child.name} begins in ${parent.name}`);
  assert.ok(BigInt(child.endTimeUnixNano) <= BigInt(parent.endTimeUnixNano), `${child.name} ends in ${parent.name}`);
};
const spansOf = async (server, outcome) => parse(await (await server.get('/metrics')).text()).get(`steno_spans_total{outcome="${outcome}"}`);
async function until(server, outcome, wanted) {
  const look = async () => {
    for (;;) {
      const n = await spansOf(server, outcome);
      if (wanted(n)) return n;
      await turn();
    }
  };
  return within(look(), `spans that were ${outcome}`);
}

const TRANSCRIPTION = 'POST /v1/audio/transcriptions';

test('traces: a transcription, from the caller\'s span to the last of ours', async () => {
  await withCollector(null, async (collector, args) => {
    await withServer([...args, ...LOG], async (server) => {
      const { trace, span, headers } = caller();
      const answer = await server.get('/v1/audio/transcriptions', { ...form(recording('0870')), headers: { ...headers, tracestate: 'vendor=a:b, other@x=1' } });
      assert.equal(answer.status, 200);
      const [, , child] = answer.headers.get('traceresponse').match(/^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/);
      assert.ok(answer.headers.get('x-request-id'));
      const spans = await collector.trace(trace, has(TRANSCRIPTION));
      assert.deepEqual(spans.map((s) => s.name).sort(), [TRANSCRIPTION, 'answer', 'decode', 'queue', 'recognition']);
      const server_ = one(spans, TRANSCRIPTION);
      assert.deepEqual([server_.spanId, server_.parentSpanId, server_.kind, server_.flags], [child, span, Kind.SPAN_KIND_SERVER, 0x301]);
      assert.equal(server_.traceState, 'vendor=a:b, other@x=1');
      assert.deepEqual(server_.of, {
        'http.request.method': 'POST', 'url.scheme': 'http', 'url.path': '/v1/audio/transcriptions', 'http.route': '/v1/audio/transcriptions',
        'steno.dialect': 'openai', 'steno.outcome': 'ok', 'http.response.status_code': 200,
      });
      for (const name of ['queue', 'decode', 'recognition', 'answer']) within_(one(spans, name), server_);
      const heard = one(spans, 'recognition');
      assert.equal(heard.of['steno.audio_s'].toFixed(2), (samples(recording('0870')).length / 16000).toFixed(2));
      assert.equal(heard.of['steno.outcome'], 'done');
      assert.deepEqual(heard.events.map((e) => e.name), ['first_text', ...Array(heard.of['steno.finals']).fill('final')]);
      const line = (await server.said(/\{[^\n]*"path":"\/v1\/audio\/transcriptions"[^\n]*\}/))[0];
      assert.equal(JSON.parse(line).trace, trace);
      assert.equal(await until(server, 'exported', (n) => n >= 5), 5);
    });
  });
});

test('traces: live streams of two protocols, and what the gate held', async () => {
  await withCollector(null, async (collector, args) => {
    await withServer([...args, ...FAST, ...LOG], async (server) => {
      const { trace, span, headers } = caller();
      const client = new Client(server, { redact: 'mask' }, { headers });
      const upgraded = within(new Promise((resolve) => client.ws.on('upgrade', resolve)), 'the upgrade');
      await client.opened;
      assert.ok((await upgraded).headers.traceresponse.startsWith(`00-${trace}-`));
      client.pieces(bytesOf(samples(spokenNumber())), [4000]); // its first half waits for the second
      await client.finish();
      const spans = await collector.trace(trace, has('GET /v1/stream'));
      const stream = one(spans, 'GET /v1/stream');
      assert.deepEqual([stream.parentSpanId, stream.of['http.response.status_code'], stream.of['steno.dialect'], stream.of['steno.outcome']], [span, 101, 'native', 'close']);
      const heard = one(spans, 'recognition');
      within_(heard, stream);
      assert.equal(heard.of['steno.finals'], client.finals.length);
      assert.equal(heard.events[0].name, 'first_text');
      const holds = named(spans, 'gate hold');
      assert.ok(holds.length > 0);
      assert.equal(holds.length, heard.of['steno.gate_holds']);
      for (const hold of holds) within_(hold, stream);
      assert.equal(JSON.parse((await server.said(/\{[^\n]*"stream ended"[^\n]*\}/))[0]).trace, trace);

      const other = caller();
      const vosk = new WebSocket(`ws://${server.address}/vosk`, { headers: other.headers });
      await within(new Promise((resolve) => vosk.on('open', resolve)), 'vosk');
      vosk.send(JSON.stringify({ config: { sample_rate: 16000 } }));
      vosk.send(bytesOf(samples(recording('0870'))));
      vosk.send('{"eof" : 1}');
      await within(new Promise((resolve) => vosk.on('close', resolve)), 'the end');
      const foreign = await collector.trace(other.trace, has('GET /vosk', 'recognition'));
      within_(one(foreign, 'recognition'), one(foreign, 'GET /vosk'));
      assert.equal(one(foreign, 'GET /vosk').of['steno.dialect'], 'vosk');
    });
  });
});

test('traces: a job takes its trace to the webhook, over a restart', async () => {
  const dir = place();
  let up = false;
  await withReceiver(() => (up ? undefined : { status: 500 }), async (receiver) => {
    await withCollector(null, async (collector, args) => {
      const { trace, headers } = caller();
      const all = [...args, '--webhook-retry-ms', '200'];
      await withJobs(all, async (jobs) => {
        const request = wav(shortPrompts(1)[0].file);
        request.headers = { ...request.headers, ...headers, tracestate: 'vendor=1' };
        const { id } = await jobs.post({ webhook: receiver.url }, request);
        await jobs.over(id);
        await receiver.came(1);
        await collector.trace(trace, has('POST /v1/jobs', 'job', 'POST webhook'));
      }, dir);
      up = true;
      const before = receiver.seen.length;
      await withJobs(all, () => receiver.came(before + 1), dir);
      for (const { headers: sent } of receiver.seen) assert.ok(sent.traceparent.startsWith(`00-${trace}-`) && sent.tracestate === 'vendor=1', JSON.stringify(sent));
      assert.equal(new Set(receiver.seen.map((m) => m.headers.traceparent)).size, receiver.seen.length, 'each attempt is a span of its own');
      const spans = collector.spans.filter((s) => s.traceId === trace);
      const job = one(spans, 'job');
      assert.equal(job.parentSpanId, one(spans, 'POST /v1/jobs').spanId);
      assert.equal(job.kind, Kind.SPAN_KIND_CONSUMER);
      for (const name of ['decode', 'recognition']) within_(one(spans, name), job);
      const attempts = named(spans, 'POST webhook');
      assert.ok(attempts.length >= 1 && attempts.every((a) => a.parentSpanId === job.spanId && a.kind === Kind.SPAN_KIND_CLIENT));
      const failed = attempts.find((a) => a.of['http.response.status_code'] === 500);
      assert.deepEqual([failed.status.code, failed.of['error.type'], failed.of['server.address'], failed.of['url.full']], [2, '500', '127.0.0.1', receiver.url.replace(/\/hook$/, '/REDACTED')]);
      assert.ok(receiver.seen.some((m) => m.headers.traceparent.split('-')[2] === failed.spanId));
    });
  });
});

test('traces: without a collector they are passed on as they came', async () => {
  await withReceiver(undefined, async (receiver) => {
    await withJobs(LOG, async (jobs) => {
      const { trace, headers } = caller();
      const request = wav(shortPrompts(1)[0].file);
      request.headers = { ...request.headers, ...headers };
      const { id } = await jobs.post({ webhook: receiver.url }, request);
      await receiver.came(1);
      assert.equal(receiver.seen[0].headers.traceparent, headers.traceparent);
      const { headers: answered } = await jobs.ask(`/v1/jobs/${id}`, { headers });
      assert.match(answered.get('traceresponse'), new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`)); // nothing was recorded
      assert.equal(await spansOf(jobs.server, 'exported'), 0);
      await jobs.server.said(new RegExp(`"trace":"${trace}"`));
    });
  });
});

// Asked with any headers, also one of them twice.
const raw = (server, path, headers) => new Promise((resolve, reject) => {
  const [host, port] = server.address.split(':');
  http.request({ host, port, path, headers }, (response) => {
    response.resume();
    response.on('end', () => resolve(response.headers));
  }).on('error', reject).end();
});

test('traces: what is no traceparent counts as none', async () => {
  await withCollector(null, async (collector, args) => {
    await withServer(args, async (server) => {
      const [trace, span] = [hex(16), hex(8)];
      const wrong = ['', 'x', `00-${trace}-${span}`, `00-${trace}-${span}-01-more`, `ff-${trace}-${span}-01`, `00-${trace.toUpperCase().replace(/\d/, 'A')}-${span}-01`, `00-${'0'.repeat(32)}-${span}-01`,
        `00-${trace}-${'0'.repeat(16)}-01`, `00-${trace}-${span}-0g`, `01-${trace}-${span}-01more`, [`00-${trace}-${span}-01`, `00-${trace}-${span}-01`]];
      for (const traceparent of wrong) assert.equal((await raw(server, '/v1/models', { traceparent })).traceresponse, undefined, String(traceparent));
      for (const traceparent of [`01-${trace}-${span}-01-more`, `00-${trace}-${span}-ff`])
        assert.match((await raw(server, '/v1/models', { traceparent })).traceresponse, new RegExp(`^00-${trace}-[0-9a-f]{16}-0[13]$`));
      assert.match((await raw(server, '/v1/models', { traceparent: `00-${trace}-${span}-00` })).traceresponse, /-00$/); // not sampled: not recorded
      // A tracestate that makes no sense goes, the trace stays.
      const { trace: good, headers } = caller();
      await raw(server, '/v1/models', { ...headers, tracestate: 'Not=valid' });
      assert.equal((await collector.trace(good, has('GET /v1/models')))[0].traceState, undefined);
      assert.equal((await collector.trace(trace, (s) => s.length >= 2)).length, 2);
    });
  });
});

test('traces: of requests that bring none, so many begin one as is wished', async () => {
  await withCollector(null, async (collector, args) => {
    await withServer([...args, '--trace-percent', '100'], async (server) => {
      const { traceresponse } = await raw(server, '/v1/models', {});
      const [span] = await collector.trace(traceresponse.split('-')[1], has('GET /v1/models'));
      assert.deepEqual([span.parentSpanId, span.flags], [undefined, 0x103]);
      assert.equal((await raw(server, '/healthz', {})).traceresponse, undefined); // nobody wants to hear of each probe
      assert.ok((await raw(server, '/healthz', caller().headers)).traceresponse);
    });
    await withServer(args, async (server) => assert.equal((await raw(server, '/v1/models', {})).traceresponse, undefined));
  });
});

test('traces: a collector that is busy gets the same spans again, and one that takes only some is believed', async () => {
  let n = 0;
  const answers = [{ status: 503, headers: { 'retry-after': '1' } }, { status: 429 }, { status: 200, body: '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"one is too many"}}' }];
  await withCollector(() => answers[n++] ?? { status: 400 }, async (collector, args) => {
    await withServer(args, async (server) => {
      await Promise.all([1, 2, 3].map(() => raw(server, '/v1/models', caller().headers)));
      assert.equal(await until(server, 'exported', (x) => x > 0), 2);
      assert.equal(await spansOf(server, 'rejected'), 1);
      assert.equal(new Set(collector.seen.map((c) => c.body)).size, 1);
      await server.said(/one is too many/);
      await raw(server, '/v1/models', caller().headers); // 400: not tried again
      assert.equal(await until(server, 'rejected', (x) => x > 1), 2);
      assert.equal(collector.seen.length, 4);
    });
  });
});

test('traces: a collector that is down costs spans and nothing else', async () => {
  await withServer(['--otlp-url', 'http://127.0.0.1:9'], async (server) => {
    const { headers } = caller();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    const [host, port] = server.address.split(':');
    const ask = () => new Promise((resolve, reject) => http.get({ host, port, agent, path: '/v1/models', headers }, (r) => r.resume().on('end', () => resolve(r.statusCode))).on('error', reject));
    const statuses = await Promise.all(Array.from({ length: 8400 }, ask));
    agent.destroy();
    assert.ok(statuses.every((s) => s === 200));
    assert.ok(await until(server, 'dropped', (n) => n > 0) > 0);
    assert.equal((server.log.match(/does not take spans/g) ?? []).length, 1); // said once
    server.child.kill('SIGTERM');
    assert.equal((await server.end()).status, 0); // what waits does not keep it
  });
});

test('traces: what waits is sent before the server ends', async () => {
  await withCollector(null, async (collector, args) => {
    await withServer(args, async (server) => {
      const { trace, headers } = caller();
      await raw(server, '/v1/models', headers);
      server.child.kill('SIGTERM');
      assert.equal((await server.end()).status, 0);
      assert.equal(collector.spans.filter((s) => s.traceId === trace).length, 1);
    });
  });
});

test('traces: SIGHUP turns them on and off, and a wrong address leaves what there was', async () => {
  await withCollector(null, async (collector) => {
    const file = write('traces.ini', '');
    await withServer(['--config', file], async (server) => {
      const reload = async (text, said) => {
        const from = server.log.length;
        writeFileSync(file, text);
        server.child.kill('SIGHUP');
        await within((async () => { while (!said.test(server.log.slice(from))) await turn(); })(), String(said));
      };
      const flags = async () => (await raw(server, '/v1/models', caller().headers)).traceresponse.slice(-2);
      assert.equal(await flags(), '00');
      await reload(`[watch]\notlp_url = ${collector.base}\ntrace_percent = 12.5\n`, /SIGHUP: new streams use/);
      assert.equal(await flags(), '01');
      await reload('[watch]\notlp_url = nowhere\n', /SIGHUP/);
      assert.equal(await flags(), '01');
      await until(server, 'exported', (n) => n === 2);
      await reload('', /SIGHUP: new streams use/);
      assert.equal(await flags(), '00');
    });
  });
});

test('traces: no word, no key, no name is in them', async () => {
  const dir = mkdtempSync(join(work, 'traces-'));
  const key = steno(['key', 'create', '--data-dir', dir]).out.trim();
  const secrets = write('otlp-headers', '# for the collector\nauthorization: Bearer collectors-secret\nx-tenant: seven\n');
  await withCollector(null, async (collector, args) => {
    await withServer([...args, ...FAST, ...LOG, '--log-level', 'debug', '--data-dir', dir, '--otlp-headers-file', secrets], async (server) => {
      const auth = { authorization: `Bearer ${key}` };
      const { trace, headers } = caller();
      const text = (await (await server.get('/v1/audio/transcriptions?prompt=canary-query', { ...form(recording('0870')), headers: { ...headers, ...auth } })).json()).text;
      const client = new Client(server, { language: 'en' }, { headers: { ...headers, ...auth } });
      await client.opened;
      client.pieces(bytesOf(samples(recording('0870'))), [4000]);
      await client.finish();
      await server.get('/v1/speakers/canary-speaker', { method: 'DELETE', headers: { ...headers, ...auth } });
      await server.get('/canary-page', { headers: { ...headers, ...auth } });
      const post = await server.get('/v1/jobs?file_name=canary-file&metadata=%7B%22a%22%3A%22canary-meta%22%7D', { ...wav(recording('0870')), headers: { ...headers, ...auth, 'content-type': 'audio/wav' } });
      assert.equal(post.status, 202);
      await collector.trace(trace, has(TRANSCRIPTION, 'GET /v1/stream', 'DELETE /v1/speakers/*', 'GET', 'job'));
      const told = collector.seen.map((c) => c.body).join('\n').toLowerCase();
      const said = [...new Set(`${text} ${client.text}`.toLowerCase().match(/[a-z]{5,}/g))];
      assert.ok(said.length > 5);
      for (const word of [...said, 'canary', basename(recording('0870')), key, key.slice(6, 14), '127.0.0.1']) assert.ok(!told.includes(word.toLowerCase()), word);
      for (const { headers: sent, path } of collector.seen)
        assert.deepEqual([path, sent.authorization, sent['x-tenant'], sent['content-type']], ['/v1/traces', 'Bearer collectors-secret', 'seven', 'application/json']);
      assert.ok(!server.log.includes('collectors-secret'));
    });
  });
});
