// test_page_privacy.mjs: personal data on the page: what is asked for, what is shown, saved and heard. A fake server says what each
// test wants; the last tests have the real one and a telephone number that is said. See browser.mjs.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { CHROMIUM, downloads, faintTexts, microphone, packages, shot, speech, state, telling, watchTexts, withBrowser } from './browser.mjs';
import { FakeStream } from './fake_stream.mjs';
import { samples, test, transcribe, writeWav } from './harness.mjs';
import { turn, withServer, within } from './live_client.mjs';
import { document as protocol, validateEvent } from './protocol_schema.mjs';
import { NUMBER, spokenNumber } from './spoken_number.mjs';

// The page's modules are nobody's package: Node would have to guess what they are.
const formats = readFileSync(new URL('../../web/formats.js', import.meta.url)).toString('base64');
const { json } = await import(`data:text/javascript;base64,${formats}`);

// `options` are FakeStream's; `body(page, fake)` runs with the page open.
async function withPage({ options = {}, context = {}, flags = [] }, body) {
  const { WebSocketServer } = await packages();
  const fake = await new FakeStream(WebSocketServer).listen();
  fake.options = { scripted: true, ...options };
  try {
    await withBrowser({ address: fake.address, context, flags }, (page) => body(page, fake));
    // The schema may be older than redaction is.
    if (protocol().components.schemas.event_final.properties.entities) for (const event of fake.said) validateEvent(event);
  } finally {
    await fake.close();
  }
}

const mic = () => (existsSync(CHROMIUM) ? microphone(writeWav('private.wav', speech())) : []);

async function listen(page, fake) {
  const before = fake.sessions.length;
  await page.click('#speak');
  await state(page, 'open');
  assert.equal(fake.sessions.length, before + 1);
  return fake.sessions.at(-1);
}

async function stop(page) {
  await page.click('#speak');
  await state(page, 'idle');
}

// A message; `said` is a list of words, and [text, kind] for those that are personal data (of one word, or several with blanks between).
// Each word lasts 0.3 s.
function message(type, message_id, said, { start = message_id * 3, rev = 1, joint = ' ', stable } = {}) {
  const words = [];
  const entities = [];
  let text = '';
  for (const one of said) {
    const [part, kind] = Array.isArray(one) ? one : [one];
    text += text ? joint : '';
    const body = part.replace(/,$/, ''); // a comma is no part of it
    const at = Array.from(text).length;
    const first = words.length;
    for (const word of part.split(' ')) words.push({ word, start: start + words.length * 0.4, end: start + words.length * 0.4 + 0.3, confidence: 0.9 });
    if (kind) entities.push({ type: kind, start_char: at, end_char: at + Array.from(body).length, first_word: first, words: words.length - first, start: words[first].start, end: words.at(-1).end, confidence: 0.9 });
    text += part;
  }
  return { type, message_id, rev, start, end: words.at(-1).end, audio_end: words.at(-1).end, text, stable_chars: stable ?? Array.from(text).length, confidence: 0.9, words, entities,
    ...(type === 'final' ? { reason: 'endpoint' } : {}) };
}

const shows = (page, text) => page.waitForFunction((t) => document.querySelector('.session:last-child li:last-child')?.querySelector('.turns').textContent === t, text);
const seen = (page) => page.locator('.entity').evaluateAll((all) => all.map((e) => [e.textContent, e.getAttribute('aria-label'), e.dataset.kind ?? '', e.classList[1]].join('|')));
const query = (fake) => new URL(fake.urls.findLast((url) => url.startsWith('/v1/stream')), 'http://x').searchParams;
const asked = (fake) => Object.fromEntries(['redact', 'redact_types', 'itn'].filter((name) => query(fake).has(name)).map((name) => [name, query(fake).get(name)]));

// Waits until the session has so many seconds of sound.
const sound = (session, s) => within((async () => { while (session.count < s * session.rate) await turn(); })(), `${s} s of sound`);

// The samples that the player has.
const heard = (page) => page.evaluate(async () => {
  const made = window.blobs.findLast(({ type }) => type === 'audio/wav');
  return [...new Int16Array((await made.arrayBuffer()).slice(44))];
});
const keepBlobs = (page) => page.evaluate(() => {
  window.blobs = [];
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => (window.blobs.push(blob), make.call(URL, blob));
});

