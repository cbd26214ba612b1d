import { expect, it } from 'vitest';
import { runTime } from './run-time';

it('is told on the clock of the schedule', () => {
	expect(runTime('2026-11-23T00:30:00Z', 'Europe/Berlin')).toMatch(/01:30/);
	expect(runTime('2026-11-23T00:30:00Z', 'America/New_York')).toMatch(/22.*07:30|07:30/);
	expect(runTime('2026-11-23T00:30:00Z', 'Nowhere/City')).toMatch(/12:30.*UTC|00:30.*UTC/);
});
