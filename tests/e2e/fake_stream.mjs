// fake_stream.mjs: a stand-in for `steno serve` in tests of the page: serves web/ under the same Content-Security-Policy and
// speaks docs/protocol.md with made-up words. Everything it says follows from the count of samples it has taken, never from a clock.
// Run directly (node tests/e2e/fake_stream.mjs PORT) it serves the page to look at.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';

const WEB = new URL('../../web/', import.meta.url);
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
// As in src/api/status.c: a test compares the two.
export const POLICY = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// What is said, one array an utterance: the growing and changing texts of its partials; the last is the final.
export const SCRIPT = [
  [['so what', 0], ['so what do you', 7], ['So what do you 👋 sink', 17], ['So what do you 👋 think?', null]],
  [['hmm', 0], ['', null]],
  [['I said the quick', 0], ['I said the quick brown <b>fox</b>', 16], ['I said the quick brown <b>fox</b> jumps.', null]],
];
const STEP_S = 0.25; // of audio between two events
const CONFIG = { encoding: 'pcm_s16le', sample_rate: 16000, channels: 1, endpoint_ms: 500, unfinished_ms: 500, max_utterance_s: 15, partial_ms: 500, language: 'en', words: true, speakers: 'off', max_speakers: 8, hold_ms: 2500, voices: '', stats_ms: 2000 };

// What a message says of its words: of most of them, and of each stretch.
function labelsOf(words, names) {
  const most = words.reduce((best, { speaker }) => {
    const n = words.filter((w) => w.speaker === speaker).length;
    return n > best.n ? { n, speaker } : best;
  }, { n: 0, speaker: null }).speaker;
  const spans = [];
  words.forEach(({ speaker }, i) => {
    if (spans.at(-1)?.speaker === speaker) spans.at(-1).words++;
    else spans.push({ first_word: i, words: 1, speaker, speaker_name: names.get(speaker) ?? null });
  });
  return { labels: { speaker: most, speaker_name: names.get(most) ?? null, speaker_margin: most ? 0.5 : 0 }, spans };
}

// The parameters of speakers and privacy as they were asked for.
function asked(parameters) {
  const number = (name) => (parameters.has(name) ? { [name]: Number(parameters.get(name)) } : {});
  const text = (name) => (parameters.has(name) ? { [name]: parameters.get(name) } : {});
  const itn = parameters.has('itn') ? { itn: parameters.get('itn') === 'true' } : {};
  return { ...text('speakers'), ...number('max_speakers'), ...text('voices'), ...text('redact'), ...text('redact_types'), ...itn };
}

class Session {
  constructor(token, rate, speakers = 'off') {
    Object.assign(this, { speakers, names: new Map(), messages: new Map() });
    Object.assign(this, { token, rate, taken: [], count: 0, events: [], seq: 0, steps: 0, utterance: 0, line: -1, socket: null, partials: 0, finals: 0 });
  }

  say(event) {
    const full = { ...event, seq: ++this.seq };
    this.events.push(full);
    this.socket?.send(JSON.stringify(full));
  }

  // The next thing in the script.
  step(reason = 'endpoint') {
    const lines = SCRIPT[this.utterance % SCRIPT.length];
    const heard = this.count / this.rate;
    if (this.line < 0) {
      this.began = Math.max(0, heard - STEP_S);
      this.line = 0;
      return this.say({ type: 'speech_started', message_id: this.utterance, start: this.began });
    }
    const [text, stable] = lines[this.line];
    const last = stable === null;
    const parts = text.split(' ').filter(Boolean);
    const each = (heard - this.began) / Math.max(1, parts.length);
    const words = parts.map((word, i) => ({ word, start: this.began + i * each, end: this.began + (i + 1) * each, confidence: 0.9 }));
    this.say({ type: last ? 'final' : 'partial', message_id: this.utterance, rev: this.line + 1, start: this.began, end: heard, text, stable_chars: last ? Array.from(text).length : stable,
      confidence: 0.9, words, audio_end: heard, ...(last ? { reason } : {}) });
    this[last ? 'finals' : 'partials']++;
    this.line = last ? -1 : this.line + 1;
    if (last) this.utterance++;
  }

  // A message of a conversation: `said` is [[label, words], …], one word every half a second from `start` on.
  talk(type, message_id, said, { start = message_id * 5, fixed = false, rev = (this.messages.get(message_id)?.rev ?? 0) + 1 } = {}) {
    const parts = said.flatMap(([speaker, text]) => text.split(' ').map((word) => ({ word, speaker })));
    const words = parts.map(({ word, speaker }, i) => ({ word, start: start + i / 2, end: start + i / 2 + 0.4, confidence: 0.9, speaker }));
    const text = parts.map(({ word }) => word).join(' ');
    const end = words.at(-1).end;
    this.messages.set(message_id, { rev, words });
    this.say({ type, message_id, rev, start, end, text, stable_chars: Array.from(text).length, confidence: 0.9, words, ...labelsOf(words, this.names).labels, speaker_fixed: fixed, audio_end: end, ...(type === 'final' ? { reason: 'endpoint' } : {}) });
  }

