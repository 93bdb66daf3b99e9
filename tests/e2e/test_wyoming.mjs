// test_wyoming.mjs: Wyoming over TCP as Home Assistant speaks it: `describe` on set-up, one connection a command, read until
// `transcript`. There is no client on npm; this one writes events as the protocol's own library does.
import assert from 'node:assert/strict';
import net from 'node:net';
import { concatenate, errorRate, prompts, recording, samples, test } from './harness.mjs';
import { withServer } from './live_client.mjs';

const LIMIT_MS = 60000; // a hang is a failure, not a wait for ever
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const SAID = 'and mr john dashwood had then leisure to consider how much there might be prudently in his power to do for them';

// A header line, data, payload; null members as Python writes them.
function event(type, data, payload) {
  const json = data && Object.keys(data).length ? Buffer.from(JSON.stringify(data)) : null;
  const header = { type, version: '1.7.2' };
  if (json) header.data_length = json.length;
  if (payload?.length) header.payload_length = payload.length;
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), json ?? Buffer.alloc(0), payload ?? Buffer.alloc(0)]);
}

class Wyoming {
  constructor(address) {
    const [, host, port] = address.match(/(.*):(\d+)$/);
    this.bytes = Buffer.alloc(0);
    this.ended = false;
    this.socket = net.connect(Number(port), host);
    this.socket.setNoDelay();
    this.socket.on('data', (more) => {
      this.bytes = Buffer.concat([this.bytes, more]);
      this.wake?.();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.ended = true;
      this.wake?.();
    });
  }

  send(...args) {
    this.socket.write(event(...args));
  }

  async take(enough) {
    let n;
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      this.wake();
    }, LIMIT_MS);
    while ((n = enough()) < 0 && !this.ended && !late) await new Promise((resolve) => (this.wake = resolve));
    clearTimeout(limit);
    if (late) throw new Error('nothing came');
    if (n < 0) return null;
    const taken = this.bytes.subarray(0, n);
    this.bytes = this.bytes.subarray(n);
    return taken;
  }

  // The next event, or null: the connection has ended.
  async read() {
    const line = await this.take(() => this.bytes.indexOf(10) + 1 || -1);
    if (!line) return null;
    const header = JSON.parse(line);
    const part = async (n) => (n ? this.take(() => (this.bytes.length >= n ? n : -1)) : null);
    const data = await part(header.data_length);
    return { type: header.type, data: { ...header.data, ...(data ? JSON.parse(data) : {}) }, payload: await part(header.payload_length) };
  }

  async until(type) {
    const events = [];
    for (;;) {
      const e = await this.read();
      assert.ok(e, `the connection ended before ${type}; ${JSON.stringify(events)}`);
      events.push(e);
      if (e.type === type) return events;
    }
  }

  // A command as Home Assistant sends one: 1024 samples a chunk.
  command(pcm, { rate = 16000, language = 'en', channels = 1, samplesAChunk = 1024 } = {}) {
    const format = { rate, width: 2, channels };
    this.send('transcribe', { language });
    this.send('audio-start', { ...format, timestamp: null });
    const bytes = bytesOf(pcm);
    const step = 2 * channels * samplesAChunk;
    for (let at = 0; at < bytes.length; at += step) {
      this.send('audio-chunk', { ...format, timestamp: null }, bytes.subarray(at, at + step));
    }
    this.send('audio-stop', { timestamp: null });
  }
}

const withWyoming = (args, body) => withServer(['--wyoming-port', '0', ...args], async (server) => {
  const [, address] = await server.said(/Wyoming\S* on tcp:\/\/(\S+)/);
  const open = [];
  const connect = () => {
    const client = new Wyoming(address);
    open.push(client);
    return client;
  };
  try {
    await body(connect, server);
  } finally {
    for (const client of open) client.socket.destroy();
  }
});

test('wyoming: describe tells Home Assistant what it needs', async () => {
  await withWyoming([], async (connect) => {
    const client = connect();
    client.send('describe');
    const [{ data: info }] = await client.until('info');
    const [program] = info.asr;
    const [model] = program.models;
    for (const it of [program, model]) {
      for (const member of ['name', 'description', 'version']) assert.equal(typeof it[member], 'string');
      for (const member of ['name', 'url']) assert.equal(typeof it.attribution[member], 'string');
      assert.equal(it.installed, true);
    }
    assert.deepEqual(model.languages, ['en']);
    assert.equal(program.supports_transcript_streaming, true);
    assert.equal(program.requires_external_vad, true);
    for (const other of ['tts', 'handle', 'intent', 'wake']) assert.deepEqual(info[other], []);
    client.send('ping', { text: 'still there?' });
    assert.deepEqual((await client.until('pong'))[0].data, { text: 'still there?' });
    client.send('ping', { text: null });
    assert.deepEqual((await client.until('pong'))[0].data, { text: null });
  });
});

