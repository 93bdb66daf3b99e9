// test_net.mjs: src/net as real clients and hostile ones see it, over net_probe: bodies, streams, TLS, raw ports, ends.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { dirname, join } from 'node:path';
import tls from 'node:tls';
import WebSocket from 'ws';
import { skip, STENO, test, work } from './harness.mjs';

const PROBE = join(dirname(STENO), 'net_probe');
const LIMIT_MS = 60000; // a hang is a failure, not a wait for ever

const within = (promise, what) => {
  let timer;
  const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what}: nothing for ${LIMIT_MS} ms`)), LIMIT_MS)));
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
};

class Probe {
  constructor(args) {
    this.lines = [];
    this.waiting = [];
    this.child = spawn(PROBE, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let rest = '';
    this.child.stdout.on('data', (bytes) => {
      const parts = (rest + bytes).split('\n');
      rest = parts.pop();
      for (const line of parts) {
        this.lines.push(line);
        this.waiting = this.waiting.filter((w) => !(w.pattern.test(line) && (w.resolve(line), true)));
      }
    });
    this.ended = new Promise((resolve) => this.child.on('close', (status, signal) => resolve({ status, signal })));
  }

  // A line, said already or later; it is taken away.
  said(pattern) {
    const at = this.lines.findIndex((line) => pattern.test(line));
    if (at >= 0) return Promise.resolve(this.lines.splice(at, 1)[0]);
    return within(new Promise((resolve) => this.waiting.push({ pattern, resolve })), String(pattern))
      .then((line) => (this.lines.splice(this.lines.indexOf(line), 1), line));
  }

  async start() {
    this.port = Number((await this.said(/^http /)).split(':').pop());
    this.rawPort = Number((await this.said(/^raw /)).split(':').pop());
    return this;
  }

  url(path) {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  // Sends bytes and resolves with all that comes until the end. `pieces` may hold functions that resolve when to go on.
  async talk(bytes, port = this.port) {
    const socket = net.connect({ port, host: '127.0.0.1' });
    let got = '';
    socket.setEncoding('latin1');
    socket.on('data', (text) => (got += text));
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(Buffer.from(bytes, 'latin1'));
    await within(closed, `an end after ${bytes.slice(0, 60)}`);
    return got;
  }

  async stop() {
    this.child.stdin.end();
    const { status, signal } = await within(this.ended, 'the end of the probe');
    assert.deepEqual({ status, signal }, { status: 0, signal: null });
  }
}

async function withProbe(args, body) {
  const probe = await new Probe(args).start();
  try {
    await body(probe);
    await probe.stop();
  } finally {
    probe.child.kill('SIGKILL');
  }
}

const get = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const last = (path) => get(path, 'Connection: close\r\n');
const statuses = (text) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => Number(m[1]));

// ---- what a request may be ----------------------------------------------------------------------------------------

test('net: every method, its headers and its parameters arrive', async () => {
  await withProbe([], async (probe) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const r = await fetch(probe.url('/describe?name=a%20b+c&x'), { method,
        headers: { authorization: 'Bearer K', 'x-request-id': 'r1', origin: 'http://here', 'x-other': '0123456789' } });
      assert.equal(r.status, 200);
      assert.equal(r.headers.get('x-made'), 'for you');
      assert.equal(await r.text(), `${method} /describe args 2 first name=a b c length 0 type  host 127.0.0.1:${probe.port} auth Bearer K`
        + ' id r1 origin http://here other 0123456 peer 127.0.0.1 tls 0\n');
    }
    const head = await fetch(probe.url('/describe'), { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.ok(Number(head.headers.get('content-length')) > 50);
    assert.equal(await head.text(), '');
    assert.match(await probe.talk('GET http://x/describe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /GET \/describe args 0/);
    assert.match(await probe.talk('\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /200 OK/);
    assert.match(await probe.talk('GET /describe HTTP/1.0\r\n\r\n'), /200 OK[^]*connection: close/);
  });
});

const BODY = randomBytes(700001);

test('net: bodies of a said and of an unsaid length come back, at once, later, and after a pause', async () => {
  await withProbe([], async (probe) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const post = (path, headers) => new Promise((resolve, reject) => {
      const request = http.request(probe.url(path), { method: 'POST', agent, headers }, (response) => {
        const parts = [];
        response.on('data', (bytes) => parts.push(bytes));
        response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts), reused: request.reusedSocket }));
      });
      request.on('error', reject);
      if (headers.expect) request.on('continue', () => request.end(BODY));
      else if (headers['content-length']) request.end(BODY);
      else {
        for (let at = 0; at < BODY.length; at += 100000) request.write(BODY.subarray(at, at + 100000));
        request.end();
      }
    });
    let times = 0;
    for (const path of ['/echo', '/later', '/resume']) {
      for (const headers of [{ 'content-length': BODY.length }, { 'transfer-encoding': 'chunked' },
        { 'content-length': BODY.length, expect: '100-continue' }]) {
        const { status, body, reused } = await within(post(path, headers), path);
        assert.equal(status, 200);
        assert.ok(body.equals(BODY), `${path} ${JSON.stringify(headers)}`);
        assert.equal(reused, times++ > 0, 'the connection stays');
        await probe.said(new RegExp(`^answered ${path} ${BODY.length}$`));
      }
    }
    agent.destroy();
  });
});

test('net: a body that is too long is refused, before it comes where that can be', async () => {
  await withProbe([], async (probe) => {
    const head = 'POST /echo?max=10 HTTP/1.1\r\nHost: x\r\n';
    const early = await probe.talk(`${head}Content-Length: 11\r\nExpect: 100-continue\r\n\r\n`);
    assert.deepEqual(statuses(early), [413]);
    assert.deepEqual(JSON.parse(early.split('\r\n\r\n')[1]).code, 'too_large');
    await probe.said(/^left \/echo 0$/);
    assert.deepEqual(statuses(await probe.talk(`${head}Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n3\r\n123\r\n0\r\n\r\n`)), [413]);
    await probe.said(/^left \/echo 8$/);
    assert.deepEqual(statuses(await probe.talk('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n')), [413]);
    // Who is in the middle of a long body hears the answer that comes before its end.
    const r = await fetch(probe.url('/early?max=10000000'), { method: 'POST', body: Buffer.alloc(5000000) });
    assert.equal(r.status, 400);
    assert.equal(await r.text(), 'enough');
  });
});

test('net: answers in pieces, to readers of every speed', async () => {
  await withProbe([], async (probe) => {
    assert.equal((await (await fetch(probe.url('/stream?bytes=3000000&piece=60000'))).arrayBuffer()).byteLength, 3000000);
    assert.equal((await (await fetch(probe.url('/big'))).arrayBuffer()).byteLength, 3000000);
    const old = await probe.talk('GET /stream?bytes=5000 HTTP/1.0\r\n\r\n');
    assert.equal(old.split('\r\n\r\n')[1].length, 5000);
    assert.ok(!/transfer-encoding/.test(old));
    const head = await probe.talk('HEAD /stream?bytes=5000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(head, /transfer-encoding: chunked[^]*\r\n\r\n$/);
    for (let i = 0; i < 3; i++) await probe.said(/^answered \/stream/);
    // One that reads a little and leaves.
    const socket = net.connect({ port: probe.port, host: '127.0.0.1' }, () => socket.write(get('/stream?bytes=100000000&piece=60000')));
    socket.once('data', () => socket.destroy());
    await probe.said(/^left \/stream/);
  });
});

test('net: a client that leaves before its answer is noticed', async () => {
  await withProbe([], async (probe) => {
    for (const [path, bytes] of [['/never', get('/never')], ['/never', `${get('/never')}${get('/')}`],
      ['/echo', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123']]) {
      const socket = net.connect({ port: probe.port, host: '127.0.0.1' }, () => socket.end(bytes));
      await probe.said(new RegExp(`^left ${path}`));
      socket.destroy();
    }
    assert.deepEqual(statuses(await probe.talk('POST /cut HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n123')), []);
    await probe.said(/^left \/cut/);
  });
});

test('net: requests sent ahead are answered in their order', async () => {
  await withProbe([], async (probe) => {
    const many = 500;
    const got = await probe.talk(`${get('/').repeat(many)}${get('/echo')}${last('/missing')}`);
    const answers = statuses(got);
    assert.equal(answers.length, many + 2);
    assert.equal(answers.at(-1), 404);
    assert.ok(answers.slice(0, -1).every((s) => s === 200));
    const mixed = await probe.talk(`POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcPOST /echo HTTP/1.1\r\nHost: x\r\n`
      + `Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nTrailer: t\r\n\r\n${last('/')}`);
    assert.deepEqual(mixed.split('\r\n\r\n').map((part) => part.slice(0, 3)), ['HTT', 'abc', 'def', 'roo']);
  });
});

// ---- what it may not be -------------------------------------------------------------------------------------------

test('net: requests two parsers could read differently are refused, and nothing behind them is read', async () => {
  await withProbe([], async (probe) => {
    const smuggled = last('/missing');
    for (const [why, status, head] of [
      ['length and chunks', 400, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'],
      ['two lengths', 400, 'Content-Length: 5\r\nContent-Length: 5\r\n'],
      ['a list of lengths', 400, 'Content-Length: 5, 5\r\n'],
      ['a signed length', 400, 'Content-Length: +5\r\n'],
      ['a hexadecimal length', 400, 'Content-Length: 0x5\r\n'],
      ['an empty length', 400, 'Content-Length:\r\n'],
      ['another coding', 501, 'Transfer-Encoding: gzip, chunked\r\n'],
      ['two codings', 400, 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'],
      ['a coding in disguise', 501, 'Transfer-Encoding: xchunked\r\n'],
      ['a blank before the colon', 400, 'Content-Length : 5\r\n'],
      ['a folded line', 400, 'X: a\r\n Content-Length: 5\r\n'],
      ['a bare line feed', 400, 'X: a\nContent-Length: 5\r\n'],
      ['a bare carriage return', 400, 'X: a\rContent-Length: 5\r\n'],
      ['a zero', 400, 'X: a\0b\r\n'],
      ['no name', 400, ': a\r\n'],
      ['no colon', 400, 'abc\r\n'],
      ['two hosts', 400, 'Host: y\r\n'],
      ['an unknown expectation', 417, 'Expect: gold\r\n'],
      ['many lines', 431, 'X: a\r\n'.repeat(101)],
      ['a long line', 431, `X: ${'a'.repeat(20000)}\r\n`],
    ]) {
      const got = await probe.talk(`POST /echo HTTP/1.1\r\nHost: x\r\n${head}\r\n${smuggled}`);
      assert.deepEqual(statuses(got), [status], why);
      assert.match(got, /connection: close\r\n\r\n\{"code":"\w+","message":"[^"]+"\}\n$/, why);
    }
    for (const head of ['Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n']) // both would do
      assert.deepEqual(statuses(await probe.talk(`POST /echo HTTP/1.1\r\nHost: x\r\n${head}\r\n0\r\n\r\n${smuggled}`)), [400]);
    for (const [status, text] of [
      [400, `GET / HTTP/1.1\r\n\r\n`],
      [400, `GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n`],
      [400, `GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n`],
      [400, `GET /?a=%0 HTTP/1.1\r\nHost: x\r\n\r\n`],
      [414, `GET /${'a'.repeat(300)} HTTP/1.1\r\nHost: x\r\n\r\n`],
      [400, `GET  / HTTP/1.1\r\nHost: x\r\n\r\n`],
      [400, `GET /a b HTTP/1.1\r\nHost: x\r\n\r\n`],
      [400, `G(T / HTTP/1.1\r\nHost: x\r\n\r\n`],
      [400, `GET x HTTP/1.1\r\nHost: x\r\n\r\n`],
      [400, `\x16\x03\x01\x02\r\n\r\n`],
      [400, `GET /\n\n`],
      [505, `GET / HTTP/2.0\r\nHost: x\r\n\r\n`],
      [505, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`],
    ]) assert.deepEqual(statuses(await probe.talk(text)), [status], text);
    for (const body of ['g\r\n', '\r\n', '1\r\nab\r\n', '1\r\na\r\n\r\n', '1\na\r\n', '-1\r\n', '0x1\r\na\r\n', 'fffffffffffffffff\r\n',
      `1;${'x'.repeat(5000)}\r\n`, '1;a\nb\r\na\r\n', `0\r\n${'T: t\r\n'.repeat(1100)}`]) {
      const got = await probe.talk(`POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}${smuggled}`);
      assert.deepEqual(statuses(got), [400], JSON.stringify(body.slice(0, 40)));
      await probe.said(/^left \/echo/);
    }
    assert.deepEqual(statuses(await probe.talk(`GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc${smuggled}`)), [200, 404], 'a body on GET');
    assert.deepEqual(statuses(await probe.talk(`GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n${smuggled}`)), [200], 'a body nobody reads');
  });
});

