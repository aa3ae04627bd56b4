/** Functions over paths and files, as Packer documents them; only the template's folder is read. */
import { basename, dirname, resolve } from 'node:path';

import { textOfParts } from '../evaluate/evaluate.ts';
import { withLocals } from '../evaluate/scope.ts';
import { isMap, type Value } from '../evaluate/values.ts';
import type { TemplateFiles } from '../files.ts';
import { Cursor } from '../hcl/cursor.ts';
import { parseExpression } from '../hcl/expression.ts';
import { parseTemplate } from '../hcl/template.ts';
import { fn, type Args, type FunctionTable } from './arguments.ts';

function templateFile(args: Args, files: TemplateFiles): Value {
  const { at, scope } = args.call;
  const name = args.text(0);
  const given = args.value(1);
  const names = isMap(given) ? Object.entries(given) : args.refuse('argument 2 must be a map of names and values');
  const parsed = parseTemplate(new Cursor(files.read(name, at), name), parseExpression);
  const parts = parsed.kind === 'template' ? parsed.parts : [];
  // The file sees what it is given, and nothing of the template that asks for it.
  const own = { ...scope, locals: new Map<string, Value>(), lookup: () => undefined };
  const inner = withLocals(
    { ...own, functions: new Map([...scope.functions].filter(([each]) => each !== 'templatefile')) },
    names,
  );
  return textOfParts(parts, inner);
}

export const pathFunctions = (files: TemplateFiles): FunctionTable => ({
  abspath: fn(1, (args) => resolve(files.folder, args.text(0))),
  basename: fn(1, (args) => basename(args.text(0))),
  dirname: fn(1, (args) => dirname(args.text(0))),
  file: fn(1, (args) => files.read(args.text(0), args.call.at)),
  fileexists: fn(1, (args) => files.exists(args.text(0), args.call.at)),
  fileset: fn(2, (args) => files.matching(args.text(0), args.text(1), args.call.at)),
  templatefile: fn(2, (args) => templateFile(args, files)),
});
