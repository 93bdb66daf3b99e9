// test_page.mjs: the page in a real browser, against fake_stream.mjs. Skipped without Chromium (CHROMIUM, or /usr/bin/chromium)
// or the packages of tests/e2e/package.json. test_page_real.mjs is the same against steno serve.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { concatenate, recording, test, write, writeWav } from './harness.mjs';
import { CHROMIUM, checkMarks, downloads, faintTexts, finals, microphone, packages, shot, speech, state, telling, watchMarks, watchStates, watchTexts, withBrowser } from './browser.mjs';
import { FakeStream } from './fake_stream.mjs';
import { validateControl, validateEvent } from './protocol_schema.mjs';

// Opens the page of a fake server and runs `body(page, fake)`; everything the fake said must be as the protocol has it.
async function withPage({ options = {}, ...how }, body) {
  const { WebSocketServer } = await packages();
  const fake = await new FakeStream(WebSocketServer).listen();
  fake.options = options;
  try {
    await withBrowser({ address: fake.address, ...how }, (page) => body(page, fake));
    for (const event of fake.said) validateEvent(event);
  } finally {
    await fake.close();
  }
}

test('page: a microphone is heard; partials are rewritten in place and finals stay', async () => {
  const wav = existsSync(CHROMIUM) ? writeWav('mic.wav', speech()) : '';
  await withPage({ flags: microphone(wav), options: { overloadAt: 2.5 } }, async (page, fake) => {
    await shot(page, 'light-idle');
    await watchTexts(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'speak');
    await page.keyboard.press('Enter');
    await page.waitForSelector('li.final');
    await page.waitForSelector('#notice:not([hidden])');
    await page.waitForFunction(() => document.querySelectorAll('li.final').length >= 2 && document.querySelector('li.partial .stable')?.textContent);
    await shot(page, 'light-speaking');
    const seen = await page.evaluate(() => window.seen);
    assert.ok(seen.includes('partial: so what| do you'), seen.join('\n'));
    assert.ok(seen.includes('partial: So what do you 👋 |sink'), 'stable characters are counted as Unicode does');
    assert.ok(seen.includes('final: So what do you 👋 think?|'));
    assert.match(await page.textContent('#notice'), /every 1\.5 s/);
    for (const id of ['first-text', 'partial-lag', 'final-lag']) assert.match(await page.textContent(`#${id}`), /^[\d.]+ m?s$/, id);
    await page.keyboard.press('Enter'); // the button is Stop now
    await state(page, 'idle');
    const [session] = fake.sessions;
    assert.equal(session.rate, 16000);
    const heard = session.samples();
    assert.ok(heard.some((v) => Math.abs(v) > 500), 'the microphone was silent');
    assert.ok(session.taken.slice(0, -1).every((packet) => packet.length === 512), 'packets of 32 ms');
    assert.equal(await page.textContent('#speak-label'), 'Speak');
    const announced = await page.locator('#announce p').allTextContents();
    assert.ok(announced.includes('So what do you 👋 think?') && !announced.includes('so what'), announced.join('|'));
  });
});

test('page: a file arrives whole and in order though the connection breaks twice', async () => {
  const { chromium } = await packages();
  assert.ok(chromium);
  const pcm = speech();
  const wav = writeWav('whole.wav', pcm);
  await withPage({ options: { drops: [1.1, 3.3] } }, async (page, fake) => {
    await watchStates(page);
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('li.final');
    await state(page, 'idle');
    const states = await page.evaluate(() => window.states);
    assert.equal(states.filter((name) => name === 'resuming').length, 2, states.join());
    assert.deepEqual(fake.options.drops, []);
    assert.equal(fake.connections, 3);
    assert.equal(fake.sessions.length, 1);
    assert.deepEqual(fake.sessions[0].samples(), pcm);
    const said = fake.sessions[0].events.filter((e) => e.type === 'final' && e.text).map((e) => e.text);
    assert.ok(said.length >= 3);
    assert.deepEqual((await finals(page)).map((t) => t.replace(/^[\d:.]+ /, '')), said);
    assert.deepEqual(await page.locator('#announce p').allTextContents(), said, 'each final is announced once');
  });
});

