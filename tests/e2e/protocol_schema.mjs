// protocol_schema.mjs: what the messages of /v1/stream must look like, from docs/asyncapi.yaml.
//   validateEvent(event)      throws unless it is a whole and well-formed event of the protocol
//   validateControl(message)  the same for what a client sends as text
//   document()                the file, parsed
// Without its packages (npm ci --ignore-scripts in tests/e2e) the calling test is skipped.
import { readFileSync } from 'node:fs';
import { skip } from './harness.mjs';

const PATH = new URL('../../docs/asyncapi.yaml', import.meta.url);
const NAME = 'asyncapi';

// The packages, or null where one is not installed.
const packages = await Promise.all([import('ajv'), import('yaml'), import('@asyncapi/specs')]).catch(() => null);
let cache = null;

function load() {
  if (!packages) skip('ajv, yaml and @asyncapi/specs are not installed: npm ci --ignore-scripts in tests/e2e');
  if (cache) return cache;
  const [{ default: Ajv }, yaml, specs] = packages;
  const doc = yaml.parse(readFileSync(PATH, 'utf8'));
  const ajv = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(doc, NAME, undefined, false);
  const compiled = new Map();
  // The validator of one payload schema, by the `type` member that selects it.
  const validator = (prefix, type) => {
    const name = `${prefix}_${type}`;
    if (!Object.hasOwn(doc.components.schemas, name)) return null;
    if (!compiled.has(name)) compiled.set(name, ajv.compile({ $ref: `${NAME}#/components/schemas/${name}` }));
    return compiled.get(name);
  };
  // That schema brings its own copy of JSON Schema's.
  const bare = new (Ajv.default ?? Ajv)({ strict: false, validateFormats: false, validateSchema: false, meta: false });
  const standard = bare.compile((specs.default ?? specs).schemas[doc.asyncapi]);
  cache = { doc, ajv, validator, standard };
  return cache;
}

function check(prefix, message) {
  const validate = load().validator(prefix, message?.type);
  if (!validate) throw new Error(`no ${prefix} is called ${JSON.stringify(message?.type)}`);
  if (!validate(message)) throw new Error(`${load().ajv.errorsText(validate.errors, { dataVar: message.type })}: ${JSON.stringify(message)}`);
}

export const document = () => load().doc;
export const validateEvent = (event) => check('event', event);
export const validateControl = (message) => check('control', message);

// Throws unless the document is AsyncAPI by that standard's own schema.
export function validateDocument(doc) {
  const { ajv, standard } = load();
  if (!standard(doc)) throw new Error(ajv.errorsText(standard.errors));
}
