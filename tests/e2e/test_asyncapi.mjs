// test_asyncapi.mjs: docs/asyncapi.yaml is AsyncAPI, its examples are what it says, and docs/protocol.md names the same things.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from './harness.mjs';
import { document, validateControl, validateDocument, validateEvent } from './protocol_schema.mjs';

const lookUp = (doc, ref) => ref.slice(2).split('/').reduce((at, name) => at?.[name], doc);

function* references(node) {
  if (typeof node !== 'object' || node === null) return;
  if (typeof node.$ref === 'string') yield node.$ref;
  for (const child of Object.values(node)) yield* references(child);
}

const kindOf = (message) => /^#\/components\/schemas\/(event|control)_/.exec(message.payload?.$ref ?? '')?.[1];
const checks = { event: validateEvent, control: validateControl };

// The rows of a section's tables in protocol.md that begin with one name in backticks: name -> names in the second column.
function rows(section) {
  const text = readFileSync('docs/protocol.md', 'utf8').split(/^## /m).find((part) => part.startsWith(`${section}\n`));
  assert.ok(text, `docs/protocol.md has no section ${section}`);
  const found = new Map();
  for (const [, name, members] of text.matchAll(/^\| `([a-z_]+)` \|([^|]*)\|/gm)) found.set(name, [...members.matchAll(/`([a-z_]+)`/g)].map((m) => m[1]));
  return found;
}

test('asyncapi: the document follows the standard and refers to nothing that is missing', () => {
  const doc = document();
  validateDocument(doc);
  for (const ref of references(doc)) assert.ok(ref.startsWith('#/') && lookUp(doc, ref), `${ref} leads nowhere`);
  assert.throws(() => validateDocument({ ...doc, info: {} }));
  // Every message is on the channel and in just one operation.
  const names = Object.keys(doc.components.messages).sort();
  assert.deepEqual(Object.keys(doc.channels.stream.messages).sort(), names);
  const used = Object.values(doc.operations).flatMap((o) => o.messages.map((m) => m.$ref.split('/').at(-1)));
  assert.deepEqual(used.sort(), names);
});

test('asyncapi: every message has examples, and they are what the schemas say', () => {
  const doc = document();
  for (const [name, message] of Object.entries(doc.components.messages)) {
    const kind = kindOf(message);
    if (!kind) continue; // sound
    assert.ok(message.examples?.length > 0, name);
    for (const { payload } of message.examples) {
      assert.equal(payload.type, name);
      checks[kind](payload);
      // Each required member is missed, and a member that nobody knows is noticed.
      for (const member of doc.components.schemas[`${kind}_${name}`].required) {
        const { [member]: _, ...rest } = payload;
        assert.throws(() => checks[kind](rest), `${name} without ${member}`);
      }
      assert.throws(() => checks[kind]({ ...payload, unheard_of: 1 }), name);
    }
  }
  const [{ payload }] = doc.components.messages.partial.examples;
  for (const wrong of [{ seq: 0 }, { rev: 1.5 }, { start: -1 }, { stable_chars: 'x' }, { confidence: 1.1 }, { words: [{ word: 'so' }] }, { type: 'nonsense' }]) {
    assert.throws(() => validateEvent({ ...payload, ...wrong }), JSON.stringify(wrong));
  }
  for (const wrong of [null, 1, [], {}]) assert.throws(() => validateEvent(wrong));
});

test('asyncapi: docs/protocol.md names the same events, controls, parameters and members', () => {
  const doc = document();
  const { schemas, messages } = doc.components;
  const events = rows('Events');
  assert.ok(events.get('final').includes('reason'));
  events.set('final', [...events.get('partial'), 'reason']); // "the same, and `reason`: `endpoint`, …"
  const controls = rows('Controls');
  const named = (kind) => Object.keys(messages).filter((name) => kindOf(messages[name]) === kind).sort();
  assert.deepEqual([...events.keys()].sort(), named('event'));
  assert.deepEqual([...controls.keys()].sort(), named('control'));
  // A member that answers a control names it: `finalized`: true when it answers `finalize`.
  const notMembers = { stats: ['finalize', 'configure'], configure: ['error'], merge_speakers: ['error', 'speakers', 'revise'], name_speaker: ['speaker_name'] };
  for (const [kind, table] of [['event', events], ['control', controls]]) {
    for (const [name, members] of table) {
      const known = Object.keys(schemas[`${kind}_${name}`].properties);
      for (const member of members.filter((m) => !notMembers[name]?.includes(m))) {
        assert.ok(known.includes(member), `${name} lacks ${member}`);
        const optional = (kind === 'control' && !/_speakers?$/.test(name)) || ['finalized', 'configured'].includes(member) || (member === 'words' && name !== 'closed');
        assert.equal(schemas[`${kind}_${name}`].required.includes(member), !optional, `${member} of ${name}: required?`);
      }
    }
  }
  assert.deepEqual(Object.keys(doc.channels.stream.bindings.ws.query.properties).sort(), [...rows('Opening').keys()].sort());
  const text = readFileSync('docs/protocol.md', 'utf8');
  for (const [name, schema] of Object.entries(schemas).filter(([n]) => /^(event|control)_/.test(n))) {
    for (const member of Object.keys(schema.properties)) assert.ok(text.includes(`\`${member}\``), `docs/protocol.md does not say what ${member} of ${name} is`);
  }
  const [, codes] = text.split(/^## Close codes\n/m);
  const rowsOfCodes = [...codes.split(/^## /m)[0].matchAll(/^\| ([0-9, ]+) \|/gm)].flatMap(([, row]) => row.split(', '));
  assert.deepEqual(Object.keys(doc.channels.stream['x-close-codes']).sort(), rowsOfCodes.sort());
  for (const reason of schemas.event_closed.properties.reason.enum) assert.ok(text.includes(`\`${reason}\``), reason);
  for (const reason of schemas.event_final.properties.reason.enum) assert.ok(text.includes(`\`${reason}\``), reason);
});
