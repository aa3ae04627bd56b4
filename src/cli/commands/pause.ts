import { fleetCommand } from '../fleet-command.ts';

export const run = fleetCommand('pause', (fleet) => `${fleet}: the rollout is held where it is`);