test('page, privacy: what is chosen is asked for, kept in the tab, and nothing where nothing is chosen', async () => {
  await withPage({ flags: mic() }, async (page, fake) => {
    await listen(page, fake);
    await stop(page);
    assert.deepEqual(asked(fake), {});
    assert.ok(await page.isHidden('#kinds'));
    await page.selectOption('#redact', 'mask');
    await page.check('#itn');
    await listen(page, fake);
    await stop(page);
    assert.deepEqual(asked(fake), { redact: 'mask', redact_types: 'default', itn: 'true' });
    await page.click('#kinds summary');
    await page.check('#kinds input[value="names"]');
    await page.check('#kinds input[value="date,amount"]');
    await page.uncheck('#kinds input[value="default"]');
    await page.selectOption('#redact', 'tag');
    await page.reload();
    await page.click('#kinds summary');
    assert.equal(await page.textContent('#kinds summary'), 'Kinds: people, places, organisations; dates and sums of money');
    await listen(page, fake);
    await stop(page);
    assert.deepEqual(asked(fake), { redact: 'tag', redact_types: 'names,date,amount', itn: 'true' });
    for (const value of ['names', 'date,amount']) await page.uncheck(`#kinds input[value="${value}"]`);
    assert.ok(await page.isChecked('#kinds input[value="default"]'), 'something is looked for');
    await page.selectOption('#redact', 'off');
    await page.uncheck('#itn');
    await listen(page, fake);
    await stop(page);
    assert.deepEqual(asked(fake), { redact: 'off' });
    assert.ok(await page.isHidden('#redact-set'));
  });
});

test('page, privacy: what the server insists on is shown, and cannot be weakened', async () => {
  const inForce = { redact: 'redact', redact_types: 'phone, card, person, place, organisation', itn: true, redact_hold_ms: 2000 };
  await withPage({ flags: mic(), options: { inForce } }, async (page, fake) => {
    await listen(page, fake); // asks for nothing: what is usual here is told
    assert.match(await page.textContent('.session .meta'), /redacted/);
    await stop(page);
    assert.match(await page.textContent('#privacy-hint'), /This server redacts/);
    assert.ok(await page.isChecked('#itn'));
    await page.selectOption('#redact', 'off');
    await page.uncheck('#itn');
    await listen(page, fake);
    assert.deepEqual(asked(fake), { redact: 'off', itn: 'false' });
    assert.match(await page.textContent('#notice:not([hidden])'), /set by the server/);
    await stop(page);
    assert.equal(await page.inputValue('#redact'), 'redact');
    assert.match(await page.textContent('#privacy-hint'), /Set by the server: not less than “redact”/);
    assert.ok(await page.isVisible('#redact-set'));
    await page.click('#kinds summary');
    const options = await page.locator('#redact option').evaluateAll((all) => all.filter((o) => !o.disabled).map((o) => o.value));
    assert.deepEqual(options, ['', 'mask', 'redact']);
    assert.ok(await page.isDisabled('#kinds input[value="names"]') && await page.isChecked('#kinds input[value="names"]'));
    assert.ok(await page.isEnabled('#kinds input[value="numbers"]'), 'not all of these are insisted on');
    await shot(page, 'privacy-forced');
    assert.deepEqual(await faintTexts(page), []);
  });
});