async function survives(options) {
  await packages();
  await withPage({ options: { drops: [1, 2], ...options } }, async (page, fake) => {
    const got = await page.evaluate(async () => {
      const { StenoClient } = await import('/client.js');
      const client = new StenoClient(location.href.replace('http', 'ws') + 'v1/stream', { sample_rate: 8000, stats_ms: 1000 });
      const events = [];
      for (const type of ['ready', 'speech_started', 'partial', 'final', 'stats', 'closed']) client.addEventListener(type, (e) => events.push(e.detail));
      const ended = new Promise((resolve) => client.addEventListener('state', (e) => e.detail.state === 'ended' && resolve(e.detail)));
      client.start();
      // All before the connection is there; packets of odd lengths.
      for (let at = 0, n = 1; at < 24000; at += n, n = (n * 7 + 3) % 1013) client.send(Int16Array.from({ length: Math.min(n, 24000 - at) }, (_, i) => at + i));
      client.configure({ endpoint_ms: 300 });
      client.finalize();
      client.close();
      client.send(new Int16Array(10)); // after the end: not taken
      return { ended: await ended, events, given: client.samplesGiven, waiting: client.samplesWaiting };
    });
    telling({ got, said: fake.sessions.map((s) => s.events), controls: fake.controls, connections: fake.connections }, () => {
      assert.deepEqual(got.ended, { state: 'ended', cause: 'done', message: '' });
      assert.equal(got.given, 24000);
      assert.equal(got.waiting, 0, 'everything was acknowledged');
      assert.deepEqual([...fake.sessions[0].samples()], Array.from({ length: 24000 }, (_, i) => i));
      const session = fake.sessions[0].events.filter((e) => e.type !== 'ready').map((e) => e.seq);
      assert.deepEqual(got.events.filter((e) => e.type !== 'ready').map((e) => e.seq), session, 'every event once, in order');
      assert.deepEqual(got.events.filter((e) => e.type === 'ready').map((e) => e.resumed), [false, true, true]);
      assert.deepEqual(fake.controls, [{ type: 'configure', endpoint_ms: 300 }, { type: 'finalize' }, { type: 'close' }]);
    });
    for (const control of fake.controls) validateControl(control);
  });
}

test('client.js: controls and audio survive a break, and no event is handed on twice', () => survives({}));

test('client.js: a session whose events were not read (1013) is resumed', () => survives({ dropCode: 1013 }));

test('client.js: a break that takes every event since `ready` with it', () => survives({ deafDrops: true }));

test('client.js: a server that lost audio it had acknowledged is not trusted', async () => {
  await packages();
  await withPage({ options: { drops: [2] } }, async (page, fake) => {
    fake.forgets = true;
    const ended = await page.evaluate(async () => {
      const { StenoClient } = await import('/client.js');
      const client = new StenoClient(location.href.replace('http', 'ws') + 'v1/stream');
      const end = new Promise((resolve) => client.addEventListener('state', (e) => e.detail.state === 'ended' && resolve(e.detail)));
      client.start();
      const send = (samples) => { for (let at = 0; at < samples; at += 800) client.send(new Int16Array(800)); };
      send(16000);
      while (client.samplesWaiting === 16000) await new Promise(requestAnimationFrame); // what was never acknowledged may be lost
      send(32000);
      return end;
    });
    telling({ ended, said: fake.said }, () => assert.equal(ended.cause, 'lost'));
  });
});

