// jobs_client.mjs: what the tests of /v1/jobs share: a server with a data directory, a receiver of webhooks.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Server, turn, within } from './live_client.mjs';
import { prompts, work } from './harness.mjs';

let places = 0;
export const place = () => join(work, `jobs-${++places}`);

// Short recordings with words in them, with what `steno transcribe` hears in them.
export const shortPrompts = (n) => prompts().filter((p) => readFileSync(p.file).length < 60000).slice(0, n);

export const wav = (file) => ({ method: 'POST', headers: { 'content-type': 'audio/wav' }, body: readFileSync(file) });

export const form = (files, fields = {}) => {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  for (const file of files) body.append('file', new Blob([readFileSync(file)], { type: 'audio/wav' }), file.split('/').at(-1));
  return { method: 'POST', body };
};

export const query = (options) => `/v1/jobs?${new URLSearchParams(options)}`;

export class Jobs {
  constructor(server) {
    this.server = server;
  }

  async ask(path, options, status) {
    const answer = await this.server.get(path, options);
    const text = await answer.text();
    const body = answer.headers.get('content-type')?.startsWith('application/json') && text ? JSON.parse(text) : text;
    if (status) assert.equal(answer.status, status, `${options?.method ?? 'GET'} ${path}: ${text}`);
    return { status: answer.status, headers: answer.headers, body };
  }

  async post(options, request, status = 202) {
    return (await this.ask(query(options), request, status)).body;
  }

  async job(id, status = 200) {
    return (await this.ask(`/v1/jobs/${id}`, undefined, status)).body;
  }

  async result(id, format, status = 200) {
    return (await this.ask(`/v1/jobs/${id}/result?format=${format}`, undefined, status)).body;
  }

  // Waits until a job is as wanted.
  until(id, wanted) {
    let job;
    const look = async () => {
      while (!wanted((job = await this.job(id)))) await turn();
      return job;
    };
    return within(look(), `job ${id} as wanted`);
  }

  over(id) {
    return this.until(id, (j) => !['queued', 'running'].includes(j.state));
  }
}

// Runs `body` with a server on a data directory, and stops it unless `body` did.
export async function withJobs(args, body, dir = place()) {
  const server = new Server(['--data-dir', dir, ...args]);
  try {
    await server.listening();
    await body(new Jobs(server), dir);
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
}

// Listens for webhooks. answer(request, n) gives { status, headers, body } or nothing for 204; `seen` has what came.
export class Receiver {
  constructor(answer = () => undefined, tls) {
    this.seen = [];
    this.waiting = [];
    const take = (request, response) => {
      const parts = [];
      request.on('data', (bytes) => parts.push(bytes));
      request.on('end', async () => {
        const came = { method: request.method, path: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
        this.seen.push(came);
        const { status = 204, headers = {}, body = '' } = (await answer(came, this.seen.length)) ?? {};
        response.writeHead(status, headers);
        response.end(body);
        this.waiting = this.waiting.filter(({ n, resolve }) => this.seen.length < n || resolve());
      });
    };
    this.server = tls ? https.createServer(tls, take) : http.createServer(take);
    this.scheme = tls ? 'https' : 'http';
  }

  async listen(host = '127.0.0.1') {
    await new Promise((resolve) => this.server.listen(0, host, resolve));
    this.url = `${this.scheme}://${host}:${this.server.address().port}/hook`;
    return this;
  }

  // Until n messages came.
  came(n) {
    if (this.seen.length >= n) return undefined;
    return within(new Promise((resolve) => this.waiting.push({ n, resolve })), `${n} messages`);
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export async function withReceiver(answer, body, tls) {
  const receiver = await new Receiver(answer, tls).listen();
  try {
    await body(receiver);
  } finally {
    await receiver.close();
  }
}

export const forget = (dir) => rmSync(dir, { recursive: true, force: true });
