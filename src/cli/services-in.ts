/** The services of a folder's kiln.yaml, in the order of their waves. None where it can't be read: the daemon says why. */
export async function servicesIn(folder: string): Promise<readonly string[]> {
  const [{ loadServices }, { wavesOf }] = await Promise.all([import('../spec/load.ts'), import('../spec/services.ts')]);
  const services = await loadServices(folder).catch(() => []);
  return wavesOf(services.map(({ spec, dependsOn }) => ({ name: spec.service, dependsOn }))).flat();
}
