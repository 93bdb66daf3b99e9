// test_shadow.mjs: a model in the shadow: users notice nothing, counts are true, nothing personal is kept, and what fails fails alone.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Client, Server, turn, within, withServer } from './live_client.mjs';
import { concatenate, prompts, recording, samples, skip, start, steno, test, work, writeWav } from './harness.mjs';
import { NUMBER, spokenNumber } from './spoken_number.mjs';

const CLIPS = ['0870', '0880', '0890', '0920', '0930'];
const folder = (name) => mkdtempSync(join(work, `${name}-`));
const shadow = (model, ...more) => ['--shadow-model', model, '--shadow-percent', '100', ...more];
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const seconds = (file) => samples(file).length / 16000;
const wordsOf = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}' ]+/gu, ' ').split(/\s+/).filter(Boolean).length;
const models = () => [process.env.STENO_MODELS, 'build/models', '/usr/share/steno/models'].find((dir) => dir && existsSync(join(dir, 'manifest.json')))
  ?? skip('there are no models');
const needBase = () => existsSync(join(models(), 'moonshine-base.safetensors')) || skip('the model base is not there');

async function transcribe(server, file, headers = {}) {
  const body = new FormData();
  body.append('file', new Blob([readFileSync(file)], { type: 'audio/wav' }), 'a.wav');
  body.append('model', 'whisper-1');
  const answer = await server.get('/v1/audio/transcriptions', { method: 'POST', body, headers });
  assert.equal(answer.status, 200);
  return (await answer.json()).text;
}

async function live(server, file) {
  const client = new Client(server, { speakers: 'off' });
  await client.opened;
  client.pieces(bytesOf(samples(file)), [4000]);
  await client.finish();
  return client.text;
}

const report = async (server, headers = {}) => (await server.get('/v1/shadow', { headers })).json();
const until = (server, wanted, what) => within((async () => {
  for (;;) {
    const r = await report(server);
    if (wanted(r)) return r;
    await turn();
  }
})(), what);
const streams = (n) => (r) => r.difference.streams + r.floor.streams === n;
// Every copy has been heard to its end. (A recording without a word is no stream of evidence.)
const heard = (n) => (r) => r.copied.streams === n && r.b.heard_s + (r.again?.heard_s ?? 0) > r.copied.audio_s - 0.1 * n;
const MANY = ['--shadow-streams', '64', '--shadow-floor-percent', '0'];
const droppedOf = (r) => Object.values(r.dropped).reduce((sum, d) => sum + d.audio_s, 0);
const stored = (dir, ...more) => steno(['shadow', 'report', '--data-dir', dir, ...more]);
const saved = (dir, n) => within((async () => {
  for (;;) {
    const r = stored(dir, '--json');
    if (r.status === 0 && streams(n)(JSON.parse(r.out))) return JSON.parse(r.out);
    await turn();
  }
})(), `${n} streams in the store`);

test('shadow: users get exactly the same with and without', async () => {
  needBase();
  const said = async (options) => {
    const texts = [];
    await withServer(['--max-ahead-ms', '60000', '--data-dir', folder('same'), ...options], async (server) => {
      for (const id of CLIPS) texts.push(await transcribe(server, recording(id)), await live(server, recording(id)));
    });
    return texts;
  };
  const alone = await said([]);
  assert.ok(alone.every((text) => text.length > 10));
  assert.deepEqual(await said(shadow('base')), alone);
});