  // `who` is [[label, how many words], …].
  revise(message_id, who, { fixed = false, rev = this.messages.get(message_id).rev + 1 } = {}) {
    const message = this.messages.get(message_id);
    const labels = who.flatMap(([speaker, n]) => Array(n).fill(speaker));
    const words = message.words.map((word, i) => ({ ...word, speaker: labels[i] ?? null }));
    if (rev > message.rev) this.messages.set(message_id, { rev, words });
    const { labels: most, spans } = labelsOf(words, this.names);
    this.say({ type: 'revision', message_id, rev, ...most, speaker_fixed: fixed, spans });
  }

  merge({ from, into }) {
    if (this.speakers !== 'revise' || this.refuses) return this.say({ type: 'error', code: 'not_supported', message: 'merge_speakers: only labels of speakers=revise ever change', fatal: false });
    for (const [id, { words }] of this.messages) {
      if (words.some((w) => w.speaker === from)) this.revise(id, words.map((w) => [w.speaker === from ? into : w.speaker, 1]));
    }
    return undefined;
  }

  take(samples) {
    this.taken.push(samples);
    this.count += samples.length;
    if (this.speakers !== 'off' || this.scripted) return; // what is said then is a test's own
    while (this.count / this.rate >= (this.steps + 1) * STEP_S) {
      this.steps++;
      this.step();
      if (this.steps % 4 === 0) this.stats();
    }
  }

  counts() {
    return { audio_samples: this.count, audio_s: this.count / this.rate, speech_s: this.count / this.rate, partials: this.partials, finals: this.finals };
  }

  stats(more = {}) {
    this.say({ type: 'stats', ...this.counts(), partial_ms: 500, ...more });
  }

  finish(reason) {
    if (this.line >= 0) this.line = SCRIPT[this.utterance % SCRIPT.length].length - 1;
    if (this.line >= 0) this.step(reason);
  }