test('page, privacy: masks are chips that say their kind, text and files keep them, and their sound is a tone', async () => {
  await withPage({ flags: mic() }, async (page, fake) => {
    await keepBlobs(page);
    await page.selectOption('#redact', 'mask');
    const session = await listen(page, fake);
    session.say(message('partial', 0, ['Call', 'me', 'at'], { stable: 7 }));
    await shows(page, 'Call me at');
    const dots = () => page.locator('#sessions li .turn:last-child p').evaluate((p) => getComputedStyle(p, '::after').content);
    assert.equal(await dots(), '"…"', 'there may be more than is shown');
    await shot(page, 'privacy-held');
    session.say(message('partial', 0, ['Call', 'me', 'at', ['[PHONE],', 'phone'], 'or'], { rev: 2, stable: 14 })); // up to inside the mask
    await shows(page, 'Call me at [PHONE], or');
    assert.equal(await page.textContent('li .stable'), 'Call me at ');
    session.say(message('final', 0, ['Call', 'me', 'at', ['[PHONE],', 'phone'], 'or', 'write', '👋', 'to', ['[EMAIL]', 'email'], 'then.'], { rev: 3 }));
    await shows(page, 'Call me at [PHONE], or write 👋 to [EMAIL] then.');
    assert.equal(await dots(), 'none');
    session.say(message('final', 1, ['我的电话是', ['[PHONE]', 'phone'], '，你是', ['[PERSON]', 'person'], '吗？'], { start: 4.5, joint: '' }));
    session.say(message('final', 2, ['His', 'badge', 'is', ['[STAFF]', 'employee'], 'now'], { start: 7 }));
    await shows(page, 'His badge is [STAFF] now');
    assert.deepEqual(await seen(page), ['[PHONE]|telephone number, not shown||hides', '[EMAIL]|e-mail address, not shown||hides', '[PHONE]|telephone number, not shown||hides',
      '[PERSON]|name of a person, not shown||hides', '[STAFF]|employee, not shown||hides']);
    await sound(session, 9); // for all of it
    await stop(page);
    assert.deepEqual(await page.locator('.word').allTextContents().then((all) => all.slice(0, 5)), ['Call', 'me', 'at', '[PHONE],', 'or']);
    const files = await downloads(page);
    assert.equal(files.txt.text, 'Call me at [PHONE], or write 👋 to [EMAIL] then.\n我的电话是[PHONE]，你是[PERSON]吗？\nHis badge is [STAFF] now\n');
    for (const { text } of Object.values(files)) assert.ok(text.includes('[PHONE]') && text.includes('[STAFF]'), text);
    // A click on a mask plays from there, and what is heard there is a tone.
    await page.locator('.entity').first().click();
    await page.waitForSelector('#player-play.playing');
    const sent = session.samples();
    const played = await heard(page);
    assert.ok(Math.abs(played.length - sent.length) < 16000);
    const same = (from, to) => played.slice(from * 16000, to * 16000).every((x, i) => x === sent[Math.floor(from * 16000) + i]);
    assert.ok(same(0, 1.09) && !same(1.1, 1.2) && !same(1.5, 1.6) && same(1.61, 3.0), 'the number and a tenth of a second round it');
    const tone = (x, i) => Math.abs(x - 1600 * Math.sin((2 * Math.PI * 1000 * i) / 16000)) < 1;
    assert.ok(played.slice(17600, 25600).every((x, i) => tone(x, 17600 + i)));
    await shot(page, 'privacy-mask-light');
    assert.deepEqual(await faintTexts(page), []);
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.deepEqual(await faintTexts(page), []);
    await shot(page, 'privacy-mask-dark');
  });
});

test('page, privacy: redacted ones say their kind in words; tagged ones are underlined, and heard', async () => {
  await withPage({ flags: mic() }, async (page, fake) => {
    await keepBlobs(page);
    await page.selectOption('#redact', 'redact');
    let session = await listen(page, fake);
    session.say(message('final', 0, ['It', 'is', ['138****5678', 'phone'], 'or', ['J***', 'person'], 'there']));
    await shows(page, 'It is 138****5678 or J*** there');
    assert.deepEqual(await seen(page), ['138****5678|telephone number, not shown|phone|hides', 'J***|name of a person, not shown|person|hides']);
    assert.match(await page.locator('.entity').first().evaluate((e) => getComputedStyle(e, '::after').content), /phone/);
    await stop(page);
    await shot(page, 'privacy-redact');
    await page.selectOption('#redact', 'tag');
    session = await listen(page, fake);
    session.say(message('partial', 0, ['It', 'is', ['138 1234 5678,', 'phone'], 'or'], { stable: 10 }));
    await shows(page, 'It is 138 1234 5678, or');
    session.say(message('final', 0, ['It', 'is', ['138 1234 5678,', 'phone'], 'or', ['1 May 1990', 'birth_date'], '<b>ok</b>'], { rev: 2 }));
    await shows(page, 'It is 138 1234 5678, or 1 May 1990 <b>ok</b>');
    assert.deepEqual((await seen(page)).slice(2), ['138 1234 5678|telephone number|phone|marks', '1 May 1990|date of birth|birth date|marks']);
    await sound(session, 5);
    await stop(page);
    assert.deepEqual(await page.locator('.session:last-child .word').allTextContents(), ['It', 'is', '138', '1234', '5678', 'or', '1', 'May', '1990', '<b>ok</b>'], 'each of its words still plays');
    const [sent, played] = [session.samples(), await heard(page)];
    assert.ok(played.slice(0, 64000).every((x, i) => x === sent[i]), 'what is shown may be heard');
    await shot(page, 'privacy-tag');
    assert.deepEqual(await faintTexts(page), []);
  });
});