test('shadow: a model beside itself does not differ, and what is counted is true', async () => {
  await withServer(['--data-dir', folder('itself'), ...shadow('tiny', '--shadow-floor-percent', '40')], async (server) => {
    let words = 0;
    let audio = 0;
    for (const id of CLIPS) {
      words += wordsOf(await transcribe(server, recording(id)));
      audio += seconds(recording(id));
    }
    const r = await until(server, (now) => streams(CLIPS.length)(now) && now.b.arena_peak_bytes > 0 && now.a.cpu_per_audio_s > 0, 'all streams compared');
    assert.equal(r.state, 'listening');
    assert.equal(r.difference.words + r.floor.words, words);
    assert.equal(r.difference.edits + r.floor.edits, 0);
    assert.ok(r.difference.streams > 0 && r.floor.streams > 0);
    assert.equal(r.copied.streams, CLIPS.length);
    assert.ok(Math.abs(r.copied.audio_s - audio) < 0.5, `${r.copied.audio_s} of ${audio} s`);
    assert.ok(Math.abs(r.b.heard_s + r.again.heard_s - audio) < 0.5);
    assert.equal(droppedOf(r), 0);
    assert.equal(r.verdict.is, 'unknown');
    assert.equal(r.samples.length, 0);
    assert.equal(r.minutes.reduce((sum, m) => sum + m.words.b + m.words.again, 0), words);
    for (const side of [r.a, r.b]) {
      for (const figure of ['weights_bytes', 'arena_peak_bytes', 'cpu_per_audio_s']) assert.ok(side[figure] > 0, figure);
    }
  });
});

test('shadow: another model differs; the report says so in lines, as JSON and as a page', async () => {
  needBase();
  const dir = folder('base');
  await withServer(['--data-dir', dir, ...shadow('base', ...MANY)], async (server) => {
    const files = [...CLIPS.map(recording), ...prompts().slice(0, 25).map((p) => p.file)];
    for (const file of files) await transcribe(server, file);
    const r = await until(server, heard(files.length), 'all streams compared');
    const n = r.difference.streams;
    assert.ok(n >= 20 && n <= files.length, `${n} streams`);
    assert.ok(r.difference.edits > 0 && r.difference.rate > 0 && r.difference.rate < 0.6);
    assert.ok(r.difference.low < r.difference.rate && r.difference.rate < r.difference.high);
    assert.equal(r.difference.substitutions + r.difference.deletions + r.difference.insertions, r.difference.edits);
    assert.equal(Object.values(r.difference.kinds).reduce((a, b) => a + b), r.difference.substitutions);
    assert.ok(r.samples.length > 0 && r.samples[0].score >= r.samples.at(-1).score);
    assert.ok(r.samples.some((s) => s.a !== s.b && s.a));
    const lines = steno(['shadow', 'report', '--url', `http://${server.address}/`]);
    assert.equal(lines.status, 0, lines.err);
    assert.match(lines.out, /^base \(int8\) in the shadow of tiny \(int8\)/);
    assert.match(lines.out, new RegExp(`: ${r.difference.edits} of ${r.difference.words}, in ${r.difference.pairs} pairs of ${n} streams`));
    assert.match(lines.out, /not yet known/);
    const kept = await saved(dir, n);
    assert.deepEqual(kept.difference, r.difference);
    assert.equal(kept.samples.length, r.samples.length);
    assert.deepEqual(kept.samples.map((s) => s.score), r.samples.map((s) => s.score));
    const page = stored(dir, '--html', '-');
    assert.equal(page.status, 0, page.err);
    assert.equal((page.out.match(/<svg /g) ?? []).length, 3);
    assert.match(page.out, /<mark>/);
    assert.ok(!/(src|href)=|https?:/.test(page.out), 'the page needs nothing else');
  });
});

// A folder of models in which one file is missing, or damaged.
function lame(name, damage) {
  const dir = folder('models');
  for (const file of readdirSync(models())) {
    if (file !== name) symlinkSync(join(process.cwd(), models()).startsWith(process.cwd()) && !models().startsWith('/') ? join(process.cwd(), models(), file) : join(models(), file), join(dir, file));
  }
  if (damage) {
    const bytes = readFileSync(join(models(), name));
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(join(dir, name), bytes);
  }
  return dir;
}