  samples() {
    const all = new Int16Array(this.count);
    let at = 0;
    for (const part of this.taken) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

// Options, changeable while it runs: refuse (HTTP status of upgrades), shy (a plain request is not told it), closeWith (a close code instead of an answer),
// drops, overloadAt, failAt: seconds of audio at which the connection breaks (a list), it is overloaded, it fails; drainAt: it goes down; revokeAt: the key is taken back.
// dropCode: a drop is a close with this code. deafDrops: nothing after `ready` gets through on a connection that will break, as when a reset overtakes it.
// With `speakers` asked for nothing of the script is said: a test says it by Session.talk() and Session.revise(); Session.refuses: merges are.
// scripted: nothing of the script is said either. inForce: what `ready` says whatever was asked for.
// key: an API key that every request must show. forget: a session that broke is not known any more. `said`: every event, for checking against the schema.
export class FakeStream {
  options = {};
  sessions = [];
  controls = [];
  said = [];
  urls = []; // of every request
  connections = 0;
  forgets = false; // a resumed session has no audio any more: what must not be

  constructor(WebSocketServer) {
    this.http = createServer((request, response) => this.serve(request, response));
    this.sockets = new WebSocketServer({ noServer: true });
    this.http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  async listen(port = 0) {
    await new Promise((resolve) => this.http.listen(port, '127.0.0.1', resolve));
    this.address = `http://127.0.0.1:${this.http.address().port}/`;
    return this;
  }

  close() {
    for (const socket of this.sockets.clients) socket.terminate();
    this.http.closeAllConnections();
    return new Promise((resolve) => this.http.close(resolve));
  }

  refusal(url, { authorization = '', 'sec-websocket-protocol': protocols = '' }) {
    if (this.options.refuse) return this.options.refuse;
    const { key } = this.options;
    if (key && authorization !== `Bearer ${key}` && protocols.replaceAll(' ', '') !== `bearer,${key}`) return 401;
    const token = url.searchParams.get('resume');
    return token && !this.sessions.some((s) => s.token === token) ? 404 : 0;
  }

  serve(request, response) {
    this.urls.push(request.url);
    const url = new URL(request.url, 'http://x');
    if (url.pathname === '/v1/stream') {
      const status = (!this.options.shy && this.refusal(url, request.headers)) || 426;
      response.writeHead(status, { 'Content-Type': 'application/json', ...([429, 503].includes(status) ? { 'Retry-After': '5' } : {}) });
      return response.end(JSON.stringify({ code: 'x', message: status === 429 ? 'this key has its 2 live streams open already' : status === 400 ? 'sample_rate: 1 is below 8000' : 'no' }));
    }
    const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    try {
      const body = readFileSync(new URL(name, WEB));
      response.writeHead(200, { 'Content-Type': TYPES[extname(name)], 'Content-Security-Policy': POLICY });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }

  upgrade(request, socket, head) {
    this.urls.push(request.url);
    const url = new URL(request.url, 'http://x');
    const refused = this.refusal(url, request.headers);
    if (refused) return socket.end(`HTTP/1.1 ${refused} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    this.sockets.handleUpgrade(request, socket, head, (ws) => this.open(ws, url.searchParams));
  }

  open(ws, parameters) {
    this.connections++;
    if (this.options.closeWith) return ws.close(this.options.closeWith);
    const token = parameters.get('resume');
    const rate = Number(parameters.get('sample_rate') ?? 16000);
    const session = this.sessions.find((s) => s.token === token) ?? new Session(`t${this.sessions.length}`, rate, parameters.get('speakers') ?? 'off');
    session.scripted = this.options.scripted;
    if (!token) this.sessions.push(session);
    session.socket = { send: (text) => (this.said.push(JSON.parse(text)), ws.send(text)) };
    const ready = { type: 'ready', session: session.token, protocol: 1, model: 'tiny', language: 'en', config: { ...CONFIG, ...asked(parameters), ...this.options.inForce, sample_rate: rate }, resumed: Boolean(token),
      audio_samples: token && this.forgets ? 0 : session.count, resume_window_ms: 30000 };
    if (token) {
      session.socket.send(JSON.stringify({ ...ready, seq: ++session.seq }));
      // One more than is missing: a client must take no event twice. Never the first `ready`: no server says it again, and to a client
      // it means that its session is forgotten.
      const again = session.events.filter((e) => e.seq >= Number(parameters.get('last_seq')) && e.type !== 'ready');
      for (const event of again) ws.send(JSON.stringify(event));
    } else {
      session.say(ready);
    }
    ws.on('message', (data, binary) => this.message(ws, session, data, binary));
  }

  message(ws, session, data, binary) {
    if (ws.broken) return undefined;
    if (this.options.deafDrops && this.options.drops?.length) session.socket = null;
    if (!binary) return this.control(ws, session, JSON.parse(data));
    const { overloadAt, failAt, drainAt } = this.options;
    const samples = new Int16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
    const drops = this.options.drops?.[0] <= (session.count + samples.length) / session.rate;
    session.take(drops ? samples.subarray(0, samples.length >> 1) : samples); // a connection breaks inside a message
    const heard = session.count / session.rate;
    if (overloadAt && heard >= overloadAt) {
      this.options.overloadAt = 0;
      session.say({ type: 'overload', overloaded: true, partial_ms: 1500 });
    }
    if (drainAt && heard >= drainAt) {
      session.finish('close');
      session.say({ type: 'closed', reason: 'draining', ...session.counts(), words: 0 });
      ws.close(1001);
    }
    if (this.options.revokeAt && heard >= this.options.revokeAt) {
      session.say({ type: 'error', code: 'revoked_key', message: 'this key was revoked', fatal: true });
      session.finish('close');
      session.say({ type: 'closed', reason: 'error', ...session.counts(), words: 0 });
      ws.close(1008);
    }
    if (failAt && heard >= failAt) {
      session.say({ type: 'error', code: 'internal', message: 'the recogniser gave up', fatal: true });
      ws.close(1011);
    }
    if (drops) {
      this.options.drops.shift();
      this.lose(session, ws);
    }
    return undefined;
  }

  // Breaks a connection; what was on its way is lost, and what the session says now nobody hears.
  lose(session, ws) {
    ws.broken = true;
    session.socket = null;
    session.step();
    if (this.options.forget) session.token = 'forgotten';
    if (this.options.dropCode) ws.close(this.options.dropCode);
    else ws.terminate();
  }

  control(ws, session, message) {
    this.controls.push(message);
    this.onControl?.();
    if (message.type === 'name_speaker') session.names.set(message.speaker, message.name);
    if (message.type === 'merge_speakers') session.merge(message);
    if (message.type === 'configure') session.stats({ configured: true });
    if (message.type === 'finalize') {
      session.finish('finalize');
      session.stats({ finalized: true });
    }
    if (message.type !== 'close' || this.options.neverClose) return;
    session.finish('close');
    session.say({ type: 'closed', reason: 'close', ...session.counts(), words: 0 });
    ws.close(1000);
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const fake = await new FakeStream((await import('ws')).WebSocketServer).listen(Number(process.argv[2] ?? 8081));
  console.log(fake.address);
}
