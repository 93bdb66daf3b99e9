// fake_server.mjs [OPTION=VALUE…]: speaks docs/protocol.md with made-up events, so that clients can be tested without an engine.
// Prints its port as "listening on http://127.0.0.1:PORT". Every second of audio is a word; an utterance is `words` of them and
// is final `pause` seconds later. Options: words=4 pause=0.5 late_ms=0 (finals come so late) max=1000 (streams; more get 503)
// busy=1 (close 1013 after ready) break_s=0 (cut the connection after so much audio) fatal_s=0 (a fatal error then)
// overload_s=0 (an overload event then) deaf=1 (does not answer `close`).
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const option = { words: 4, pause: 0.5, late_ms: 0, max: 1000, busy: 0, break_s: 0, fatal_s: 0, overload_s: 0, deaf: 0 };
for (const argument of process.argv.slice(2)) {
  const [name, value] = argument.split('=');
  if (!(name in option)) throw new Error(`no option ${name}`);
  option[name] = Number(value);
}

const WIDTH = { pcm_s16le: 2, pcm_f32le: 4, mulaw: 1, alaw: 1 };
const TEXT = ['so', 'what', 'do', 'you', 'think', 'of', 'naïve', '日本語', 'things'];
let streams = 0;

class Stream {
  constructor(socket, query) {
    this.socket = socket;
    this.rate = Number(query.get('sample_rate') ?? 16000);
    this.width = WIDTH[query.get('encoding') ?? 'pcm_s16le'] * Number(query.get('channels') ?? 1);
    this.partialMs = Number(query.get('partial_ms') ?? 500);
    this.statsMs = Number(query.get('stats_ms') ?? 2000);
    this.seq = this.samples = this.message = this.partials = this.finals = 0;
    this.open = null; // the utterance: { start, rev, next }
    this.nextStart = 0.2;
    this.nextStats = this.statsMs / 1000;
    this.send({ type: 'ready', session: 'token', protocol: 1, model: 'fake', language: 'en', config: Object.fromEntries(query), resumed: false, audio_samples: 0, resume_window_ms: 0 });
    if (option.busy) socket.close(1013, 'try again later');
  }

  send(event) {
    this.socket.send(JSON.stringify({ seq: ++this.seq, ...event }));
  }

  words(now) {
    const n = Math.min(option.words, Math.floor(now - this.open.start + 0.5));
    return Array.from({ length: n }, (_, i) => ({ word: TEXT[(this.message + i) % TEXT.length], start: this.open.start + i, end: this.open.start + i + 0.8, confidence: 0.9 }));
  }

  text(type, now, more = {}) {
    const words = this.words(now);
    const text = words.map((w) => w.word).join(' ');
    const stable = type === 'final' ? text : words.slice(0, -1).map((w) => w.word).join(' ');
    this.send({ type, message_id: this.message, rev: ++this.open.rev, start: this.open.start, end: words.at(-1)?.end ?? this.open.start, audio_end: now, text, stable_chars: [...stable].length, confidence: 0.9, words, ...more });
  }

  final(now, reason) {
    if (!this.open) return;
    this.text('final', now, { reason });
    this.finals++;
    this.message++;
    this.open = null;
    this.nextStart = now + 0.1;
  }

  async audio(bytes) {
    this.samples += bytes.length / this.width;
    const now = this.samples / this.rate;
    if (option.break_s && now >= option.break_s) return this.socket.terminate();
    if (option.fatal_s && now >= option.fatal_s) {
      this.send({ type: 'error', code: 'internal', message: 'made up', fatal: true });
      return this.socket.close(1011);
    }
    if (option.overload_s && now >= option.overload_s && !this.overloaded) {
      this.overloaded = true;
      this.send({ type: 'overload', overloaded: true, partial_ms: 2 * this.partialMs });
    }
    if (!this.open && now >= this.nextStart) {
      this.open = { start: now, rev: 0, next: now + this.partialMs / 1000 };
      this.send({ type: 'speech_started', message_id: this.message, start: now });
    }
    if (this.open && this.partialMs > 0 && now >= this.open.next && now - this.open.start < option.words) {
      this.open.next += this.partialMs / 1000;
      this.text('partial', now);
      this.partials++;
    }
    if (this.open && now - this.open.start >= option.words + option.pause) {
      if (option.late_ms) await new Promise((resolve) => setTimeout(resolve, option.late_ms));
      this.final(now, 'endpoint');
    }
    if (this.statsMs > 0 && now >= this.nextStats) {
      this.nextStats += this.statsMs / 1000;
      this.send({ type: 'stats', audio_samples: this.samples, audio_s: now, speech_s: now, partials: this.partials, finals: this.finals, partial_ms: this.partialMs });
    }
  }

  control(text) {
    const { type } = JSON.parse(text);
    const now = this.samples / this.rate;
    if (type !== 'close' || option.deaf) return;
    this.final(now, 'close');
    this.send({ type: 'closed', reason: 'close', audio_samples: this.samples, audio_s: now, speech_s: now, partials: this.partials, finals: this.finals, words: 0 });
    this.socket.close(1000);
  }
}

const http = createServer((request, response) => response.writeHead(404).end());
const server = new WebSocketServer({ noServer: true });
http.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname !== '/v1/stream') return socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  if (streams >= option.max) return socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n');
  return server.handleUpgrade(request, socket, head, (ws) => {
    const stream = new Stream(ws, url.searchParams);
    let turn = Promise.resolve(); // in order, though finals may be late
    streams++;
    ws.on('message', (data, binary) => (turn = turn.then(() => (ws.readyState === ws.OPEN ? (binary ? stream.audio(data) : stream.control(data)) : undefined))));
    ws.on('close', () => streams--);
    ws.on('error', () => {});
  });
});
http.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