for (const damage of [false, true]) {
  test(`shadow: a model that is ${damage ? 'damaged' : 'missing'} keeps nobody from starting, and is said`, async () => {
    needBase();
    const dir = lame('moonshine-base.safetensors', damage);
    await withServer(['--models-dir', dir, '--data-dir', folder('lame'), ...shadow('base')], async (server) => {
      await server.said(/error shadow: off: .*moonshine-base\.safetensors/);
      assert.match(await transcribe(server, recording('0870')), /John Dashwood/);
      const r = await report(server);
      assert.equal(r.state, 'failed');
      assert.match(r.why, /moonshine-base/);
      assert.equal(r.copied.streams, 0);
    });
  });
}

test('shadow: a configuration that means nothing is refused', () => {
  for (const [option, value] of [['--shadow-percent', '101'], ['--shadow-model', 'huge'], ['--shadow-streams', '0'], ['--shadow-buffer-s', '1']]) {
    const r = steno(['serve', '--port', '0', option, value]);
    assert.equal(r.status, 2);
    assert.match(r.err, new RegExp(option));
  }
});

test('shadow: without it there is nothing to report', async () => {
  const dir = folder('none');
  await withServer(['--data-dir', dir], async (server) => {
    assert.equal((await server.get('/v1/shadow')).status, 404);
    const r = steno(['shadow', 'report', '--url', `http://${server.address}`]);
    assert.equal(r.status, 1);
    assert.match(r.err, /404: no model listens/);
  });
  assert.equal(stored(dir).status, 1);
  assert.match(stored(dir).err, /nothing was heard in the shadow yet/);
});

const NAMES = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
// Four digits of the number in a row, however they are written.
function leaks(text) {
  const plain = text.toLowerCase().replace(/[\s,.()-]+/g, ' ');
  for (let i = 0; i + 4 <= NUMBER.length; i++) {
    const digits = [...NUMBER.slice(i, i + 4)];
    for (const way of [digits.map((d) => NAMES[d]).join(' '), digits.join(' '), digits.join('')]) {
      if (new RegExp(`(?<![\\d.])${way}(?![\\d])`).test(plain)) return way;
    }
  }
  return null;
}

// The number with so much noise (of 32767), always the same: then the models write it in different ways, or mishear it.
function noisy(amount) {
  let state = 12345;
  const draw = () => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 4294967296) * 2 - 1;
  return writeWav(`noisy-${amount}.wav`, samples(spokenNumber()).map((x) => Math.max(-32768, Math.min(32767, x + amount * draw()))));
}

test('shadow: a number said aloud is in no store, report, page or log', async () => {
  needBase();
  const dir = folder('canary');
  const files = [300, 700, 5000].map(noisy);
  await withServer(['--max-ahead-ms', '60000', '--data-dir', dir, ...shadow('base', ...MANY)], async (server) => {
    const texts = [await live(server, spokenNumber())];
    for (const file of files) texts.push(await transcribe(server, file));
    assert.ok(leaks(texts.join(' ')), `it was heard, and nothing was asked to mask it: ${texts}`);
    await until(server, (r) => r.difference.streams >= files.length && r.difference.streams === r.copied.streams, 'all compared');
    const kept = await saved(dir, (await report(server)).difference.streams);
    assert.ok(kept.samples.length > 0, 'a difference was kept, or this test shows nothing');
    assert.ok(JSON.stringify(kept.samples).includes('['), 'it holds a mask');
    const everything = {
      answer: JSON.stringify(await report(server)), metrics: await (await server.get('/metrics')).text(), log: server.log,
      json: stored(dir, '--json').out, lines: stored(dir).out, page: stored(dir, '--html', '-').out,
    };
    for (const [where, text] of Object.entries(everything)) {
      // Times and counts are numbers, too: only words are looked at where there are none but of ours.
      const words = where === 'log' || where === 'metrics' ? text.replace(/[\d.:-]+/g, '#') : text.replace(/"[a-z_]+": ?[-\d.e]+/g, '');
      assert.equal(leaks(words), null, where);
    }
    for (const name of readdirSync(dir).filter((n) => n.startsWith('steno.db'))) {
      const text = readFileSync(join(dir, name), 'latin1').replace(/"[a-z_]+": ?[-\d.e]+/g, '').replace(/[-\d.]{12,}/g, '');
      for (let i = 0; i + 4 <= NUMBER.length; i++) {
        const spoken = [...NUMBER.slice(i, i + 4)].map((d) => NAMES[d]).join('[ ,.]+');
        assert.ok(!new RegExp(spoken, 'i').test(text), name);
      }
    }
  });
});

