import { fleetCommand } from '../fleet-command.ts';

export const run = fleetCommand('approve', (fleet) => `${fleet}: approved; the rollout goes on`);
