/** The JSON Schema of kiln.yaml (draft 2020-12), for editors; and what error texts and the reference read off it. */
import * as z from 'zod';

import { spec } from './schema/spec.ts';
import type { Path } from './source.ts';

/** The part of JSON Schema that the schema of kiln.yaml is made of. */
export interface SchemaNode {
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

const TITLE = 'kiln.yaml: one service, from its recipe to its environments';

let made: SchemaNode | undefined;

/** Made once: it takes longer than reading a file does. */
export function jsonSchema(): SchemaNode {
  made ??= { title: TITLE, ...(z.toJSONSchema(spec, { io: 'input', target: 'draft-2020-12' }) as SchemaNode) };
  return made;
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