test('shadow: a server that is killed keeps what it wrote, and the next one goes on from there', async () => {
  const dir = folder('killed');
  const options = ['--data-dir', dir, ...shadow('tiny', '--shadow-precision', 'fp32', '--shadow-floor-percent', '0')];
  let before;
  await withServer(options, async (server) => {
    for (const id of CLIPS.slice(0, 3)) await transcribe(server, recording(id));
    before = await saved(dir, 3);
  }); // it was killed
  assert.deepEqual(JSON.parse(stored(dir, '--json').out).difference, before.difference);
  await withServer(options, async (server) => {
    await until(server, streams(3), 'what was before');
    await transcribe(server, recording(CLIPS[3]));
    const r = await until(server, streams(4), 'one more');
    assert.ok(r.difference.words > before.difference.words);
    assert.equal(r.since_s, before.since_s);
  });
});

test('shadow: SIGHUP changes the share of streams, and the model', async () => {
  const file = join(work, 'shadow.conf');
  const write = (lines) => writeFileSync(file, `[server]\nport = 0\n[shadow]\n${lines.join('\n')}\n`);
  const on = ['model = tiny', 'precision = fp32', 'percent = 100', 'floor_percent = 0'];
  write(on);
  const server = new Server(['--config', file, '--data-dir', folder('hup')]);
  const again = async (lines) => {
    const { reloads } = await server.status();
    write(lines);
    server.child.kill('SIGHUP');
    await server.until((s) => s.reloads > reloads, 'the reload');
  };
  try {
    await server.listening();
    await transcribe(server, recording('0880'));
    await until(server, streams(1), 'a stream compared');
    await again(['model = tiny', 'precision = fp32', 'percent = 0']);
    assert.equal((await report(server)).state, 'off');
    await transcribe(server, recording('0880'));
    await again(on);
    const r = await report(server);
    assert.equal(r.state, 'listening');
    assert.equal(r.copied.streams, 1, 'the one at 0 % was not copied');
    await transcribe(server, recording('0880'));
    await until(server, streams(2), 'a stream compared again');
    await again(['model = off']);
    assert.equal((await report(server)).state, 'off');
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.end(), { status: 0, signal: null });
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
});

test('shadow: the words of a difference are for the key that they were said to', async () => {
  needBase();
  const dir = folder('keys');
  const key = (name) => JSON.parse(steno(['key', 'create', '--name', name, '--data-dir', dir, '--json']).out).key;
  const mine = { authorization: `Bearer ${key('mine')}` };
  const other = { authorization: `Bearer ${key('other')}` };
  await withServer(['--data-dir', dir, ...shadow('base', ...MANY)], async (server) => {
    const files = [recording('0880'), ...prompts().slice(0, 15).map((p) => p.file)];
    for (const file of files) await transcribe(server, file, mine);
    const r = await within((async () => {
      for (;;) {
        const now = await report(server, mine);
        if (heard(files.length)(now)) return now;
        await turn();
      }
    })(), 'all streams compared');
    assert.ok(r.samples.length > 0 && r.samples.every((s) => typeof s.a === 'string'), JSON.stringify(r.samples.slice(0, 3)));
    assert.ok((await report(server, other)).samples.every((s) => s.a === null && s.b === null));
    assert.equal((await server.get('/v1/shadow')).status, 401);
  });
});

