// otlp_collector.mjs: a collector of spans, and a judge of what it gets: OpenTelemetry's own definition of the messages (the generated code
// of @opentelemetry/otlp-transformer, unmodified) and the rules of OTLP's JSON.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as conventions from '@opentelemetry/semantic-conventions';
import { Receiver } from './jobs_client.mjs';
import { turn, within } from './live_client.mjs';

const { opentelemetry } = createRequire(import.meta.url)('@opentelemetry/otlp-transformer/build/src/generated/root.js');
const Request = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
export const Kind = opentelemetry.proto.trace.v1.Span.SpanKind;

const NAMES = new Set(Object.entries(conventions).filter(([name]) => /^(ATTR|SEMRESATTRS)_/.test(name)).map(([, value]) => value));
const ATTRIBUTES = /^steno\.[a-z_.]+$/; // ours, beside the conventions'
const RESOURCE = new Set(['service.name', 'service.version', 'service.instance.id', 'host.name']);

// The definition has bytes where the JSON has hexadecimal; empty lists are nothing to it.
const ID = { traceId: 32, spanId: 16, parentSpanId: 16 };
function toProto(o) {
  if (Array.isArray(o)) return o.map(toProto);
  if (typeof o !== 'object') return o;
  return Object.fromEntries(Object.entries(o).filter(([, v]) => !Array.isArray(v) || v.length).map(([k, v]) => [k, ID[k] ? Buffer.from(v, 'hex').toString('base64') : toProto(v)]));
}

// What the definition does not know is lost on the way through its binary form, and what has another type is refused.
export function judge(text) {
  const sent = JSON.parse(text);
  const wanted = toProto(sent);
  const binary = Request.encode(Request.fromObject(wanted)).finish();
  assert.deepEqual(Request.toObject(Request.decode(binary), { longs: String, bytes: String }), wanted);
  const [{ resource, scopeSpans: [{ scope, spans }] }] = sent.resourceSpans;
  assert.equal(scope.name, 'steno');
  for (const { key } of resource.attributes) assert.ok(RESOURCE.has(key), key);
  for (const span of spans) {
    for (const [id, digits] of Object.entries(ID)) if (id in span) assert.match(span[id], new RegExp(`^(?!0+$)[0-9a-f]{${digits}}$`), id);
    for (const time of [span.startTimeUnixNano, span.endTimeUnixNano, ...(span.events ?? []).map((e) => e.timeUnixNano)]) assert.match(time, /^\d{19}$/);
    assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano), span.name);
    assert.equal(typeof span.kind, 'number');
    for (const { key, value } of span.attributes) {
      assert.ok(NAMES.has(key) || ATTRIBUTES.test(key), `${key} is no attribute`);
      if ('intValue' in value) assert.match(value.intValue, /^-?\d+$/);
    }
  }
  return spans;
}

const valueOf = ({ stringValue, intValue, doubleValue }) => stringValue ?? (intValue === undefined ? doubleValue : Number(intValue));

export class Collector extends Receiver {
  get base() {
    return this.url.replace(/\/hook$/, '');
  }

  // Spans of the requests so far that were taken, with their attributes as an object.
  get spans() {
    return this.seen.filter((came) => came.taken !== false).flatMap((came) => judge(came.body)).map((s) => ({ ...s, of: Object.fromEntries(s.attributes.map((a) => [a.key, valueOf(a.value)])) }));
  }

  // Spans of one trace, once `wanted(spans)`.
  trace(id, wanted) {
    let spans = [];
    const look = async () => {
      while (!wanted((spans = this.spans.filter((s) => s.traceId === id)))) await turn();
      return spans;
    };
    return within(look(), `the spans of ${id}`).catch((error) => {
      throw new Error(`${error.message}; there were: ${spans.map((s) => s.name)}`);
    });
  }
}

export async function withCollector(answer, body) {
  const collector = await new Collector(answer ?? (() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }))).listen();
  try {
    await body(collector, ['--otlp-url', collector.base]);
  } finally {
    await collector.close();
  }
}
