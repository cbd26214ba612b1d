import { expect, it } from 'vitest';
import { windingRadius } from './reel';

it('goes from the hub to the rim', () => {
	expect(windingRadius(0)).toBeCloseTo(0.4);
	expect(windingRadius(1)).toBeCloseTo(0.94);
	expect(windingRadius(2)).toBeCloseTo(0.94);
});

it('grows by area: half the tape is more than half way out', () => {
	expect(windingRadius(0.5)).toBeGreaterThan((0.4 + 0.94) / 2);
});