test('page: as fast as the server takes it, with copy, download, clear', async () => {
  await packages();
  const pcm = speech();
  const wav = writeWav('fast.wav', pcm);
  await withPage({}, async (page, fake) => {
    await page.check('#fast');
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('li.final');
    await state(page, 'idle');
    assert.deepEqual(fake.sessions[0].samples(), pcm);
    assert.equal(await page.textContent('#first-text'), '–', 'no latencies when time does not pace');
    const said = fake.sessions[0].events.filter((e) => e.type === 'final' && e.text);
    const text = `${said.map((e) => e.text).join('\n')}\n`;
    await page.evaluate(() => {
      const button = document.querySelector('.copy');
      window.copied = new Promise((resolve) => new MutationObserver(() => button.textContent === 'Copied' && resolve()).observe(button, { childList: true }));
    });
    await page.click('.copy');
    await page.evaluate(() => window.copied);
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
    const files = await downloads(page);
    assert.deepEqual(Object.values(files).map((f) => f.name), ['fast.txt', 'fast.srt', 'fast.vtt', 'fast.json']);
    assert.equal(files.txt.text, text);
    const clock = (s, decimal) => `00:00:${s.toFixed(3).padStart(6, '0').replace('.', decimal)}`;
    const from = (decimal) => `${clock(said[0].words[0].start, decimal)} --> ${clock(said[0].words.at(-1).end, decimal)}\nSo what do you 👋 think?\n\n`;
    assert.ok(files.srt.text.startsWith(`1\n${from(',')}2\n`), files.srt.text);
    assert.ok(files.vtt.text.startsWith(`WEBVTT\n\n${from('.')}`), files.vtt.text);
    assert.ok(files.vtt.text.includes('&lt;b&gt;fox&lt;/b&gt;'), 'markup is text in WebVTT too');
    const { segments, ...head } = JSON.parse(files.json.text);
    assert.deepEqual(head, { file: 'fast.wav', model: 'tiny', language: 'en', duration: Math.round(pcm.length / 16) / 1000 });
    assert.deepEqual(segments.map((s) => [s.text, s.start, s.words.length]), said.map((e) => [e.text, Number(e.start.toFixed(3)), e.words.length]));
    assert.equal(await page.locator('#sessions b').count(), 0, 'text is text, not markup');
    await page.click('#clear');
    assert.equal(await page.locator('#sessions li').count(), 0);
    assert.ok(await page.isVisible('#empty'));
    // Too short for a word: nothing is left, and it is said.
    await page.setInputFiles('#file', writeWav('short.wav', pcm.subarray(0, 1600)));
    await page.waitForSelector('#notice:not([hidden])');
    assert.equal(await page.textContent('#notice'), 'No words were heard.');
    assert.ok(await page.isVisible('#empty'));
  });
});

test('page: what goes wrong is said in plain words', async () => {
  await packages();
  const good = writeWav('good.wav', speech().subarray(0, 32000));
  const http = [/the server responded with a status of/i, /WebSocket connection to .* failed/];
  await withPage({ mic: false, complaints: http }, async (page, fake) => {
    const trouble = async (pattern) => {
      await page.waitForFunction((p) => new RegExp(p).test(document.querySelector('#error:not([hidden])')?.textContent ?? ''), pattern);
      await state(page, 'failed');
    };
    await page.click('#speak');
    await trouble('[Mm]icrophone');
    await page.setInputFiles('#file', write('notes.wav', 'these are no sounds'));
    await trouble('notes\\.wav is not a recording this browser can read');
    for (const [options, pattern] of [[{ refuse: 503 }, 'full.*5 seconds'], [{ refuse: 400 }, 'refused.*below 8000'], [{ refuse: 429 }, 'for now: this key has its 2 live streams open already\\. Try again in 5 seconds'],
      [{ revokeAt: 0.5 }, 'ended the stream: this key was revoked\\.'], [{ closeWith: 1013 }, 'probably full'],
      [{ failAt: 0.5 }, 'Recognition failed.*gave up'], [{ refuse: 503, shy: true }, 'probably full'], [{ drainAt: 0.5 }, 'shut down']]) {
      fake.options = options;
      await page.setInputFiles('#file', good);
      await trouble(pattern);
    }
    await shot(page, 'light-error');
    assert.deepEqual(await faintTexts(page), []);
    assert.deepEqual(await page.emulateMedia({ colorScheme: 'dark' }).then(() => faintTexts(page)), []);
    await shot(page, 'dark-error');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.click('#error-close');
    assert.ok(await page.isHidden('#error'));
    assert.equal(await page.evaluate(() => document.activeElement.id), 'speak');
    // A session that is not known any more cannot be resumed.
    fake.options = { drops: [0.5], forget: true };
    await page.setInputFiles('#file', good);
    await trouble('too long to be resumed');
    // And it works again after all that.
    fake.options = {};
    await page.setInputFiles('#file', good);
    await state(page, 'idle');
    assert.ok(await page.isHidden('#error'));
  });
});

test('page: a second press leaves a server that does not finish', async () => {
  await packages();
  const wav = writeWav('mic2.wav', speech());
  await withPage({ flags: microphone(wav), options: { neverClose: true } }, async (page, fake) => {
    await page.click('#speak');
    await page.waitForSelector('li.partial');
    await page.click('#speak');
    await state(page, 'finishing');
    const gone = new Promise((resolve) => [...fake.sockets.clients][0].on('close', resolve));
    await page.click('#speak');
    await state(page, 'idle');
    assert.equal(await gone, 1000, 'the server is told not to wait for it');
  });
});

