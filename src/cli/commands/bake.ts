import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { AnswerOf } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import { KilnError, messageOf } from '../../errors/error.ts';
import { version } from '../../platform/version.ts';
import { showBake } from '../bake-progress.ts';
import type { Arguments } from '../arguments.ts';
import type { Context, Result, Run } from '../command.ts';
import { counted, duration } from '../render/amounts.ts';
import { gateLines } from '../render/gates.ts';
import { moveLines } from '../render/moves.ts';
import { reproductionLines } from '../render/reproduction.ts';
import { servicesIn } from '../services-in.ts';

/** As the error GATE_FAILED: what is in the recipe's folder has to change. */
const GATE_FAILED = 2;
const NOT_REPRODUCIBLE = 3;

const evidenceText = ({ attached, signedBy }: AnswerOf<'bake'>['evidence']): string => {
  const what = attached.length === 0 ? 'evidence: nothing new' : `evidence: ${attached.length} attached`;
  return signedBy === null ? `${what}, unsigned (kiln key create)` : `${what}, signed by key ${signedBy.slice(0, 8)}`;
};

async function writeSarif(path: string, reports: AnswerOf<'bake'>['reports']): Promise<void> {
  const { sarifOf } = await import('../sarif.ts');
  await writeFile(path, `${JSON.stringify(sarifOf(reports, version()), null, 2)}\n`).catch((cause: unknown) => {
    throw new KilnError('FILE_UNREADABLE', `${path} can't be written: ${messageOf(cause)}`, { hint: 'name another file', cause });
  });
}

export const run: Run = async (args, context) => {
  const folder = resolve(context.cwd, args.text('DIR') ?? '.');
  const only = args.text('only');
  const all = only === undefined ? await servicesIn(folder) : [only];
  return all.length > 1 ? bakeAll(folder, all, args, context) : bakeOne(folder, only, args, context);
};

/** Each that a gate refuses is told of; those after it are baked all the same. */
async function bakeAll(folder: string, services: readonly string[], args: Arguments, context: Context): Promise<Result> {
  if (args.text('sarif') !== undefined) {
    throw new KilnError('USAGE', '--sarif is of one service, and this kiln.yaml has several', { hint: 'add --only SERVICE' });
  }
  const results: { readonly service: string; readonly result: Result }[] = [];
  for (const service of services) {
    if (!context.json) context.terminal.write(`${service}\n`);
    results.push({ service, result: await bakeOne(folder, service, args, context) });
  }
  return {
    document: { images: results.map(({ service, result }) => ({ service, ...(result.document as object) })) },
    lines: results.flatMap(({ service, result }) => [service, ...result.lines]),
    exitCode: results.map(({ result }) => result.exitCode ?? 0).find((code) => code !== 0) ?? 0,
  };
}

async function bakeOne(folder: string, only: string | undefined, args: Arguments, context: Context): Promise<Result> {
  const client = await context.connect();
  const [tag, cache, channel] = [args.text('tag'), args.text('cache'), args.text('channel')];
  const bake = client.bake({
    folder,
    update: args.flag('update'),
    verify: args.flag('verify'),
    by: context.by,
    ...(only === undefined ? {} : { service: only }),
    ...(tag === undefined ? {} : { tag }),
    ...(cache === undefined ? {} : { cache }),
    ...(channel === undefined ? {} : { channel }),
  });
  await showBake(bake, context);
  const image = await bake.result();
  const sarif = args.text('sarif');
  if (sarif !== undefined) await writeSarif(resolve(context.cwd, sarif), image.reports);
  const findings = [
    ...(args.flag('update') ? moveLines(image.moved) : []),
    ...gateLines(image.reports, context.terminal),
    ...(image.reproduction === null ? [] : reproductionLines(image.reproduction, context.terminal)),
  ];
  if (image.verdict === 'fail') {
    const lines = [...findings, `image ${shortDigest(image.digest)} was not published: no tag was given`, `  ${image.digest}`];
    return { document: image, lines, exitCode: GATE_FAILED };
  }
  const manifest = args.text('packerManifest');
  if (manifest !== undefined) {
    const [{ addToManifest }, { loadSpec }] = await Promise.all([import('../packer-manifest.ts'), import('../../spec/load.ts')]);
    const { service } = await loadSpec(folder, only);
    const { digest, tags } = image;
    await addToManifest(resolve(context.cwd, manifest), { service, digest, tags, nowMs: context.now() });
  }
  const cached = image.steps.filter((step) => step.cached).length;
  const what = image.changed
    ? `baked in ${duration(image.ms)}, ${cached} of ${counted(image.steps.length, 'step')} cached`
    : `unchanged (${duration(image.ms)}): the same inputs make the same image`;
  const names = image.tags.length === 0 ? '' : `   ${image.tags.join(', ')}`;
  return {
    document: image,
    exitCode: image.reproduction?.same === false ? NOT_REPRODUCIBLE : 0,
    lines: [
      ...findings,
      `image ${shortDigest(image.digest)}${names}   ${what}`,
      `  ${image.digest}`,
      ...(channel === undefined ? [] : [`  held by the channel ${channel}`]),
      `  ${evidenceText(image.evidence)}`,
      `  next: kiln deploy ${args.text('DIR') ?? ''}`.trimEnd(),
    ],
  };
}
