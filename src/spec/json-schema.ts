/** The JSON Schema of kiln.yaml (draft 2020-12), for editors; and what error texts and the reference read off it. */
import * as z from 'zod';

import { several, spec } from './schema/spec.ts';
import type { Path } from './source.ts';

/** The part of JSON Schema that the schema of kiln.yaml is made of. */
export interface SchemaNode {
  readonly $ref?: string;
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | false;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

const TITLE = 'kiln.yaml: services, from their recipes to their environments';

let made: SchemaNode | undefined;

/** Of both forms of the file: one service, or several. Made once: it takes longer than reading a file does. */
export function jsonSchema(): SchemaNode {
  made ??= bothForms(schemaOf(spec), schemaOf(several));
  return made;
}

const schemaOf = (schema: z.ZodType): SchemaNode =>
  z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' }) as SchemaNode;

function bothForms({ required = [], ...one }: SchemaNode, { properties, required: alone = [] }: SchemaNode): SchemaNode {
  return { title: TITLE, ...one, properties: { ...one.properties, ...properties }, oneOf: [{ required }, { required: alone }] };
}

/** The same for editors: what a service of several has as the file of one has it is said once. */
export function editorSchema(): SchemaNode {
  const root = jsonSchema();
  const { services, ...sections } = root.properties ?? {};
  const member = typeof services?.additionalProperties === 'object' ? services.additionalProperties : {};
  const properties = Object.fromEntries(
    Object.entries(member.properties ?? {}).map(([key, node]) => [key, key in sections ? { $ref: `#/properties/${key}` } : node]),
  );
  return {
    ...root,
    properties: { ...sections, services: { ...services, additionalProperties: { ...member, properties } } },
  };
}

/** The forms that a node's value may take. */
export const formsOf = (node: SchemaNode): readonly SchemaNode[] => node.anyOf ?? [node];

/** The keys that the map at the path may have; none where any key may stand. */
export function keysAt(schema: SchemaNode, path: Path): readonly string[] {
  let nodes = formsOf(schema);
  for (const step of path) nodes = nodes.flatMap((node) => memberOf(node, step)).flatMap(formsOf);
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

function memberOf(node: SchemaNode, step: PropertyKey): readonly SchemaNode[] {
  if (typeof step === 'number') return node.items === undefined ? [] : [node.items];
  const properties = node.properties ?? {};
  const member = Object.hasOwn(properties, step) ? properties[String(step)] : node.additionalProperties;
  return member === undefined || member === false ? [] : [member];
}
