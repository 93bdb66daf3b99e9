// live_client.mjs: a server on a free port and clients of /v1/stream, for the tests of `steno serve`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import WebSocket from 'ws';
import { STENO } from './harness.mjs';

const LIMIT_MS = 120000; // a hang is a failure, not a wait for ever

export const within = (promise, what) => {
  let timer;
  const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what}: nothing for ${LIMIT_MS} ms`)), LIMIT_MS)));
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
};

export const turn = () => new Promise((resolve) => setImmediate(resolve));

// `steno serve` with these options. `log` grows; `said(pattern)` waits for a line of it.
export class Server {
  constructor(args = [], steno = STENO) {
    this.log = '';
    this.waiting = [];
    this.child = spawn(steno, ['serve', '--port', '0', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr.on('data', (bytes) => {
      this.log += bytes;
      this.waiting = this.waiting.filter(({ pattern, resolve }) => {
        const found = this.log.match(pattern);
        if (found) resolve(found);
        return !found;
      });
    });
    this.ended = new Promise((resolve) => this.child.on('close', (status, signal) => resolve({ status, signal })));
  }

  said(pattern) {
    const found = this.log.match(pattern);
    if (found) return found;
    const dead = this.ended.then(() => { throw new Error(`ended before it said ${pattern}:\n${this.log}`); });
    return within(Promise.race([new Promise((resolve) => this.waiting.push({ pattern, resolve })), dead]), String(pattern));
  }

  async listening() {
    [, this.address] = await this.said(/listening on http:\/\/(\S+)\//);
    return this;
  }

  get(path, options) {
    return fetch(`http://${this.address}${path}`, options);
  }

  async status() {
    return (await this.get('/v1/status')).json();
  }

  // Waits until /v1/status is as wanted.
  async until(wanted, what) {
    return within((async () => {
      for (;;) {
        const status = await this.status();
        if (wanted(status)) return status;
        await turn();
      }
    })(), what);
  }

  end() {
    return within(this.ended, 'the end of the server');
  }
}

// Runs `body` with a server and stops it.
export async function withServer(args, body) {
  const server = new Server(args);
  try {
    await server.listening();
    await body(server);
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
}

// One connection. `events` holds all that came.
export class Client {
  constructor(server, query = {}, { protocols = [], headers = {} } = {}) {
    this.events = [];
    this.waiting = [];
    this.ws = new WebSocket(`ws://${server.address}/v1/stream?${new URLSearchParams(query)}`, protocols, { perMessageDeflate: false, headers });
    this.refused = new Promise((resolve) => this.ws.on('unexpected-response', (request, response) => {
      let body = '';
      response.on('data', (bytes) => (body += bytes));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(body) }));
    }));
    this.ws.on('error', (error) => (this.error = error));
    this.closed = new Promise((resolve) => this.ws.on('close', (code, reason) => resolve(this.ending = { code, reason: String(reason) })));
    this.ws.on('message', (text) => {
      this.events.push(JSON.parse(text));
      this.look();
    });
    this.closed.then(() => this.look());
    this.opened = new Promise((resolve) => this.ws.on('open', resolve));
  }

  look() {
    this.waiting = this.waiting.filter((w) => {
      const event = this.events.slice(w.from).find(w.wanted);
      if (event) w.resolve(event);
      else if (this.ws.readyState === WebSocket.CLOSED) w.reject(new Error(`closed (${this.ending?.code} ${this.ending?.reason}) before ${w.what}`));
      return !event && this.ws.readyState !== WebSocket.CLOSED;
    });
  }

  // The next event that is as wanted: a type or a test. `from`: the first event that counts.
  event(wanted, from = 0) {
    const test = typeof wanted === 'string' ? (e) => e.type === wanted : wanted;
    return within(new Promise((resolve, reject) => {
      this.waiting.push({ wanted: test, what: String(wanted), from, resolve, reject });
      this.look();
    }), String(wanted));
  }

  end() {
    return within(this.closed, 'the close');
  }

  refusal() {
    return within(this.refused, 'a refusal');
  }

  send(data) {
    this.ws.send(data);
  }

  control(object) {
    this.ws.send(JSON.stringify(object));
  }

  // Sends bytes in pieces of the given sizes, over and over.
  pieces(bytes, sizes) {
    for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]) {
      this.ws.send(bytes.subarray(at, Math.min(bytes.length, at + sizes[i % sizes.length])));
    }
  }

  // `close`, and all that comes before the connection ends.
  async finish() {
    this.control({ type: 'close' });
    const closed = await this.event('closed');
    assert.equal((await this.end()).code, 1000);
    return closed;
  }

  get lastSeq() {
    return this.events.length ? this.events.at(-1).seq : 0;
  }

  get finals() {
    return this.events.filter((e) => e.type === 'final' && e.text);
  }

  get text() {
    return this.finals.map((e) => e.text).join(' ');
  }
}
