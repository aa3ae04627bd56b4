/** A kind of source as it is set up on this machine. */
import type { SourceKind } from '../domain/reference.ts';
import { checkedAddress, endpointOf, readCredential, type SourcesFile, tokenHelperFile, unusable } from './settings.ts';
import { secretsManagerSource, ssmSource, type AwsSettings } from './sources/aws.ts';
import { consulSource } from './sources/consul.ts';
import { etcdSource } from './sources/etcd.ts';
import { type Caller, envSource, fileSource } from './sources/local.ts';
import type { Source } from './sources/source.ts';
import { vaultSource } from './sources/vault.ts';

export interface Setting {
  readonly file: SourcesFile;
  /** As the daemon was started. */
  readonly env: NodeJS.ProcessEnv;
  /** Null: nobody deploys. */
  readonly caller: Caller | null;
}

/** Throws SOURCE_UNKNOWN where nothing says where it is. */
export async function openSource(kind: SourceKind, setting: Setting): Promise<Source> {
  const { file, env, caller } = setting;
  switch (kind) {
    case 'env':
      return envSource(caller ?? { variables: {}, folder: '/' });
    case 'file':
      return fileSource(file.files, caller?.folder ?? null);
    case 'etcd':
      return openEtcd(setting);
    case 'consul':
      return openConsul(setting);
    case 'vault':
      return openVault(setting);
    case 'ssm':
      return ssmSource(awsSettings(file, env));
    case 'secretsmanager':
      return secretsManagerSource(awsSettings(file, env));
  }
}

const notSet = (kind: SourceKind, variable: string): Error =>
  unusable(
    `nothing says where ${kind} is`,
    `set ${kind} in KILN_HOME/sources.yaml; or start the daemon anew with ${variable}: \`kiln down --keep\`, then \`kiln up\``,
  );

async function openEtcd({ file, env }: Setting): Promise<Source> {
  if (file.etcd !== undefined) {
    const { user, 'password-file': passwordFile } = file.etcd;
    const password = passwordFile === undefined ? '' : await readCredential(passwordFile);
    return etcdSource({
      endpoint: await endpointOf('etcd', file.etcd),
      login: user === undefined ? null : { name: user, password },
    });
  }
  const addresses = (env['ETCDCTL_ENDPOINTS'] ?? '').split(',').filter((address) => address !== '');
  if (addresses.length === 0) throw notSet('etcd', 'ETCDCTL_ENDPOINTS');
  const [user, inUser] = splitOnce(env['ETCDCTL_USER'] ?? '', ':');
  return etcdSource({
    endpoint: await endpointOf('etcd', {
      addresses: addresses.map((address) => (address.includes('://') ? address : `http://${address}`)),
      ca: env['ETCDCTL_CACERT'],
      cert: env['ETCDCTL_CERT'],
      key: env['ETCDCTL_KEY'],
    }),
    login: user === '' ? null : { name: user, password: inUser ?? env['ETCDCTL_PASSWORD'] ?? '' },
  });
}

async function openConsul({ file, env }: Setting): Promise<Source> {
  if (file.consul !== undefined) {
    const { address, datacenter = null, namespace = null, 'token-file': tokenFile } = file.consul;
    const endpoint = await endpointOf('consul', { ...file.consul, addresses: [address] });
    return consulSource({
      endpoint,
      datacenter,
      namespace,
      token: tokenFile === undefined ? null : await readCredential(tokenFile),
    });
  }
  const address = env['CONSUL_HTTP_ADDR'] ?? '';
  if (address === '') throw notSet('consul', 'CONSUL_HTTP_ADDR');
  const scheme = env['CONSUL_HTTP_SSL'] === 'true' || env['CONSUL_HTTP_SSL'] === '1' ? 'https' : 'http';
  const tokenFile = env['CONSUL_HTTP_TOKEN_FILE'];
  return consulSource({
    endpoint: await endpointOf('consul', {
      addresses: [address.includes('://') ? address : `${scheme}://${address}`],
      ca: env['CONSUL_CACERT'],
      cert: env['CONSUL_CLIENT_CERT'],
      key: env['CONSUL_CLIENT_KEY'],
    }),
    token: env['CONSUL_HTTP_TOKEN'] ?? (tokenFile === undefined ? null : await readCredential(tokenFile)),
    datacenter: null,
    namespace: env['CONSUL_NAMESPACE'] ?? null,
  });
}

async function openVault({ file, env }: Setting): Promise<Source> {
  if (file.vault !== undefined) {
    const { address, namespace = null, 'token-file': tokenFile, 'role-id': roleId, 'secret-id-file': secretIdFile } = file.vault;
    const endpoint = await endpointOf('vault', { ...file.vault, addresses: [address] });
    if (roleId !== undefined && secretIdFile !== undefined) {
      return vaultSource({
        endpoint,
        namespace,
        login: { kind: 'approle', roleId, secretId: await readCredential(secretIdFile) },
      });
    }
    const login = tokenFile === undefined ? null : ({ kind: 'token', token: await readCredential(tokenFile) } as const);
    return vaultSource({ endpoint, namespace, login });
  }
  const address = env['VAULT_ADDR'] ?? '';
  if (address === '') throw notSet('vault', 'VAULT_ADDR');
  const helper = await tokenHelperFile(env);
  const token = env['VAULT_TOKEN'] ?? (helper === null ? null : await readCredential(helper));
  return vaultSource({
    endpoint: await endpointOf('vault', {
      addresses: [address],
      ca: env['VAULT_CACERT'],
      cert: env['VAULT_CLIENT_CERT'],
      key: env['VAULT_CLIENT_KEY'],
    }),
    namespace: env['VAULT_NAMESPACE'] ?? null,
    login: token === null ? null : { kind: 'token', token },
  });
}

function awsSettings({ aws = {} }: SourcesFile, env: NodeJS.ProcessEnv): AwsSettings {
  return {
    // A profile that is named counts before keys that happen to be set.
    env: aws.profile === undefined ? env : { ...env, AWS_PROFILE: aws.profile, AWS_ACCESS_KEY_ID: undefined },
    region: aws.region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? null,
    endpoint(service) {
      const said = aws.endpoint ?? env[`AWS_ENDPOINT_URL_${VARIABLE_OF[service] ?? ''}`] ?? env['AWS_ENDPOINT_URL'];
      return said === undefined ? null : checkedAddress(service as SourceKind, said, false);
    },
  };
}

/** As AWS's SDKs name the services in variables. */
const VARIABLE_OF: Readonly<Record<string, string>> = { ssm: 'SSM', secretsmanager: 'SECRETS_MANAGER' };

function splitOnce(text: string, separator: string): readonly [string, string?] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
