// test_funasr.mjs: FunASR's WebSocket as its sample clients use it: options, audio every 60 ms, the end; results are added up as they do.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { concatenate, errorRate, prompts, recording, samples, test } from './harness.mjs';
import { withServer } from './live_client.mjs';

const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const SAID = 'and mr john dashwood had then leisure to consider how much there might be prudently in his power to do for them';
const TUNING = { chunk_size: [5, 10, 5], chunk_interval: 10, encoder_chunk_look_back: 4, decoder_chunk_look_back: 0 };

class FunASR {
  constructor(server) {
    this.results = [];
    this.ws = new WebSocket(`ws://${server.address}/funasr`, ['binary'], { perMessageDeflate: false }); // as the Python client asks
    this.opened = new Promise((resolve, reject) => {
      this.ws.on('open', resolve);
      this.ws.on('error', reject);
    });
    this.closed = new Promise((resolve) => this.ws.on('close', (code) => resolve(code)));
    this.ws.on('message', (data) => {
      this.results.push(JSON.parse(data));
      this.wake?.();
    });
    this.closed.then(() => this.wake?.());
  }

  say(object) {
    this.ws.send(JSON.stringify(object));
  }

  // `rest_ms`: between pieces of 60 ms, as clients with a microphone do; 0: at once, as those with a file.
  async record(pcm, options, end = {}, rest_ms = 0) {
    this.say({ ...TUNING, wav_name: 'demo', wav_format: 'pcm', is_speaking: true, hotwords: '', itn: true, ...options });
    const bytes = bytesOf(pcm);
    const stride = ((options.audio_fs ?? 16000) * 60 * 2) / 1000;
    for (let at = 0; at < bytes.length; at += stride) {
      this.ws.send(bytes.subarray(at, at + stride));
      if (rest_ms) await new Promise((resolve) => setTimeout(resolve, rest_ms));
    }
    this.say({ is_speaking: false, ...end });
  }

  // All results up to the n-th that is final.
  async finals(n) {
    while (this.results.filter((r) => r.is_final).length < n) {
      assert.notEqual(this.ws.readyState, WebSocket.CLOSED, JSON.stringify(this.results.at(-1)));
      await new Promise((resolve) => (this.wake = resolve));
    }
    return this.results;
  }
}

const connect = async (server) => {
  const client = new FunASR(server);
  await client.opened;
  assert.equal(client.ws.protocol, 'binary');
  return client;
};

const withFast = (body) => withServer(['--max-ahead-ms', '60000'], body);

function checkTimes(result, most) {
  const pairs = JSON.parse(result.timestamp);
  assert.equal(pairs.length, result.text.split(' ').length);
  let before = 0;
  for (const [start, end] of pairs) {
    assert.ok(start >= before && end >= start && end <= most, `${start} ${end}`);
    before = start;
  }
  const [sentence] = result.stamp_sents;
  assert.equal(sentence.text_seg + sentence.punc, result.text);
  assert.deepEqual(sentence.ts_list, pairs);
}

test('funasr: 2pass shows what has settled, then the utterance anew', async () => {
  await withServer([], async (server) => {
    const client = await connect(server);
    const pcm = samples(recording('0870'));
    await client.record(pcm, { mode: '2pass' }, { is_end: true }, 30);
    const results = await client.finals(1);
    for (const name of Object.keys(TUNING)) assert.ok(results[0].warning.includes(`${name}: not used`));
    assert.ok(results.slice(1).every((r) => !('warning' in r) && r.wav_name === 'demo'));
    const offline = results.filter((r) => r.mode === '2pass-offline');
    const shown = results.slice(0, results.indexOf(offline[0])).map((r) => r.text).join('');
    assert.ok(results.filter((r) => r.mode === '2pass-online').length >= 2);
    assert.ok(errorRate(SAID, shown) < 0.6, shown); // its beginning
    assert.ok(errorRate(SAID, offline[0].text) < 0.2, offline[0].text);
    checkTimes(offline[0], (pcm.length / 16000) * 1000 + 50);
    const last = results.at(-1);
    assert.deepEqual([last.text, last.is_final, last.is_end], ['', true, true]);
  });
});

test('funasr: offline says what is last, online only adds', async () => {
  await withFast(async (server) => {
    const chosen = prompts().slice(20, 24);
    const said = chosen.map((p) => p.text).join(' ');
    const pcm = concatenate(chosen.map((p) => p.file), 8000);
    const offline = await connect(server);
    await offline.record(pcm, { mode: 'offline', audio_fs: 8000 });
    const results = await offline.finals(1);
    assert.ok(results.length >= 3 && results.every((r) => r.mode === 'offline' && r.text));
    assert.deepEqual(results.map((r) => r.is_final), results.map((_, i) => i === results.length - 1));
    assert.ok(errorRate(said, results.map((r) => r.text).join(' ')) < 0.25);
    const online = await connect(server);
    await online.record(pcm, { mode: 'online', audio_fs: 8000 });
    const added = await online.finals(1);
    assert.ok(added.every((r) => r.mode === 'online'));
    assert.ok(errorRate(said, added.map((r) => r.text).join('')) < 0.3, added.map((r) => r.text).join(''));
  });
});

// Clients send the next recording of a list without waiting for the results of the one before.
test('funasr: recordings one after the other on a connection', async () => {
  await withFast(async (server) => {
    const client = await connect(server);
    const pcm = samples(recording('0870'));
    for (const wav_name of ['a', 'b', 'c', 'd']) await client.record(pcm, { mode: 'offline', wav_name }, { is_end: wav_name !== 'b' });
    const results = await client.finals(4);
    assert.deepEqual(results.map((r) => [r.wav_name, r.is_final, r.is_end ?? false]),
      [['a', true, true], ['b', true, false], ['c', true, true], ['d', true, true]]);
    for (const r of results) {
      assert.ok(errorRate(SAID, r.text) < 0.2, r.text);
      checkTimes(r, (pcm.length / 16000) * 1000 + 50); // each from its own beginning
    }
    await client.record(samples(prompts()[20].file), { mode: 'offline', audio_fs: 8000, wav_name: 'e' }); // another rate, between recordings
    const e = (await client.finals(5)).filter((r) => r.wav_name === 'e');
    assert.ok(errorRate(prompts()[20].text, e.map((r) => r.text).join(' ')) < 0.5, JSON.stringify(e));
    client.say({ is_speaking: false }); // and one without audio
    assert.deepEqual((await client.finals(6)).at(-1).text, '');
  });
});

test('funasr: what makes no sense is said before the connection ends', async () => {
  await withServer([], async (server) => {
    for (const [message, says, code] of [
      ['{"mode":"3pass"}', /mode: want/, 1008],
      ['{"wav_format":"mp3"}', /wav_format: only pcm/, 1008],
      ['{"audio_fs":1}', /audio_fs: want/, 1008],
      ['{"is_speaking":', /not JSON/, 1007],
    ]) {
      const client = await connect(server);
      client.ws.send(message);
      assert.equal(await client.closed, code);
      assert.match(client.results[0].error, says);
    }
  });
});
