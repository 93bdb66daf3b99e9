// openai_client.mjs: the vendor's own client against a server of ours, over TLS where it insists on it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS as BetaRealtimeWS } from 'openai/beta/realtime/ws';
import { OpenAIRealtimeWebSocket as BetaRealtimeWebSocket } from 'openai/beta/realtime/websocket';
import WebSocket from 'ws';
import { Server } from './live_client.mjs';
import { ffmpeg, skip, work } from './harness.mjs';

const LIMIT_MS = 120000; // a hang is a failure, not a wait for ever

export const within = (promise, what) => {
  let timer;
  const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what}: nothing for ${LIMIT_MS} ms`)), LIMIT_MS)));
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
};

// Errors are not tried again here: each is looked at.
export const clientOf = (baseURL, apiKey = 'sk-test') => new OpenAI({ apiKey, baseURL, maxRetries: 0 });

let certificate = null;
const makeCertificate = () => {
  if (certificate) return certificate;
  const key = join(work, 'tls.key');
  const cert = join(work, 'tls.pem');
  const r = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert]);
  if (r.error || !existsSync(cert)) skip('openssl is not installed');
  certificate = { key, cert, ca: readFileSync(cert) };
  return certificate;
};

// Runs `body` with a server and a client of it; `tls` for Realtime, which the client speaks over nothing else.
export async function withOpenAI(args, body, { tls = false } = {}) {
  const pair = tls ? makeCertificate() : null;
  const server = new Server([...args, ...(tls ? ['--tls-certificate', pair.cert, '--tls-key', pair.key] : [])]);
  try {
    const [, scheme, address] = await server.said(/listening on (https?):\/\/(\S+)\//);
    server.address = address;
    await body(clientOf(`${scheme}://${address}/v1`), server, pair);
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
}

// The vendor's classes for browsers, which find their WebSocket in the global scope.
function browserClient(client, pair, { browser, ...props }, beta) {
  const had = globalThis.WebSocket;
  globalThis.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { ca: pair.ca });
    }
  };
  try {
    return new (beta ? BetaRealtimeWebSocket : OpenAIRealtimeWebSocket)({ ...props, dangerouslyAllowBrowser: true }, client);
  } finally {
    globalThis.WebSocket = had;
  }
}

// A Realtime connection whose events are kept; event() waits for one.
export class Realtime {
  constructor(client, pair, props, beta = false) {
    this.events = [];
    this.errors = [];
    this.waiting = [];
    const Class = beta ? BetaRealtimeWS : OpenAIRealtimeWS;
    this.rt = props.browser ? browserClient(client, pair, props, beta) : new Class({ ...props, options: { ca: pair.ca } }, client);
    this.rt.on('event', (event) => {
      this.events.push(event);
      this.look();
    });
    this.rt.on('error', (error) => this.errors.push(error));
    this.opened = within(new Promise((resolve) => this.rt.socket.on('open', resolve)), 'open');
    this.closed = new Promise((resolve) => this.rt.socket.on('close', (code, reason) => {
      resolve({ code, reason: String(reason) });
      this.look(true);
    }));
  }

  look(closed = false) {
    this.waiting = this.waiting.filter((w) => {
      const found = this.events.slice(w.from).filter(w.test);
      if (found.length >= w.count) w.resolve(found[w.count - 1]);
      else if (closed) w.reject(new Error(`closed before ${w.what}; came: ${this.types().join(' ')}`));
      return found.length < w.count && !closed;
    });
  }

  // The count-th event of this type (or of this kind), among those from number `from` on.
  event(wanted, count = 1, from = 0) {
    const test = typeof wanted === 'string' ? (e) => e.type === wanted : wanted;
    const waits = new Promise((resolve, reject) => {
      this.waiting.push({ test, count, from, what: String(wanted), resolve, reject });
      this.look();
    });
    return within(waits, String(wanted)).catch((error) => {
      throw new Error(`${error.message}; came: ${this.types().join(' ')}`);
    });
  }

  types() {
    return this.events.map((e) => e.type);
  }

  of(type) {
    return this.events.filter((e) => e.type.endsWith(type));
  }

  send(event) {
    this.rt.send(event);
  }

  append(bytes, piece = 9600) {
    for (let at = 0; at < bytes.length; at += piece) {
      this.send({ type: 'input_audio_buffer.append', audio: bytes.subarray(at, at + piece).toString('base64') });
    }
  }

  close() {
    this.rt.close();
    return within(this.closed, 'close');
  }
}

// Runs `body` with an open session.
export async function session(client, pair, props, body, beta = false) {
  const s = new Realtime(client, pair, props, beta);
  await s.opened;
  try {
    await body(s);
  } finally {
    s.rt.socket.terminate();
  }
}

let made = 0;
// A wave file as raw audio, by ffmpeg.
export function raw(file, options = ['-f', 's16le', '-ar', '24000']) {
  const out = join(work, `openai-${made++}.raw`);
  if (!ffmpeg(['-i', file, ...options, '-ac', '1', out])) skip('this ffmpeg cannot encode');
  return readFileSync(out);
}
