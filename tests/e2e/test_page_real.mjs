// test_page_real.mjs: the page as `steno serve` gives it, with a recorded voice as the microphone; and what it saves,
// against what `steno transcribe` writes of the same words. See browser.mjs.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHROMIUM, checkMarks, downloads, microphone, packages, shot, speech, state, telling, watchMarks, withBrowser } from './browser.mjs';
import { POLICY } from './fake_stream.mjs';
import { concatenate, errorRate, prompts, recording, samples, skip, steno, test, transcribe, work, writeWav } from './harness.mjs';
import { withServer } from './live_client.mjs';
import { needVoices } from './voices.mjs';

// The page's modules are nobody's package: Node would have to guess what they are.
const formats = readFileSync(new URL('../../web/formats.js', import.meta.url)).toString('base64');
const { cues, json, srt, txt, vtt } = await import(`data:text/javascript;base64,${formats}`);

const SAID = 'And Mr. John Dashwood had then leisure to consider how much there might be prudently in his power to do for them';
const IDS = ['0870', '0880', '0890', '0920', '0930'];

async function withRealPage(how, body, args = []) {
  await packages();
  await withServer(args, async (server) => {
    const address = `http://${server.address}/`;
    await withBrowser({ address, ...how }, (page) => body(page, address));
  });
}

// Subtitles as their readers see them: [{ start, end, lines }], times in milliseconds.
function parseCues(text, decimal) {
  const time = (t) => t.split(/[:.,]/).reduce((sum, n, i) => sum + Number(n) * [3600000, 60000, 1000, 1][i], 0);
  const arrow = new RegExp(`^(\\d\\d:\\d\\d:\\d\\d\\${decimal}\\d{3}) --> (\\d\\d:\\d\\d:\\d\\d\\${decimal}\\d{3})$`);
  return text.replace('WEBVTT\n\n', '').trim().split('\n\n').map((block) => {
    const lines = block.split('\n');
    if (decimal === ',') lines.shift();
    const [, start, end] = lines.shift().match(arrow);
    return { start: time(start), end: time(end), lines };
  });
}

function checkCues(all) {
  let last = 0;
  for (const { start, end, lines } of all) {
    assert.ok(start >= last && end > start, `${start} ${end} after ${last}`);
    assert.ok(lines.length <= 2 && lines.every((line) => line.length > 0));
    assert.ok(lines.every((line) => Array.from(line).length <= 42 || !line.includes(' ')), lines.join('|'));
    assert.ok(end - start <= 7000 || !lines.join(' ').includes(' '), `${start} ${end} ${lines.join('|')}`);
    last = end;
  }
}

async function checkDownloads(page, name) {
  const said = await page.locator('li.final p').allTextContents();
  const files = await downloads(page);
  assert.ok(Object.entries(files).every(([ending, file]) => file.name.endsWith(`.${ending}`) && file.name.startsWith(name)), JSON.stringify(Object.values(files).map((f) => f.name)));
  assert.equal(files.txt.text, `${said.join('\n')}\n`);
  for (const [format, decimal] of [['srt', ','], ['vtt', '.']]) {
    const all = parseCues(files[format].text, decimal);
    checkCues(all);
    assert.equal(all.flatMap((cue) => cue.lines).join(' '), said.join(' '));
  }
  const document = JSON.parse(files.json.text);
  assert.deepEqual(document.segments.map((s) => s.text), said);
  for (const { words, text } of document.segments) assert.equal(words.map((w) => w.word).join(' '), text);
  return document;
}

// Waits until the sentence was understood. The browser's microphone loops: how much of its beginning is lost depends on how long
// the page took to open it, so the sentence is looked for wherever it begins.
async function heardOnce(page) {
  const n = SAID.split(' ').length;
  for (let loops = 0, finals = 0; loops < 12; loops++) {
    await page.waitForFunction((before) => document.querySelectorAll('li.final').length > before, finals);
    const said = await page.locator('li.final p').allTextContents();
    const words = said.join(' ').split(' ');
    finals = said.length;
    if (words.some((_, i) => i + n <= words.length + 2 && errorRate(SAID, words.slice(i, i + n).join(' ')) < 0.4)) return;
  }
  assert.fail(`not understood: ${(await page.locator('li.final p').allTextContents()).join(' | ')}`);
}

