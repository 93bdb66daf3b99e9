// openapi_schema.mjs: what plain requests are answered with, from docs/openapi.yaml.
//   document()                  the file, parsed
//   validateOpenApi(doc)        throws unless it is OpenAPI 3.1 by that standard's own schema
//   answer(method, path, response)  the body of a fetch() response, parsed; throws unless its status, type and body are as
//                               documented for that path ("/v1/jobs/{id}")
// Without its packages (npm ci --ignore-scripts in tests/e2e) the calling test is skipped.
import { readFileSync } from 'node:fs';
import { skip } from './harness.mjs';

const PATH = new URL('../../docs/openapi.yaml', import.meta.url);
const packages = await Promise.all([import('ajv/dist/2020.js'), import('yaml'), import('@seriousme/openapi-schema-validator')]).catch(() => null);
let cache = null;

function load() {
  if (!packages) skip('ajv, yaml and @seriousme/openapi-schema-validator are not installed: npm ci --ignore-scripts in tests/e2e');
  if (cache) return cache;
  const [{ default: Ajv }, yaml, { Validator }] = packages;
  const doc = yaml.parse(readFileSync(PATH, 'utf8'));
  const ajv = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(doc, 'openapi', undefined, false);
  cache = { doc, ajv, Validator, compiled: new Map() };
  return cache;
}

export const document = () => load().doc;

export async function validateOpenApi(doc) {
  const { valid, errors } = await new (load().Validator)().validate(doc);
  if (!valid) throw new Error(JSON.stringify(errors));
}

const escape = (part) => part.replaceAll('~', '~0').replaceAll('/', '~1');

// A part of the document and where it is; references are followed.
export function lookUp(...parts) {
  let at = load().doc;
  let where = '#';
  for (const part of parts) {
    at = at?.[part];
    where += `/${escape(part)}`;
    if (typeof at?.$ref === 'string') {
      where = at.$ref;
      at = where.slice(2).split('/').reduce((node, name) => node?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], load().doc);
    }
  }
  return { at, where };
}

function validatorOf(where) {
  const { ajv, compiled } = load();
  if (!compiled.has(where)) compiled.set(where, ajv.compile({ $ref: `openapi${where}` }));
  return compiled.get(where);
}

export async function answer(method, path, response) {
  const what = `${method.toUpperCase()} ${path}: ${response.status}`;
  const operation = lookUp('paths', path, method).at;
  if (!operation) throw new Error(`${method} ${path} is not documented`);
  const key = operation.responses[response.status] ? String(response.status) : 'default';
  const { at: documented } = lookUp('paths', path, method, 'responses', key);
  if (!documented || (key === 'default' && response.status < 400)) throw new Error(`${what} is not documented`);
  const text = await response.text();
  if (!documented.content) {
    if (text) throw new Error(`${what}: a body where none is documented`);
    return null;
  }
  const type = response.headers.get('content-type')?.split(';')[0];
  if (!Object.hasOwn(documented.content, type)) throw new Error(`${what}: ${type} is not documented`);
  for (const header of Object.keys(documented.headers ?? {})) {
    if (header === 'X-Request-Id' && !response.headers.get(header)) throw new Error(`${what}: no ${header}`);
  }
  if (type !== 'application/json') return text;
  const body = JSON.parse(text);
  const { where } = lookUp('paths', path, method, 'responses', key);
  const validate = validatorOf(`${where}/content/${escape(type)}/schema`);
  if (!validate(body)) throw new Error(`${what}: ${load().ajv.errorsText(validate.errors)}: ${text.slice(0, 1000)}`);
  return body;
}