test('shadow: more copies than may be are not made, and are counted', async () => {
  await withServer(['--max-ahead-ms', '60000', '--data-dir', folder('room'), ...shadow('tiny', '--shadow-streams', '1', '--shadow-floor-percent', '0')], async (server) => {
    const clients = await Promise.all([0, 1, 2].map(async () => {
      const client = new Client(server);
      await client.opened;
      return client;
    }));
    const pcm = bytesOf(samples(recording('0880')));
    for (const client of clients) client.pieces(pcm, [4000]);
    const texts = await Promise.all(clients.map(async (client) => {
      await client.finish();
      return client.text;
    }));
    assert.ok(texts.every((text) => text === texts[0]));
    const r = await until(server, (now) => now.copied.audio_s + droppedOf(now) > 2.9 * seconds(recording('0880')), 'all audio accounted for');
    assert.ok(r.copied.streams <= 1 || r.dropped.load.streams > 0);
    assert.ok(r.dropped.room.streams >= 1 || r.dropped.load.audio_s > 0);
  });
});

test('shadow: what does not fit is dropped and counted, users notice nothing, and the rest is compared rightly', async () => {
  const pcm = concatenate(['0880', ...CLIPS, ...CLIPS, ...CLIPS, ...CLIPS].map(recording), 48000); // three minutes, of which twenty seconds may wait
  const file = writeWav('long.wav', pcm);
  const said = async (options) => {
    let text;
    let r;
    await withServer(['--data-dir', folder('full'), ...options], async (server) => {
      text = await transcribe(server, file);
      if (options.length) r = await until(server, (now) => now.copied.audio_s + droppedOf(now) > seconds(file) - 0.5 && now.b.heard_s > now.copied.audio_s - 0.5 && now.difference.streams === 1, 'all accounted for');
    });
    return { text, r };
  };
  const alone = await said([]);
  const { text, r } = await said(shadow('tiny', '--shadow-buffer-s', '20', '--shadow-streams', '1', '--shadow-floor-percent', '0'));
  assert.equal(text, alone.text);
  assert.ok(r.dropped.queue.streams > 0 && r.dropped.queue.audio_s > 0);
  assert.ok(Math.abs(r.copied.audio_s + droppedOf(r) - seconds(file)) < 0.5, 'every second was heard or dropped');
  assert.ok(r.difference.words < wordsOf(text));
  assert.ok(r.difference.edits <= 0.1 * r.difference.words, `${r.difference.edits} of ${r.difference.words} words, of the same model`);
});

test('shadow: with a referee both are compared with it', async () => {
  needBase();
  const options = ['--data-dir', folder('referee'), '--precision', 'fp32', ...shadow('tiny', '--shadow-precision', 'int8', '--shadow-referee', 'base', ...MANY)];
  await withServer(options, async (server) => {
    for (const id of CLIPS) await transcribe(server, recording(id));
    const r = await until(server, (now) => streams(CLIPS.length)(now) && now.referee.heard_s > now.copied.audio_s - 0.5, 'all compared');
    assert.equal(r.referee.model, 'base');
    assert.equal(r.run, 'tiny fp32 | tiny int8 | base int8');
    const used = Object.fromEntries(r.verdict.measures.map((m) => [m.name, m.used]));
    assert.deepEqual(used, { faults: true, referee: true, confidence: true });
  });
});

// A server whose configuration changes while it runs. `again` writes it and waits until it holds.
async function withReloads(name, lines, body) {
  const file = join(work, `${name}.conf`);
  const write = (now) => writeFileSync(file, `[server]\nport = 0\n[shadow]\n${now.join('\n')}\n`);
  write(lines);
  const dir = folder(name);
  await withServer(['--config', file, '--max-ahead-ms', '60000', '--data-dir', dir], (server) => body(server, async (now) => {
    const { reloads } = await server.status();
    write(now);
    server.child.kill('SIGHUP');
    await server.until((s) => s.reloads > reloads, 'the reload');
  }, dir));
}