test('page: fits a phone and the dark, and holds still for those who ask', async () => {
  await packages();
  const wav = writeWav('phone.wav', concatenate(Array(20).fill(recording('0870')))); // longer than the slowest machine takes to press Stop
  for (const [name, context] of [['phone-light', { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' }], ['dark', { colorScheme: 'dark' }],
    ['phone-dark', { viewport: { width: 320, height: 640 }, colorScheme: 'dark', deviceScaleFactor: 2 }]]) {
    await withPage({ context, options: { overloadAt: 0.5 } }, async (page) => {
      const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
      await page.setInputFiles('#file', wav);
      await page.waitForSelector('li.final');
      await page.waitForSelector('li.partial');
      assert.ok(await page.isVisible('#speak'));
      await shot(page, `${name}-running`);
      assert.ok(await fits(), `${name} scrolls sideways`);
      assert.deepEqual(await faintTexts(page), [], `${name} while it runs`);
      await page.click('#speak');
      await state(page, 'idle');
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press('ArrowRight');
      assert.equal(await page.locator('.word[aria-current]').count(), 1);
      assert.deepEqual(await faintTexts(page), [], `${name} while it plays`);
      await shot(page, name);
      assert.ok(await fits(), `${name} scrolls sideways`);
      const small = await page.evaluate(() => [...document.querySelectorAll('button')].filter((b) => b.offsetParent && (b.offsetHeight < 24 || b.offsetWidth < 24)).map((b) => b.id));
      assert.deepEqual(small, []);
    });
  }
});

const playing = (page, yes) => page.waitForSelector(yes ? '#player-play.playing' : '#player-play:not(.playing)');

test('page: a file is played back with the word that is spoken marked; words and keys move in it', async () => {
  await packages();
  const wav = writeWav('play.wav', concatenate(Array(8).fill(recording('0870')))); // longer than the slowest machine takes to pause it
  await withPage({}, async (page) => {
    await page.check('#fast');
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('#player:not([hidden])');
    await watchMarks(page);
    const announcements = await page.locator('#announce p').count();
    await page.click('#player-play');
    await playing(page, true);
    await page.waitForFunction(() => window.heard.length >= 8);
    await shot(page, 'light-playing');
    await page.evaluate(() => document.activeElement.blur());
    await checkMarks(page);
    // A press on a word seeks; the space bar pauses; arrows go word by word.
    await page.evaluate(() => (window.heard = []));
    await page.locator('.word', { hasText: 'quick' }).first().click();
    await page.waitForFunction(() => window.heard[0] === 'quick');
    await page.keyboard.press(' ');
    await playing(page, false);
    await page.keyboard.press('ArrowRight');
    const now = () => page.evaluate(() => [...document.querySelectorAll('.word')].flatMap((word, i) => (word.hasAttribute('aria-current') ? [i] : [])));
    const [at, ...more] = await now();
    assert.ok(at > 8 && more.length === 0, `${at} ${more}`);
    await page.keyboard.press('ArrowLeft');
    assert.deepEqual(await now(), [at - 1]);
    // By keyboard: one time of the transcript is a stop of the tab key, arrows go on from it, Enter plays from there.
    const times = page.locator('button.from');
    assert.match(await times.nth(1).getAttribute('aria-label'), /^Play from \d+ seconds?$/);
    assert.deepEqual(await times.evaluateAll((all) => all.map((b) => b.tabIndex)), [0, ...Array(await times.count() - 1).fill(-1)]);
    await times.nth(0).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await playing(page, true);
    await page.keyboard.press(' '); // pauses, and does not press the time again
    await playing(page, false);
    assert.ok(await times.nth(1).evaluate((b) => b === document.activeElement));
    assert.match(await page.getAttribute('#seek', 'aria-valuetext'), /^\d+ seconds? of 1 minute/);
    assert.equal(await page.locator('#announce p').count(), announcements, 'playing back is not announced');
    // While something runs nothing plays.
    await page.locator('.word').first().click();
    await playing(page, true);
    await page.setInputFiles('#file', wav);
    await page.waitForFunction(() => document.querySelectorAll('.session').length === 2);
    await page.waitForSelector('#player:not([hidden])');
    await playing(page, false);
    // The older one still plays.
    await page.locator('.session').first().locator('.play').click();
    await playing(page, true);
    assert.equal(await page.locator('.session').first().locator('.play').getAttribute('aria-label'), 'Pause play.wav');
    await page.selectOption('#rate', '2');
    await page.click('#clear');
    assert.ok(await page.isHidden('#player'));
  });
});

test('page: what the microphone heard is played back as it was sent', async () => {
  const wav = existsSync(CHROMIUM) ? writeWav('mic3.wav', speech()) : '';
  await withPage({ flags: microphone(wav) }, async (page, fake) => {
    await page.click('#speak');
    await page.waitForSelector('li.final');
    assert.ok(await page.isHidden('#player'), 'it would hear itself');
    await page.click('#speak');
    await page.waitForSelector('#player:not([hidden])');
    const kept = await page.evaluate(async () => {
      const { Recording } = await import('/recording.js');
      const recording = new Recording(8000);
      const odd = Int16Array.from({ length: 12345 }, (_, i) => i);
      for (let i = 0; i < 8; i++) recording.add(odd);
      const bytes = await recording.blob().arrayBuffer();
      const decoded = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(bytes.slice(0));
      const samples = new Int16Array(bytes.slice(44));
      const long = new Recording(8000);
      for (let s = 0; s < 3700; s++) long.add(odd.subarray(0, 8000));
      return { length: decoded.length, same: samples.every((v, i) => v === odd[i % odd.length]), offset: long.offset, duration: long.duration, bytes: long.blob().size };
    });
    assert.deepEqual(kept, { length: 8 * 12345, same: true, offset: 100, duration: 3600, bytes: 44 + 3600 * 16000 });
    const [, of] = (await page.textContent('#player-clock')).split(' / ');
    assert.equal(of, `0:${String(Math.floor(fake.sessions[0].count / 16000)).padStart(2, '0')}`);
    await watchMarks(page);
    await page.click('#player-play');
    await page.waitForFunction(() => window.heard.length > 0);
    assert.match(await page.evaluate(() => [...document.querySelectorAll('[data-format]')].map((b) => b.dataset.format).join()), /^txt,srt,vtt,json$/);
  });
});

test('page: a server that wants a key is given one, which stays in this tab', async () => {
  await packages();
  const wav = writeWav('key.wav', speech());
  const http = [/the server responded with a status of 401/i, /WebSocket connection to .* failed/];
  await withPage({ complaints: http, options: { key: 'steno_right' } }, async (page, fake) => {
    await page.check('#fast');
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('#key-form:not([hidden])');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'key');
    assert.ok(await page.isHidden('#error'));
    await shot(page, 'light-key');
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.deepEqual(await faintTexts(page), []);
    await shot(page, 'dark-key');
    for (const wrong of ['steno_wrong', 'not a key at all, ü']) {
      await page.fill('#key', wrong);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => /does not take this key/.test(document.querySelector('#key-form:not([hidden]) #key-why')?.textContent));
      assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'a key that is not taken is not kept');
    }
    await page.fill('#key', ' steno_right ');
    await page.keyboard.press('Enter'); // goes on with the file
    await page.waitForSelector('li.final');
    await state(page, 'idle');
    assert.ok(await page.isHidden('#key-form'));
    assert.ok(fake.urls.every((url) => !url.includes('right')), fake.urls.join());
    assert.equal(await page.inputValue('#key'), '');
    assert.deepEqual(await page.evaluate(() => [location.href.includes('right'), localStorage.length, document.cookie]), [false, 0, '']);
    await page.reload();
    await page.check('#fast');
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('li.final');
    await state(page, 'idle');
    await page.click('#forget-key');
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('#key-form:not([hidden])');
  });
});

test('page: a dropped file is transcribed, two are not', async () => {
  await packages();
  const wav = readFileSync(writeWav('dropped.wav', speech())).toString('base64');
  await withPage({}, async (page) => {
    const drop = (n) => page.evaluate(([bytes, count]) => {
      const data = new DataTransfer();
      for (let i = 0; i < count; i++) data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], `dropped${i}.wav`, { type: 'audio/wav' }));
      document.querySelector('#drop').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
    }, [wav, n]);
    await drop(2);
    await page.waitForFunction(() => /One file at a time/.test(document.querySelector('#error:not([hidden])')?.textContent));
    await page.check('#fast');
    await drop(1);
    await page.waitForSelector('li.final');
    await state(page, 'idle');
    assert.equal(await page.textContent('.session h3'), 'dropped0.wav');
  });
});
