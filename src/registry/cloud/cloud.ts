/**
 * Logins that a cloud gives to who already is somebody there: ECR for AWS credentials, Artifact Registry for a Google service
 * account, ACR for a Microsoft Entra identity. Asked only for registries of that cloud, and only after Docker's own logins.
 */
import type { Credentials, CredentialSource } from '../../oci/docker-credentials.ts';
import type { Cloud, CloudLogin } from './ask.ts';
import { azureLogin } from './azure.ts';
import { ecrLogin } from './ecr.ts';
import { googleLogin } from './google.ts';

/** Null: this registry is none of this cloud's, or this machine is nobody there. */
type LoginOf = (registry: string, cloud: Cloud) => Promise<CloudLogin | null>;

const LOGINS: readonly LoginOf[] = [ecrLogin, googleLogin, azureLogin];
/** Not to the last moment: what a login is asked for takes time, too. */
const SHARE_OF_LIFE = 0.9;

/** Keeps each login till it is nearly over, in memory only. */
export function cloudCredentials(cloud: Cloud): CredentialSource {
  const known = new Map<string, { readonly credentials: Credentials; readonly until: number }>();
  const { clock } = cloud.transport;
  return async (registry) => {
    const kept = known.get(registry);
    if (kept !== undefined && kept.until > clock.now()) return kept.credentials;
    for (const loginOf of LOGINS) {
      const login = await loginOf(registry, cloud);
      if (login === null) continue;
      known.set(registry, {
        credentials: login.credentials,
        until: clock.now() + Math.max(0, login.seconds) * 1000 * SHARE_OF_LIFE,
      });
      return login.credentials;
    }
    return null;
  };
}
