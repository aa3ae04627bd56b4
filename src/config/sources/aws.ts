/**
 * AWS Systems Manager Parameter Store (GetParameter) and Secrets Manager (GetSecretValue). Versions are the number of a
 * parameter's version, and the VersionId of a secret's.
 */
import { z } from 'zod';

import { type AwsCredentials, awsCredentials } from '../../aws/credentials.ts';
import { signedCall } from '../../aws/signed-call.ts';
import { DEFAULT_TRANSPORT } from '../../oci/http.ts';
import { ask, denied, type Patience, type Reply, unreachable } from '../ask.ts';
import type { Found, Source } from './source.ts';

export interface AwsSettings {
  /** Credentials are found in it, and what they point to, as AWS's own tools do. */
  readonly env: NodeJS.ProcessEnv;
  /** Null: by the ARN alone. */
  readonly region: string | null;
  /** Instead of AWS's own, for each service; null: AWS's own. */
  readonly endpoint: (service: string) => string | null;
}

interface Api {
  /** As it is signed for, and in the name of its endpoint. */
  readonly service: 'ssm' | 'secretsmanager';
  readonly name: string;
  readonly target: string;
}

const SSM: Api = { service: 'ssm', name: 'Parameter Store', target: 'AmazonSSM.GetParameter' };
const SECRETS: Api = { service: 'secretsmanager', name: 'Secrets Manager', target: 'secretsmanager.GetSecretValue' };

const parameter = z.object({ Parameter: z.object({ Value: z.string(), Version: z.int() }) });
const secretValue = z.object({
  VersionId: z.string().min(1),
  SecretString: z.string().optional(),
  SecretBinary: z.base64().optional(),
});
const failure = z.object({ __type: z.string() });

export function ssmSource(settings: AwsSettings): Source {
  const call = caller(SSM, settings);
  const read = async (name: string, patience: Patience): Promise<Found | null> => {
    const reply = await call(name, { Name: name, WithDecryption: true }, patience);
    if (reply === null) return null;
    const found = parameter.safeParse(reply.json);
    if (!found.success) throw unreachable(SSM.name, 'it answered something else than a parameter');
    const { Value, Version } = found.data.Parameter;
    return { bytes: Buffer.from(Value), version: String(Version) };
  };
  return {
    newest: read,
    at: (path, version, patience) => read(version === null ? path : `${withoutVersion(path)}:${version}`, patience),
  };
}

/** `name:3` and `name:label` choose one: only the name is kept. */
const withoutVersion = (name: string): string => name.replace(/(^|\/)([^/:]+):[^/:]+$/, '$1$2');

export function secretsManagerSource(settings: AwsSettings): Source {
  const call = caller(SECRETS, settings);
  const read = async (id: string, version: string | null, patience: Patience): Promise<Found | null> => {
    const reply = await call(id, { SecretId: id, ...(version === null ? {} : { VersionId: version }) }, patience);
    if (reply === null) return null;
    const found = secretValue.safeParse(reply.json);
    if (!found.success) throw unreachable(SECRETS.name, 'it answered something else than a secret');
    const { SecretString, SecretBinary, VersionId } = found.data;
    return {
      bytes: Buffer.from(SecretString ?? SecretBinary ?? '', SecretString === undefined ? 'base64' : 'utf8'),
      version: VersionId,
    };
  };
  return { newest: (path, patience) => read(path, null, patience), at: read };
}

/** A call for one name; null: it is not there. */
function caller(api: Api, settings: AwsSettings): (name: string, body: object, patience: Patience) => Promise<Reply | null> {
  let credentials: Promise<AwsCredentials> | null = null;
  return async (name, body, patience) => {
    credentials ??= credentialsOf(api, settings, patience.signal);
    const known = await credentials;
    const region = /^arn:[a-z-]+:[a-z]+:([a-z0-9-]+):/.exec(name)?.[1] ?? settings.region;
    if (region === null) {
      throw denied(api.name, 'needs a region', 'set region of aws in sources.yaml, AWS_REGION, or name the value by its ARN');
    }
    const address = settings.endpoint(api.service) ?? `https://${api.service}.${region}.${suffixOf(region)}`;
    const question = (endpoint: string) =>
      signedCall({ service: api.service, region, endpoint, target: api.target, body }, known);
    const reply = await ask({ name: api.name, addresses: [address], authorities: null, identity: null }, question, patience);
    return reply.status === 200 ? reply : refusedWith(api, reply);
  };
}

const suffixOf = (region: string): string => (region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com');

async function credentialsOf(api: Api, { env }: AwsSettings, signal: AbortSignal): Promise<AwsCredentials> {
  const found = await awsCredentials({ env, transport: { ...DEFAULT_TRANSPORT, signal } });
  if (found !== null) return found;
  throw denied(
    api.name,
    'needs AWS credentials',
    "give this machine a role, or start the daemon with AWS's variables or a profile",
  );
}

const NOT_THERE = /^(ParameterNotFound|ParameterVersionNotFound|ResourceNotFoundException|InvalidRequestException)$/;
const NOT_ALLOWED =
  /Denied|Unauthorized|NotAuthorized|Signature|Token|Credential|Client|DecryptionFailure|InvalidKeyId|OptInRequired/;

/** AWS's errors have a type and a message; the message may quote the request, and is not told. */
function refusedWith({ name }: Api, { status, json }: Reply): null {
  const said = failure.safeParse(json);
  const type = said.success ? (/[A-Za-z]+$/.exec(said.data.__type)?.[0] ?? '') : '';
  if (NOT_THERE.test(type)) return null;
  if (NOT_ALLOWED.test(type) || status === 401 || status === 403) {
    throw denied(
      name,
      `refuses (${type})`,
      'check the credentials, and what their policy allows: reading this value, and its KMS key',
    );
  }
  throw unreachable(name, `it answered ${status} ${type}`.trimEnd());
}
