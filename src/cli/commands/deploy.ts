import { resolve } from 'node:path';

import type { AnswerOf, Client, FleetStatusBody, InputOf } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import { serviceOf, type FleetId } from '../../domain/ids.ts';
import { KilnError } from '../../errors/error.ts';
import type { Arguments } from '../arguments.ts';
import { showBake } from '../bake-progress.ts';
import { callerVariables } from '../caller-variables.ts';
import type { Context, Result, Run } from '../command.ts';
import { servicesIn } from '../services-in.ts';
import { newestEntry } from '../entries.ts';
import { changeLines } from '../render/configuration.ts';
import { followRollout } from '../follow-rollout.ts';
import { duration } from '../render/amounts.ts';
import { fleetLines, releasesOf, urlOf } from '../render/fleet.ts';
import { harmless, type Terminal } from '../terminal.ts';

const STRATEGIES = ['rolling', 'blue-green', 'canary', 'recreate'] as const;
const CHANGES_FOUND = 3;
/** As the error IMAGE_NOT_ADMITTED. */
const REFUSED = 2;
const OVERRULE = ['In an emergency: --break-glass "REASON". It stays in history, status and releases.'];

export const run: Run = async (args, context) => {
  const input = await inputOf(args, context);
  const client = await context.connect({ start: true, without: Object.keys(input.variables ?? {}) });
  if (input.service === undefined && (await servicesIn(input.folder)).length > 1) {
    const { image: _image, strategy: _strategy, ...whole } = input;
    const planLines = (planned: Planned): readonly string[] => plannedLines(planned, input, context.terminal);
    return (await import('../deploy-waves.ts')).deployWaves(client, { input: whole, planLines }, args, context);
  }
  return args.flag('plan') ? plan(client, input, context) : deploy(client, input, args, context);
};

async function inputOf(args: Arguments, context: Context): Promise<InputOf<'deploy'>> {
  const [image, environment] = [args.text('image'), args.text('env')];
  const [word, breakGlass] = [args.text('strategy'), args.text('breakGlass')];
  const strategy = STRATEGIES.find((known) => known === word);
  if (word !== undefined && strategy === undefined) {
    throw new KilnError('USAGE', `"${word}" is no strategy`, { hint: `give one of ${STRATEGIES.join(', ')}` });
  }
  const folder = resolve(context.cwd, args.text('DIR') ?? '.');
  const only = args.text('only');
  const variables = await callerVariables(folder, { only, environment }, context.env);
  return {
    by: context.by,
    folder,
    ...(Object.keys(variables).length === 0 ? {} : { variables }),
    ...(only === undefined ? {} : { service: only }),
    ...(image === undefined ? {} : { image }),
    ...(environment === undefined ? {} : { environment }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(breakGlass === undefined ? {} : { breakGlass }),
  };
}

async function plan(client: Client, input: InputOf<'deploy'>, context: Context): Promise<Result> {
  const call = client.planDeploy(input);
  await showBake(call, context);
  const planned = await call.result();
  const lines = plannedLines(planned, input, context.terminal);
  if (isRefused(planned, input)) return { document: planned, lines, exitCode: REFUSED };
  if (!planned.changes) return { document: planned, lines };
  return { document: planned, lines: [...lines, 'Nothing was changed. Without --plan it is done.'], exitCode: CHANGES_FOUND };
}

type Planned = AnswerOf<'planDeploy'>;

const isRefused = ({ admission }: Planned, { breakGlass }: InputOf<'deploy'>): boolean =>
  admission.some(({ met }) => !met) && breakGlass === undefined;

/** What would become of one service. */
function plannedLines(planned: Planned, input: InputOf<'deploy'>, terminal: Terminal): readonly string[] {
  const image = `image ${shortDigest(planned.image)}`;
  const admission = admissionLines(planned.admission, terminal);
  if (isRefused(planned, input)) return [`${planned.fleet}: would not take ${image}`, ...admission, ...OVERRULE];
  if (!planned.changes) return [`${planned.fleet}: nothing would change (${image} with the same launch values)`];
  const steps = planned.steps.map((step, index) => `  ${String(index + 1).padStart(2)}. ${step}`);
  return [`${planned.fleet}: would move to ${image}`, ...admission, ...changeLines(planned.configuration, terminal), ...steps];
}

async function deploy(client: Client, input: InputOf<'deploy'>, args: Arguments, context: Context): Promise<Result> {
  const started = context.now();
  const [after, { fleets }] = await Promise.all([newestEntry(client), client.fleets()]);
  const call = client.deploy(input);
  await showBake(call, context);
  const deployed = await call.result();
  const { fleet, release, created } = deployed;
  const before = fleets.find((each) => each.fleet === fleet) ?? null;
  const head = headline(deployed, before);
  const isThere = !created && before?.serving === release.number && before.target === release.number;
  const document = { ...deployed, outcome: created ? 'started' : 'unchanged' };
  const changes = created ? changeLines(deployed.configuration, context.terminal) : [];
  if (isThere || args.declined('wait'))
    return { document, lines: [head, ...changes, ...(isThere ? [] : [`    ${next(fleet)}`])] };

  if (!context.json) context.terminal.write(`${[head, ...changes].join('\n')}\n`);
  const status = await followRollout(client, { fleet, release: release.number, after, joined: !created }, context);
  const where = status.listen === null ? '' : `   ${urlOf(status.listen)}`;
  const verdict = `${context.terminal.paint('green', '✓')} r${release.number} serves${where}   ${duration(context.now() - started)}`;
  const groups = fleetLines(status, { terminal: context.terminal, now: context.now() }).slice(1);
  return { document: { ...document, outcome: 'done', status }, lines: [...groups, `  ${verdict}`] };
}

/** Asked of every image: told only where it is not met. */
const ALWAYS_ASKED: ReadonlySet<string> = new Set(['not-revoked', 'not-refused']);

/** Each demand of the environment, met or not; nothing where nothing is demanded. */
function admissionLines(checks: AnswerOf<'planDeploy'>['admission'], terminal: Terminal): readonly string[] {
  const shown = checks.filter(({ demand, met }) => !ALWAYS_ASKED.has(demand) || !met);
  return shown.flatMap(({ demand, met, why, hint }) => [
    `  ${met ? terminal.paint('green', '✓') : terminal.paint('red', '✗')} ${demand}: ${harmless(why)}`,
    ...(met ? [] : [`      ${harmless(hint)}`]),
  ]);
}

type Deployed = AnswerOf<'deploy'>;

function headline({ fleet, release, created }: Deployed, before: FleetStatusBody | null): string {
  const image = `image ${shortDigest(release.image)}${release.label === '' ? '' : ` (${harmless(release.label)})`}`;
  if (!created) return `${fleet}   r${release.number}   ${image}   nothing has changed, so there is no new release`;
  const move = releasesOf({ serving: before?.serving ?? null, target: release.number });
  return `${fleet}   ${move}   ${image}   ${release.strategy}`;
}

const next = (fleet: FleetId): string => `kiln status ${serviceOf(fleet)} --watch · kiln abort ${serviceOf(fleet)}`;