test('wyoming: a command becomes a transcript, one connection after the other', async () => {
  await withWyoming([], async (connect) => {
    for (const options of [{}, { language: 'en-US', samplesAChunk: 333 }]) {
      const client = connect();
      client.command(samples(recording('0870')), options);
      const events = await client.until('transcript');
      const { text, language, ...more } = events.at(-1).data;
      assert.equal(language, 'en');
      assert.deepEqual(more, {});
      assert.ok(errorRate(SAID, text) < 0.2, text);
      assert.match(text, /[A-Z]/, 'capital letters and points stay');
      const types = events.map((e) => e.type);
      assert.equal(types[0], 'transcript-start');
      assert.ok(types.slice(1, -1).every((t) => t === 'transcript-chunk'));
      assert.equal(events.slice(1, -1).map((e) => e.data.text).join(''), text);
      assert.equal((await client.read()).type, 'transcript-stop');
      client.socket.destroy(); // as Home Assistant leaves
    }
  });
});

test('wyoming: pauses end no command; a connection can carry more than one', async () => {
  await withWyoming([], async (connect) => {
    const chosen = prompts().slice(20, 24);
    const client = connect();
    const texts = [];
    for (const gap of [8000, 16000]) {
      client.command(concatenate(chosen.map((p) => p.file), gap), { rate: 8000 });
      const events = await client.until('transcript-stop');
      assert.ok(events.filter((e) => e.type === 'transcript-chunk').length >= 3);
      const { text } = events.at(-2).data;
      assert.equal(events.filter((e) => e.type === 'transcript-chunk').map((e) => e.data.text).join(''), text);
      assert.ok(errorRate(chosen.map((p) => p.text).join(' '), text) < 0.25, text);
      texts.push(text);
    }
    client.command(new Int16Array(16000)); // silence
    const quiet = await client.until('transcript-stop');
    assert.deepEqual(quiet.map((e) => e.type), ['transcript-start', 'transcript', 'transcript-stop']);
    assert.equal(quiet[1].data.text, '');
    client.send('audio-start', { rate: 16000, width: 2, channels: 1 }); // and no audio at all
    client.send('audio-stop');
    assert.equal((await client.until('transcript')).at(-1).data.text, '');
  });
});

// Stereo, another rate, no audio-start, data in the header line, a transcript whatever the bytes' cuts.
test('wyoming: what the protocol lets clients leave out or put elsewhere', async () => {
  await withWyoming([], async (connect) => {
    const mono = samples(recording('0870'));
    const stereo = new Int16Array(2 * mono.length);
    mono.forEach((s, i) => (stereo[2 * i] = stereo[2 * i + 1] = s));
    const client = connect();
    client.command(stereo, { channels: 2 });
    assert.ok(errorRate(SAID, (await client.until('transcript')).at(-1).data.text) < 0.2);
    const cut = connect();
    const bytes = bytesOf(mono);
    const all = [Buffer.from('{"type":"transcribe","data":{"name":"large","context":{"a":1},"vad_sensitivity":"relaxed"}}\n')];
    for (let at = 0; at < bytes.length; at += 30001) { // odd: half samples
      const piece = bytes.subarray(at, at + 30001);
      all.push(Buffer.from(`{"type":"audio-chunk","data":{"rate":16000,"width":2,"channels":1},"payload_length":${piece.length}}\n`), piece);
    }
    all.push(Buffer.from('{"type":"played"}\n{"type":"audio-stop"}\n'));
    const flat = Buffer.concat(all);
    for (let at = 0; at < flat.length; at += 777) cut.socket.write(flat.subarray(at, at + 777));
    const { text, warning } = (await cut.until('transcript')).at(-1).data;
    assert.ok(errorRate(SAID, text) < 0.2, text);
    for (const member of ['name: there is no such model', 'context: not used', 'vad_sensitivity: not used']) assert.ok(warning.includes(member), warning);
  });
});

const FORMAT = { rate: 16000, width: 2, channels: 1 };