test('page, privacy: what was cleared, or cut off before it was understood, is not heard either', async () => {
  await withPage({ flags: mic(), options: { neverClose: true } }, async (page, fake) => {
    await keepBlobs(page);
    await page.selectOption('#redact', 'mask');
    const session = await listen(page, fake);
    session.say(message('final', 0, ['Call', ['[PHONE]', 'phone']]));
    await shows(page, 'Call [PHONE]');
    await page.click('#clear');
    session.say(message('final', 1, ['Well', 'then'], { start: 1.5 }));
    session.say(message('partial', 2, ['I', 'am'], { start: 2.5 }));
    await shows(page, 'I am');
    await sound(session, 4);
    await page.click('#speak');
    await state(page, 'finishing');
    await stop(page); // leaves at once
    const [sent, played] = [session.samples(), await heard(page)];
    telling({ n: played.length }, () => {
      assert.ok(played.slice(0, 4800).every((x, i) => x === sent[i]));
      assert.notDeepEqual(played.slice(5000, 11000), [...sent.subarray(5000, 11000)], 'the number that was cleared');
      assert.ok(played.slice(25000, 35000).every((x, i) => x === sent[25000 + i]));
      assert.ok(played.length > 48000 && played.slice(Math.ceil(2.2 * 16000)).every((x) => x === 0), 'behind the last final');
    });
  });
});

test('page, privacy: fits a phone', async () => {
  await withPage({ flags: mic(), context: { viewport: { width: 320, height: 640 }, colorScheme: 'dark', deviceScaleFactor: 2 } }, async (page, fake) => {
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    await page.selectOption('#redact', 'mask');
    await shot(page, 'privacy-phone-start');
    assert.ok(await fits());
    const session = await listen(page, fake);
    session.say(message('final', 0, ['My', 'new', 'address', 'is', ['[ADDRESS]', 'address'], 'and', 'he', 'is', ['[ORGANISATION]', 'organisation'], 'now']));
    session.say(message('partial', 1, ['他的', '号码', '是'], { joint: '' }));
    await shows(page, '他的号码是');
    await shot(page, 'privacy-phone-running');
    assert.ok(await fits());
    await stop(page);
    await shot(page, 'privacy-phone');
    await page.click('#kinds summary');
    await shot(page, 'privacy-phone-kinds');
    assert.ok(await fits());
    assert.deepEqual(await faintTexts(page), []);
  });
});

// ---- the real server --------------------------------------------------------------------------------------------------

const SAID = 'one|two|three|four|five|seven|zero|oh';
const figures = new RegExp(`\\b(?:${SAID})\\b[\\s,.-]+\\b(?:${SAID})\\b|\\d[\\s,.-]*\\d[\\s,.-]*\\d`, 'i'); // two words of it, or three figures

async function transcribed(page, file) {
  await page.check('#fast');
  await page.setInputFiles('#file', file);
  await page.waitForSelector('li.final .word');
  await state(page, 'idle');
}

