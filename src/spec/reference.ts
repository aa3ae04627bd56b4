/** docs/reference/kiln-yaml.md, written from the schema: whatever the schema takes is in it, and nothing else. */
import { formsOf, jsonSchema, type SchemaNode } from './json-schema.ts';

/** Shown at the top of the reference; a test parses it. */
export const EXAMPLE = `service: web

image:
  from: debian:bookworm
  packages: [nodejs, ca-certificates]
  stages:
    build:
      packages: [npm]
      files: { ./: /src }
      run: [npm ci --omit=dev]
  files:
    - { from: stage:build, path: /src, to: /app }
  user: app
  entrypoint: [node, /app/server.js]

run:
  port: 3000
  instances: { min: 2, desired: 3, max: 10 }
  health: { http: /healthz, every: 1s, deadline: 30s }
  env: { LOG_LEVEL: info }
  secrets: { DATABASE_URL: etcd://prod/web/database-url }
  files: { /etc/web.json: { from: web.json } }
  scratch: [/tmp]
  volumes: { uploads: /var/uploads }
  limits: { memory: 256MB, cpus: 0.5 }
  logs: { max-size: 10MB, ship: { syslog: /dev/log } }

replace:
  strategy: rolling
  max-surge: 50%
  warm-up: 5s
  keep: 30m

environments:
  local: { listen: 8080 }
  staging: { listen: 8081, instances: 1, replace: { strategy: blue-green }, preview: 127.0.0.1:8082 }
`;

const INTRODUCTION = `# kiln.yaml

Generated from the schema by \`scripts/generate-docs.ts\`. Editors complete and check the file with
[kiln.schema.json](kiln.schema.json):

\`\`\`yaml
# yaml-language-server: $schema=docs/reference/kiln.schema.json
\`\`\`

Every key that is not listed here is an error: nothing is ever ignored.

\`\`\`yaml
${EXAMPLE}\`\`\`

## How quantities are written

| quantity | written | |
| --- | --- | --- |
| duration | \`500ms\` \`30s\` \`5m\` \`1h30m\` \`2d\` | largest unit first; \`0\` needs no unit |
| size | \`64MB\` \`1.5GB\` \`1GiB\` | KB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB of 1024 |
| share | \`2\` \`25%\` | percentages of the desired instances are resolved, rounded up, when the release is made |
| mode | \`0644\` \`755\` | octal, with or without the leading zero |
| address | \`8080\` \`127.0.0.1:8080\` \`[::1]:8080\` | a port alone is on all IPv4 addresses |

Numbers that would change when they are read as numbers (\`1.10\`, \`0644\`) stay the text that they are, so \`env\` needs no
quotes. Anchors and aliases work; merge keys (\`<<\`), tags and duplicate keys are errors.

## References

What a reference names is asked for when a release is made, and pinned to the version that is found; its value is in no
release, history or log. [configuration.md](../configuration.md) says more. \`#NAME\` at its end takes one member of a JSON object.

| reference | where the value is |
| --- | --- |
| \`env://NAME\` | the environment of who deploys |
| \`file://PATH\` \`file:///PATH\` | a file within the folder of kiln.yaml; a file of the machine, where sources.yaml lists its folder |
| \`etcd://KEY\` | etcd |
| \`consul://KEY\` | Consul's key/value store |
| \`vault://MOUNT/PATH#FIELD\` | Vault's key/value engine, version 2 |
| \`ssm://NAME\` | AWS Systems Manager Parameter Store |
| \`secretsmanager://NAME\` | AWS Secrets Manager |

## Bases

| \`from\` | what it is |
| --- | --- |
| \`debian:bookworm\` | a minimal Debian from packages; \`debian:bookworm@20260101T000000Z\` from the archive of that moment |
| \`image:web:1.2.0\` \`image:sha256:…\` | an image in Kiln's own store |
| \`oci:PATH\` \`oci:PATH@sha256:…\` | an OCI layout on disk |
| \`stage:NAME\` | another stage of the recipe, before this one |
| \`scratch\` | nothing |
| \`registry.example/app:1.2\` \`registry.example/app@sha256:…\` | an image in a registry; kiln.lock pins the tag to a digest at the first bake. \`latest\` is refused |
`;

export function referenceMarkdown(): string {
  const root = jsonSchema();
  const seen = new Map<string, string>();
  return `${[INTRODUCTION, ...sections('', root, seen)].join('\n')}\n`;
}

/** A table for the node if it is a map of fixed keys, then those of what is in it. */
function sections(label: string, node: SchemaNode, seen: Map<string, string>): readonly string[] {
  return formsOf(node).flatMap((form) => {
    if (form.items !== undefined) return sections(`${label}[]`, form.items, seen);
    if (form.properties !== undefined) return mapSections(label, form, seen);
    return typeof form.additionalProperties === 'object' ? sections(`${label}.NAME`, form.additionalProperties, seen) : [];
  });
}

/** The same map in two places is described once. */
function mapSections(label: string, form: SchemaNode, seen: Map<string, string>): readonly string[] {
  const identity = JSON.stringify(form.properties);
  const first = seen.get(identity);
  if (first !== undefined) return [`## \`${label}\`\n\nAs \`${first}\`.\n`];
  seen.set(identity, label);
  const members = Object.entries(form.properties ?? {});
  const required = form.required ?? form.oneOf?.[0]?.required;
  const rows = members.map(([key, member]) => row(key, member, required?.includes(key) ?? false));
  const table = ['| key | value | default | |', '| --- | --- | --- | --- |', ...rows].join('\n');
  const heading = label === '' ? 'The file' : `\`${label}\``;
  const inner = members.flatMap(([key, member]) => sections(label === '' ? key : `${label}.${key}`, member, seen));
  return [`## ${heading}\n\n${table}\n`, ...inner];
}

function row(key: string, node: SchemaNode, isRequired: boolean): string {
  const cells = [`\`${key}\``, valueOf(node), isRequired ? 'required' : defaultOf(node), node.description ?? ''];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** A default that is an empty map or list says no more than that the key may be left out. */
function defaultOf(node: SchemaNode): string {
  const isEmpty = typeof node.default === 'object' && Object.keys(node.default ?? {}).length === 0;
  return node.default === undefined || isEmpty ? '' : code(node.default);
}

const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

const valueOf = (node: SchemaNode): string => [...new Set(formsOf(node).map(formText))].join(', or ');

function formText(form: SchemaNode): string {
  if (form.enum !== undefined) return form.enum.map(code).join(', ');
  if (form.const !== undefined) return code(form.const);
  if (form.items !== undefined) return `list: ${valueOf(form.items)}`;
  if (form.properties !== undefined) return 'map';
  if (typeof form.additionalProperties === 'object') return `map: name to ${valueOf(form.additionalProperties)}`;
  const kind =
    form.title ??
    [form.type ?? []]
      .flat()
      .map((type) => TYPE_WORDS[type] ?? type)
      .join(', ');
  return form.examples === undefined ? kind : `${kind}, such as ${form.examples.map(code).join(' ')}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true, false',
};