test('wyoming: what makes no sense gets an error, and the connection ends', async () => {
  await withWyoming([], async (connect) => {
    const lines = (...all) => Buffer.from(all.join(''));
    for (const [bytes, code, says] of [
      [lines('GET / HTTP/1.1\r\n\r\n'), 'bad-event', /not JSON/],
      [lines('{"type":7}\n'), 'bad-event', /no type/],
      [lines('a'.repeat(20000)), 'limit', /longer than 16384/],
      [lines('{"type":"transcribe","data_length":1000000}\n'), 'limit', /data_length/],
      [lines('{"type":"audio-chunk","payload_length":2000000}\n'), 'limit', /payload_length/],
      [lines('{"type":"transcribe","data_length":3}\n{]}'), 'bad-event', /data is not JSON/],
      [event('transcribe', { language: 'de' }), 'unsupported', /language/],
      [event('audio-start', { ...FORMAT, rate: 400 }), 'bad-value', /rate: want 8000 to 48000/],
      [event('audio-start', { ...FORMAT, width: 4 }), 'bad-value', /width: want 2/],
      [event('audio-start', { ...FORMAT, channels: 6 }), 'bad-value', /channels: want 1 to 2/],
      [event('audio-start', {}), 'bad-value', /rate/],
      [event('audio-stop'), 'bad-order', /no audio/],
      [Buffer.concat([event('audio-start', FORMAT), event('audio-start', FORMAT)]), 'bad-order', /has not ended/],
      [Buffer.concat([event('audio-start', FORMAT), event('audio-chunk', { ...FORMAT, rate: 8000 }, Buffer.alloc(64))]), 'bad-value', /not audio-start's/],
      [event('synthesize', { text: 'hello' }), 'unsupported', /transcribes/],
    ]) {
      const client = connect();
      client.socket.write(bytes);
      const [error] = await client.until('error');
      assert.equal(error.data.code, code, JSON.stringify(error.data));
      assert.match(error.data.text, says);
      assert.equal(await client.read(), null, 'nothing follows');
    }
  });
});

test('wyoming: a full server says so', async () => {
  await withWyoming(['--max-streams', '1'], async (connect) => {
    const first = connect();
    first.send('audio-start', FORMAT);
    first.send('audio-chunk', FORMAT, Buffer.alloc(3200));
    first.send('ping', {});
    await first.until('pong'); // it has its stream
    const second = connect();
    second.send('describe');
    await second.until('info'); // who only asks is answered
    second.send('audio-start', FORMAT);
    const [error] = await second.until('error');
    assert.equal(error.data.code, 'limit');
    assert.equal(await second.read(), null);
    first.send('audio-stop');
    await first.until('transcript');
    const third = connect();
    third.command(new Int16Array(1600));
    await third.until('transcript');
  });
});

test('wyoming: idle connections end, and clients that vanish take their streams with them', async () => {
  await withWyoming(['--idle-timeout-s', '1', '--max-streams', '2'], async (connect) => {
    const idle = connect();
    assert.equal(await idle.read(), null);
    const served = connect(); // idle again once it has its transcript
    served.command(new Int16Array(1600));
    await served.until('transcript-stop');
    assert.equal(await served.read(), null);
    for (let i = 0; i < 6; i++) {
      const client = connect();
      client.send('audio-start', FORMAT);
      client.send('audio-chunk', FORMAT, Buffer.alloc(3200));
      client.send('ping', {});
      await client.until('pong');
      client.socket.destroy();
      for (;;) { // its stream ends when the engine has heard that it is gone
        const next = connect();
        next.command(new Int16Array(1600));
        const types = [];
        for (let e; (e = await next.read()) && !['transcript', 'error'].includes(e.type);) types.push(e.type);
        if (types.includes('transcript-start')) break;
      }
    }
  });
});

test('wyoming: a server that drains gives the transcript of what it has heard', async () => {
  await withWyoming(['--drain-s', '0'], async (connect, server) => {
    const idle = connect();
    const client = connect();
    client.send('transcribe', { language: 'en' });
    client.send('audio-start', FORMAT);
    client.send('audio-chunk', FORMAT, bytesOf(samples(recording('0870'))));
    client.send('ping', {});
    await client.until('pong'); // all of it was taken
    server.child.kill('SIGTERM');
    const { text } = (await client.until('transcript')).at(-1).data;
    assert.ok(errorRate(SAID, text) < 0.2, text);
    assert.equal((await client.read()).type, 'transcript-stop');
    assert.equal(await client.read(), null);
    assert.equal(await idle.read(), null);
    assert.equal((await server.end()).status, 0);
  });
});