test('page, steno serve: a voice at the microphone becomes words, and is played back word by word', async () => {
  const wav = existsSync(CHROMIUM) ? writeWav('voice.wav', concatenate([recording('0870')], 24000)) : '';
  await withRealPage({ flags: microphone(wav) }, async (page, address) => {
    const policy = (await fetch(address)).headers.get('content-security-policy');
    assert.equal(policy, POLICY, 'the fake of the other tests has the same policy');
    await page.click('#speak');
    await page.waitForSelector('li.partial .tail:not(:empty)');
    await shot(page, 'real-speaking');
    await heardOnce(page);
    await page.waitForFunction(() => document.querySelector('#final-lag').textContent.endsWith('s'));
    await page.click('#speak');
    await state(page, 'idle');
    await page.waitForSelector('#player:not([hidden])');
    await checkDownloads(page, 'steno-20');
    await watchMarks(page);
    await page.click('#player-play');
    await page.waitForFunction(() => window.heard.length >= 5);
    await shot(page, 'real-playing');
    await page.evaluate(() => document.activeElement.blur()); // the keys belong to the page, not to the button
    await checkMarks(page);
  });
});

test('page, steno serve: a file of 48 kHz stereo is decoded, heard and saved', async () => {
  await packages();
  // Each sample thrice, on two channels: 48 kHz.
  const pcm = speech();
  const wide = new Int16Array(pcm.length * 6);
  wide.forEach((_, i) => (wide[i] = pcm[Math.floor(i / 6)]));
  const wav = writeWav('wide.wav', wide, { rate: 48000, channels: 2 });
  await withRealPage({ context: { colorScheme: 'dark', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true } }, async (page) => {
    await page.check('#fast');
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('li.final .word');
    await state(page, 'idle');
    const document = await checkDownloads(page, 'wide');
    assert.equal(document.file, 'wide.wav');
    assert.ok(errorRate(SAID, document.segments.map((s) => s.text).join(' ')) < 0.2);
    assert.ok(Math.abs(document.duration - pcm.length / 16000) < 0.05);
    await page.locator('.word').nth(6).tap();
    await page.waitForSelector('.word[aria-current]');
    await shot(page, 'real-phone-dark-playing', false);
  }, ['--max-ahead-ms', '60000']);
});

test('page, steno serve: a key is asked for, used, and taken back while words come', async () => {
  const wav = existsSync(CHROMIUM) ? writeWav('keyed.wav', concatenate([recording('0870')], 24000)) : '';
  const data = join(work, 'page-keys');
  const key = (...args) => {
    const r = steno(['key', ...args, '--data-dir', data]);
    if (r.status !== 0) throw new Error(r.err);
    return r.out.trim();
  };
  const given = key('create', '--name', 'page');
  const complaints = [/the server responded with a status of 4/i, /WebSocket connection to .* failed/];
  await withRealPage({ flags: microphone(wav), complaints }, async (page) => {
    await page.click('#speak');
    await page.waitForSelector('#key-form:not([hidden])');
    await page.fill('#key', given.slice(0, -1)); // a slip
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /mistyped/.test(document.querySelector('#key-form:not([hidden]) #key-why')?.textContent));
    await shot(page, 'real-key-mistyped');
    await page.fill('#key', given);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('li .stable')?.textContent);
    key('revoke', given.split('_')[1]);
    await page.waitForFunction(() => /ended the stream: this key was revoked\./.test(document.querySelector('#error:not([hidden])')?.textContent));
    await page.waitForSelector('#player:not([hidden])'); // what was heard until then is kept
    await page.click('#speak');
    await page.waitForFunction(() => /was revoked/.test(document.querySelector('#key-form:not([hidden]) #key-why')?.textContent));
  }, ['--data-dir', data]);
});