test('shadow: a stream that goes on while another model takes over is no witness of that one', async () => {
  needBase();
  const on = ['percent = 100', 'floor_percent = 0'];
  await withReloads('other', ['model = tiny', 'precision = fp32', ...on], async (server, again, dir) => {
    const client = new Client(server, { speakers: 'off' });
    await client.opened;
    client.pieces(bytesOf(concatenate([recording('0880'), recording('0890')], 48000)), [4000]);
    await until(server, (r) => r.difference.words > 0, 'a pair');
    await again(['model = base', ...on]);
    assert.equal((await report(server)).run, 'tiny int8 | base int8');
    await client.finish();
    await transcribe(server, recording('0870'));
    const r = await until(server, (now) => heard(1)(now) && now.difference.streams > 0, 'another stream');
    assert.equal(r.b.quality.utterances, r.difference.pairs, 'what base itself has said');
    server.child.kill('SIGTERM'); // streams that go on are counted now at the latest
    await server.end();
    assert.equal(JSON.parse(stored(dir, '--json').out).difference.streams, 1, 'only what base has heard');
    assert.equal(JSON.parse(stored(dir, '--json', '--run', 'tiny int8 | tiny fp32').out).difference.streams, 1, 'of the other model');
  });
});

test('shadow: words that are not wanted any more go, also from the store, and where nobody listens any more', async () => {
  needBase();
  const dir = folder('unwanted');
  const files = prompts().slice(0, 15).map((p) => p.file);
  const worded = (r) => r.samples.filter((s) => s.a !== null || s.b !== null).length;
  await withServer(['--data-dir', dir, ...shadow('base', ...MANY)], async (server) => {
    for (const file of files) await transcribe(server, file);
    await until(server, heard(files.length), 'all streams compared');
    await within((async () => {
      for (let r = stored(dir, '--json'); r.status !== 0 || !worded(JSON.parse(r.out)); r = stored(dir, '--json')) await turn();
    })(), 'words in the store');
  });
  const forgotten = (what) => within((async () => {
    for (let r = JSON.parse(stored(dir, '--json').out); worded(r); r = JSON.parse(stored(dir, '--json').out)) await turn();
  })(), what);
  await withServer(['--data-dir', dir, ...shadow('base', ...MANY, '--shadow-texts', 'no')], async (server) => {
    const r = await until(server, (now) => now.samples.length > 0, 'what was before');
    assert.equal(worded(r), 0, 'shown after a restart');
    await forgotten('the store without words');
  });
  await withServer(['--data-dir', dir, ...shadow('base', ...MANY)], async (server) => {
    for (const file of files) await transcribe(server, file);
    await within((async () => {
      for (let r = JSON.parse(stored(dir, '--json').out); !worded(r); r = JSON.parse(stored(dir, '--json').out)) await turn();
    })(), 'words in the store again');
  });
  await withServer(['--data-dir', dir, '--shadow-texts', 'no'], () => forgotten('the store without words, and nobody listens'));
});

test('shadow: words that are not wanted any more are not shown after SIGHUP', async () => {
  needBase();
  const on = ['model = base', 'percent = 100', 'floor_percent = 0', 'streams = 64'];
  await withReloads('unshown', on, async (server, again) => {
    for (const p of prompts().slice(0, 15)) await transcribe(server, p.file);
    await until(server, (r) => r.samples.some((s) => s.a || s.b), 'a difference');
    await again([...on, 'texts = no']);
    const r = await report(server);
    assert.ok(r.samples.length > 0 && r.samples.every((s) => s.a === null && s.b === null));
  });
});

test('shadow: a strange server writes no control characters to the terminal', async () => {
  const name = 'ti\u001b[31mny\u009b2J\u0007';
  const strange = createServer((request, response) => response.end(JSON.stringify({ run: name, state: name, why: name, a: { model: name, precision: name }, b: { model: name, precision: name }, samples: [{ words: 1, edits: 1, a: name, b: name }] })));
  await new Promise((done) => strange.listen(0, '127.0.0.1', done));
  try {
    const { child, ended } = start(['shadow', 'report', '--url', `http://127.0.0.1:${strange.address().port}`]);
    let out = '';
    child.stdout.on('data', (bytes) => (out += bytes));
    const { err } = await ended;
    assert.ok(out.includes('ny'), out + err);
    assert.doesNotMatch(out + err, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  } finally {
    strange.close();
  }
});