test('net: who says nothing, too little or reads nothing is cut off, and told where it can hear it', async () => {
  await withProbe([], async (probe) => {
    const trickle = (bytes, port) => new Promise((resolve) => { // a byte at a time, for as long as it is let
      const socket = net.connect({ port: port ?? probe.port, host: '127.0.0.1' });
      let got = '';
      let at = 0;
      socket.on('data', (text) => (got += text));
      socket.on('error', () => {});
      const timer = setInterval(() => socket.write(bytes[at++ % bytes.length]), 100);
      socket.on('close', () => (clearInterval(timer), resolve(got)));
    });
    const silent = new Promise((resolve) => {
      const socket = net.connect({ port: probe.port, host: '127.0.0.1' });
      socket.resume().on('close', resolve);
    });
    const deaf = new Promise((resolve) => {
      const socket = net.connect({ port: probe.port, host: '127.0.0.1' }, () => socket.write(get('/big')));
      socket.pause();
      socket.on('error', () => {});
      probe.said(/^left \/stream/).then(() => (socket.destroy(), resolve()));
      const other = net.connect({ port: probe.port, host: '127.0.0.1' }, () => other.write(get('/stream?bytes=90000000')));
      other.pause().on('error', () => {});
    });
    const body = probe.talk('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n123');
    const slowBody = trickle(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(10000)}`);
    assert.deepEqual(statuses(await body), [408]);
    assert.deepEqual(statuses(await within(trickle('GET / HTTP/1.1\r\nHost: x\r\nX: ' + 'a'.repeat(2000)), 'a slow head')), [408]);
    await within(silent, 'silence');
    assert.deepEqual(statuses(await within(slowBody, 'a slow body')), [408]);
    await within(deaf, 'deafness');
    await within(Promise.all([probe.said(/^left \/echo 3$/), probe.said(/^left \/echo/)]), 'both bodies');
  });
});

// ---- WebSockets -----------------------------------------------------------------------------------------------------

const opened = (ws) => new Promise((resolve, reject) => {
  ws.on('open', () => resolve(ws));
  ws.on('error', reject);
});

test('net: sub-protocols as clients offer them', async () => {
  await withProbe([], async (probe) => {
    const url = `ws://127.0.0.1:${probe.port}/echo`;
    for (const [offered, chosen] of [[['realtime', 'openai-insecure-api-key.sk-1', 'openai-beta.realtime-v1'], 'realtime'],
      [['token', '0123456789abcdef'], 'token'], [[], '']]) {
      const ws = new WebSocket(url, offered, { perMessageDeflate: false });
      const headers = new Promise((resolve) => ws.on('upgrade', (response) => resolve(response.headers)));
      await within(opened(ws), 'opening');
      assert.equal(ws.protocol, chosen);
      assert.equal((await headers)['x-offered'], 'yes');
      assert.equal((await headers)['x-request-id'], '7');
      const echo = new Promise((resolve) => ws.on('message', (text) => resolve(String(text))));
      ws.send('hello');
      assert.equal(await within(echo, 'an echo'), 'hello');
      ws.close(1000);
      await probe.said(/^closed ws 1000$/);
    }
    // None is accepted: the upgrade says none, and the client decides (RFC 6455, 4.1).
    const got = probe.talk('GET /echo HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n'
      + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n\x88\x80\0\0\0\0');
    const answer = await got;
    assert.match(answer, /^HTTP\/1.1 101 [^]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    assert.ok(!/sec-websocket-protocol/i.test(answer));
    await probe.said(/^closed ws 1005$/);
    await assert.rejects(opened(new WebSocket(url, ['unknown'])), /no subprotocol/);
    await probe.said(/^closed ws/);
  });
});

test('net: upgrades that are none', async () => {
  await withProbe([], async (probe) => {
    const ask = (more, path = '/echo', method = 'GET') => probe.talk(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n${more}\r\n`);
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const good = `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${key}`;
    assert.match(await ask(`Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n${key}`), /^HTTP\/1.1 426 [^]*sec-websocket-version: 13/);
    assert.deepEqual(statuses(await ask('Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n')), [400]);
    assert.deepEqual(statuses(await ask(good, '/echo', 'POST')), [400]);
    assert.deepEqual(statuses(await ask(`${good}Content-Length: 4\r\n`)), [400]);
    assert.deepEqual(statuses(await ask(`${good}Sec-WebSocket-Protocol: ${'a'.repeat(1100)}\r\n`)), [400]);
    assert.deepEqual(statuses(await ask(good, '/other')), [404]);
    assert.deepEqual(statuses(await ask('Upgrade: h2c\r\nHTTP2-Settings: x\r\n', '/')), [200], 'answered without');
  });
});

test('net: closes by either side carry their codes', async () => {
  await withProbe(['--ping', '1'], async (probe) => {
    const url = `ws://127.0.0.1:${probe.port}/echo`;
    let ws = await within(opened(new WebSocket(url)), 'opening');
    let closed = new Promise((resolve) => ws.on('close', (code, reason) => resolve(`${code} ${reason}`)));
    ws.send('quit');
    assert.equal(await within(closed, 'a close'), '4001 as you wish');
    await probe.said(/^closed ws 4001$/);
    ws = await within(opened(new WebSocket(url)), 'opening');
    ws.close(3999, 'so long');
    await probe.said(/^closed ws 3999$/);
    ws = await within(opened(new WebSocket(url)), 'opening');
    await within(new Promise((resolve) => ws.on('ping', resolve)), 'a ping');
    ws.terminate();
    await probe.said(/^closed ws 0$/);
    ws = await within(opened(new WebSocket(url, { autoPong: false })), 'opening');
    closed = new Promise((resolve) => ws.on('close', resolve));
    ws.on('error', () => {});
    await within(closed, 'the end of one that answers no ping');
    await probe.said(/^closed ws 0$/);
    ws = await within(opened(new WebSocket(url)), 'opening');
    closed = new Promise((resolve) => ws.on('close', resolve));
    ws.send(Buffer.alloc(100001));
    assert.equal(await within(closed, 'a close'), 1009);
    await probe.said(/^closed ws/);
    ws = await within(opened(new WebSocket(url)), 'opening');
    const echoes = [];
    const enough = new Promise((resolve) => ws.on('message', (text) => echoes.push(String(text)) === 200 && resolve()));
    for (let i = 0; i < 200; i++) ws.send(`message ${i} ${'x'.repeat(i * 7)}`);
    await within(enough, 'every echo, one message at a time');
    assert.deepEqual(echoes.map((e) => e.length), Array.from({ length: 200 }, (_, i) => `message ${i} `.length + i * 7));
    ws.terminate();
  });
});

// ---- raw ports --------------------------------------------------------------------------------------------------------

test('net: a raw port carries bytes both ways', async () => {
  await withProbe([], async (probe) => {
    const socket = net.connect({ port: probe.rawPort, host: '127.0.0.1' });
    let got = '';
    socket.on('data', (text) => (got += text));
    const until = (text) => within((async () => { while (got !== text) await new Promise((resolve) => socket.once('data', resolve)); })(), text);
    socket.write('one');
    await until('one');
    socket.write('two');
    await until('onetwo');
    socket.write('quit');
    await within(new Promise((resolve) => socket.on('close', resolve)), 'the end');
    await probe.said(/^closed raw/);
    const other = net.connect({ port: probe.rawPort, host: '127.0.0.1' }, () => other.end());
    other.resume();
    await probe.said(/^closed raw 1000$/);
    const broken = net.connect({ port: probe.rawPort, host: '127.0.0.1' }, () => broken.write('x', () => broken.resetAndDestroy()));
    await probe.said(/^closed raw 0$/);
  });
});

test('net: a full server says so, and serves on when somebody left', async () => {
  await withProbe(['--max', '2'], async (probe) => {
    const held = [];
    for (let i = 0; i < 2; i++) {
      const socket = net.connect({ port: probe.rawPort, host: '127.0.0.1' });
      socket.write('x');
      await new Promise((resolve) => socket.once('data', resolve));
      held.push(socket);
    }
    const refused = await probe.talk('');
    assert.deepEqual(statuses(refused), [503]);
    assert.match(refused, /retry-after/);
    held[0].destroy();
    await probe.said(/^closed raw/);
    assert.deepEqual(statuses(await probe.talk(last('/'))), [200]);
    held[1].destroy();
  });
});

test('net: connections that only wait do not keep a full server to themselves', async () => {
  await withProbe(['--max', '3'], async (probe) => {
    let gone = 0;
    const silent = [];
    for (const bytes of ['', 'GET / HT', '']) {
      const socket = net.connect({ port: probe.port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.on('close', () => gone++);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(bytes);
      silent.push(socket.resume());
    }
    let answer = '';
    for (let tries = 0; !statuses(answer).includes(200); tries++) {
      assert.ok(tries < 100000, answer);
      answer = await probe.talk(last('/'));
    }
    assert.equal(gone, 1, 'one made room; the others have their time');
    for (const socket of silent) socket.destroy();
  });
});

// ---- TLS ----------------------------------------------------------------------------------------------------------------

function certificate(name) {
  const files = { cert: join(work, `${name}.crt`), key: join(work, `${name}.key`) };
  const r = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', files.key, '-out', files.cert]);
  if (r.error) skip('openssl is not installed');
  assert.equal(r.status, 0, String(r.stderr));
  return files;
}

test('net: https and wss with everything that http and ws have', async () => {
  const files = certificate('first');
  const ca = readFileSync(files.cert);
  await withProbe(['--tls', files.cert, files.key], async (probe) => {
    const ask = (path, { method = 'GET', body, ...more } = {}) => within(new Promise((resolve, reject) => {
      const request = https.request({ port: probe.port, host: '127.0.0.1', path, method, ca, ...more }, (response) => {
        const parts = [];
        response.on('data', (bytes) => parts.push(bytes));
        response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts),
          version: response.socket?.getProtocol?.() }));
      });
      request.on('error', reject);
      request.end(body);
    }), path);
    assert.match(String((await ask('/describe')).body), /tls 1/);
    assert.ok((await ask('/later', { method: 'POST', body: BODY })).body.equals(BODY));
    assert.ok((await ask('/resume', { method: 'POST', body: BODY })).body.equals(BODY));
    assert.equal((await ask('/big')).body.length, 3000000);
    assert.equal((await ask('/stream?bytes=2000000&piece=60000')).body.length, 2000000);
    assert.match(String((await ask('/describe', { maxVersion: 'TLSv1.2', agent: false })).body), /tls 1/);
    await assert.rejects(ask('/', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0', agent: false }));
    const ws = await within(opened(new WebSocket(`wss://127.0.0.1:${probe.port}/echo`, ['token', 'K'], { ca })), 'opening');
    assert.equal(ws.protocol, 'token');
    const long = 'y'.repeat(90000);
    const echo = new Promise((resolve) => ws.on('message', (text) => resolve(String(text))));
    ws.send(long);
    assert.equal(await within(echo, 'an echo'), long);
    ws.close(1000);
    await probe.said(/^closed ws 1000$/);
    // Plain HTTP is told where it is; noise is cut; ALPN says HTTP/1.1.
    assert.deepEqual(statuses(await probe.talk(get('/'))), [400]);
    assert.match(await probe.talk(get('/')), /https/);
    assert.equal(await probe.talk('\x00\x01'), '');
    const socket = tls.connect({ port: probe.port, host: '127.0.0.1', ca, ALPNProtocols: ['h2', 'http/1.1'] });
    await within(new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject)), 'keys');
    assert.equal(socket.alpnProtocol, 'http/1.1');
    socket.destroy();
  });
});

test('net: a certificate is read again without a connection being lost, and a wrong one changes nothing', async () => {
  const [first, second] = [certificate('first'), certificate('second')];
  const [cert, key] = [join(work, 'live.crt'), join(work, 'live.key')];
  const install = (files) => (copyFileSync(files.cert, cert), copyFileSync(files.key, key));
  const seen = (probe) => within(new Promise((resolve, reject) => {
    const socket = tls.connect({ port: probe.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on('error', reject);
  }), 'a certificate');
  install(first);
  await withProbe(['--tls', cert, key], async (probe) => {
    const ws = await within(opened(new WebSocket(`wss://127.0.0.1:${probe.port}/echo`, { rejectUnauthorized: false })), 'opening');
    assert.equal(await seen(probe), 'first');
    install(second);
    probe.child.kill('SIGHUP');
    await probe.said(/^reloaded/);
    assert.equal(await seen(probe), 'second');
    copyFileSync(first.key, key); // of another certificate
    probe.child.kill('SIGHUP');
    assert.match(await probe.said(/^kept/), /live\.key/);
    assert.equal(await seen(probe), 'second');
    const echo = new Promise((resolve) => ws.on('message', (text) => resolve(String(text))));
    ws.send('still here');
    assert.equal(await within(echo, 'an echo'), 'still here');
    ws.terminate();
  });
});

test('net: a handshake that never ends is cut off', async () => {
  const files = certificate('first');
  await withProbe(['--tls', files.cert, files.key], async (probe) => {
    assert.equal((await Promise.all([probe.talk(''), probe.talk('\x16\x03\x01\x02\x00\x01')])).join(''), '');
  });
});