test('page formats: what the page saves is what steno transcribe writes of the same words', () => {
  const long = writeWav('long.wav', concatenate(IDS.map(recording)));
  const written = (format, ...more) => transcribe(['--format', format, ...more, long]);
  const same = (document, text) => assert.equal(json(document), `${text.replace(/,"stats":.*/s, '')}}\n`, 'to the byte, but for the stats of the server');
  const text = written('json');
  const document = JSON.parse(text);
  assert.ok(document.segments.length > 1);
  assert.equal(txt(document), written('text'));
  assert.equal(srt(document), written('srt'));
  assert.equal(vtt(document), written('vtt'));
  same(document, text);
  const wordless = written('json', '--no-words');
  same(JSON.parse(wordless), wordless);
});

// Two people in turn, with hardly a pause between them, so that a segment may have both.
function dialogue() {
  const slow = (file) => samples(file).filter((_, i) => i % 2 === 0);
  const said = prompts().filter((p) => p.text.split(' ').length > 6).slice(0, 3).map((p) => samples(p.file));
  const parts = IDS.slice(0, 3).flatMap((id, i) => [slow(recording(id)), said[i]]);
  const all = new Int16Array(parts.reduce((n, p) => n + p.length, 0));
  parts.reduce((at, p) => (all.set(p, at), at + p.length), 0);
  return writeWav('dialogue.wav', all, { rate: 8000 });
}

test('page formats: with speakers, too, what the page saves is what steno transcribe writes', () => {
  needVoices();
  const file = dialogue();
  const written = (format, ...more) => steno(['transcribe', '--diarize', '--format', format, ...more, file]);
  const first = written('json');
  assert.equal(first.status, 0, first.err);
  const document = JSON.parse(first.out);
  telling(document, () => assert.ok(document.segments.some((s) => s.speaker) && document.speakers.length > 0));
  assert.equal(txt(document), written('text').out);
  assert.equal(srt(document), written('srt').out);
  assert.equal(vtt(document), written('vtt').out);
  assert.equal(json(document), `${first.out.replace(/,"stats":.*/s, '')}}\n`);
  const counted = JSON.parse(json({ ...document, speakers: document.speakers.map(({ label }) => ({ label })) })).speakers;
  assert.deepEqual(counted.map((s) => s.label), document.speakers.map((s) => s.label));
  counted.forEach((s, i) => assert.ok(Math.abs(s.seconds - document.speakers[i].seconds) < 0.01, JSON.stringify([s, document.speakers[i]])));
  const wordless = written('json', '--no-words').out;
  assert.equal(json(JSON.parse(wordless)), `${wordless.replace(/,"stats":.*/s, '')}}\n`);
});

// A small generator, so that a failure can be repeated.
function dice(seed) {
  let s = seed >>> 0;
  return (n) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return Math.floor((s / 2 ** 32) * n);
  };
}

test('page formats: cues of any words fit two lines and seven seconds, and lose none', () => {
  const seed = Number(process.env.SEED ?? 20260101);
  const roll = dice(seed);
  for (let n = 0; n < 300; n++) {
    let at = roll(50) / 10;
    const words = Array.from({ length: 1 + roll(60) }, () => {
      at += roll(10) === 0 ? roll(20) / 10 : 0;
      const word = { word: 'abcdefghijklmnopqrstuvwxyz'.repeat(3).slice(roll(26)).slice(0, 1 + roll(roll(20) === 0 ? 50 : 9)) + ['', '', '', ',', '.', '?'][roll(6)], start: at, end: at + roll(12) / 10, confidence: 0.5 };
      at = word.end;
      return word;
    });
    // Every third without times of words, which are then spread over the text.
    const recorded = { segments: [{ start: words[0].start, end: at, text: words.map((w) => w.word).join(' '), confidence: 0.5, words: n % 3 ? words : undefined }] };
    telling({ seed, n, words, cues: cues(recorded) }, () => {
      const all = parseCues(srt(recorded), ',');
      assert.equal(all.flatMap((cue) => cue.lines).join(' '), recorded.segments[0].text);
      checkCues(all);
    });
  }
  const one = { segments: [{ start: 0, end: 1, text: 'a <b> & c', confidence: 1 }, { start: 1, end: 2, text: '一二三四五六七八九十一二三四五六七八九十一 一二三', confidence: 1 }] };
  assert.match(vtt(one), /\na &lt;b&gt; &amp; c\n/);
  assert.equal(parseCues(srt(one), ',')[1].lines.length, 2, 'wide characters take two columns');
});
