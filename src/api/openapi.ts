/** The OpenAPI 3.1 document, made from the same tables as the server and the client. */
import * as z from 'zod';

import type { Json } from '../domain/json.ts';
import { ErrorBody } from './bodies.ts';
import { pathParameters, ROUTE_NAMES, ROUTES, type RouteName } from './routes.ts';
import { SCHEMAS } from './schema.ts';

type JsonObject = { readonly [key: string]: Json };

export function openApiDocument(version: string): JsonObject {
  const paths: Record<string, Record<string, Json>> = {};
  const components: Record<string, Json> = { Error: schemaOf(ErrorBody, 'output', {}) };
  for (const name of ROUTE_NAMES) {
    const { method, path } = ROUTES[name];
    const template = path.replaceAll(/:([a-z]+)/gi, '{$1}');
    (paths[template] ??= {})[method.toLowerCase()] = operation(name, components);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Kiln', version, description: 'The daemon’s API, on the Unix socket kiln.sock in KILN_HOME.' },
    paths,
    components: { schemas: components },
  };
}

/** `components` gets the schemas that are used by name. */
function operation(name: RouteName, components: Record<string, Json>): JsonObject {
  const { method, path, summary } = ROUTES[name];
  const input = schemaOf(SCHEMAS[name].input, 'input', components);
  const properties = (input['properties'] ?? {}) as Readonly<Record<string, JsonObject>>;
  const required = (input['required'] ?? []) as readonly string[];
  const inPath = pathParameters(path);
  const rest = Object.keys(properties).filter((key) => !inPath.includes(key));
  const place = (key: string): string => (inPath.includes(key) ? 'path' : 'query');
  const listed = method === 'GET' ? [...inPath, ...rest] : inPath;
  const body = {
    type: 'object',
    properties: Object.fromEntries(rest.map((key) => [key, properties[key] ?? {}])),
    required: required.filter((key) => rest.includes(key)),
    additionalProperties: false,
  };
  return {
    operationId: name,
    summary,
    parameters: listed.map((key) => ({
      name: key,
      in: place(key),
      required: required.includes(key),
      schema: properties[key] ?? {},
    })),
    ...(method === 'POST' && rest.length > 0
      ? { requestBody: { required: body.required.length > 0, content: { 'application/json': { schema: body } } } }
      : {}),
    responses: {
      '200': { description: summary, content: contentOf(name, components) },
      default: { description: 'What failed, why, and what to do', content: { 'application/json': { schema: ERROR } } },
    },
  };
}

const ERROR: JsonObject = { $ref: '#/components/schemas/Error' };

function contentOf(name: RouteName, components: Record<string, Json>): JsonObject {
  const schemas = SCHEMAS[name];
  const answer = schemaOf(schemas.answer, 'output', components);
  if (ROUTES[name].answer === 'text') return { 'text/plain': { schema: answer } };
  if (!('event' in schemas)) return { 'application/json': { schema: answer } };
  const line = (key: string, schema: JsonObject): JsonObject => ({
    type: 'object',
    properties: { [key]: schema },
    required: [key],
  });
  const lines = [line('event', schemaOf(schemas.event, 'output', components)), line('result', answer), line('error', ERROR)];
  return { 'application/x-ndjson': { schema: { description: 'Each line', oneOf: lines } } };
}

/** Schemas with an id are `$defs` of each schema that uses them; here they become the document's. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Record<string, Json>): JsonObject {
  const text = JSON.stringify(z.toJSONSchema(schema, { io })).replaceAll('#/$defs/', '#/components/schemas/');
  const { $schema: _, $defs = {}, ...rest } = JSON.parse(text) as { readonly $schema?: Json; readonly $defs?: JsonObject };
  Object.assign(components, $defs);
  return rest;
}