test('page, privacy, steno serve: a telephone number is neither shown, saved nor heard; without privacy it is', async () => {
  await packages();
  const wav = spokenNumber();
  const original = samples(wav);
  await withServer(['--max-ahead-ms', '60000', '--endpoint-ms', '1500'], async (server) => {
    await withBrowser({ address: `http://${server.address}/` }, async (page) => {
      await keepBlobs(page);
      await transcribed(page, wav);
      assert.match(await page.textContent('#sessions'), figures, 'this would notice');
      await page.click('#clear');
      await page.selectOption('#redact', 'mask');
      await watchTexts(page);
      await transcribed(page, wav);
      assert.match(await page.locator('li.final p').allTextContents().then((all) => all.join(' ')), /\[PHONE\]/);
      const texts = await page.evaluate(() => window.seen);
      for (const text of texts) assert.doesNotMatch(text, figures);
      const files = await downloads(page);
      for (const format of ['txt', 'srt', 'vtt']) assert.match(files[format].text, /\[PHONE\]/);
      const { segments } = JSON.parse(files.json.text);
      assert.equal(segments.flatMap((s) => s.entities)[0].type, 'phone');
      assert.doesNotMatch([files.txt.text, ...segments.flatMap((s) => s.words.map((w) => w.word))].join(' '), figures);
      // The sound: of the number nothing is left; around it all is.
      const played = await heard(page);
      const changed = played.map((x, i) => Math.abs(x - original[i]) > 2); // decoding rounds
      const [first, last] = [changed.indexOf(true), changed.lastIndexOf(true)];
      const loud = (from, to) => original.subarray(from, to).some((x) => Math.abs(x) > 2000);
      telling({ first: first / 16000, last: last / 16000, length: original.length / 16000, segments }, () => {
        assert.ok(first > 0 && loud(0, first) && loud(last, original.length), '“telephone number” and “goodbye” are heard');
        assert.ok((last - first) / 16000 > NUMBER.length * 0.3, 'ten figures');
        const left = played.findIndex((x, i) => i > first && i < last && !changed[i] && Math.abs(x) > 2000);
        assert.equal(left, -1, `between them something is heard at ${left / 16000} s`);
      });
      await shot(page, 'privacy-real');
      await page.selectOption('#redact', 'tag');
      await transcribed(page, wav);
      await page.waitForSelector('.session:last-child .entity.marks[data-kind="phone"]');
      await shot(page, 'privacy-real-tag');
    });
  });
});

test('page, privacy: what the page saves is what steno transcribe writes of the same entities', () => {
  const text = transcribe(['-q', '--redact', 'mask', '--format', 'json', spokenNumber()]);
  assert.match(text, /"type":"phone"/);
  assert.equal(json(JSON.parse(text)), `${text.replace(/,"stats":.*/s, '')}}\n`, 'to the byte, but for the stats of the server');
});

test('page, privacy, steno serve: a server that must redact does, and the page says so', async () => {
  await packages();
  const wav = spokenNumber();
  await withServer(['--max-ahead-ms', '60000', '--endpoint-ms', '1500', '--redact', 'mask', '--redact-force', 'yes'], async (server) => {
    await withBrowser({ address: `http://${server.address}/` }, async (page) => {
      await page.selectOption('#redact', 'off');
      await transcribed(page, wav);
      assert.doesNotMatch(await page.locator('li.final p').allTextContents().then((all) => all.join(' ')), figures);
      assert.match(await page.textContent('.session .meta'), /masked/);
      assert.equal(await page.inputValue('#redact'), 'mask');
      assert.ok(await page.isVisible('#redact-set'));
      await shot(page, 'privacy-real-forced');
    });
  });
});

test('page, privacy, steno serve: at the pace of time no partial shows a figure', async () => {
  const wav = spokenNumber();
  await packages();
  await withServer(['--endpoint-ms', '1500'], async (server) => {
    await withBrowser({ address: `http://${server.address}/` }, async (page) => {
      await page.selectOption('#redact', 'mask');
      await watchTexts(page);
      await page.setInputFiles('#file', wav);
      await page.waitForSelector('li.partial .tail:not(:empty), li.partial .stable:not(:empty)');
      await shot(page, 'privacy-real-live');
      await state(page, 'idle');
      const texts = await page.evaluate(() => window.seen);
      telling(texts, () => {
        assert.ok(texts.some((text) => text.includes('partial: ')) && texts.some((text) => text.includes('[PHONE]')));
        for (const text of texts) assert.doesNotMatch(text, figures);
      });
    });
  });
});
